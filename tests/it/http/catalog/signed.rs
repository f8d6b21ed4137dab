//! Plugins signed by a trusted key while the service runs: what a signature approves, and what it does not.

use std::{collections::BTreeMap, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use jackfield_sandbox::Trust;
use jackfield_signing::TrustedKeys;
use jackfield_test_support::app::{TestApp, TestCaller, TestResponse, digest};
use minisign::KeyPair;
use serde_json::json;

use super::{
    PROVIDERS, approve, component, component_with, component_with_another_host, connect, entry, serving_version,
    wait_until,
};

/// A service that trusts one key for the generated plugin and its host.
async fn start_with_trusted_key() -> (TestApp, KeyPair) {
    let pair = KeyPair::generate_unencrypted_keypair().expect("a pair");
    let text = format!(
        "[[key]]\nname = 'acme'\npublic_key = '{}'\nproviders = ['made', 'made-*', 'rnade']\nhosts = ['api.made.example.com']\n",
        pair.pk.to_base64()
    );
    let keys = TrustedKeys::parse(&text).expect("a file of trusted keys");
    let app = TestApp::builder().trust(Trust::Signed { shipped: BTreeMap::new(), keys }).start().await;
    (app, pair)
}

/// Writes a version and its signature into the folder, the signature first.
fn write_signed(app: &TestApp, pair: &KeyPair, bytes: &[u8]) {
    sign(app, pair, bytes);
    let (temporary, file) = (app.plugins().join("made.part"), app.plugins().join("made.wasm"));
    fs::write(&temporary, bytes).expect("the temporary file is written");
    fs::rename(&temporary, &file).expect("the file is written to the plugins folder");
}

fn sign(app: &TestApp, pair: &KeyPair, bytes: &[u8]) {
    let signature = minisign::sign(None, &pair.sk, bytes, None, None).expect("a signature").into_string();
    fs::write(app.plugins().join("made.wasm.minisig"), signature).expect("the file is written");
}

#[tokio::test]
async fn a_later_signature_approves_the_plugin_and_is_audited() {
    let (app, pair) = start_with_trusted_key().await;
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written to the plugins folder");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    sign(&app, &pair, &component("1.0.0"));
    wait_until(&app, "made", |entry| entry["state"] == "approved").await;
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(serving_version(&app).await, "1.0.0");
    let audit = app.get("/api/admin/audit").await.ok();
    let approved =
        audit["entries"].as_array().expect("entries").iter().find(|entry| entry["action"] == "provider.approve");
    assert_eq!(approved.expect("an approval")["actor"], "the key acme");
}

#[tokio::test]
async fn a_higher_signed_version_takes_over_and_a_lower_one_is_pending() {
    let (app, pair) = start_with_trusted_key().await;
    write_signed(&app, &pair, &component("1.1.0"));
    wait_until(&app, "made", |entry| entry["state"] == "approved").await;
    write_signed(&app, &pair, &component("1.2.0"));
    wait_until(&app, "made", |entry| entry["version"] == "1.2.0" && entry["state"] == "approved").await;
    write_signed(&app, &pair, &component("1.0.0"));
    let provider = wait_until(&app, "made", |entry| entry["waiting"][0]["version"] == "1.0.0").await;
    assert_eq!((&provider["version"], &provider["state"]), (&json!("1.2.0"), &json!("approved")));
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(entry(&app, "made").await["version"], "1.0.0", "a person can roll back");
}

#[tokio::test]
async fn a_plugin_beyond_its_key_permissions_or_with_a_bad_signature_does_not_run() {
    let (app, pair) = start_with_trusted_key().await;
    write_signed(&app, &pair, &component_with_another_host("1.0.0"));
    let waits = wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    assert_eq!(waits["version"], "1.0.0");
    let signature = &waits["signature"];
    assert_eq!((&signature["state"], &signature["key"]), (&json!("asks_more"), &json!("acme")), "{waits}");
    assert!(signature["beyond"].to_string().contains("more.made.example.com"), "{waits}");
    sign(&app, &pair, b"other bytes");
    wait_until(&app, "made.wasm", |entry| entry["state"] == "broken").await;
    assert!(entry(&app, "made").await.is_null(), "it is rejected, and not only unsigned");
    let _ = app.get(PROVIDERS).await.ok();
}

/// Uploads a component with a signature of some bytes.
async fn upload(app: &TestApp, pair: &KeyPair, bytes: Vec<u8>, signed: &[u8]) -> TestResponse {
    let signature = minisign::sign(None, &pair.sk, signed, None, None).expect("a signature").into_string();
    app.send_request_as(TestCaller::Executive, Method::POST, PROVIDERS, |request| {
        let request = request.header("component-signature", STANDARD.encode(signature));
        request.header("content-type", "application/wasm").body(bytes)
    })
    .await
}

#[tokio::test]
async fn an_uploaded_signature_counts_like_a_signature_file() {
    let (app, pair) = start_with_trusted_key().await;
    let refused = upload(&app, &pair, component("1.0.0"), b"other bytes").await;
    let refused = refused.problem(422, "invalid_request");
    assert_eq!(refused["errors"][0]["field"], "signature");
    assert!(entry(&app, "made").await.is_null(), "it is rejected, and not only unsigned");

    let added = upload(&app, &pair, component("1.0.0"), &component("1.0.0")).await.json();
    assert_eq!(added["provider"]["state"], "approved", "{added}");
    assert_eq!(added["provider"]["signature"]["state"], "granted");
    assert_eq!(connect(&app).await.status, 200);
    let added =
        upload(&app, &pair, component_with_another_host("1.1.0"), &component_with_another_host("1.1.0")).await.json();
    assert_eq!((&added["provider"]["version"], &added["provider"]["state"]), (&json!("1.0.0"), &json!("approved")));
    assert_eq!(added["provider"]["waiting"][0]["signature"]["state"], "asks_more", "{added}");

    let stranger = KeyPair::generate_unencrypted_keypair().expect("a pair");
    let added = upload(&app, &stranger, component("1.2.0"), &component("1.2.0")).await.json();
    assert_eq!(added["provider"]["waiting"][0]["signature"]["state"], "unknown_key", "{added}");
    let nonsense = app.send_request_as(TestCaller::Executive, Method::POST, PROVIDERS, |request| {
        let request = request.header("component-signature", "not base64!");
        request.header("content-type", "application/wasm").body(component("1.3.0"))
    });
    assert_eq!(nonsense.await.status, 422);
}

#[tokio::test]
async fn an_executives_decision_overrides_a_signature() {
    let (app, pair) = start_with_trusted_key().await;
    write_signed(&app, &pair, &component("1.0.0"));
    wait_until(&app, "made", |entry| entry["state"] == "approved").await;
    let _ = super::decide(&app, "made", "disable").await.ok();
    write_signed(&app, &pair, &component("1.1.0"));
    wait_until(&app, "made", |entry| entry["waiting"][0]["version"] == "1.1.0").await;
    assert_eq!(entry(&app, "made").await["state"], "disabled");
}

#[tokio::test]
async fn a_signed_version_that_requests_more_than_the_approved_one_waits_for_an_executive() {
    let (app, pair) = start_with_trusted_key().await;
    let first = upload(&app, &pair, component("1.0.0"), &component("1.0.0")).await.json();
    assert_eq!(first["provider"]["state"], "approved", "{first}");
    let endpoint = |method: &str, path: &str| json!({ "method": method, "host": "api.made.example.com", "path": path, "credential": null });
    let pointers = [
        ("/endpoints/0/method", json!("delete"), "DELETE api.made.example.com/ok"),
        ("/endpoints/0/path", json!("/other"), "/other"),
        ("/endpoints/0/credential/place", json!({ "query": "text" }), "query text"),
        ("/endpoints/1", endpoint("post", "/more"), "POST api.made.example.com/more"),
        ("/fields/0/help", json!("Paste the password of your account."), "the field token"),
        ("/title", json!("Made Pay"), "title"),
        ("/capabilities", json!(["users", "accounts"]), "capability accounts"),
        ("/on-disconnect", json!("clear"), "on_disconnect"),
    ];
    for (number, (pointer, value, expected)) in pointers.into_iter().enumerate() {
        let bytes = component_with(&format!("2.{number}.0"), |manifest| {
            if pointer == "/endpoints/1" {
                manifest["endpoints"].as_array_mut().expect("endpoints").push(value);
            } else {
                *manifest.pointer_mut(pointer).expect("a part of the manifest") = value;
            }
        });
        let added = upload(&app, &pair, bytes.clone(), &bytes).await.json();
        let provider = &added["provider"];
        assert_eq!((&provider["version"], &provider["state"]), (&json!("1.0.0"), &json!("approved")), "{pointer}");
        let mut waiting = provider["waiting"].as_array().expect("waiting").iter();
        let waiting = waiting.find(|version| version["digest"] == digest(&bytes)).expect("it is listed");
        assert_eq!(waiting["signature"]["state"], "granted", "{pointer}: {waiting}");
        assert!(waiting["exceeds"].to_string().contains(expected), "{pointer}: {waiting}");
    }
    let same = component("3.0.0");
    let added = upload(&app, &pair, same.clone(), &same).await.json();
    assert_eq!(added["provider"]["version"], "3.0.0", "a version that requests the same is approved: {added}");
}

#[tokio::test]
async fn a_signed_plugin_that_imitates_an_approved_one_is_not_approved() {
    let (app, pair) = start_with_trusted_key().await;
    let made = component("1.0.0");
    assert_eq!(upload(&app, &pair, made.clone(), &made).await.json()["provider"]["state"], "approved");
    for (id, title, state) in
        [("made-two", "Made ", "broken"), ("rnade", "Other", "broken"), ("made-three", "Third", "approved")]
    {
        let bytes = component_with("1.0.0", |manifest| {
            manifest["id"] = json!(id);
            manifest["title"] = json!(title);
        });
        let added = upload(&app, &pair, bytes.clone(), &bytes).await.json();
        assert_eq!(added["provider"]["state"], state, "{added}");
        let audit = app.get("/api/admin/audit").await.ok();
        let approvals = audit["entries"].as_array().expect("entries").iter();
        let mut approvals = approvals.filter(|entry| entry["action"] == "provider.approve" && entry["provider"] == id);
        assert_eq!(approvals.next().is_some(), state == "approved", "{id}");
    }
}
