//! Requests that are not valid HTTP, or whose end is not clear: one problem with a request id, and the end of the HTTP
//! connection.

use http::Method;
use jackfield_test_support::app::{TestApp, TestCaller};
use tokio::io::AsyncWriteExt;

use super::raw_socket::{connect, exchange, only_problem, read_to_end};

#[tokio::test]
async fn a_request_with_conflicting_framing_is_not_read_as_two() {
    let app = TestApp::builder().start().await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = format!("Content-Length: {}", 5 + smuggled.len());
    for (fields, statuses) in [
        // RFC 9112 §6.1: either 400, or Transfer-Encoding alone determines the framing. The content length must not.
        ([length.as_str(), "Transfer-Encoding: chunked"], &[400, 401, 405][..]),
        (["Transfer-Encoding: chunked", length.as_str()], &[400, 401, 405]),
        (["Transfer-Encoding: gzip, chunked", "X: y"], &[400]),
        (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], &[400]),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], &[400]),
        (["Transfer-Encoding: chunked, identity", "X: y"], &[400]),
        (["Transfer-Encoding: xchunked", "X: y"], &[400]),
        (["Content-Length: 5", "Content-Length: 6"], &[400]),
        (["Content-Length: 5, 6", "X: y"], &[400]),
        (["Content-Length: +5", "X: y"], &[400]),
    ] {
        let [one, other] = fields;
        for path in ["/healthz", "/api/session", "/api/admin/people"] {
            let request =
                format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{one}\r\n{other}\r\n\r\n0\r\n\r\n{smuggled}");
            let answer = exchange(&app, request.as_bytes()).await;
            let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
            assert!(statuses.contains(&status), "{path} {fields:?}: {answer}");
            only_problem(&answer, status);
        }
    }
}

#[tokio::test]
async fn what_the_parser_rejects_is_answered_with_a_problem() {
    let app = TestApp::builder().start().await;
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    for (request, status) in [
        ("NOT HTTP\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        ("GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000)), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(66_000)), 431),
    ] {
        let start: String = request.chars().take(60).collect();
        let mut stream = connect(&app).await;
        // The service may answer and close before it has read everything.
        let _closed = stream.write_all(request.as_bytes()).await;
        let answer = read_to_end(&mut stream).await;
        if answer.is_empty() && status != 400 {
            // The answer was lost by the reset that follows unread bytes.
            continue;
        }
        assert_eq!(only_problem(&answer, status)["code"], "invalid_request", "{start}");
    }
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nNOT HTTP\r\n\r\n").await.expect("sent");
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let second = answer.find("HTTP/1.1 400").expect("the second answer");
    only_problem(&answer[second..], 400);
}

#[tokio::test]
async fn an_incomplete_body_is_distinguished_from_a_large_one() {
    let app = TestApp::builder().start().await;
    let token = app.token(TestCaller::Executive).expect("a token");
    for (path, kind) in [("/api/admin/people", "text/csv"), ("/api/admin/people", "application/json")] {
        for (field, body) in [
            ("Content-Length: 100", "name"),
            ("Transfer-Encoding: chunked", "ZZ\r\nname\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", "4\r\nname"),
            ("Transfer-Encoding: chunked", "4\r\nnameX\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", "fffffffffffffffff\r\nname\r\n"),
        ] {
            let mut stream = connect(&app).await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
                 {field}\r\n\r\n{body}"
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("half closed");
            let problem = only_problem(&read_to_end(&mut stream).await, 400);
            let detail = problem["detail"].as_str().expect("a detail");
            assert!(detail.starts_with("the body is not complete"), "{field} {body}: {detail}");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_on_an_open_path_is_405_with_the_right_ones() {
    let app = TestApp::builder().start().await;
    for (method, path, allow) in [
        ("POST", "/healthz", "GET,HEAD"),
        ("OPTIONS", "/healthz", "GET,HEAD"),
        ("DELETE", "/readyz", "GET,HEAD"),
        ("PUT", "/metrics", "GET,HEAD"),
        ("PATCH", "/api/session", "GET,HEAD,POST,DELETE"),
        ("POST", "/docs/openapi.json", "GET,HEAD"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = exchange(&app, request.as_bytes()).await;
        assert_eq!(only_problem(&answer, 405)["code"], "method_not_allowed");
        assert!(answer.contains(&format!("allow: {allow}\r\n")), "{answer}");
    }
    let closed = app.send_as(TestCaller::Anonymous, Method::GET, "/api/admin/nothing", None).await;
    let _ = closed.problem(401, "unauthenticated");
}

#[tokio::test]
async fn without_an_access_level_nobody_gets_a_permit_for_a_large_body() {
    let app = TestApp::builder().start().await;
    let mut held = Vec::new();
    for path in ["/api/session", "/api/admin/people", "/healthz", "/docs", "/signin/oidc"] {
        for length in ["Transfer-Encoding: chunked", "Content-Length: 30000000"] {
            let mut stream = connect(&app).await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            stream.write_all(b"1\r\n{\r\n").await.expect("sent");
            held.push(stream);
        }
    }
    let csv = format!("name,email\n{}", " ".repeat(2 << 20));
    let large = app
        .send_request_as(TestCaller::Executive, Method::POST, "/api/admin/people", |request| {
            request.header("content-type", "text/csv").body(csv)
        })
        .await;
    assert!([200, 422].contains(&large.status), "{}", large.text);
    drop(held);
}

#[tokio::test]
async fn a_body_that_signs_in_is_small_and_arrives_soon() {
    let app = TestApp::builder().start().await;
    let padded = |bytes: usize| format!("{{\"token\":\"{}\"}}", "x".repeat(bytes));
    let sign_in = |body: String| {
        app.send_request_as(TestCaller::Anonymous, Method::POST, "/api/session", |request| {
            request.header("content-type", "application/json").body(body)
        })
    };
    let _ = sign_in(padded(4_000)).await.problem(401, "unauthenticated");
    let _ = sign_in(padded(4_096)).await.problem(413, "invalid_request");
    let mut stream = connect(&app).await;
    let head = "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let problem = only_problem(&read_to_end(&mut stream).await, 400);
    assert_eq!(problem["detail"], "the body did not arrive in 5 s");
}
