//! The OAuth app of the settings goes only to endpoints of versions that an Executive has approved, or with which it
//! was first used.

use std::collections::BTreeMap;

use http::Method;
use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, digest},
    guests,
    xero::{TENANT, XeroStandIn},
};
use serde_json::{Value, json};

use super::{
    edited_rows::columns::edits,
    oauth::{self, XERO, text},
    secret_destinations::{PROVIDERS, approve, component_with_host, upload},
};

/// A service with the app of the settings, whose plugin an Executive has approved and connected.
async fn start_connected(xero: &XeroStandIn, stranger: &XeroStandIn) -> TestApp {
    let builder = oauth::with_xero(xero).trust(Trust::Shipped(BTreeMap::new()));
    let app = builder.reroute("identitz.xero.com", stranger).start().await;
    approve(&app, "xero", &guests::read_component("xero")).await;
    assert_eq!(oauth::connect(&app, xero, &[TENANT]).await.ok()["ok"], true);
    oauth::record_secrets(xero);
    app
}

/// Returns a plugin with another token endpoint.
fn other_plugin() -> Vec<u8> {
    component_with_host("xero", "identity.xero.com", "identitz.xero.com")
}

/// Returns the red warning about the app of the settings.
fn find_warning(version: &Value) -> Option<String> {
    let risks = version["risks"].as_array().expect("risks").iter();
    let mut risks = risks.filter(|risk| risk["kind"] == "new_token_endpoint" && risk["danger"] == true);
    risks.find(|risk| text(risk, "what").contains("app in the settings")).map(|risk| text(risk, "what"))
}

/// Removes the plugin, and lets another one with its id be approved without an Executive.
async fn replace_automatically(mut app: TestApp) -> TestApp {
    let _ = app.delete(&format!("{PROVIDERS}/xero")).await.ok();
    app.stop().await;
    let shipped = BTreeMap::from([("xero".to_owned(), digest(&other_plugin()))]);
    let app = app.with_trust(Trust::Shipped(shipped)).start_again().await;
    let uploaded = upload(&app, &other_plugin()).await;
    assert_eq!((&uploaded["state"], &uploaded["digest"]), (&json!("approved"), &json!(digest(&other_plugin()))));
    app
}

#[tokio::test]
async fn an_app_of_the_settings_goes_to_another_token_endpoint_only_if_an_executive_approved_it() {
    let (xero, stranger) = (XeroStandIn::start().await, XeroStandIn::start().await);
    let app = replace_automatically(start_connected(&xero, &stranger).await).await;
    let listed = app.get(PROVIDERS).await.ok()["providers"][0].clone();
    let warning = find_warning(&listed).expect("a warning");
    assert!(warning.contains("identitz.xero.com (token endpoint https://identitz.xero.com/"), "{warning}");
    let refused = app.get(&format!("{XERO}/auth-url")).await.problem(409, "unsupported");
    for words in ["identitz.xero.com (token endpoint", "jackfield plugin approve xero", "roll the plugin back"] {
        assert!(text(&refused, "detail").contains(words), "{words}: {refused}");
    }
    assert_eq!(app.delete(XERO).await.ok()["upstream"], "failed", "the secret is not sent for a revocation either");
    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());

    approve(&app, "xero", &other_plugin()).await;
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
    let audit = app.get("/api/admin/audit?action=provider.oauth_app").await.ok();
    assert!(text(&audit["entries"][0], "detail").contains("may also be sent to identitz.xero.com"), "{audit}");
    // The first plugin may come back.
    approve(&app, "xero", &guests::read_component("xero")).await;
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
}

#[tokio::test]
async fn another_plugin_of_the_same_id_shows_in_red_where_the_app_of_the_settings_would_go() {
    let (xero, stranger) = (XeroStandIn::start().await, XeroStandIn::start().await);
    let app = start_connected(&xero, &stranger).await;
    let _ = app.delete(&format!("{PROVIDERS}/xero")).await.ok();
    let pending = upload(&app, &other_plugin()).await;
    let versions = [vec![pending.clone()], pending["waiting"].as_array().expect("versions").clone()].concat();
    assert_eq!(versions.len(), 2, "{pending}");
    for version in versions {
        let is_other = version["digest"] == digest(&other_plugin());
        assert_eq!(find_warning(&version).is_some(), is_other, "{version}");
    }
    let approved = approve(&app, "xero", &other_plugin()).await;
    assert_eq!(find_warning(&approved), None, "it is permitted now");
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
    // A rollback and the return need no other approval.
    approve(&app, "xero", &guests::read_component("xero")).await;
    let _ = app.send(Method::POST, &format!("{PROVIDERS}/xero/rollback"), None).await.ok();
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
}

#[tokio::test]
async fn an_app_of_an_older_version_belongs_to_the_plugin_that_is_approved_at_the_first_start() {
    let (xero, stranger) = (XeroStandIn::start().await, XeroStandIn::start().await);
    let mut app = start_connected(&xero, &stranger).await;
    app.stop().await;
    app.tamper("delete from configured_apps").await;
    let app = app.start_again().await;
    assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["healthy"], true, "nobody has to connect again");
    let app = replace_automatically(app).await;
    let _ = app.get(&format!("{XERO}/auth-url")).await.problem(409, "unsupported");
    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());
}

#[tokio::test]
async fn an_edited_record_of_where_an_app_goes_is_not_used_and_an_approval_replaces_it() {
    let (xero, stranger) = (XeroStandIn::start().await, XeroStandIn::start().await);
    let app = start_connected(&xero, &stranger).await;
    for (column, value) in edits("configured_apps") {
        assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200, "{column}");
        app.tamper(format!("update configured_apps set {column} = {value}")).await;
        let edited = app.get("/api/admin/service").await.ok()["edited_rows"].clone();
        assert_eq!(edited[0]["table"], "configured_apps", "{column}: {edited}");
        // Under another key, the row is that of another app, and this one counts as unused.
        if !["provider", "app"].contains(&column) {
            let refused = app.get(&format!("{XERO}/auth-url")).await.problem(503, "sealed");
            assert!(text(&refused, "detail").contains("approve the plugin again"), "{refused}");
        }
        approve(&app, "xero", &guests::read_component("xero")).await;
        app.tamper("delete from configured_apps where provider = 'other' or app = 'another'").await;
    }
    app.tamper("update configured_apps set entered_for = 'no JSON'").await;
    let _ = app.get(&format!("{XERO}/auth-url")).await.problem(503, "sealed");
    assert_eq!(app.get(PROVIDERS).await.status, 200, "it breaks no list");
}
