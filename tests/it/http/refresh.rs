//! Refreshing a grant: before it expires, after a rejected call, once for all callers, and safely after a lost
//! response.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use jackfield_egress::EgressLimits;
use jackfield_sandbox::{Limits, Pooling};
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    stand_in_server::{Failure, StandInResponse},
    xero::{TENANT, XeroStandIn},
};
use jiff::SignedDuration;
use serde_json::json;

use super::oauth::{XERO, connect, record_secrets, text, with_xero};

/// Starts a connected service and makes the stand-in use its clock.
async fn start_connected(xero: &XeroStandIn) -> TestApp {
    connect_xero(with_xero(xero).limits(|limits| limits.calls_per_component = 64), xero).await
}

async fn connect_xero(builder: TestAppBuilder, xero: &XeroStandIn) -> TestApp {
    let app = builder.start().await;
    let clock = app.clock.clone();
    xero.follow_clock(move || clock.now().as_second());
    assert_eq!(connect(&app, xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(xero);
    app
}

async fn health(app: &TestApp) -> serde_json::Value {
    app.get(&format!("{XERO}/health")).await.ok()
}

async fn status(app: &TestApp) -> serde_json::Value {
    app.get("/api/admin/connections").await.ok()["connections"][0].clone()
}

#[tokio::test]
async fn an_edited_generation_of_a_grant_starts_again_and_connecting_resets_it() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    for (edited, next) in [(i64::MAX, 1), (i64::MIN, i64::MIN + 1)] {
        app.tamper(format!("update grants set generation = {edited}, beat = {edited}, expires_at = 1")).await;
        assert_eq!(health(&app).await["healthy"], true);
        record_secrets(&xero);
        assert_eq!(app.store.count_rows(&format!("grants where generation = {next}")).await, 1, "{edited}");
        assert_eq!(health(&app).await["healthy"], true);
    }
    assert_eq!(xero.refreshes().len(), 2);
    app.tamper(format!("update grants set generation = {}, beat = {}", i64::MAX, i64::MAX)).await;
    assert_eq!(connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    assert_eq!(app.store.count_rows("grants where generation = 1 and beat = 0").await, 1);
    assert_eq!(health(&app).await["healthy"], true);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_before_the_call() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(health(&app).await["healthy"], true);
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
    assert_eq!(health(&app).await["healthy"], true);
    assert_eq!(xero.refreshes().len(), 1, "the new token is valid for a while");
    let ends = text(&status(&app).await, "token_expires_at");
    assert!(ends.parse::<jiff::Timestamp>().expect("a time") > app.clock.now());
}

#[tokio::test]
async fn a_token_about_to_expire_is_refreshed_in_parallel_to_the_call() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(26));
    let before = xero.access_tokens().len();
    assert_eq!(health(&app).await["healthy"], true);
    // The refresh continues after the response; the next call that needs the token waits for it.
    app.connections.refresh_due_grants().await;
    for _ in 0..200 {
        if xero.access_tokens().len() > before {
            break;
        }
        let _ = status(&app).await;
    }
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
    assert_eq!(health(&app).await["healthy"], true);
}

/// Sends this many concurrent health checks, alternating between the hosts, and requires that all pass.
async fn check_health_at_once(hosts: &[&TestApp], requests: usize) {
    let paths = vec![format!("{XERO}/health"); requests];
    let answers = join_all(paths.iter().zip(hosts.iter().cycle()).map(|(path, host)| host.get(path))).await;
    for answer in answers {
        let health = answer.ok();
        assert_eq!(health["healthy"], true, "{health}");
    }
}

/// Number of concurrent health checks.
const REQUESTS: usize = 300;

/// Starts a connected service with the limits of production, which allow all of the calls at once.
async fn start_with_default_limits(xero: &XeroStandIn) -> TestApp {
    let builder = with_xero(xero)
        .limits(|limits| *limits = Limits { pooling: Pooling::Never, ..Limits::default() })
        .egress(|limits| *limits = EgressLimits::default());
    connect_xero(builder, xero).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_concurrent_requests_cause_one_refresh() {
    let xero = XeroStandIn::start().await;
    let app = start_with_default_limits(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    check_health_at_once(&[&app], REQUESTS).await;
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_requests_to_two_hosts_cause_one_refresh() {
    let xero = XeroStandIn::start().await;
    let app = start_with_default_limits(&xero).await;
    let second = app.start_second_host().await;
    app.clock.advance(SignedDuration::from_mins(31));
    check_health_at_once(&[&app, &second], REQUESTS).await;
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_and_the_call_retried() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    // The provider's clock is ahead; by our clock the token has not expired yet.
    xero.shift_clock(31 * 60);
    let health = health(&app).await;
    record_secrets(&xero);
    assert_eq!(health["healthy"], true, "{health}");
    assert_eq!(xero.refreshes().len(), 1);
}

#[tokio::test]
async fn a_missing_scope_is_not_treated_as_expiry() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    xero.withhold_scope("accounting.settings.read");
    let health = health(&app).await;
    assert_eq!((&health["healthy"], &health["code"]), (&json!(false), &json!("permission_missing")), "{health}");
    assert!(xero.refreshes().is_empty(), "refreshing would not help");
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_does_not_kill_the_grant() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    for (fail, code) in [
        (Failure::Status(503), "provider_error"),
        (Failure::Html, "provider_error"),
        (Failure::CutJson, "provider_error"),
        (Failure::Reset, "provider_error"),
        (Failure::Response(StandInResponse::json(&json!({ "error": "invalid_client" })).status(401)), "provider_error"),
        (
            Failure::Response(StandInResponse::json(&json!({ "error": "temporarily_unavailable" })).status(400)),
            "provider_error",
        ),
    ] {
        xero.fail_at("/connect/token", fail.clone());
        let health = health(&app).await;
        assert_eq!((&health["healthy"], health["code"].as_str()), (&json!(false), Some(code)), "{fail:?} {health}");
        let status = status(&app).await;
        assert_eq!(status["status"], "degraded", "{fail:?}");
        assert!(status["retry_at"].is_string());
        xero.recover();
    }
    assert_eq!(health(&app).await["healthy"], true, "the grant is alive");
    record_secrets(&xero);
    assert_eq!(status(&app).await["status"], "connected");
}

#[tokio::test]
async fn a_429_from_the_token_endpoint_delays_the_connection() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    xero.fail_at("/connect/token", Failure::TooManyRequests { retry_after: None });
    assert_eq!(health(&app).await["code"], "rate_limited");
    xero.recover();
    app.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(health(&app).await["healthy"], true);
    record_secrets(&xero);
}

#[tokio::test]
async fn only_invalid_grant_kills_the_grant() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    xero.revoke(super::oauth::CLIENT_ID);
    app.clock.advance(SignedDuration::from_mins(31));
    let health = health(&app).await;
    assert_eq!((&health["healthy"], &health["code"]), (&json!(false), &json!("needs_reauth")), "{health}");
    let status = status(&app).await;
    assert_eq!(status["status"], "needs_reauth");
    assert!(text(&status, "reason").contains("invalid_grant"), "{status}");
    // A connection with a dead grant can be removed and connected again.
    let gone = app.delete(XERO).await.ok();
    assert_eq!(gone["upstream"], "revoked", "{gone}");
}

#[tokio::test]
async fn a_lost_response_is_retried_with_the_same_token() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    // Xero issues the tokens, and the response never arrives.
    xero.fail_at("/connect/token", Failure::CutOff(20));
    assert_eq!(health(&app).await["healthy"], false);
    xero.recover();
    record_secrets(&xero);
    assert_eq!(health(&app).await["healthy"], true);
    record_secrets(&xero);
    let sent = xero.refreshes();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].token, sent[1].token);
}

#[tokio::test]
async fn a_response_lost_for_too_long_is_given_as_the_reason() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    xero.fail_at("/connect/token", Failure::CutOff(20));
    assert_eq!(health(&app).await["healthy"], false);
    record_secrets(&xero);
    xero.recover();
    app.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(health(&app).await["code"], "needs_reauth");
    let reason = text(&status(&app).await, "reason");
    assert!(reason.contains("was lost") && reason.contains("1800 s"), "{reason}");
}

#[tokio::test]
async fn a_refresh_is_taken_over_from_a_host_that_has_crashed() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    app.tamper("update grants set holder_host = 'gone', holder_run = 'gone', beat = 7, asked_at = 1").await;
    let begun = std::time::Instant::now();
    assert_eq!(health(&app).await["healthy"], true);
    record_secrets(&xero);
    assert!(begun.elapsed() > Duration::from_secs(2), "another host may only be slow");
    assert_eq!(xero.refreshes().len(), 1);
}

#[tokio::test]
async fn a_refresh_that_ends_after_a_disconnect_restores_nothing() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    xero.hold();
    let path = format!("{XERO}/health");
    let asked = xero.requests_to("/connect/token").len();
    let (health, disconnected) = tokio::join!(app.get(&path), async {
        while xero.requests_to("/connect/token").len() == asked {
            tokio::task::yield_now().await;
        }
        let disconnected = disconnect_without_asking(&app).await;
        xero.release();
        disconnected
    });
    record_secrets(&xero);
    assert_eq!((health.status, &disconnected["upstream"]), (200, &json!("failed")));
    assert_nothing_is_left(&app).await;
}

/// Disconnects Xero while its plugin is disabled, because a disconnect that asks the provider waits for a refresh.
async fn disconnect_without_asking(app: &TestApp) -> serde_json::Value {
    let entry = app.get("/api/admin/providers").await.ok()["providers"][0].clone();
    let approve = json!({ "digest": entry["digest"] });
    let _ = app.send(Method::POST, "/api/admin/providers/xero/approve", Some(approve)).await.ok();
    let _ = app.send(Method::POST, "/api/admin/providers/xero/disable", None).await.ok();
    app.delete(XERO).await.ok()
}

/// Fails if a connection, a grant or one of their secrets is stored.
async fn assert_nothing_is_left(app: &TestApp) {
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
    assert_eq!(app.store.oauth_grant_times().await.expect("the database answers"), []);
    let sealed = app.store.sealed_owners().await.expect("the database answers");
    let sealed: Vec<&String> = sealed.iter().filter(|owner| !owner.starts_with("oauth_flows")).collect();
    assert!(sealed.is_empty(), "{sealed:?}");
}

#[tokio::test]
async fn a_refresh_that_commits_during_a_disconnect_leaves_no_secret_behind() {
    // Only PostgreSQL lets two transactions write at once. Its insert of the new tokens waits for a lock of the test.
    const WAIT_ON_INSERT: &str = "create function wait_for_test() returns trigger as $$ begin \
         perform pg_advisory_xact_lock_shared(42); return new; end $$ language plpgsql; \
         create trigger wait_for_test before insert on sealed_values \
         for each row when (new.owner_table = 'grants') execute function wait_for_test();";
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_mins(31));
    let held = if app.is_on_postgres() {
        app.tamper(WAIT_ON_INSERT).await;
        Some(app.hold_lock("select pg_advisory_xact_lock(42)").await)
    } else {
        None
    };
    let path = format!("{XERO}/health");
    let (health, disconnected) = tokio::join!(app.get(&path), async {
        let mut disconnected = Box::pin(disconnect_without_asking(&app));
        let Some(held) = held else { return disconnected.await };
        app.wait_for_rows("select 1 from pg_locks where locktype = 'advisory' and not granted").await;
        let deleting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from%'";
        tokio::select! {
            early = &mut disconnected => panic!("the disconnect did not wait for the refresh: {early}"),
            () = app.wait_for_rows(deleting) => {}
        }
        held.release().await;
        disconnected.await
    });
    record_secrets(&xero);
    assert_eq!((health.status, &disconnected["upstream"]), (200, &json!("failed")));
    assert_nothing_is_left(&app).await;
}

#[tokio::test]
async fn secrets_without_a_connection_are_deleted_at_the_start() {
    let xero = XeroStandIn::start().await;
    let mut app = start_connected(&xero).await;
    app.tamper("delete from grants").await;
    app.tamper("delete from connections").await;
    app.stop().await;
    let app = app.start_again().await;
    assert_nothing_is_left(&app).await;
}

#[tokio::test]
async fn an_unused_grant_is_refreshed_long_before_it_expires() {
    let xero = XeroStandIn::start().await;
    let app = start_connected(&xero).await;
    app.clock.advance(SignedDuration::from_hours(29 * 24));
    app.connections.refresh_due_grants().await;
    assert!(xero.refreshes().is_empty(), "it is not refreshed yet");
    app.clock.advance(SignedDuration::from_hours(2 * 24));
    app.connections.refresh_due_grants().await;
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
}
