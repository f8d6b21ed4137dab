//! `GET …/health`, `/healthz`, `/readyz`, `/metrics`.

use jackfield_test_support::{
    app::{TestApp, client},
    people::COMPANY,
    slack::SlackStandIn,
    stand_in_server::Failure,
};
use serde_json::json;

use super::{SLACK, add_token, start_connected, with_slack};

#[tokio::test]
async fn health_returns_what_the_plugin_reports() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health["configured"], true);
    assert_eq!(health["healthy"], true);
    assert_eq!(health["team"], COMPANY);
    assert_eq!(health["channel"], "general");
    assert!(health["latency_ms"].is_u64() && health["checked_at"].is_string(), "{health}");
    assert_eq!(health.get("missing_scopes"), None);
    // Whoever opens the console later sees them too, also after work and after a failure.
    let _ = app.get(&format!("{SLACK}/users")).await.ok();
    let facts = app.get("/api/admin/connections").await.ok()["connections"][0]["last_check"]["facts"].clone();
    assert_eq!((&facts["team"], &facts["channel"]), (&json!(COMPANY), &json!("general")));
    slack.fail(Failure::Status(503));
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], false);
    slack.recover();
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["last_check"]["facts"], facts);
    slack.add_token_with_scopes(&token, &["channels:read", "users:read"]);
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health["missing_scopes"], json!(["users:read.email"]));
}

#[tokio::test]
async fn a_provider_that_is_not_connected_is_not_healthy() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health, json!({ "configured": false, "healthy": false }));
    let _ = app.get("/api/admin/connections/nowhere/health").await.problem(404, "unknown_provider");
}

#[tokio::test]
async fn a_ready_service_reports_ready_and_serves_metrics() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    assert_eq!(app.get("/healthz").await.text, "ok\n");
    let ready = app.get("/readyz").await.ok();
    assert_eq!(ready["ready"], true);
    assert_eq!(app.put(SLACK, super::body(&add_token(&slack))).await.status, 200);
    let metrics = app.get("/metrics").await.text;
    assert!(
        metrics.contains(r#"jackfield_calls_total{provider="slack",operation="connect",outcome="ok"} 1"#),
        "{metrics}"
    );
    for name in [COMPANY, "general", "slack.com", "executive"] {
        assert!(!metrics.contains(name), "{name} is visible to everyone");
    }
}

#[tokio::test]
async fn a_stopping_service_finishes_requests_in_flight() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    slack.set_latency(std::time::Duration::from_millis(400));
    slack.clear_requests();
    let asked = {
        let base = app.base.clone();
        let token = app.token(jackfield_test_support::app::TestCaller::Executive).expect("a token").to_owned();
        tokio::spawn(async move {
            let client = client();
            let answer =
                client.get(format!("{base}{SLACK}/health")).bearer_auth(token).send().await.expect("an answer");
            answer.text().await.expect("a complete response")
        })
    };
    while slack.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    app.stop().await;
    let answer = asked.await.expect("the request ends");
    assert!(answer.contains(r#""healthy":true"#), "{answer}");
}

#[tokio::test]
async fn an_empty_plugins_folder_is_no_error() {
    let app = TestApp::builder().start().await;
    assert_eq!(app.get("/api/admin/providers").await.ok(), json!({ "providers": [], "folder_problem": null }));
}
