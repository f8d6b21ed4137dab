//! HTTP/1.1 with one request and one response on a kept socket, so simple that the client's own time hardly counts.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// A socket to the service.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl HttpConnection {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request; [`HttpConnection::answer`] reads the response.
    pub(crate) fn send(&mut self, method: &str, path: &str, token: &str, body: &str) -> io::Result<()> {
        self.send_as("application/json", method, path, token, body)
    }

    /// Sends a request with a body of another type.
    pub(crate) fn send_as(&mut self, kind: &str, method: &str, path: &str, token: &str, body: &str) -> io::Result<()> {
        self.send_bytes(kind, method, path, token, body.as_bytes())
    }

    /// Sends a request with a binary body.
    pub(crate) fn send_bytes(
        &mut self,
        kind: &str,
        method: &str,
        path: &str,
        token: &str,
        body: &[u8],
    ) -> io::Result<()> {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat())
    }

    /// Reads the complete response and returns its status and body.
    pub(crate) fn answer(&mut self) -> io::Result<(u16, String)> {
        let incomplete = || io::Error::from(io::ErrorKind::UnexpectedEof);
        self.buffer.clear();
        let mut chunk = [0; 32 * 1024];
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(incomplete)?;
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                let mut body = self.buffer.split_off(end + 4);
                if head.contains("\r\ntransfer-encoding: chunked") {
                    return Ok((status, self.chunks(&body)?));
                }
                let read = body.len();
                body.resize(length.unwrap_or(0), 0);
                self.stream.read_exact(body.get_mut(read..).ok_or_else(incomplete)?)?;
                return Ok((status, String::from_utf8_lossy(&body).into_owned()));
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(incomplete()),
                read => self.buffer.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// Reads a chunked body (RFC 9112 §7.1) whose start is already read.
    fn chunks(&mut self, begun: &[u8]) -> io::Result<String> {
        let mut reader = BufReader::with_capacity(256 * 1024, begun.chain(&mut self.stream));
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let from = body.len();
            body.resize(from + length, 0);
            reader.read_exact(&mut body[from..])?;
            reader.read_exact(&mut [0; 2])?;
            if length == 0 {
                return String::from_utf8(body).map_err(io::Error::other);
            }
        }
    }
}
