//! Tests the gzip bomb, the encodings of a secret and chunked requests.

use std::io::Read;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire_and_large_when_decompressed() {
    const PLAIN: usize = 64 << 20;
    let upstream = StandInServer::start(|_| StandInResponse::empty(204)).await;
    upstream.fail(Failure::GzipBomb(PLAIN as u64));
    let mut stream = TcpStream::connect(upstream.address()).await.expect("the server accepts the socket");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("the server reads the request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server responds and closes");
    assert!(answer.len() < PLAIN / 500, "{}", answer.len());

    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let (mut coded, mut rest) = (Vec::new(), &answer[start..]);
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's line");
        let digits = std::str::from_utf8(&rest[..end]).expect("digits");
        let length = usize::from_str_radix(digits, 16).expect("a chunk's length");
        if length == 0 {
            break;
        }
        coded.extend_from_slice(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
    }
    let mut plain = Vec::new();
    // The checksum at the end is wrong; clients should stop before it.
    let ended = flate2::read::GzDecoder::new(coded.as_slice()).read_to_end(&mut plain);
    assert!(ended.is_err());
    assert_eq!(plain.len(), PLAIN);
}

#[test]
fn a_secret_is_encoded_in_every_way() {
    let encoded = encodings("s3cr/t+");
    let encoded_as = |name| &encoded.iter().find(|(encoding, _)| *encoding == name).expect("an encoding").1;
    assert_eq!(encoded_as("percent, lower case"), "s3cr%2ft%2b");
    assert_eq!(encoded_as("JSON escapes"), r"\u0073\u0033\u0063\u0072\u002f\u0074\u002b");
    assert_eq!(encoded_as("hexadecimal digits"), "733363722f742b");
    assert_eq!(encoded_as("base64"), "czNjci90KyE=");
    assert_eq!(encoded_as("user and secret"), "dXNlcjpzM2NyL3Qr");
}

#[tokio::test]
async fn a_chunked_request_is_read_completely_and_the_connection_is_kept() {
    let upstream = StandInServer::start(|request| StandInResponse::text("text/plain", request.body.clone())).await;
    let mut stream = TcpStream::connect(upstream.address()).await.expect("the server accepts the socket");
    for _ in 0..2 {
        let request =
            b"POST /a?b=c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        stream.write_all(request).await.expect("the server reads the request");
        let mut answer = vec![0; 75];
        let length = stream.read(&mut answer).await.expect("the server responds");
        assert!(answer[..length].ends_with(b"\r\n\r\nabcde"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(upstream.connections(), 1);
    let requests = upstream.requests_to("/a");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].query_pairs(), [("b".to_owned(), "c".to_owned())]);
}
