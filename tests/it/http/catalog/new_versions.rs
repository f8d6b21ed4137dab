//! Rules that only new versions have to follow, and the risks that an Executive sees before the approval.

use std::fs;

use http::Method;
use jackfield_core::{
    ProviderId,
    audit::{Action, Actor},
};
use jackfield_egress::{Egress, EgressConfig};
use jackfield_sandbox::{Cache, Limits, Pooling, Sandbox};
use jackfield_store::{ApprovalChange, Decision, EarlierDecisions, NewAudit, NewComponent, OfferSource};
use jackfield_test_support::app::{TestApp, digest};
use serde_json::{Value, json};

use super::{
    MADE, approve, component, component_with, connect, decide, entry, start_empty, upload, upload_new, wait_until,
};

/// Builds a version that would send its token to any host below a name.
fn starred(version: &str) -> Vec<u8> {
    component_with(version, |manifest| manifest["endpoints"][0]["host"] = json!("*.made.example.com"))
}

/// Approves a version without the rules for new versions, as a version of Jackfield before these rules did.
async fn approve_as_before(app: &TestApp, bytes: &[u8]) {
    let limits = Limits { pooling: Pooling::Never, ..Limits::default() };
    let egress = Egress::new(EgressConfig::default()).expect("an egress");
    let sandbox = Sandbox::new(limits, egress, Cache::none()).expect("a sandbox");
    let component = sandbox.load(bytes.to_vec()).await.expect("a component");
    let new = NewComponent { digest: &component.digest, manifest: &component.manifest, bytes };
    app.store.offer(new, &OfferSource::Api, None).await.expect("the component is stored");
    let change = ApprovalChange {
        decisions: vec![(component.digest.clone(), Decision::Approved)],
        earlier: EarlierDecisions::Keep,
        seen_revision: app.store.catalog_revision().await.expect("a revision"),
    };
    let provider = ProviderId::parse("made").expect("an id");
    let audit = NewAudit::done(&Actor::named("earlier"), Action::ProviderApprove).with_provider(&provider);
    app.store.decide(&provider, change, audit).await.expect("the version is approved");
}

#[tokio::test]
async fn a_new_plugin_cannot_send_a_credential_to_a_host_with_a_star() {
    let app = start_empty().await;
    let refused = upload(&app, starred("1.0.0")).await.problem(422, "invalid_request");
    let why = refused["detail"].as_str().expect("a reason");
    assert!(why.contains("any host that the component chooses") && why.contains("declare the exact host"), "{why}");
    assert!(entry(&app, "made").await.is_null(), "nothing was stored");

    fs::write(app.plugins().join("made.wasm"), starred("1.0.0")).expect("the file is written to the plugins folder");
    let broken = wait_until(&app, "made", |entry| entry["state"] == "broken").await;
    assert!(broken["reason"].as_str().is_some_and(|why| why.contains("declare the exact host")), "{broken}");
    let refused = approve(&app, "made", &digest(&starred("1.0.0"))).await.problem(409, "conflict");
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("declare the exact host")), "{refused}");

    let bare = component_with("1.0.0", |manifest| {
        manifest["id"] = json!("bare");
        manifest["title"] = json!("Bare");
        manifest["endpoints"][0]["host"] = json!("*.bare.example.com");
        manifest["endpoints"][0]["credential"] = json!(null);
    });
    assert_eq!(upload_new(&app, bare).await["state"], "pending", "without a credential, a star is allowed");
}

#[tokio::test]
async fn a_new_version_that_breaks_a_rule_is_listed_and_cannot_be_approved() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    fs::write(app.plugins().join("made.wasm"), starred("1.1.0")).expect("the file is written to the plugins folder");
    let listed = wait_until(&app, "made", |entry| entry["waiting"][0]["version"] == "1.1.0").await;
    let objection = &listed["waiting"][0]["objection"];
    assert!(objection.as_str().is_some_and(|why| why.contains("declare the exact host")), "{listed}");
    let refused = approve(&app, "made", &digest(&starred("1.1.0"))).await.problem(409, "conflict");
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("declare the exact host")), "{refused}");
    assert_eq!(entry(&app, "made").await["version"], "1.0.0");

    // A version that can be approved comes first, even if its number is lower.
    upload_new(&app, component("1.0.1")).await;
    let listed = entry(&app, "made").await;
    assert_eq!((&listed["waiting"][0]["version"], &listed["waiting"][0]["objection"]), (&json!("1.0.1"), &json!(null)));
}

#[tokio::test]
async fn a_version_approved_before_a_rule_keeps_working_and_is_flagged() {
    let app = start_empty().await;
    let bytes = starred("1.0.0");
    approve_as_before(&app, &bytes).await;
    let approved = wait_until(&app, "made", |entry| entry["state"] == "approved").await;
    let risk = &approved["risks"][0];
    assert_eq!((&risk["kind"], &risk["danger"]), (&json!("not_approvable_today"), &json!(true)), "{approved}");
    assert!(risk["what"].as_str().is_some_and(|what| what.contains("*.made.example.com")), "{approved}");
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(app.get(&format!("{MADE}/users")).await.status, 200);

    let app = app.start_again().await;
    assert_eq!(app.get(&format!("{MADE}/users")).await.status, 200, "a restart does not end it either");
    let _ = decide(&app, "made", "disable").await.ok();
    let _ = approve(&app, "made", &digest(&bytes)).await.ok();
    assert_eq!(app.get(&format!("{MADE}/users")).await.status, 200, "it can be enabled again");

    upload_new(&app, component("1.1.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.1.0"))).await.ok();
    let _ = decide(&app, "made", "rollback").await.ok();
    assert_eq!(entry(&app, "made").await["version"], "1.0.0", "and restored");
}

#[tokio::test]
async fn an_executive_sees_the_risks_of_a_plugin_before_its_approval() {
    let app = start_empty().await;
    let risks = |provider: &Value| -> Vec<(String, bool)> {
        let risks = provider["risks"].as_array().expect("risks").iter();
        risks.map(|risk| (risk["kind"].to_string().replace('"', ""), risk["danger"] == true)).collect()
    };
    let first = component_with("1.0.0", |manifest| {
        manifest["fields"][0]["label"] = json!("Workspace");
        manifest["endpoints"][0]["method"] = json!("post");
        manifest["endpoints"][0]["path"] = json!("/graphql");
        manifest["endpoints"][0]["credential"]["place"] = json!({ "form": "text" });
    });
    let pending = upload_new(&app, first.clone()).await;
    assert_eq!(pending["state"], "pending", "{pending}");
    assert_eq!(risks(&pending), [("secret_in_content".to_owned(), true), ("whole_api".to_owned(), false)]);
    let what = pending["risks"][0]["what"].as_str().expect("words");
    assert!(what.contains("secret `token`") && !what.contains("Workspace"), "{what}");
    let placement = "secret `token` in the body, as the form field `text`";
    assert_eq!(pending["placements"]["POST api.made.example.com/graphql"], placement);
    let _ = approve(&app, "made", &digest(&first)).await.ok();

    let second = component_with("1.1.0", |manifest| manifest["endpoints"][0]["host"] = json!("evil.example.com"));
    let provider = upload_new(&app, second).await;
    let waiting = &provider["waiting"][0];
    assert_eq!(risks(waiting), [("secret_to_new_host".to_owned(), true)], "{waiting}");
    assert!(waiting["risks"][0]["what"].as_str().is_some_and(|what| what.contains("evil.example.com")), "{waiting}");
}

/// Builds a version that is authorized with OAuth, with tokens from this URL.
fn with_token_url(version: &str, url: &str) -> Vec<u8> {
    component_with(version, |manifest| {
        manifest["auth"] = json!({ "oauth2": {
            "authorize-url": "https://login.made.example.com/authorize", "token-url": url, "revocation-url": null,
            "issuer": null, "scopes": ["read"], "authorize-parameters": [], "client-authentication": "basic",
            "refresh": "reusable", "idle-lifetime": null,
        } });
    })
}

#[tokio::test]
async fn a_version_with_another_token_endpoint_is_shown_in_red() {
    let app = start_empty().await;
    let first = with_token_url("1.0.0", "https://login.made.example.com/token");
    upload_new(&app, first.clone()).await;
    let _ = approve(&app, "made", &digest(&first)).await.ok();
    let provider = upload_new(&app, with_token_url("1.1.0", "https://evil.example.com/token")).await;
    let risk = &provider["waiting"][0]["risks"][0];
    assert_eq!((&risk["kind"], &risk["danger"]), (&json!("new_token_endpoint"), &json!(true)), "{provider}");
    let what = risk["what"].as_str().expect("words");
    assert!(what.contains("the client secret of the app would be sent to a new token endpoint"), "{what}");
    assert!(what.contains("https://evil.example.com/token instead of https://login.made.example.com/token"), "{what}");
    let refused = upload(&app, with_token_url("1.2.0", "https://login.made.example.com/token?client_secret=x")).await;
    let refused = refused.problem(422, "invalid_request");
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("reserved for the host")), "{refused}");
    let list = app.send(Method::GET, super::PROVIDERS, None).await.ok();
    assert_eq!(list["providers"][0]["state"], "approved");
}
