//! Tests that the stand-in responds as Slack does and fails as configured, over a plain socket.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::{people::PEOPLE, stand_in_server::Failure};

/// Calls a method and returns the whole response as text, or the part before the socket failed.
async fn raw(slack: &SlackStandIn, token: &str, method: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(slack.address()).await.expect("the server accepts the socket");
    let request = format!(
        "POST /api/{method} HTTP/1.1\r\nhost: slack.com\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len(),
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads the request");
    let mut answer = Vec::new();
    // Some configured failures end in an I/O error.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn call(slack: &SlackStandIn, token: &str, method: &str, form: &str) -> Value {
    let answer = raw(slack, token, method, form).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body separated by an empty line");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[tokio::test]
async fn token_and_channel_states_use_slacks_error_codes() {
    let slack = SlackStandIn::start().await;
    slack
        .add_token("xoxb-good")
        .add_token_with_scopes("xoxb-poor", &["channels:read"])
        .add_token("xoxb-dead")
        .revoke("xoxb-dead");
    slack.add_private_channel("G0PRIVATE", "board").add_channel("C0OLD", "old").archive_channel("C0OLD");
    let error = async |token, method, form| call(&slack, token, method, form).await["error"].clone();

    assert_eq!(call(&slack, "xoxb-good", "auth.test", "").await["team"], COMPANY);
    assert_eq!(error("", "auth.test", "").await, "not_authed");
    assert_eq!(error("xoxb-none", "auth.test", "").await, "invalid_auth");
    assert_eq!(error("xoxb-dead", "auth.test", "").await, "token_revoked");
    assert_eq!(call(&slack, "xoxb-poor", "users.list", "").await["needed"], "users:read");
    assert_eq!(error("xoxb-good", "conversations.info", "channel=G0PRIVATE").await, "channel_not_found");
    slack.join("G0PRIVATE");
    assert_eq!(call(&slack, "xoxb-good", "conversations.info", "channel=G0PRIVATE").await["channel"]["name"], "board");
    assert_eq!(call(&slack, "xoxb-good", "conversations.info", "channel=C0OLD").await["channel"]["is_archived"], true);
    assert_eq!(call(&slack, "xoxb-good", "auth.revoke", "").await["revoked"], true);
    assert!(!slack.is_alive("xoxb-good"));
    assert_eq!(error("xoxb-good", "users.list", "").await, "token_revoked");
}

#[tokio::test]
async fn the_pages_list_every_member_once() {
    let slack = SlackStandIn::start().await;
    slack.add_token("xoxb-good");
    let (mut ids, mut people, mut form) = (std::collections::HashSet::new(), 0, "limit=100".to_owned());
    loop {
        let page = call(&slack, "xoxb-good", "users.list", &form).await;
        for member in page["members"].as_array().expect("members") {
            assert!(ids.insert(member["id"].as_str().expect("an id").to_owned()), "{member}");
            let nobody = member["is_bot"] == true || member["is_workflow_bot"] == true || member["id"] == "USLACKBOT";
            people += usize::from(!nobody);
        }
        let next = page["response_metadata"]["next_cursor"].as_str().expect("a cursor").to_owned();
        if next.is_empty() {
            break;
        }
        assert!(next.ends_with('='), "{next}");
        form = format!("limit=100&cursor={}", next.replace('=', "%3D"));
    }
    assert_eq!((ids.len(), people), (MEMBERS, PEOPLE));
    assert_eq!(call(&slack, "xoxb-good", "users.list", "cursor=bm8=").await["error"], "invalid_cursor");
    assert_eq!(slack.requests_to("/api/users.list").len(), 5);
    assert_eq!(slack.requests()[0].form(), [("limit".to_owned(), "100".to_owned())]);
}

#[tokio::test]
async fn a_prepared_page_has_the_size_of_a_real_one() {
    let slack = SlackStandIn::start().await;
    slack.add_token("xoxb-good").serve_prepared_page();
    let answer = raw(&slack, "xoxb-good", "users.list", "limit=1").await;
    assert!((130_000..150_000).contains(&answer.len()), "{}", answer.len());
    assert!(answer.contains(r"https:\/\/avatars"));
    assert_eq!(call(&slack, "xoxb-none", "users.list", "").await["error"], "invalid_auth");
}

#[tokio::test]
async fn it_fails_as_configured_and_then_recovers() {
    let slack = SlackStandIn::start().await;
    slack.add_token("xoxb-good");
    let ask = async || raw(&slack, "xoxb-good", "auth.test", "").await;
    let honest = ask().await;

    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(7) });
    slack.fail_next(1, Failure::Reset);
    let limited = ask().await;
    assert!(limited.starts_with("HTTP/1.1 429 ") && limited.contains("retry-after: 7\r\n"), "{limited}");
    assert_eq!(ask().await, "");
    assert_eq!(ask().await, honest);

    for (fail, held) in [
        (Failure::Status(503), "HTTP/1.1 503 "),
        (Failure::Html, "<!doctype html>"),
        (Failure::RedirectTo("https://example.com/x".to_owned()), "location: https://example.com/x\r\n"),
        (Failure::ContentEncoding("zstd".to_owned()), "content-encoding: zstd\r\n"),
        (Failure::HeaderFlood(300), "x-flood-299: flood\r\n"),
        (Failure::Echo, r"\u0078\u006f\u0078\u0062"),
        (Failure::Echo, "Bearer xoxb-good"),
        (Failure::NotHttp, "SSH-2.0"),
        (Failure::SlowDrip(Duration::ZERO), honest.as_str()),
        (Failure::Huge(100_000), "hhhhhhhh\"}"),
    ] {
        slack.fail(fail.clone());
        let answer = ask().await;
        assert!(answer.contains(held), "{fail:?}: {answer}");
        slack.recover();
    }
    for fail in [Failure::CutOff(9), Failure::CutJson] {
        slack.fail(fail.clone());
        let answer = ask().await;
        assert!(answer.len() < honest.len() && answer.contains("\r\n\r\n{\""), "{fail:?}: {answer}");
        slack.recover();
    }
    slack.fail_at("/api/users.list", Failure::Close);
    assert_eq!(ask().await, honest);
    assert_eq!(raw(&slack, "xoxb-good", "users.list", "").await, "");
}
