//! Scrapin through the host: the key in a header or the query, no users, and the target of change alerts.

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    marked,
    scrapin::{AlertsApi, HOST, QuotasFormat, ScrapinStandIn},
    stand_in_server::Failure,
};
use serde_json::{Value, json};

const SCRAPIN: &str = "/api/admin/connections/scrapin";
const ALERTS: &str = "/api/admin/connections/scrapin/alerts-config";

fn with_scrapin(scrapin: &ScrapinStandIn) -> TestAppBuilder {
    TestApp::builder().component("scrapin").reroute(HOST, scrapin)
}

async fn start_connected(scrapin: &ScrapinStandIn) -> (TestApp, String) {
    let app = with_scrapin(scrapin).start().await;
    let key = marked::secret("");
    scrapin.add_token(&key);
    let connected = app.put(SCRAPIN, json!({ "api_key": key, "org_name": "Acme" })).await.ok();
    assert_eq!(connected, json!({ "ok": true, "org_name": "Acme" }));
    (app, key)
}

async fn set(app: &TestApp, url: &str) -> jackfield_test_support::app::TestResponse {
    app.send(Method::POST, ALERTS, Some(json!({ "webhook_url": url }))).await
}

#[tokio::test]
async fn a_key_connects_and_reports_remaining_credits() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, key) = start_connected(&scrapin).await;
    let health = app.get(&format!("{SCRAPIN}/health")).await.ok();
    assert_eq!((&health["healthy"], health["credits_left"].is_number()), (&json!(true), true), "{health}");
    let _ = app.get(&format!("{SCRAPIN}/users")).await.problem(409, "unsupported");
    let quotas = scrapin.requests_to("/v1/workspaces/quotas");
    assert!(quotas.iter().all(|request| request.header("x-api-key") == Some(key.as_str()) && request.query.is_none()));
    scrapin.set_quotas(QuotasFormat::Old).set_credits(0.0);
    assert_eq!(app.get(&format!("{SCRAPIN}/health")).await.ok()["credits_left"], 0.0);
    scrapin.revoke(&key);
    assert_eq!(app.get(&format!("{SCRAPIN}/health")).await.ok()["code"], "needs_reauth");
}

#[tokio::test]
async fn alerts_are_set_read_and_stopped_with_the_connection() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, _) = start_connected(&scrapin).await;
    assert_eq!(app.get(ALERTS).await.ok(), json!({ "configured": false, "webhook_url": null }));
    let url = "https://hooks.acme.example/scrapin/3f1c9a52";
    assert_eq!(set(&app, url).await.ok(), json!({ "ok": true, "webhook_url": url }));
    assert_eq!(app.get(ALERTS).await.ok(), json!({ "configured": true, "webhook_url": url }));
    assert_eq!(scrapin.alert_url().as_deref(), Some(url));
    assert_eq!(set(&app, "").await.ok(), json!({ "ok": true, "webhook_url": null }), "an empty address turns them off");
    assert_eq!(app.get(ALERTS).await.ok(), json!({ "configured": false, "webhook_url": null }));
    assert_eq!(scrapin.alert_url(), None);
    assert_eq!(set(&app, url).await.ok(), json!({ "ok": true, "webhook_url": url }));
    assert_eq!(app.delete(SCRAPIN).await.ok()["upstream"], "kept");
    assert_eq!(scrapin.alert_url(), None, "nothing is sent after the disconnect");
}

#[tokio::test]
async fn an_alert_url_that_is_not_public_https_is_rejected_and_not_sent() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, _) = start_connected(&scrapin).await;
    scrapin.clear_requests();
    for url in [
        "http://hooks.acme.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://metadata.google.internal/x",
        "https://user@hooks.acme.example/x",
        "https://hooks.acme.example:8443/x",
        "nonsense",
    ] {
        let problem = set(&app, url).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "webhook_url", "{url}");
    }
    assert!(scrapin.requests().is_empty());
}

#[tokio::test]
async fn an_alert_url_that_contains_the_key_is_rejected_and_does_not_pause_the_plugin() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, key) = start_connected(&scrapin).await;
    let problem = set(&app, &format!("https://hooks.acme.example/{key}")).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["field"], "webhook_url", "{problem}");
    assert!(!problem.to_string().contains(&key), "{problem}");
    assert_eq!(set(&app, "https://hooks.acme.example/1").await.ok()["ok"], true);
}

#[tokio::test]
async fn unavailable_alerts_are_reported_and_other_providers_have_none() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, _) = start_connected(&scrapin).await;
    scrapin.set_alerts(AlertsApi::Gone);
    let _ = set(&app, "https://hooks.acme.example/x").await.problem(409, "unsupported");
    assert_eq!(app.delete(SCRAPIN).await.ok()["ok"], true);
    let _ = app.get(ALERTS).await.problem(409, "not_connected");
}

#[tokio::test]
async fn alerts_that_fail_worsen_the_connection_and_alerts_that_work_heal_it() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, _) = start_connected(&scrapin).await;
    scrapin.fail(Failure::Status(503));
    let _ = app.get(ALERTS).await.problem(502, "provider_error");
    let connection = &app.get("/api/admin/connections").await.ok()["connections"][0];
    assert_eq!((&connection["status"], &connection["last_check"]["healthy"]), (&json!("degraded"), &json!(false)));
    scrapin.recover();
    let _ = app.get(ALERTS).await.ok();
    let connection = &app.get("/api/admin/connections").await.ok()["connections"][0];
    assert_eq!((&connection["status"], &connection["last_check"]["healthy"]), (&json!("connected"), &json!(true)));
}

#[tokio::test]
async fn no_alerts_response_contains_the_key() {
    let scrapin = ScrapinStandIn::start().await;
    let (app, key) = start_connected(&scrapin).await;
    let _ = set(&app, "https://hooks.acme.example/x").await.ok();
    let asked = scrapin.requests_to("/v1/alerts/url");
    assert!(asked.iter().any(|request| request.query_pairs().contains(&("apikey".to_owned(), key.clone()))));
    let audit: Value = app.get("/api/admin/audit").await.ok();
    assert!(!audit.to_string().contains(&key), "{audit}");
    assert!(audit.to_string().contains("connection.alerts"), "{audit}");
}
