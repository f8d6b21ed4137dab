//! Sends one request over a plain socket, for the tests of the stand-ins.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stand_in_server::StandInServer;

/// A response of a stand-in.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl RawResponse {
    /// Parses the body as JSON; returns null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Returns the value of a header field, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends a request such as `GET gateway.remote.com/v1/identity/current` with header fields and a body.
pub(crate) async fn send(upstream: &StandInServer, request: &str, fields: &[(&str, &str)], body: &str) -> RawResponse {
    let (method, address) = request.split_once(' ').expect("a method and an address");
    let (host, path) = address.split_at(address.find('/').expect("a path"));
    let mut message =
        format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for &(name, value) in fields {
        message.extend([name, ": ", value, "\r\n"]);
    }
    message.extend(["\r\n", body]);
    let mut stream = TcpStream::connect(upstream.address()).await.expect("the server accepts the socket");
    stream.write_all(message.as_bytes()).await.expect("the server reads the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server responds and closes");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body separated by an empty line");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    RawResponse { status, head: head.replace("\r\n", "\n"), body: body.to_owned() }
}
