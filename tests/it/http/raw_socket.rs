//! Requests as bytes over a plain socket, for what no HTTP client sends.

use jackfield_test_support::app::{GUARD, TestApp};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What an HTTP/2 client sends first: the preface (RFC 9113 §3.4) and an empty SETTINGS frame.
pub(super) const HTTP2_START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(super) async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.base.trim_start_matches("http://")).await.expect("a socket")
}

/// Sends bytes and reads everything until the service closes.
pub(super) async fn exchange(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = connect(app).await;
    stream.write_all(bytes).await.expect("sent");
    read_to_end(&mut stream).await
}

/// Reads everything until the service closes.
pub(super) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(GUARD, stream.read_to_end(&mut answer)).await.expect("the service closes");
    // A reset is an end too: the service closed while bytes of ours were unread.
    let _reset = read;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one response with a `Content-Length` and leaves the socket open.
pub(super) async fn read_response(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        loop {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.expect("a response");
            answer.extend(byte);
            if answer.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8(answer.clone()).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        stream.read_exact(&mut body).await.expect("a body");
        head + &String::from_utf8(body).expect("text")
    };
    tokio::time::timeout(GUARD, read).await.expect("a response")
}

/// Returns the problem of the only answer, whose request id is in its head as well.
#[track_caller]
pub(super) fn only_problem(answer: &str, status: u16) -> Value {
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "not one answer: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(head.split(' ').nth(1), Some(status.to_string().as_str()), "{answer}");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(problem["status"], status, "{answer}");
    let id = problem["request_id"].as_str().expect("a request id");
    assert!(id.len() == 32 && head.contains(&format!("x-request-id: {id}")), "{answer}");
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    problem
}
