//! The other plugins that connect with a token: each component in its sandbox, against its stand-in.

use std::collections::HashSet;

use jackfield_test_support::{
    app::TestApp,
    marked,
    people::{COMPANY, PEOPLE},
    productive::{self, ProductiveStandIn},
    remote::{self, RemoteStandIn},
    scrapin::{self, ScrapinStandIn},
};
use serde_json::json;

const PRODUCTIVE: &str = "/api/admin/connections/productive";
const REMOTE: &str = "/api/admin/connections/remote";
const SCRAPIN: &str = "/api/admin/connections/scrapin";

async fn with_productive(productive: &ProductiveStandIn) -> TestApp {
    TestApp::builder().component("productive").reroute(productive::HOST, productive).start().await
}

async fn with_remote(remote: &RemoteStandIn) -> TestApp {
    let builder = TestApp::builder().component("remote");
    builder.reroute(remote::PRODUCTION, remote).reroute(remote::SANDBOX, remote).start().await
}

async fn with_scrapin(scrapin: &ScrapinStandIn) -> TestApp {
    TestApp::builder().component("scrapin").reroute(scrapin::HOST, scrapin).start().await
}

/// Returns the ids of all users, read in pages of a size.
async fn users(app: &TestApp, connection: &str, limit: u32) -> HashSet<String> {
    let (mut ids, mut query) = (HashSet::new(), format!("limit={limit}"));
    loop {
        let page = app.get(&format!("{connection}/users?{query}")).await.ok();
        for user in page["users"].as_array().expect("users") {
            let id = user["external_id"].as_str().expect("an id").to_owned();
            assert!(ids.insert(id), "{user} twice");
        }
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        query = format!("cursor={next}");
    }
}

#[tokio::test]
async fn productive_lists_each_user_once() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).await;
    let token = marked::secret("productive-");
    productive.add_token(&token);

    assert_eq!(app.put(PRODUCTIVE, json!({"api_token": token})).await.ok()["org_name"], COMPANY);
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["organisation"], COMPANY);
    // Later pages without a size keep the size of the first.
    assert_eq!(users(&app, PRODUCTIVE, 70).await.len(), PEOPLE);
    productive.ignore_filters();
    assert_eq!(users(&app, PRODUCTIVE, 200).await.len(), PEOPLE);
}

#[tokio::test]
async fn productive_reports_when_to_retry_and_when_the_token_is_revoked() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).await;
    let token = marked::secret("productive-");
    productive.add_token(&token);
    let _ = app.put(PRODUCTIVE, json!({"api_token": token})).await.ok();

    productive.leave(&token, productive::ORGANIZATION);
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["code"], "permission_missing");
    productive.revoke(&token);
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["code"], "needs_reauth");
    productive.add_token(&token).set_requests_left(0);
    let limited = app.get(&format!("{PRODUCTIVE}/users")).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
}

#[tokio::test]
async fn remote_distinguishes_a_wrong_environment_from_a_revoked_token() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).await;
    let (live, test) = (marked::secret("ra_live_"), marked::secret("ra_test_"));
    remote.add_token(&live).add_token(&test);

    let wrong = app.put(REMOTE, json!({"api_token": test})).await.problem(422, "invalid_request");
    assert_eq!(wrong["errors"][0]["field"], "environment");
    let unknown = marked::secret("ra_live_");
    let _ = app.put(REMOTE, json!({"api_token": unknown})).await.problem(422, "credential_rejected");
    let _ = app.put(REMOTE, json!({"api_token": test, "environment": "sandbox"})).await.ok();
    assert_eq!(app.get(&format!("{REMOTE}/health")).await.ok()["environment"], "sandbox");
    let _ = app.put(REMOTE, json!({"api_token": live, "environment": "production"})).await.ok();
    let health = app.get(&format!("{REMOTE}/health")).await.ok();
    assert_eq!((&health["environment"], &health["company_status"]), (&json!("production"), &json!("active")));
}

#[tokio::test]
async fn remote_lists_each_employment_once_and_reads_retry_hints_in_milliseconds() {
    let remote = RemoteStandIn::start().await;
    let app = with_remote(&remote).await;
    let token = marked::secret("ra_live_");
    remote.add_token(&token).hide_company();
    let _ = app.put(REMOTE, json!({"api_token": token})).await.ok();

    assert_eq!(app.get(&format!("{REMOTE}/health")).await.ok()["company_status"], "unknown");
    assert_eq!(users(&app, REMOTE, 90).await.len(), PEOPLE);
    remote.set_requests_left(0);
    let limited = app.get(&format!("{REMOTE}/users")).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
}

#[tokio::test]
async fn scrapin_stops_its_alerts_when_it_is_disconnected() {
    let scrapin = ScrapinStandIn::start().await;
    let app = with_scrapin(&scrapin).await;
    let key = marked::secret("scrapin-");
    scrapin.add_token(&key).send_alerts_to("https://hooks.acme.example/a7f3");

    assert_eq!(app.put(SCRAPIN, json!({"api_key": key, "org_name": "Acme"})).await.ok()["org_name"], "Acme");
    assert_eq!(app.get(&format!("{SCRAPIN}/health")).await.ok()["credits_left"], scrapin::CREDITS);
    let _ = app.get(&format!("{SCRAPIN}/users")).await.problem(409, "unsupported");
    assert_eq!(app.delete(SCRAPIN).await.ok()["upstream"], "kept");
    assert_eq!(scrapin.alert_url(), None);
}

#[tokio::test]
async fn scrapin_accepts_a_key_that_only_the_quotas_reject() {
    let scrapin = ScrapinStandIn::start().await;
    let app = with_scrapin(&scrapin).await;
    let key = marked::secret("scrapin-");
    scrapin.add_token(&key).set_quotas(scrapin::QuotasFormat::Refused);
    // A 404 says that no alert is set or that the route is gone, and nothing about the key.
    let _ = app.put(SCRAPIN, json!({"api_key": key})).await.problem(422, "credential_rejected");
    scrapin.send_alerts_to("https://hooks.acme.example/a7f3");
    let _ = app.put(SCRAPIN, json!({"api_key": key})).await.ok();

    scrapin.set_quotas(scrapin::QuotasFormat::Unpaid);
    assert_eq!(app.get(&format!("{SCRAPIN}/health")).await.ok()["credits_left"], 0.0);
    scrapin.set_quotas(scrapin::QuotasFormat::Refused).set_alerts(scrapin::AlertsApi::NoRoute);
    assert_eq!(app.get(&format!("{SCRAPIN}/health")).await.ok()["code"], "needs_reauth");
}
