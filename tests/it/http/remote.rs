//! Remote through the host: the environment selects the host, the company must belong to the token, and a disconnect
//! deletes the mappings.

use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    marked,
    remote::{COMPANY_ID, PRODUCTION, RemoteStandIn, SANDBOX, WaitHint},
    stand_in_server::Failure,
};
use serde_json::json;

use super::oauth::text;

const REMOTE: &str = "/api/admin/connections/remote";

fn with_remote(remote: &RemoteStandIn) -> TestAppBuilder {
    TestApp::builder().component("remote").reroute(PRODUCTION, remote).reroute(SANDBOX, remote)
}

fn add_token(remote: &RemoteStandIn, prefix: &str) -> String {
    let token = marked::secret(prefix);
    remote.add_token(&token);
    token
}

#[tokio::test]
async fn a_production_token_connects_and_reports() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).start().await;
    let token = add_token(&remote, "ra_live_");
    assert_eq!(app.put(REMOTE, json!({ "api_token": token })).await.ok()["org_name"], "Acme Instruments");
    let health = app.get(&format!("{REMOTE}/health")).await.ok();
    assert_eq!((&health["company_name"], &health["environment"]), (&json!("Acme Instruments"), &json!("production")));
    assert!(health["company_status"].is_string(), "{health}");
    let users = app.get(&format!("{REMOTE}/users")).await.ok();
    assert!(!users["users"].as_array().expect("users").is_empty());
    assert_eq!(app.get(&format!("{REMOTE}/status")).await.ok()["company_id"], COMPANY_ID);
    assert!(remote.requests().iter().all(|request| request.header("host") == Some(PRODUCTION)));
}

#[tokio::test]
async fn a_token_of_the_other_environment_is_named_as_such() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).start().await;
    let token = add_token(&remote, "ra_test_");
    let wrong = app.put(REMOTE, json!({ "api_token": token })).await.problem(422, "invalid_request");
    assert_eq!(wrong["errors"][0]["field"], "environment", "{wrong}");
    assert!(text(&wrong["errors"][0], "message").contains("sandbox"), "{wrong}");
    let body = json!({ "api_token": token, "environment": "sandbox" });
    assert_eq!(app.put(REMOTE, body).await.ok()["ok"], true);
    assert_eq!(app.get(&format!("{REMOTE}/health")).await.ok()["environment"], "sandbox");
    let unknown = json!({ "api_token": marked::secret("ra_live_") });
    let _ = app.put(REMOTE, unknown).await.problem(422, "credential_rejected");
}

#[tokio::test]
async fn a_company_that_the_token_does_not_belong_to_is_rejected() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).start().await;
    let token = add_token(&remote, "ra_live_");
    let body = json!({ "api_token": token, "company_id": "11111111-2222-4333-8444-555555555555" });
    let wrong = app.put(REMOTE, body).await.problem(422, "invalid_request");
    assert_eq!(wrong["errors"][0]["field"], "company_id");
    let partner = marked::secret("ra_live_");
    remote.add_client_token(&partner);
    let refused = app.put(REMOTE, json!({ "api_token": partner })).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
}

#[tokio::test]
async fn a_retry_hint_in_milliseconds_delays_the_connection() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).start().await;
    let token = add_token(&remote, "ra_live_");
    assert_eq!(app.put(REMOTE, json!({ "api_token": token })).await.ok()["ok"], true);
    remote.set_wait_hint(WaitHint::Milliseconds(2_500)).set_requests_left(0);
    let held = app.get(&format!("{REMOTE}/users")).await;
    assert_eq!(held.header("retry-after"), Some("3"));
    let _ = held.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_disconnect_leaves_the_token_valid_and_says_where_to_revoke_it() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).start().await;
    let token = add_token(&remote, "ra_live_");
    assert_eq!(app.put(REMOTE, json!({ "api_token": token })).await.ok()["ok"], true);
    remote.fail(Failure::Status(500));
    let gone = app.delete(REMOTE).await.ok();
    assert_eq!(gone["upstream"], "kept");
    assert!(text(&gone, "note").contains("Integrations"), "{gone}");
}
