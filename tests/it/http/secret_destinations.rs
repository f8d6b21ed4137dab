//! A stored secret goes only to the hosts and placements for which somebody entered it, whichever version of a plugin
//! is approved.

use std::collections::BTreeMap;

use http::Method;
use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, TestCaller, digest},
    guests, marked,
    slack::SlackStandIn,
    xero::{HOSTS, TENANT, XeroStandIn},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    SLACK, add_token, body,
    oauth::{self, XERO, record_secrets, text},
    upgrade::forget_signed_rows,
};

pub(super) const PROVIDERS: &str = "/api/admin/providers";

/// Reads a plugin that calls another host of the same length instead.
pub(super) fn component_with_host(name: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = guests::read_component(name);
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{name} does not name {from}");
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

pub(super) async fn upload(app: &TestApp, bytes: &[u8]) -> Value {
    let bytes = bytes.to_vec();
    let answer = app
        .send_request_as(TestCaller::Executive, Method::POST, PROVIDERS, |request| {
            request.header("content-type", "application/wasm").body(bytes)
        })
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["provider"].clone()
}

pub(super) async fn approve(app: &TestApp, id: &str, bytes: &[u8]) -> Value {
    let body = json!({ "digest": digest(bytes) });
    app.send(Method::POST, &format!("{PROVIDERS}/{id}/approve"), Some(body)).await.ok()["provider"].clone()
}

/// Returns the listed connection.
async fn connection(app: &TestApp) -> Value {
    app.get("/api/admin/connections").await.ok()["connections"][0].clone()
}

async fn waiting_secrets(app: &TestApp) -> Value {
    app.get(PROVIDERS).await.ok()["providers"][0]["waiting"][0]["secrets_again"].clone()
}

/// Connects Slack with an approved plugin.
async fn start_slack(slack: &SlackStandIn, stranger: &SlackStandIn) -> TestApp {
    let builder = TestApp::builder().trust(Trust::Shipped(BTreeMap::new()));
    let app = builder.reroute("slack.com", slack).reroute("slacc.com", stranger).start().await;
    let plugin = guests::read_component("slack");
    upload(&app, &plugin).await;
    approve(&app, "slack", &plugin).await;
    assert_eq!(app.put(SLACK, body(&add_token(slack))).await.ok()["ok"], true);
    app
}

/// Fails if a call of any kind gives the stored token to the other host.
async fn assert_token_is_not_sent(app: &TestApp, stranger: &SlackStandIn) {
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!((&health["healthy"], &health["code"]), (&json!(false), &json!("needs_reauth")), "{health}");
    let problem = app.get(&format!("{SLACK}/users")).await.problem(409, "needs_reauth");
    assert!(text(&problem, "detail").contains("`bot_token` was not entered for slacc.com"), "{problem}");
    let listed = connection(app).await;
    assert_eq!(listed["status"], "needs_reauth", "{listed}");
    assert!(text(&listed, "reason").contains("slacc.com (header authorization)"), "{listed}");
    let kept = app.put(SLACK, json!({ "channel_id": "C024BE91L" })).await.problem(422, "invalid_request");
    assert!(text(&kept, "detail").contains("must be entered again"), "{kept}");
    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());
}

#[tokio::test]
async fn a_version_that_sends_a_secret_to_another_host_does_not_get_it() {
    let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
    let app = start_slack(&slack, &stranger).await;
    let other = component_with_host("slack", "slack.com", "slacc.com");
    upload(&app, &other).await;
    let needed = waiting_secrets(&app).await;
    assert_eq!(needed, json!(["the secret `bot_token` was not entered for slacc.com (header authorization)"]));
    approve(&app, "slack", &other).await;
    assert_token_is_not_sent(&app, &stranger).await;
    // A rollback needs nothing.
    let _ = app.send(Method::POST, &format!("{PROVIDERS}/slack/rollback"), None).await.ok();
    assert_eq!(connection(&app).await["status"], "connected");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    // A secret that is entered for the other host goes there, and back too.
    approve(&app, "slack", &other).await;
    assert_eq!(app.put(SLACK, body(&add_token(&stranger))).await.ok()["ok"], true);
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(connection(&app).await["status"], "connected");
}

#[tokio::test]
async fn a_disconnect_asks_no_host_that_the_secret_was_not_entered_for() {
    let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
    let app = start_slack(&slack, &stranger).await;
    let other = component_with_host("slack", "slack.com", "slacc.com");
    upload(&app, &other).await;
    approve(&app, "slack", &other).await;
    let gone = app.delete(SLACK).await.ok();
    assert_eq!(gone["upstream"], "failed", "{gone}");
    assert!(text(&gone, "note").contains("slacc.com"), "{gone}");
    assert!(stranger.requests().is_empty());
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
}

#[tokio::test]
async fn a_plugin_of_the_same_id_after_a_removal_does_not_get_the_secret() {
    let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
    let app = start_slack(&slack, &stranger).await;
    let _ = app.delete(&format!("{PROVIDERS}/slack")).await.ok();
    let other = component_with_host("slack", "slack.com", "slacc.com");
    let pending = upload(&app, &other).await;
    assert_eq!(pending["secrets_again"].as_array().map(Vec::len), Some(1), "{pending}");
    approve(&app, "slack", &other).await;
    assert_token_is_not_sent(&app, &stranger).await;
    // The original plugin may come back.
    let plugin = guests::read_component("slack");
    upload(&app, &plugin).await;
    approve(&app, "slack", &plugin).await;
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_version_with_another_placement_or_more_hosts_needs_the_secret_and_one_with_more_paths_does_not() {
    let component = |version: &str, change: &dyn Fn(&mut Value)| {
        let mut manifest = guests::manifest();
        manifest["version"] = json!(version);
        change(&mut manifest);
        guests::with_manifest(&manifest)
    };
    let app = TestApp::builder().trust(Trust::Shipped(BTreeMap::new())).start().await;
    let first = component("1.0.0", &|_| {});
    upload(&app, &first).await;
    approve(&app, "made", &first).await;
    let made = "/api/admin/connections/made";
    let _ = app.put(made, json!({ "token": marked::secret("made-") })).await.ok();
    let endpoint = |host: &str, path: &str, place: Value| {
        let credential = json!({ "source": { "field": "token" }, "place": place });
        json!({ "method": "get", "host": host, "path": path, "credential": credential })
    };
    let header = |name: &str| json!({ "header": { "name": name, "format": "{}" } });
    let more = |endpoint: Value| {
        move |manifest: &mut Value| manifest["endpoints"].as_array_mut().expect("endpoints").push(endpoint.clone())
    };
    for (version, added, needed) in [
        ("1.1.0", endpoint("api.made.example.com", "/more", header("authorization")), None),
        ("1.2.0", endpoint("other.made.example.com", "/ok", header("authorization")), Some("other.made.example.com")),
        ("1.3.0", endpoint("api.made.example.com", "/x", header("x-key")), Some("header x-key")),
        ("1.4.0", endpoint("api.made.example.com", "/x", json!({ "query": "key" })), Some("query parameter key")),
    ] {
        let bytes = component(version, &more(added));
        upload(&app, &bytes).await;
        let approved = approve(&app, "made", &bytes).await;
        let health = app.get(&format!("{made}/health")).await.ok();
        match needed {
            None => {
                assert_eq!(approved["secrets_again"], json!([]), "{version}");
                assert_eq!(
                    (&health["healthy"], &connection(&app).await["status"]),
                    (&json!(true), &json!("connected"))
                );
            }
            Some(words) => {
                assert!(approved["secrets_again"][0].as_str().is_some_and(|text| text.contains(words)), "{approved}");
                assert_eq!(health["code"], "needs_reauth", "{version}: {health}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_endpoint_of_another_version_gets_neither_the_client_secret_nor_the_refresh_token() {
    let (xero, stranger) = (XeroStandIn::start().await, XeroStandIn::start().await);
    let builder = oauth::with_xero(&xero).trust(Trust::Shipped(BTreeMap::new()));
    let app = builder.reroute("identitz.xero.com", &stranger).start().await;
    let plugin = guests::read_component("xero");
    approve(&app, "xero", &plugin).await;
    let clock = app.clock.clone();
    xero.follow_clock(move || clock.now().as_second());
    assert_eq!(oauth::connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    let other = component_with_host("xero", "identity.xero.com", "identitz.xero.com");
    upload(&app, &other).await;
    let needed = waiting_secrets(&app).await.to_string();
    assert!(needed.contains("the OAuth grant was not entered for identitz.xero.com"), "{needed}");
    approve(&app, "xero", &other).await;
    app.clock.advance(SignedDuration::from_mins(31));
    let health = app.get(&format!("{XERO}/health")).await.ok();
    assert_eq!(health["code"], "needs_reauth", "{health}");
    app.clock.advance(SignedDuration::from_hours(31 * 24));
    app.connections.refresh_due_grants().await;
    assert_eq!(connection(&app).await["status"], "needs_reauth");
    assert_eq!(app.delete(XERO).await.ok()["upstream"], "failed");
    assert!(stranger.requests().is_empty(), "{:?}", stranger.requests());
    assert!(xero.refreshes().is_empty());
}

#[tokio::test]
async fn a_connect_under_the_new_version_is_what_a_changed_token_endpoint_needs() {
    let xero = XeroStandIn::start().await;
    let builder = oauth::with_xero(&xero).trust(Trust::Shipped(BTreeMap::new()));
    let app = builder.reroute("identitz.xero.com", &xero).start().await;
    let plugin = guests::read_component("xero");
    approve(&app, "xero", &plugin).await;
    assert_eq!(oauth::connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    let other = component_with_host("xero", "identity.xero.com", "identitz.xero.com");
    upload(&app, &other).await;
    approve(&app, "xero", &other).await;
    assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["code"], "needs_reauth");
    assert_eq!(oauth::connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_client_secret_set_through_the_api_goes_to_no_other_revocation_endpoint() {
    let xero = XeroStandIn::start().await;
    let builder = TestApp::builder().component("xero").trust(Trust::Shipped(BTreeMap::new()));
    let app = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero)).start().await;
    let plugin = guests::read_component("xero");
    approve(&app, "xero", &plugin).await;
    let secret = marked::secret("app-secret-");
    let path = "/api/admin/providers/xero/oauth-app";
    let _ = app.put(path, json!({ "client_id": "sealed-client", "client_secret": secret })).await.ok();
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
    let revocation = ("identity.xero.com/connect/revocation", "identitz.xero.com/connect/revocation");
    let other = component_with_host("xero", revocation.0, revocation.1);
    upload(&app, &other).await;
    let needed = waiting_secrets(&app).await.to_string();
    assert!(needed.contains("client secret of the OAuth app was not entered for identitz.xero.com"), "{needed}");
    approve(&app, "xero", &other).await;
    let _ = app.get(&format!("{XERO}/auth-url")).await.problem(409, "unsupported");
    let _ = app.put(path, json!({ "client_id": "sealed-client", "client_secret": secret })).await.ok();
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200);
}

#[tokio::test]
async fn nobody_who_writes_to_the_database_can_add_a_destination() {
    for sql in [
        "update sealed_values set entered_for = replace(entered_for, 'slack.com', 'slacc.com')",
        "update sealed_values set entered_for = replace(entered_for, 'slack.com', '*.com')",
        "update sealed_values set entered_for = null",
        "update sealed_values set entered_for = null, format = 1",
    ] {
        let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
        let mut app = start_slack(&slack, &stranger).await;
        let other = component_with_host("slack", "slack.com", "slacc.com");
        upload(&app, &other).await;
        approve(&app, "slack", &other).await;
        app.tamper(sql).await;
        for restart in [false, true] {
            if restart {
                app.stop().await;
                app = app.start_again().await;
            }
            let listed = connection(&app).await;
            assert_eq!(listed["status"], "unreadable", "{sql}: {listed}");
            assert_eq!(app.get(&format!("{SLACK}/health")).await.status, 503, "{sql}");
        }
        assert!(stranger.requests().is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn secrets_of_an_older_version_count_as_entered_for_the_plugin_that_is_approved_at_the_first_start() {
    let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
    let mut app = start_slack(&slack, &stranger).await;
    app.store.remove_destinations().await.expect("the secrets are stored as before");
    app.stop().await;
    forget_signed_rows(&app);
    let app = app.start_again().await;
    assert_eq!(connection(&app).await["status"], "connected", "nobody has to connect again");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    let other = component_with_host("slack", "slack.com", "slacc.com");
    upload(&app, &other).await;
    approve(&app, "slack", &other).await;
    assert_token_is_not_sent(&app, &stranger).await;
}

#[tokio::test]
async fn a_grant_and_an_app_of_an_older_version_work_after_the_first_start() {
    let xero = XeroStandIn::start().await;
    let secret = marked::secret("app-secret-");
    xero.add_app("sealed-client", &secret, "http://127.0.0.1:7420/oauth/callback");
    let builder = TestApp::builder().component("xero");
    let mut app = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero)).start().await;
    let path = "/api/admin/providers/xero/oauth-app";
    let _ = app.put(path, json!({ "client_id": "sealed-client", "client_secret": secret })).await.ok();
    let clock = app.clock.clone();
    xero.follow_clock(move || clock.now().as_second());
    assert_eq!(oauth::connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    app.store.remove_destinations().await.expect("the secrets are stored as before");
    app.stop().await;
    forget_signed_rows(&app);
    let app = app.start_again().await;
    app.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["healthy"], true, "the grant is refreshed");
    record_secrets(&xero);
    assert_eq!(xero.refreshes().len(), 1);
    assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200, "the app is used");
}

#[tokio::test]
async fn a_secret_is_decrypted_once_however_often_the_connections_are_listed() {
    let (slack, stranger) = (SlackStandIn::start().await, SlackStandIn::start().await);
    let app = start_slack(&slack, &stranger).await;
    for _ in 0..5 {
        assert_eq!(connection(&app).await["status"], "connected");
    }
    assert_eq!(app.store.list_decryptions(), 1);
    assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.ok()["ok"], true);
    for _ in 0..5 {
        assert_eq!(connection(&app).await["status"], "connected");
    }
    assert_eq!(app.store.list_decryptions(), 2);
    app.tamper("update sealed_values set ciphertext = wrapped_key").await;
    for _ in 0..5 {
        assert_eq!(connection(&app).await["status"], "unreadable");
    }
    assert_eq!(app.store.list_decryptions(), 3);
}
