//! Plugins signed by a trusted key while the service runs: what a signature approves, and what it does not.

use std::{collections::BTreeMap, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use jackfield_sandbox::Trust;
use jackfield_signing::TrustedKeys;
use jackfield_test_support::app::{TestApp, TestCaller, TestResponse, digest};
use minisign::KeyPair;
use serde_json::json;

use super::{PROVIDERS, approve, component, component_with_another_host, connect, entry, serving_version, wait_until};

/// A service that trusts one key for the generated plugin and its host.
async fn start_with_trusted_key() -> (TestApp, KeyPair) {
    let pair = KeyPair::generate_unencrypted_keypair().expect("a pair");
    let text = format!(
        "[[key]]\nname = 'acme'\npublic_key = '{}'\nproviders = ['made']\nhosts = ['api.made.example.com']\n",
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
