//! The ways in which a stand-in fails, each seen from a real provider or a hostile one.

use std::{io, io::Write, ops::ControlFlow, time::Duration};

use bytes::{Buf, Bytes};
use flate2::{Compress, Compression, FlushCompress};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::{
    echo,
    message::{self, ReceivedRequest, StandInResponse},
};

/// Bytes written at once in a long response.
const BLOCK: usize = 64 << 10;

/// A way to fail.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Responds with a status and a few words of plain text.
    Status(u16),
    /// Responds 429, with `Retry-After` in seconds if given.
    TooManyRequests { retry_after: Option<u64> },
    /// Sends this response: an absurd `Retry-After`, a 307 redirect, a lie.
    Response(StandInResponse),
    /// Responds 200 with the page of a captive portal.
    Html,
    /// Sends the first half of the regular body, framed as if it were complete.
    CutJson,
    /// Sends the regular response up to this many bytes of its body, then closes before the announced length.
    CutOff(usize),
    /// Sends JSON of this many bytes.
    Huge(u64),
    /// Sends the regular response, including its head, one byte at a time.
    SlowDrip(Duration),
    /// Closes the socket without a response.
    Close,
    /// Resets the connection without a response.
    Reset,
    /// Responds 302.
    RedirectTo(String),
    /// Sends nothing for this long, then closes.
    Hang(Duration),
    /// Echoes everything it received, including secrets, in every encoding of [`echo::encodings`] (T03).
    Echo,
    /// The same, compressed with gzip.
    EchoGzip,
    /// Sends this many zero bytes, compressed to about a thousandth (T34).
    GzipBomb(u64),
    /// Sends the regular body and claims that it has this encoding (T04).
    ContentEncoding(String),
    /// Sends the regular response with this many additional header fields (T34).
    HeaderFlood(u32),
    /// Sends a body that never ends (T34).
    Endless,
    /// Sends 103 Early Hints forever (T34).
    EndlessInterim,
    /// Sends one header line that never ends (T34).
    EndlessHeader,
    /// Sends bytes that are not HTTP.
    NotHttp,
}

impl Failure {
    /// Fails one request. Returns `Continue` if the socket can serve another.
    pub(super) async fn misbehave(
        self,
        stream: &mut TcpStream,
        request: &ReceivedRequest,
        honest: impl FnOnce() -> StandInResponse,
    ) -> io::Result<ControlFlow<()>> {
        let answer = match self {
            Self::Status(status) => {
                StandInResponse::text("text/plain", "the stand-in fails as it was told to").status(status)
            }
            Self::TooManyRequests { retry_after } => {
                let answer =
                    StandInResponse::json(&serde_json::json!({"ok": false, "error": "ratelimited"})).status(429);
                match retry_after {
                    Some(seconds) => answer.header("retry-after", &seconds.to_string()),
                    None => answer,
                }
            }
            Self::Response(answer) => answer,
            Self::Html => {
                StandInResponse::text("text/html", "<!doctype html><title>Welcome to the hotel's Wi-Fi</title>")
            }
            Self::CutJson => {
                let mut answer = honest();
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Self::RedirectTo(url) => StandInResponse::redirect(302, &url),
            Self::Echo => echo::echo_request(request),
            Self::EchoGzip => echo::echo_request(request).gzip(),
            Self::ContentEncoding(coding) => honest().header("content-encoding", &coding),
            Self::HeaderFlood(fields) => {
                (0..fields).fold(honest(), |answer, number| answer.header(&format!("x-flood-{number}"), "flood"))
            }
            below => return below.below_http(stream, honest).await.map(|()| ControlFlow::Break(())),
        };
        message::write(stream, request, &answer).await?;
        Ok(ControlFlow::Continue(()))
    }

    /// The failures that no server library would send, or that end the connection.
    async fn below_http(self, stream: &mut TcpStream, honest: impl FnOnce() -> StandInResponse) -> io::Result<()> {
        match self {
            Self::CutOff(after) => {
                let answer = honest();
                let head = answer.head(&format!("content-length: {}\r\n", answer.body.len().max(after + 1)));
                let body = answer.body.slice(..after.min(answer.body.len()));
                stream.write_all_buf(&mut head.chain(body)).await
            }
            Self::Huge(bytes) => huge(stream, bytes).await,
            Self::SlowDrip(interval) => {
                let answer = honest();
                let head = answer.head(&format!("content-length: {}\r\n", answer.body.len()));
                for byte in head.iter().chain(&answer.body) {
                    stream.write_u8(*byte).await?;
                    sleep(interval).await;
                }
                Ok(())
            }
            Self::Reset => stream.set_zero_linger(),
            Self::Hang(time) => {
                sleep(time).await;
                Ok(())
            }
            Self::GzipBomb(bytes) => gzip_bomb(stream, bytes).await,
            Self::Endless => {
                let chunk = format!("{BLOCK:x}\r\n{}\r\n", "e".repeat(BLOCK));
                let answer = StandInResponse::text("application/json", Bytes::new());
                for_ever(stream, &answer.head("transfer-encoding: chunked\r\n"), chunk.as_bytes()).await
            }
            Self::EndlessInterim => {
                let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n".repeat(100);
                for_ever(stream, b"", hint.as_bytes()).await
            }
            Self::EndlessHeader => for_ever(stream, b"HTTP/1.1 200 \r\nx-endless: ", &[b'e'; BLOCK]).await,
            Self::NotHttp => stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await,
            // `Close`, and failures that `misbehave` has already handled.
            _ => Ok(()),
        }
    }
}

/// Writes until the client closes the socket.
async fn for_ever(stream: &mut TcpStream, first: &[u8], then: &[u8]) -> io::Result<()> {
    stream.write_all(first).await?;
    loop {
        stream.write_all(then).await?;
    }
}

async fn huge(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    let (start, end) = (r#"{"ok":true,"padding":""#, r#""}"#);
    let padding = bytes.saturating_sub((start.len() + end.len()) as u64);
    let length = padding + (start.len() + end.len()) as u64;
    let answer = StandInResponse::text("application/json", Bytes::new());
    stream.write_all(&answer.head(&format!("content-length: {length}\r\n"))).await?;
    stream.write_all(start.as_bytes()).await?;
    let block = [b'h'; BLOCK];
    let mut left = padding;
    while left > 0 {
        let now = left.min(BLOCK as u64);
        stream.write_all(&block[..usize::try_from(now).unwrap_or(BLOCK)]).await?;
        left -= now;
    }
    stream.write_all(end.as_bytes()).await
}

/// Writes a gzip stream of zeros (RFC 1952) by repeating one compressed block, which costs the sender nothing.
async fn gzip_bomb(stream: &mut TcpStream, bytes: u64) -> io::Result<()> {
    const PLAIN: usize = 1 << 20;
    let zeros = vec![0; PLAIN];
    let mut block = Vec::with_capacity(PLAIN / 100);
    Compress::new(Compression::best(), false)
        .compress_vec(&zeros, &mut block, FlushCompress::Full)
        .map_err(io::Error::other)?;
    let answer = StandInResponse::text("application/json", Bytes::new()).header("content-encoding", "gzip");
    let mut head = answer.head("transfer-encoding: chunked\r\n").to_vec();
    head.extend_from_slice(b"a\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff\r\n");
    stream.write_all(&head).await?;
    let mut chunk = Vec::new();
    write!(chunk, "{:x}\r\n", block.len())?;
    chunk.extend_from_slice(&block);
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..bytes.div_ceil(PLAIN as u64) {
        stream.write_all(&chunk).await?;
    }
    // An empty last block, a wrong checksum, and the length modulo 2^32, as RFC 1952 requires.
    let length = u32::try_from((bytes.div_ceil(PLAIN as u64) * PLAIN as u64) & u64::from(u32::MAX)).unwrap_or(0);
    let mut end = b"a\r\n\x03\0\0\0\0\0".to_vec();
    end.extend_from_slice(&length.to_le_bytes());
    end.extend_from_slice(b"\r\n0\r\n\r\n");
    stream.write_all(&end).await
}
