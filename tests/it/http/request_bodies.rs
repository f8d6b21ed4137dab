//! Invalid request bodies: each error says what is wrong, and none repeats a value.

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestCaller},
    marked,
    slack::SlackStandIn,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{SLACK, add_token, body, with_slack};

#[tokio::test]
async fn each_wrong_field_is_named() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let secret = marked::secret("xapp-");
    let problem =
        app.put(SLACK, json!({ "bot_token": secret, "chanel_id": "C1" })).await.problem(422, "invalid_request");
    let errors = problem["errors"].as_array().expect("errors");
    let fields: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["chanel_id", "bot_token", "channel_id"]);
    assert_eq!(errors[0]["message"], "is not a field of this provider");
    assert_eq!(errors[2]["message"], "is required");
    assert!(!problem.to_string().contains(&secret));
    assert_eq!(slack.requests().len(), 0, "no request is sent for an invalid form");
}

#[tokio::test]
async fn a_json_error_names_its_position() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let secret = marked::secret("xoxb-");
    let deep = "[".repeat(100_000);
    for (kind, body, status) in [
        ("application/json", format!("{{\"bot_token\": \"{secret}\""), 400),
        ("application/json", format!("[\"{secret}\"]"), 400),
        ("application/json", String::new(), 400),
        ("application/json", deep, 400),
        ("text/plain", format!("{{\"bot_token\": \"{secret}\"}}"), 400),
        ("application/x-www-form-urlencoded", format!("bot_token={secret}"), 400),
        ("application/json", "x".repeat((1 << 20) + 1), 413),
    ] {
        let with_body = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(body.clone());
        let answer = app.send_request_as(TestCaller::Executive, Method::PUT, SLACK, with_body).await;
        assert_eq!(answer.status, status, "{kind} {}", body.chars().take(40).collect::<String>());
        let text = answer.text;
        assert!(text.contains("invalid_request") && !text.contains(&secret), "{text}");
    }
}

#[tokio::test]
async fn quotes_in_every_field_are_plain_text() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.status, 200);
    let quotes = "'; drop table connections; --";
    let answer = app.put(SLACK, json!({ "channel_id": quotes })).await;
    let _ = answer.problem(422, "invalid_request");
    let _ = app.get("/api/admin/connections/x'%20or%201=1/status").await.problem(404, "unknown_provider");
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["status"], "connected");
}

#[tokio::test]
async fn at_most_four_large_bodies_are_read_at_once() {
    let app = TestApp::builder().start().await;
    let token = app.token(TestCaller::Executive).expect("a token").to_owned();
    let address = app.base.trim_start_matches("http://").to_owned();
    let announce = async || {
        // A body that is announced but not sent keeps its permit.
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        let head = format!(
            "POST /api/admin/people HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: text/csv\r\ncontent-length: 2000000\r\n\r\nname,"
        );
        stream.write_all(head.as_bytes()).await.expect("the head is sent");
        let mut answer = vec![0; 4_096];
        let bytes = stream.read(&mut answer).await.expect("an answer");
        answer.truncate(bytes);
        String::from_utf8(answer).expect("text")
    };
    let mut announced: FuturesUnordered<_> = (0..8).map(|_| announce()).collect();
    for _ in 0..4 {
        let answer = announced.next().await.expect("one request is rejected");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5"), "{answer}");
    }
    assert!(announced.next().now_or_never().is_none(), "the other four keep their permits");
    let small = app
        .send_request_as(TestCaller::Executive, Method::POST, "/api/admin/people", |request| {
            request.header("content-type", "text/csv").body("name,email\nAda Okafor,ada@acme.example\n")
        })
        .await;
    assert_eq!(small.status, 200, "{}", small.text);
    drop(announced);
    let large = || {
        let csv = format!("name,email\n{}", " ".repeat(1 << 20));
        app.send_request_as(TestCaller::Executive, Method::POST, "/api/admin/people", |request| {
            request.header("content-type", "text/csv").body(csv)
        })
    };
    let mut again = large().await;
    while again.status == 503 {
        again = large().await;
    }
    assert!([200, 422].contains(&again.status), "{}", again.text);
}
