//! A transport that sends plain HTTP/1.1 to a stand-in, to measure a plugin without the sandbox.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::attach::{Credentials, attach};
use super::endpoint_match::{find_endpoint, method_name, split_url};
use crate::http::{Error, Header, Method, Request, Response};
use crate::transport::Transport;
use crate::types::Manifest;

/// The time limit for a connection, a read and a write. It ends a test that would hang, and no other.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sends every allowed request to one address, whichever host it names, over one persistent HTTP connection.
#[derive(Debug)]
pub struct Socket {
    address: SocketAddr,
    manifest: Manifest,
    credentials: Credentials,
    idle: RefCell<Option<BufReader<TcpStream>>>,
}

impl Socket {
    /// Creates a transport for the plugin with this manifest and a connection with these credentials.
    #[must_use]
    pub fn new(address: SocketAddr, manifest: Manifest, credentials: Credentials) -> Self {
        Self { address, manifest, credentials, idle: RefCell::new(None) }
    }

    #[expect(clippy::disallowed_methods, reason = "tests of a plugin talk to a stand-in on this machine")]
    fn connect(&self) -> std::io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

impl Transport for Socket {
    fn send(&self, mut request: Request) -> Result<Response, Error> {
        let endpoint = find_endpoint(&self.manifest, &request).map_err(Error::Denied)?;
        attach(endpoint, &self.credentials, &mut request).map_err(Error::Denied)?;
        let message = encode(&request).ok_or_else(|| Error::Malformed("the request".into()))?;

        let idle = self.idle.borrow_mut().take();
        let mut stream = match idle {
            Some(stream) => stream,
            None => self.connect().map_err(|error| from_io_error(&error))?,
        };
        stream.get_mut().write_all(&message).map_err(|error| from_io_error(&error))?;
        let (response, is_reusable) =
            read_response(&mut stream, request.method == Method::Head).map_err(|error| from_io_error(&error))?;
        if is_reusable {
            *self.idle.borrow_mut() = Some(stream);
        }
        Ok(response)
    }
}

fn encode(request: &Request) -> Option<Vec<u8>> {
    let (host, path, query) = split_url(&request.url)?;
    let query_mark = if query.is_empty() { "" } else { "?" };
    let body = request.body.as_deref().unwrap_or_default();
    let mut head = format!(
        "{} {path}{query_mark}{query} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n",
        method_name(request.method),
        body.len()
    );
    for header in &request.headers {
        head.extend([&header.name, ": ", &header.value, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(body);
    Some(message)
}

/// Reads a response, and returns whether the HTTP connection can be used again.
fn read_response(stream: &mut BufReader<TcpStream>, has_no_body: bool) -> std::io::Result<(Response, bool)> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut response =
        Response { status: status.ok_or_else(|| malformed("the status line"))?, headers: Vec::new(), body: Vec::new() };
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header field"))?;
        response.headers.push(Header { name: name.into(), value: value.trim().into() });
    }
    let mut is_reusable = !response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if has_no_body || status == Some(204) || status == Some(304) {
        return Ok((response, is_reusable));
    }
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        while let size @ 1.. = usize::from_str_radix(&read_line(stream)?, 16).map_err(|_| malformed("a chunk"))? {
            read_exact_into(stream, &mut response.body, size)?;
            read_line(stream)?;
        }
        read_line(stream)?;
    } else if let Some(size) = response.header("content-length") {
        let size = size.parse().map_err(|_| malformed("the length"))?;
        read_exact_into(stream, &mut response.body, size)?;
    } else {
        is_reusable = false;
        stream.read_to_end(&mut response.body)?;
    }
    Ok((response, is_reusable))
}

fn read_exact_into(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>, size: usize) -> std::io::Result<()> {
    let start = body.len();
    body.resize(start + size, 0);
    stream.read_exact(&mut body[start..])
}

fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().into())
}

fn malformed(what: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, what)
}

fn from_io_error(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::TimedOut,
        ErrorKind::InvalidData => Error::Malformed(error.to_string()),
        _ => Error::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::rc::Rc;
    use std::thread;

    use super::*;
    use crate::endpoint::post;
    use crate::http;
    use crate::transport::with_transport;

    /// Answers the requests of one socket with these responses, and returns the requests.
    fn start_stand_in(responses: &'static [&str]) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut requests = Vec::new();
            for response in responses {
                let mut buffer = [0; 4096];
                let mut request = String::new();
                while !request.ends_with("a=1") {
                    let length = stream.read(&mut buffer).unwrap();
                    request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
                }
                requests.push(request);
                stream.write_all(response.as_bytes()).unwrap();
            }
            requests
        });
        (address, server)
    }

    #[test]
    fn a_request_reaches_a_socket_with_its_credential_and_its_own_host() {
        let (address, server) = start_stand_in(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: b\r\n\r\none",
            "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n",
        ]);
        let manifest = Manifest::new("acme", "Acme", "0.1.0").endpoint(post("acme.test/v1").bearer("key"));
        let socket = Rc::new(Socket::new(address, manifest, Credentials::new().field("key", "s3cret")));

        let (one, two, three) = with_transport(socket, || {
            let send = || http::post("https://acme.test/v1").form(&[("a", "1")]).send();
            (send(), send(), http::post("https://acme.test/v2").send())
        });

        let one = one.unwrap();
        assert_eq!((one.status, one.header("x-a"), one.body.as_slice()), (200, Some("b"), b"one".as_slice()));
        let two = two.unwrap();
        assert_eq!((two.status, two.body.as_slice()), (500, b"two".as_slice()));
        assert!(matches!(three, Err(Error::Denied(_))));
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("POST /v1 HTTP/1.1\r\nHost: acme.test\r\n"));
        assert!(requests[1].contains("Authorization: Bearer s3cret\r\n"));
    }

    #[test]
    fn a_closed_port_is_unreachable() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let manifest = Manifest::new("acme", "Acme", "0.1.0").endpoint(post("acme.test/v1"));
        let socket = Rc::new(Socket::new(address, manifest, Credentials::new()));
        let outcome = with_transport(socket, || http::post("https://acme.test/v1").send());
        assert!(matches!(outcome, Err(Error::Unreachable(_))));
    }
}
