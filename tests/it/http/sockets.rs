//! HTTP connections: how long each may be idle, how many there may be, and how the service closes them.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use http::Method;
use jackfield::open_files;
use jackfield_test_support::app::{GUARD, TestApp, TestCaller};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::raw_socket::{HTTP2_START, connect, exchange, only_problem, read_response, read_to_end};

const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A time that a test can wait for, and that a socket with a request keeps on a busy machine.
const SHORT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_socket_that_does_not_complete_its_first_request_is_closed() {
    let app = TestApp::builder().serving(|limits| limits.header_time = SHORT).start().await;
    let mut open = Vec::new();
    for start in [
        &b""[..],
        b"P",
        b"PR",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HTTP2_START,
        b"G",
        b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
    ] {
        let mut stream = connect(&app).await;
        stream.write_all(start).await.expect("sent");
        open.push(stream);
    }
    for mut stream in open {
        let answer = read_to_end(&mut stream).await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
    }
    assert_eq!(app.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn open_sockets_are_counted_until_they_are_closed() {
    let app = TestApp::builder().start().await;
    let count = async || {
        let metrics = app.get("/metrics").await.text;
        let line = metrics.lines().find_map(|line| line.strip_prefix("jackfield_http_connections "));
        line.expect("the metric").parse::<f64>().expect("a number")
    };
    let before = count().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut stream = connect(&app).await;
        // Once it is answered, the service has accepted it.
        stream.write_all(HEALTHZ).await.expect("sent");
        assert!(read_response(&mut stream).await.ends_with("ok\n"));
        open.push(stream);
    }
    assert!(count().await >= before + 10.0);
    drop(open);
    tokio::time::timeout(GUARD, async { while count().await > before {} }).await.expect("closed ones are not counted");
}

#[tokio::test]
async fn headers_that_arrive_byte_by_byte_do_not_keep_a_socket_open() {
    let app = TestApp::builder().serving(|limits| limits.header_time = SHORT).start().await;
    for first in [&b""[..], HEALTHZ] {
        let mut stream = connect(&app).await;
        if !first.is_empty() {
            stream.write_all(first).await.expect("sent");
            assert!(read_response(&mut stream).await.ends_with("ok\n"));
        }
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.expect("sent");
        let trickled = async {
            while stream.write_all(b"x").await.is_ok() {
                // The pace of this client; slower on a busy machine, which changes nothing.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(GUARD, trickled).await.expect("the service closes");
    }
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_headers_and_is_closed_after_its_own() {
    let app = TestApp::builder().serving(|limits| limits.header_time = SHORT).start().await;
    let mut idle = connect(&app).await;
    idle.write_all(HEALTHZ).await.expect("sent");
    assert!(read_response(&mut idle).await.ends_with("ok\n"));
    // A silent socket that was opened later is closed earlier.
    assert_eq!(exchange(&app, b"").await, "");
    idle.write_all(HEALTHZ).await.expect("the idle one is still open");
    assert!(read_response(&mut idle).await.ends_with("ok\n"));

    let app = TestApp::builder().setting("JACKFIELD_KEEP_ALIVE", "1").start().await;
    let answer = exchange(&app, HEALTHZ).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn an_idle_http2_connection_receives_goaway() {
    let app = TestApp::builder().setting("JACKFIELD_KEEP_ALIVE", "1");
    let app = app.serving(|limits| limits.header_time = SHORT).start().await;
    let mut stream = connect(&app).await;
    stream.write_all(&[HTTP2_START, &http2_request()].concat()).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer);
    tokio::time::timeout(GUARD, read).await.expect("the service closes").expect("without a reset");
    assert!(answer.windows(3).any(|bytes| bytes == b"ok\n"), "the request is answered: {answer:?}");
    let is_goaway = |bytes: &[u8]| bytes[0] == 0 && bytes[1] == 0 && bytes[3..9] == [7, 0, 0, 0, 0, 0];
    assert!(answer.windows(9).any(is_goaway), "GOAWAY is sent: {answer:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_is_closed() {
    let app = TestApp::builder().serving(|limits| limits.write_time = SHORT).start().await;
    let mut stream = connect(&app).await;
    let request = b"GET /docs/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let unread = async {
        // Until the service has answered so many that neither it nor the kernel can keep more.
        while stream.write_all(request).await.is_ok() {}
    };
    tokio::time::timeout(GUARD, unread).await.expect("the service closes");
}

#[tokio::test]
async fn an_http2_client_without_a_window_for_its_response_is_closed() {
    let app = TestApp::builder().serving(|limits| limits.write_time = SHORT).start().await;
    let mut stream = connect(&app).await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0 (RFC 9113 §6.5.2).
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
    stream.write_all(&[&settings[..], &http2_request()].concat()).await.expect("sent");
    assert!(!read_to_end(&mut stream).await.contains("ok\n"), "the body was not sent");
}

#[tokio::test]
async fn the_service_answers_while_ten_thousand_silent_sockets_are_opened() {
    open_files::raise_limit();
    // Even on a busy machine, sockets are closed for newer ones and not for their time.
    let app = TestApp::builder().serving(|limits| limits.header_time = GUARD).start().await;
    let mut open: Vec<TcpStream> = Vec::new();
    let mut checked = 0;
    for number in 0..10_000 {
        // A system that allows fewer files has shown what it can.
        let Ok(mut stream) = TcpStream::connect(app.base.trim_start_matches("http://")).await else { break };
        if number % 2 == 1 {
            // The service may have closed the socket already.
            let _closed = stream.write_all(HTTP2_START).await;
        }
        open.push(stream);
        if number % 500 == 0 {
            let answer = tokio::time::timeout(GUARD, exchange(&app, &close_after(HEALTHZ))).await.expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200"), "after {number}: {answer}");
            checked += 1;
        }
    }
    assert!(checked >= 2, "only {} sockets could be opened", open.len());
    assert!(exchange(&app, &close_after(HEALTHZ)).await.ends_with("ok\n"));
    assert_eq!(read_to_end(&mut open[0]).await, "", "the oldest was closed for newer ones");
    assert!(app.log().contains("too many HTTP connections"), "the log says so");
}

#[tokio::test]
async fn a_full_service_still_answers_health_checks() {
    let app = TestApp::builder().serving(|limits| limits.connections = 2).start().await;
    let events = format!(
        "GET /api/admin/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        app.token(TestCaller::Executive).expect("a token"),
    );
    let mut busy = [connect(&app).await, connect(&app).await];
    for stream in &mut busy {
        stream.write_all(events.as_bytes()).await.expect("sent");
        stream.readable().await.expect("the event stream has begun");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = exchange(&app, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let answer = exchange(&app, b"GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(only_problem(&answer, 503)["code"], "overloaded");
    drop(busy);
    let mut again = app.send_as(TestCaller::Anonymous, Method::GET, "/api/session", None).await;
    while again.status == 503 {
        again = app.send_as(TestCaller::Anonymous, Method::GET, "/api/session", None).await;
    }
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_finishes_running_requests() {
    let mut app = TestApp::builder().start().await;
    let mut idle = connect(&app).await;
    idle.write_all(HEALTHZ).await.expect("sent");
    assert!(read_response(&mut idle).await.ends_with("ok\n"));
    let body = "name,email\nAda Okafor,ada@acme.example\n";
    let head = format!(
        "POST /api/admin/people HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: text/csv\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        app.token(TestCaller::Executive).expect("a token"),
        body.len(),
    );
    let mut running = connect(&app).await;
    running.write_all(head.as_bytes()).await.expect("sent");
    running.readable().await.expect("the service asks for the body");
    let mut stopped = pin!(app.stop());
    let is_running = poll_fn(|context| Poll::Ready(stopped.as_mut().poll(context).is_pending())).await;
    assert!(is_running, "the stop waits for the request");
    assert_eq!(
        tokio::select! {
            answer = read_to_end(&mut idle) => answer,
            () = &mut stopped => panic!("it stopped before the request was finished"),
        },
        ""
    );
    running.write_all(body.as_bytes()).await.expect("sent");
    let answer = tokio::select! {
        (answer, ()) = async { tokio::join!(read_to_end(&mut running), &mut stopped) } => answer,
    };
    let last = answer.rsplit("HTTP/1.1 ").next().expect("an answer");
    assert!(last.starts_with("200 OK") && last.contains("connection: close"), "{answer}");
}

/// Adds `Connection: close` to a request.
fn close_after(request: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(request).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").into_bytes()
}

/// An HTTP/2 request for `/healthz`: HEADERS with END_STREAM and END_HEADERS (RFC 7541 appendix A).
fn http2_request() -> Vec<u8> {
    let fields = b"\x82\x86\x04\x08/healthz\x01\x09localhost";
    let length = u8::try_from(fields.len()).expect("short");
    [&[0, 0, length, 1, 5, 0, 0, 0, 1], &fields[..]].concat()
}
