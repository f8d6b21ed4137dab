//! Disconnecting while the database or the provider fails: the credential is not revoked, or the disconnect is recorded
//! and completed.

use std::time::Duration;

use jackfield_test_support::{app::TestApp, slack::SlackStandIn, stand_in_server::Failure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    SLACK, add_token, body, eventually, start_connected, start_connected_with, with_short_timeouts, with_slack,
};

const REVOKE: &str = "/api/auth.revoke";

/// Makes every delete of a connection fail, until [`UNPIN`] runs.
const PIN: &str = "create table pin (connection text not null references connections (id)); \
                   insert into pin (connection) select id from connections;";

const UNPIN: &str = "drop table pin";

async fn list(app: &TestApp) -> Value {
    app.get("/api/admin/connections").await.ok()["connections"].clone()
}

/// Starts a disconnect that cannot delete the connection.
async fn start_interrupted(slack: &SlackStandIn) -> TestApp {
    let (app, token) = start_connected(slack).await;
    app.tamper(PIN).await;
    let problem = app.delete(SLACK).await.problem(503, "overloaded");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("is recorded and is completed"), "{problem}");
    assert!(!slack.is_alive(&token));
    let listed = list(&app).await;
    assert_eq!(listed[0]["status"], "degraded", "{listed}");
    let reason = listed[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("executive started to disconnect it at "), "{reason}");
    assert_eq!(listed[0]["disconnect"]["by"], "executive", "{listed}");
    assert!(listed[0]["disconnect"]["at"].is_string(), "{listed}");
    app.tamper(UNPIN).await;
    app
}

/// Fails unless the newest audit row says that an interrupted disconnect was completed.
async fn assert_completed(app: &TestApp) {
    assert_eq!(list(app).await, json!([]));
    let rows = app.get("/api/admin/audit?action=connection.disconnect").await.ok();
    let detail = rows["entries"][0]["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("completes the disconnect that executive started at "), "{rows}");
    assert_eq!(app.store.sealed_owners().await.expect("the database answers"), Vec::<String>::new());
}

#[tokio::test]
async fn a_disconnect_that_cannot_be_recorded_revokes_nothing() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    let held = app.hold_writes().await;
    let problem = app.delete(SLACK).await.problem(503, "overloaded");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("nothing was revoked")), "{problem}");
    held.release().await;
    assert!(slack.requests_to(REVOKE).is_empty());
    assert!(slack.is_alive(&token));
    assert_eq!(list(&app).await[0]["status"], "connected");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(app.delete(SLACK).await.ok()["upstream"], "revoked");
}

#[tokio::test]
async fn a_disconnect_that_could_not_delete_is_completed_by_the_next_one() {
    let slack = SlackStandIn::start().await;
    let app = start_interrupted(&slack).await;
    let gone = app.delete(SLACK).await.ok();
    assert_eq!(gone["upstream"], "revoked", "{gone}");
    assert_completed(&app).await;
}

#[tokio::test]
async fn a_disconnect_that_could_not_delete_is_completed_by_any_host_after_a_while() {
    let slack = SlackStandIn::start().await;
    let app = start_interrupted(&slack).await;
    app.connections.complete_interrupted_disconnects().await;
    assert_eq!(list(&app).await.as_array().map(Vec::len), Some(1), "it might still be running");
    app.clock.advance(SignedDuration::from_mins(6));
    app.connections.complete_interrupted_disconnects().await;
    assert_completed(&app).await;
}

#[tokio::test]
async fn a_disconnect_that_could_not_delete_is_completed_at_the_next_start() {
    let slack = SlackStandIn::start().await;
    let mut app = start_interrupted(&slack).await;
    app.stop().await;
    let app = app.start_again().await;
    let connections = || app.get("/api/admin/connections");
    let _list = eventually(connections, |list| list.json()["connections"] == json!([])).await;
    assert_completed(&app).await;
}

#[tokio::test]
async fn a_connect_cancels_a_disconnect_that_was_interrupted() {
    let slack = SlackStandIn::start().await;
    let app = start_interrupted(&slack).await;
    assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.ok()["ok"], true);
    app.clock.advance(SignedDuration::from_mins(6));
    app.connections.complete_interrupted_disconnects().await;
    assert_eq!(list(&app).await[0]["status"], "connected");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_does_not_prevent_a_disconnect() {
    for failure in [Failure::Hang(Duration::from_mins(10)), Failure::Reset, Failure::Status(503)] {
        let slack = SlackStandIn::start().await;
        let (app, _) = start_connected_with(&slack, with_short_timeouts(with_slack(&slack))).await;
        slack.fail_at(REVOKE, failure.clone());
        let gone = app.delete(SLACK).await.ok();
        assert_eq!(gone["upstream"], "failed", "{failure:?} {gone}");
        assert_eq!(list(&app).await, json!([]), "{failure:?}");
    }
}
