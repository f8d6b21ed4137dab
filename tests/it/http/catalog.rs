//! The catalog: new plugins are pending, approved ones serve, earlier versions serve again after a rollback.

mod breaker;
mod check_process;
mod folder;
mod imitation;
mod new_versions;
mod shipped;
mod signed;
mod stored_versions;
mod tampered;
mod version_change;

use std::collections::BTreeMap;

use http::Method;
use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse, digest, eventually},
    guests, marked,
};
use serde_json::{Value, json};

const PROVIDERS: &str = "/api/admin/providers";

const MADE: &str = "/api/admin/connections/made";

/// Builds a version of a component that lists one user of that name.
fn component(version: &str) -> Vec<u8> {
    component_with(version, |_| {})
}

fn component_with(version: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut manifest = guests::manifest();
    manifest["version"] = json!(version);
    change(&mut manifest);
    let user = json!({ "external-id": version, "name": version, "email": null, "aliases": [], "active": true });
    guests::with_users_page(&manifest, &json!({ "users": [user], "next-cursor": null }))
}

/// Builds a version that requests one more host.
fn component_with_another_host(version: &str) -> Vec<u8> {
    component_with(version, |manifest| {
        let more = json!({ "method": "get", "host": "more.made.example.com", "path": "/ok", "credential": null });
        manifest["endpoints"].as_array_mut().expect("endpoints").push(more);
    })
}

/// A service that approves nothing automatically.
async fn start_empty() -> TestApp {
    TestApp::builder().trust(Trust::Shipped(BTreeMap::new())).start().await
}

async fn upload(app: &TestApp, bytes: Vec<u8>) -> TestResponse {
    app.send_request_as(TestCaller::Executive, Method::POST, PROVIDERS, |request| {
        request.header("content-type", "application/wasm").body(bytes)
    })
    .await
}

async fn upload_new(app: &TestApp, bytes: Vec<u8>) -> Value {
    let answer = upload(app, bytes).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["provider"].clone()
}

async fn approve(app: &TestApp, id: &str, digest: &str) -> TestResponse {
    app.send(Method::POST, &format!("{PROVIDERS}/{id}/approve"), Some(json!({ "digest": digest }))).await
}

async fn decide(app: &TestApp, id: &str, what: &str) -> TestResponse {
    app.send(Method::POST, &format!("{PROVIDERS}/{id}/{what}"), None).await
}

/// Returns the catalog entry of a provider or an invalid file; null if it is not listed.
async fn entry(app: &TestApp, id: &str) -> Value {
    let list = app.get(PROVIDERS).await.ok();
    let providers = list["providers"].as_array().expect("providers");
    providers.iter().find(|provider| provider["id"] == id).cloned().unwrap_or_default()
}

/// Waits until a provider reaches a state and returns its entry.
async fn wait_until(app: &TestApp, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
    eventually(async || {
        let entry = entry(app, id).await;
        if condition(&entry) { Ok(entry) } else { Err(format!("the state of {id}: {entry}")) }
    })
    .await
}

/// Connects a provider whose plugin may run.
async fn connect(app: &TestApp) -> TestResponse {
    app.put(MADE, json!({ "token": marked::secret("made-") })).await
}

/// Returns the name of the serving version's only user.
async fn serving_version(app: &TestApp) -> String {
    let users = app.get(&format!("{MADE}/users")).await.ok();
    users["users"][0]["name"].as_str().expect("a user").to_owned()
}

#[tokio::test]
async fn an_uploaded_plugin_is_pending_until_its_digest_is_approved() {
    let app = start_empty().await;
    let provider = upload_new(&app, component("1.0.0")).await;
    let shown = provider["digest"].as_str().expect("a digest").to_owned();
    assert_eq!((&provider["state"], &provider["file"]), (&json!("pending"), &json!(null)));
    assert_eq!(shown, digest(&component("1.0.0")));
    assert_eq!(provider["hosts"], json!(["api.made.example.com"]));
    assert_eq!(
        provider["credentials"]["GET api.made.example.com/ok"],
        "place header (format Bearer {}, name Authorization), source field token"
    );
    let _ = connect(&app).await.problem(409, "plugin_not_approved");

    let _ = approve(&app, "made", &digest(b"another")).await.problem(409, "conflict");
    let _ = approve(&app, "nobody", &shown).await.problem(404, "unknown_provider");
    assert_eq!(entry(&app, "made").await["state"], "pending");
    let approved = approve(&app, "made", &shown).await.ok();
    assert_eq!((&approved["ok"], &approved["provider"]["state"]), (&json!(true), &json!("approved")));
    assert_eq!(connect(&app).await.ok()["ok"], true);
    assert_eq!(serving_version(&app).await, "1.0.0");

    let audit = app.get("/api/admin/audit").await.ok();
    let lines: Vec<String> = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["action"].as_str().is_some_and(|action| action.starts_with("provider.")))
        .map(|entry| format!("{} {} {}", entry["action"], entry["provider"], entry["outcome"]).replace('"', ""))
        .collect();
    assert_eq!(lines, ["provider.approve made done", "provider.approve made refused", "provider.add made done"]);
}

#[tokio::test]
async fn a_newer_version_is_pending_with_its_changes_while_the_old_one_serves() {
    let app = start_empty().await;
    let (first, second) = (component("1.0.0"), component_with_another_host("1.1.0"));
    upload_new(&app, first.clone()).await;
    let _ = approve(&app, "made", &digest(&first)).await.ok();
    assert_eq!(connect(&app).await.status, 200);

    let provider = upload_new(&app, second.clone()).await;
    assert_eq!((&provider["state"], &provider["version"]), (&json!("approved"), &json!("1.0.0")));
    let waiting = &provider["waiting"][0];
    assert_eq!((&waiting["version"], &waiting["downgrade"]), (&json!("1.1.0"), &json!(false)));
    assert_eq!(waiting["changes"]["hosts"]["added"], json!(["more.made.example.com"]));
    assert_eq!(
        waiting["changes"]["words"],
        json!(["adds the host more.made.example.com", "adds the endpoint GET more.made.example.com/ok"])
    );
    assert_eq!(serving_version(&app).await, "1.0.0");

    let provider = approve(&app, "made", &digest(&second)).await.ok()["provider"].clone();
    assert_eq!((&provider["version"], &provider["waiting"]), (&json!("1.1.0"), &json!([])));
    assert_eq!(provider["previous"], json!({ "digest": digest(&first), "version": "1.0.0" }));
    assert_eq!(serving_version(&app).await, "1.1.0", "the connection is unchanged");
}

#[tokio::test]
async fn a_plugin_rolls_back_and_forward_again() {
    let app = start_empty().await;
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        upload_new(&app, component(version)).await;
        let _ = approve(&app, "made", &digest(&component(version))).await.ok();
    }
    assert_eq!(connect(&app).await.status, 200);
    for version in ["2.0.0", "1.0.0"] {
        let provider = decide(&app, "made", "rollback").await.ok()["provider"].clone();
        assert_eq!((&provider["state"], &provider["version"]), (&json!("approved"), &json!(version)));
        assert_eq!(serving_version(&app).await, version);
    }
    let _ = decide(&app, "made", "rollback").await.problem(409, "conflict");
    let waiting = entry(&app, "made").await["waiting"].clone();
    assert_eq!((&waiting[0]["version"], &waiting[1]["version"]), (&json!("3.0.0"), &json!("2.0.0")));
    let _ = approve(&app, "made", &digest(&component("3.0.0"))).await.ok();
    assert_eq!(serving_version(&app).await, "3.0.0");
    let _ = decide(&app, "made", "rollback").await.ok();
    assert_eq!(serving_version(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_version_older_than_the_approved_one_is_marked_as_a_downgrade() {
    let app = start_empty().await;
    for version in ["1.0.0", "1.1.0"] {
        upload_new(&app, component(version)).await;
        let _ = approve(&app, "made", &digest(&component(version))).await.ok();
    }
    let provider = upload_new(&app, component("1.0.0")).await;
    assert_eq!(provider["version"], "1.1.0");
    assert_eq!(
        (&provider["waiting"][0]["version"], &provider["waiting"][0]["downgrade"]),
        (&json!("1.0.0"), &json!(true))
    );
}

#[tokio::test]
async fn a_disabled_plugin_keeps_its_connection_and_returns_with_an_approval() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = decide(&app, "made", "disable").await.problem(409, "conflict");
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(decide(&app, "made", "disable").await.ok()["provider"]["state"], "disabled");
    assert_eq!(
        decide(&app, "made", "disable").await.ok()["provider"]["state"],
        "disabled",
        "repeating it changes nothing"
    );
    let refused = app.get(&format!("{MADE}/users")).await.problem(409, "plugin_not_approved");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("disabled")), "{refused}");
    let connection = app.get("/api/admin/connections").await.ok()["connections"][0].clone();
    assert_eq!((&connection["provider"], &connection["status"]), (&json!("made"), &json!("degraded")));
    assert!(connection["reason"].as_str().is_some_and(|reason| reason.contains("disabled")), "{connection}");
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(serving_version(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_connection_without_its_plugin_is_kept_and_names_the_missing_plugin() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(app.delete(&format!("{PROVIDERS}/made")).await.ok(), json!({ "ok": true, "provider": null }));
    assert_eq!(entry(&app, "made").await, json!(null));
    let _ = app.delete(&format!("{PROVIDERS}/made")).await.problem(404, "unknown_provider");
    let connection = app.get("/api/admin/connections").await.ok()["connections"][0].clone();
    assert_eq!((&connection["provider"], &connection["status"]), (&json!("made"), &json!("degraded")));
    assert!(connection["reason"].as_str().is_some_and(|reason| reason.contains("is missing")), "{connection}");
    // A plugin that takes over the id is checked like any new one.
    let provider = upload_new(&app, component_with_another_host("9.0.0")).await;
    assert_eq!(provider["state"], "pending");
    let _ = app.get(&format!("{MADE}/users")).await.problem(409, "plugin_not_approved");
}

#[tokio::test]
async fn an_upload_that_is_not_a_plugin_is_rejected_with_the_reason_and_not_stored() {
    let app = start_empty().await;
    for (bytes, why) in [
        (guests::empty(), "not a WebAssembly component"),
        (guests::core_module(), "core module"),
        (guests::truncated(), "not a valid component"),
        (guests::describe_traps(), "`describe` failed"),
        (component_with("1.0.0", |manifest| manifest["id"] = json!("Made")), "cannot be approved"),
    ] {
        let refused = upload(&app, bytes).await.problem(422, "invalid_request");
        let message = refused["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{why}: {message}");
    }
    let text = |request: reqwest::RequestBuilder| request.header("content-type", "text/plain").body("x");
    let wrong = app.send_request_as(TestCaller::Executive, Method::POST, PROVIDERS, text).await;
    let _ = wrong.problem(400, "invalid_request");
    assert_eq!(app.get(PROVIDERS).await.ok()["providers"], json!([]));
}

#[tokio::test]
async fn an_approved_plugin_survives_a_restart_without_its_file() {
    let mut app = start_empty().await;
    for version in ["1.0.0", "2.0.0"] {
        upload_new(&app, component(version)).await;
        let _ = approve(&app, "made", &digest(&component(version))).await.ok();
    }
    upload_new(&app, component("3.0.0")).await;
    assert_eq!(connect(&app).await.status, 200);
    let before = entry(&app, "made").await;
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(entry(&app, "made").await, before);
    assert_eq!(serving_version(&app).await, "2.0.0");
}
