//! Productive through the host: a single organisation is used, several must be chosen from, and the field decides
//! directly.

use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    marked,
    productive::{HOST, ORGANIZATION, ProductiveStandIn},
};
use serde_json::json;

use super::oauth::text;

const PRODUCTIVE: &str = "/api/admin/connections/productive";

fn with_productive(productive: &ProductiveStandIn) -> TestAppBuilder {
    TestApp::builder().component("productive").reroute(HOST, productive)
}

fn add_token(productive: &ProductiveStandIn) -> String {
    let token = marked::secret("");
    productive.add_token(&token);
    token
}

#[tokio::test]
async fn a_single_organisation_is_used() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).start().await;
    let token = add_token(&productive);
    let connected = app.put(PRODUCTIVE, json!({ "api_token": token })).await.ok();
    assert_eq!(connected["org_name"], "Acme Instruments", "{connected}");
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["organisation"], "Acme Instruments");
    let users = app.get(&format!("{PRODUCTIVE}/users")).await.ok();
    assert!(
        users["users"].as_array().expect("users").iter().any(|user| user["active"] == false),
        "inactive ones as well"
    );
    let gone = app.delete(PRODUCTIVE).await.ok();
    assert_eq!(gone["upstream"], "kept");
    assert!(text(&gone, "note").contains("Settings"), "{gone}");
}

#[tokio::test]
async fn several_organisations_are_a_choice() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).start().await;
    let token = add_token(&productive);
    productive.join(&token, "4202", "Acme Trading");
    let undecided = app.put(PRODUCTIVE, json!({ "api_token": token })).await.ok();
    assert_eq!(undecided["accounts"].as_array().expect("accounts").len(), 2, "{undecided}");
    let chosen = app.put(&format!("{PRODUCTIVE}/account"), json!({ "id": ORGANIZATION })).await.ok();
    assert_eq!(chosen["org_name"], "Acme Instruments");
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["healthy"], true);
    // It can be chosen again, and a new token of the same person keeps the choice.
    let other = app.put(&format!("{PRODUCTIVE}/account"), json!({ "id": "4202" })).await.ok();
    assert_eq!(other["org_name"], "Acme Trading");
    let fresh = add_token(&productive);
    productive.join(&fresh, "4202", "Acme Trading");
    assert_eq!(app.put(PRODUCTIVE, json!({ "api_token": fresh })).await.ok()["org_name"], "Acme Trading");
}

#[tokio::test]
async fn the_field_chooses_an_organisation_and_a_wrong_one_is_named() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).start().await;
    let token = add_token(&productive);
    productive.join(&token, "4202", "Acme Trading");
    let body = json!({ "api_token": token, "organization_id": "4202" });
    assert_eq!(app.put(PRODUCTIVE, body).await.ok()["org_name"], "Acme Trading");
    let wrong = app.put(PRODUCTIVE, json!({ "organization_id": "9" })).await.problem(422, "invalid_request");
    assert_eq!(wrong["errors"][0]["field"], "organization_id");
    assert_eq!(app.get(&format!("{PRODUCTIVE}/status")).await.ok()["organization_id"], "4202");
}

#[tokio::test]
async fn leaving_the_organisation_and_a_revoked_token_have_different_errors() {
    let productive = ProductiveStandIn::start().await;
    let app = with_productive(&productive).start().await;
    let token = add_token(&productive);
    assert_eq!(app.put(PRODUCTIVE, json!({ "api_token": token })).await.ok()["ok"], true);
    productive.leave(&token, ORGANIZATION);
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["code"], "permission_missing");
    productive.revoke(&token);
    assert_eq!(app.get(&format!("{PRODUCTIVE}/health")).await.ok()["code"], "needs_reauth");
}
