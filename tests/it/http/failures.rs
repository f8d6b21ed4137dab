//! Every kind of provider failure: the documented error code, and the stored credential is kept.

use std::time::Duration;

use jackfield_test_support::{
    app::TestApp,
    slack::SlackStandIn,
    stand_in_server::{Failure, StandInResponse, StandInServer},
};

use super::{SLACK, start_connected, start_connected_with, with_short_timeouts, with_slack};

/// Fails a health check and a page of users in one way, then recovers, and expects an unchanged connection.
async fn expect_failure(fail: Failure, code: &str, status: u16) {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    expect_failure_of(&slack, &app, fail, code, status).await;
}

/// Like [`expect_failure`], for a failure that only a time limit ends.
async fn expect_timeout(fail: Failure) {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected_with(&slack, with_short_timeouts(with_slack(&slack))).await;
    expect_failure_of(&slack, &app, fail, "provider_timeout", 504).await;
}

async fn expect_failure_of(slack: &SlackStandIn, app: &TestApp, fail: Failure, code: &str, status: u16) {
    slack.fail(fail);
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health["configured"], true);
    assert_eq!((&health["healthy"], &health["code"]), (&false.into(), &code.into()), "{health}");
    assert!(health["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{health}");
    let list = app.get("/api/admin/connections").await.ok();
    assert_eq!(
        list["connections"][0]["status"], "degraded",
        "an outage does not mean that the credential is invalid: {list}"
    );
    app.clock.advance(jiff::SignedDuration::from_secs(3_600));
    let _ = app.get(&format!("{SLACK}/users")).await.problem(status, code);
    slack.recover();
    app.clock.advance(jiff::SignedDuration::from_secs(3_600));
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "the credential is still there");
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["status"], "connected");
}

#[tokio::test]
async fn a_server_error_is_reported_as_the_providers() {
    expect_failure(Failure::Status(500), "provider_error", 502).await;
}

#[tokio::test]
async fn a_web_page_instead_of_json_is_reported_as_the_providers_error() {
    expect_failure(Failure::Html, "provider_error", 502).await;
}

#[tokio::test]
async fn truncated_json_is_reported_as_the_providers_error() {
    expect_failure(Failure::CutJson, "provider_error", 502).await;
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_reported_as_the_providers_error() {
    expect_failure(Failure::CutOff(10), "provider_error", 502).await;
}

#[tokio::test]
async fn a_response_of_ten_megabytes_is_reported_as_the_providers_error() {
    expect_failure(Failure::Huge(10 << 20), "provider_error", 502).await;
}

#[tokio::test]
async fn a_response_above_the_limit_is_reported_as_the_providers_error() {
    expect_failure(Failure::Huge(20 << 20), "provider_error", 502).await;
}

#[tokio::test]
async fn a_slow_drip_times_out() {
    expect_timeout(Failure::SlowDrip(Duration::from_millis(200))).await;
}

#[tokio::test]
async fn a_silent_provider_times_out() {
    expect_timeout(Failure::Hang(Duration::from_mins(10))).await;
}

#[tokio::test]
async fn a_reset_connection_is_reported_as_the_providers_error() {
    expect_failure(Failure::Reset, "provider_error", 502).await;
}

#[tokio::test]
async fn a_compression_bomb_is_reported_as_the_providers_error() {
    expect_failure(Failure::GzipBomb(16 << 30), "provider_error", 502).await;
}

#[tokio::test]
async fn json_of_100_000_levels_is_reported_as_the_providers_error() {
    for level in ["[", "{\"a\":"] {
        let deep = StandInResponse::text("application/json", level.repeat(100_000));
        expect_failure(Failure::Response(deep), "provider_error", 502).await;
    }
}

#[tokio::test]
async fn an_unrequested_encoding_is_reported_as_the_providers_error() {
    expect_failure(Failure::ContentEncoding("zstd".to_owned()), "provider_error", 502).await;
}

#[tokio::test]
async fn a_flood_of_headers_is_reported_as_the_providers_error() {
    expect_failure(Failure::HeaderFlood(100_000), "provider_error", 502).await;
}

#[tokio::test]
async fn a_person_can_check_or_disconnect_although_the_provider_asked_to_wait() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    for wait in [86_400, 999_999_999, 4_000_000_000, 4_000_000_000_000] {
        slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(wait) });
        let limited = app.get(&format!("{SLACK}/users")).await;
        let seconds: u32 = limited.header("retry-after").expect("a wait").parse().expect("seconds");
        assert!((1..=86_400).contains(&seconds), "{seconds}");
        assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["code"], "rate_limited");
        assert_eq!(app.get(&format!("{SLACK}/health?ignore_wait=false")).await.ok()["code"], "rate_limited");
        assert_eq!(app.get(&format!("{SLACK}/health?ignore_wait=true")).await.ok()["healthy"], true);
        assert_eq!(app.get(&format!("{SLACK}/users?limit=1")).await.status, 200, "the wait is over");
    }
    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(86_400) });
    let _ = app.get(&format!("{SLACK}/users")).await.problem(429, "rate_limited");
    assert_eq!(app.delete(SLACK).await.ok()["upstream"], "revoked");
    assert!(!slack.is_alive(&token), "the provider was asked to revoke although it asked to wait");
}

#[tokio::test]
async fn calls_wait_as_long_as_the_provider_asks() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(120) });
    let limited = app.get(&format!("{SLACK}/users")).await;
    assert_eq!(limited.header("retry-after"), Some("120"));
    let _ = limited.problem(429, "rate_limited");
    slack.clear_requests();
    let _ = app.get(&format!("{SLACK}/users")).await.problem(429, "rate_limited");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["code"], "rate_limited");
    assert_eq!(slack.requests().len(), 0, "no request was sent before its Retry-After had passed");
    app.clock.advance(jiff::SignedDuration::from_secs(121));
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = StandInServer::start(|_| panic!("nobody comes here")).await;
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    slack.fail(Failure::RedirectTo(elsewhere.url()));
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health["healthy"], false);
    assert_eq!(elsewhere.requests().len(), 0);
    slack.recover();
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_revoked_token_needs_attention_and_is_kept() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    slack.revoke(&token);
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!((&health["healthy"], &health["code"]), (&false.into(), &"needs_reauth".into()));
    let _ = app.get(&format!("{SLACK}/users")).await.problem(409, "needs_reauth");
    let list = app.get("/api/admin/connections").await.ok();
    let connection = &list["connections"][0];
    assert_eq!(connection["status"], "needs_reauth");
    assert!(connection["reason"].as_str().is_some_and(|reason| reason.contains("token_revoked")), "{connection}");
    assert!(connection["next_action"].as_str().is_some(), "{connection}");
    slack.add_token(&token);
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "the stored token was kept");
}

#[tokio::test]
async fn work_that_succeeds_heals_the_connection() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    slack.fail(Failure::Status(503));
    let _ = app.get(&format!("{SLACK}/users")).await.problem(502, "provider_error");
    let connection = &app.get("/api/admin/connections").await.ok()["connections"][0];
    assert_eq!((&connection["status"], &connection["last_check"]["healthy"]), (&"degraded".into(), &false.into()));
    slack.recover();
    let _ = app.get(&format!("{SLACK}/users")).await.ok();
    let connection = &app.get("/api/admin/connections").await.ok()["connections"][0];
    assert_eq!((&connection["status"], &connection["last_check"]["healthy"]), (&"connected".into(), &true.into()));
    assert_eq!((&connection["reason"], &connection["retry_at"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    // A call that passes soon after another one says nothing new, so it changes nothing.
    let checked = connection["last_check"]["at"].clone();
    let _ = app.get(&format!("{SLACK}/users")).await.ok();
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["last_check"]["at"], checked);
    app.clock.advance(jiff::SignedDuration::from_secs(60));
    let _ = app.get(&format!("{SLACK}/users")).await.ok();
    assert_ne!(app.get("/api/admin/connections").await.ok()["connections"][0]["last_check"]["at"], checked);
}

#[tokio::test]
async fn work_that_succeeds_does_not_hide_a_missing_permission() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    slack.add_token_with_scopes(&token, &["channels:read"]);
    let _ = app.get(&format!("{SLACK}/users")).await.problem(409, "permission_missing");
    slack.add_token(&token);
    let _ = app.get(&format!("{SLACK}/users")).await.ok();
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["status"], "degraded");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["status"], "connected");
}

#[tokio::test]
async fn a_scope_lost_later_is_named() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    slack.add_token_with_scopes(&token, &["channels:read"]);
    let problem = app.get(&format!("{SLACK}/users")).await.problem(409, "permission_missing");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("users:read")), "{problem}");
}

#[tokio::test]
async fn a_failed_connect_answers_the_documented_code_and_stores_nothing() {
    let fails = [
        (Failure::Status(500), 502, "provider_error"),
        (Failure::Html, 502, "provider_error"),
        (Failure::TooManyRequests { retry_after: None }, 429, "rate_limited"),
        (Failure::Hang(Duration::from_mins(10)), 504, "provider_timeout"),
        (Failure::Reset, 502, "provider_error"),
    ];
    let slack = SlackStandIn::start().await;
    let app = with_short_timeouts(with_slack(&slack)).start().await;
    let token = super::add_token(&slack);
    for (fail, status, code) in fails {
        slack.fail(fail);
        let _ = app.put(SLACK, super::body(&token)).await.problem(status, code);
        slack.recover();
    }
    assert_eq!(app.get(&format!("{SLACK}/status")).await.ok()["configured"], false);
}
