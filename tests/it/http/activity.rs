//! `GET /api/admin/providers/{provider}/activity`: what a plugin's calls did and used, and the same in the metrics.

use jackfield_test_support::{app::TestApp, hostile, marked, slack::SlackStandIn, stand_in_server::Failure};
use serde_json::{Value, json};

use super::{SLACK, start_connected};

const ACTIVITY: &str = "/api/admin/providers/slack/activity";

fn row<'a>(page: &'a Value, operation: &str) -> &'a Value {
    let rows = page["operations"].as_array().expect("operations");
    rows.iter().find(|row| row["operation"] == operation).unwrap_or_else(|| panic!("no {operation} in {page}"))
}

#[tokio::test]
async fn the_activity_page_shows_what_calls_did_and_used() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let before = app.get(ACTIVITY).await.ok();
    assert_eq!(row(&before, "connect")["calls"], 1);
    let _ = app.get(&format!("{SLACK}/health")).await.ok();
    slack.fail_next(1, Failure::Status(503));
    let _ = app.get(&format!("{SLACK}/health")).await.ok();

    let page = app.get(ACTIVITY).await.ok();
    let health = row(&page, "health");
    assert_eq!((&health["calls"], &health["errors"]), (&json!(2), &json!({ "provider_error": 1 })), "{page}");
    assert_eq!((&health["requests"], &health["denied"]), (&json!(3), &json!(0)), "{page}");
    for number in ["total_ms", "guest_ms", "upstream_ms", "memory_bytes", "received_bytes"] {
        assert!(health[number].as_f64().is_some_and(|number| number > 0.0), "{number} in {page}");
    }
    assert!(health["guest_ms"].as_f64() < health["total_ms"].as_f64(), "{page}");
    let metrics = app.get("/metrics").await.text;
    assert!(
        metrics.contains(r#"jackfield_call_requests_total{provider="slack",operation="health"} 3"#)
            && metrics.contains(r#"jackfield_call_memory_bytes{provider="slack",operation="health"}"#),
        "{metrics}"
    );
    let _ = app.get("/api/admin/providers/nowhere/activity").await.problem(404, "unknown_provider");
}

#[tokio::test]
async fn a_denied_request_is_counted_for_its_plugin() {
    let upstream = hostile::start().await.expect("a stand-in");
    let app = TestApp::builder().component("guests/hostile").reroute(hostile::HOST, &upstream).start().await;
    let connection = "/api/admin/connections/hostile";
    let body = json!({ "behaviour": "undeclared-method", "token": marked::secret("tok-") });
    assert_eq!(app.put(connection, body).await.ok()["ok"], true);
    let _ = app.get(&format!("{connection}/health")).await.ok();
    let page = app.get("/api/admin/providers/hostile/activity").await.ok();
    let health = row(&page, "health");
    assert_eq!((&health["denied"], &health["requests"]), (&json!(5), &json!(0)), "{page}");
}
