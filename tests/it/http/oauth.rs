//! Connecting with OAuth, using Xero's plugin: the authorize URL, the returned code, the owner of a flow, the callback
//! page.

mod issuer;

use http::Method;
use jackfield_core::{
    OAuthApp, ProviderId, Secret,
    audit::{Action, Actor},
    manifest::{Auth, Manifest},
};
use jackfield_store::NewAudit;
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder, TestCaller, TestResponse, client},
    marked,
    stand_in_server::Failure,
    xero::{HOSTS, TENANT, XeroStandIn},
};
use serde_json::{Value, json};

/// The path of Xero's connection.
pub(super) const XERO: &str = "/api/admin/connections/xero";

/// The redirect URI.
const REDIRECT: &str = "http://127.0.0.1:7420/oauth/callback";

pub(super) const CLIENT_ID: &str = "jackfield-client";

/// A service with Xero's plugin and an OAuth app, whose requests go to the stand-in.
pub(super) fn with_xero(xero: &XeroStandIn) -> TestAppBuilder {
    let secret = marked::secret("cs");
    xero.add_app(CLIENT_ID, &secret, REDIRECT);
    let builder = TestApp::builder().component("xero");
    let builder = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, xero));
    builder.setting("JACKFIELD_OAUTH_XERO_CLIENT_ID", CLIENT_ID).setting("JACKFIELD_OAUTH_XERO_CLIENT_SECRET", &secret)
}

/// Starts a flow and returns its URL and id.
pub(super) async fn auth_url(app: &TestApp) -> (String, String) {
    let begun = app.get(&format!("{XERO}/auth-url")).await.ok();
    (text(&begun, "url"), text(&begun, "flow_id"))
}

/// Completes a flow and grants these organisations.
pub(super) async fn connect(app: &TestApp, xero: &XeroStandIn, tenants: &[&str]) -> TestResponse {
    let (url, _) = auth_url(app).await;
    let landing = xero.authorize(&url).allow(tenants);
    record_secrets(xero);
    callback(app, json!({ "code": landing.code, "state": landing.state })).await
}

pub(super) async fn callback(app: &TestApp, body: Value) -> TestResponse {
    app.send(Method::POST, &format!("{XERO}/callback"), Some(body)).await
}

/// Records every secret that the stand-in issued, for the secret scan.
pub(super) fn record_secrets(xero: &XeroStandIn) {
    for secret in xero.codes().into_iter().chain(xero.access_tokens()).chain(xero.refresh_tokens()) {
        let _noted = marked::record(secret);
    }
}

pub(super) fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_else(|| panic!("no text {key} in {body}")).to_owned()
}

async fn flow_state(app: &TestApp, flow: &str) -> Value {
    app.get(&format!("{XERO}/auth-flows/{flow}")).await.ok()
}

#[tokio::test]
async fn in_development_the_flow_also_names_the_stand_in() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let begun = app.get(&format!("{XERO}/auth-url")).await.ok();
    let (url, rerouted) = (text(&begun, "url"), text(&begun, "reroute_url"));
    assert_eq!(rerouted, url.replace("https://login.xero.com", &xero.url()));
    let page = client().get(&rerouted).send().await.expect("the stand-in answers");
    assert_eq!(page.status(), 200, "{rerouted}");
    let plain = TestApp::builder()
        .component("xero")
        .setting("JACKFIELD_OAUTH_XERO_CLIENT_ID", CLIENT_ID)
        .setting("JACKFIELD_OAUTH_XERO_CLIENT_SECRET", &marked::secret("cs"));
    let begun = plain.start().await.get(&format!("{XERO}/auth-url")).await.ok();
    assert_eq!(begun.get("reroute_url"), None);
}

#[tokio::test]
async fn xero_connects_through_the_popup_and_disconnects() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, flow) = auth_url(&app).await;
    assert!(url.starts_with("https://login.xero.com/identity/connect/authorize?"), "{url}");
    for part in ["response_type=code", "code_challenge_method=S256", "state=", "redirect_uri=http%3A%2F%2F127.0.0.1"] {
        assert!(url.contains(part), "{part} is not in {url}");
    }
    assert_eq!(flow_state(&app, &flow).await, json!({ "status": "pending" }));

    let landing = xero.authorize(&url).allow(&[TENANT]);
    let connected = callback(&app, json!({ "code": landing.code, "state": landing.state })).await.ok();
    record_secrets(&xero);
    assert_eq!(connected, json!({ "ok": true, "org_name": "Acme Instruments" }));
    assert_eq!(flow_state(&app, &flow).await, json!({ "status": "succeeded" }));

    let list = app.get("/api/admin/connections").await.ok();
    let connection = &list["connections"][0];
    assert_eq!((&connection["provider"], &connection["status"]), (&json!("xero"), &json!("connected")));
    assert!(connection["token_expires_at"].is_string(), "{connection}");
    let health = app.get(&format!("{XERO}/health")).await.ok();
    assert_eq!((&health["healthy"], &health["organisation"]), (&json!(true), &json!("Acme Instruments")), "{health}");
    let users = app.get(&format!("{XERO}/users")).await.ok();
    assert!(!users["users"].as_array().expect("users").is_empty());

    let gone = app.delete(XERO).await.ok();
    assert_eq!(gone["upstream"], "revoked", "{gone}");
    assert!(xero.refresh_tokens().iter().all(|token| !xero.is_alive(token)), "the grant is revoked");
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
}

#[tokio::test]
async fn a_client_of_the_original_service_needs_no_state() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, _) = auth_url(&app).await;
    let code = xero.authorize(&url).allow(&[TENANT]).code;
    assert_eq!(callback(&app, json!({ "code": code })).await.ok()["ok"], true);
    record_secrets(&xero);
}

#[tokio::test]
async fn without_a_state_two_open_flows_are_ambiguous() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, _) = auth_url(&app).await;
    let _ = auth_url(&app).await;
    let code = xero.authorize(&url).allow(&[TENANT]).code;
    record_secrets(&xero);
    let problem = callback(&app, json!({ "code": code })).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["field"], "state");
    assert!(xero.requests_to("/connect/token").is_empty(), "the code was not sent");
}

#[tokio::test]
async fn a_flow_completes_once_and_only_for_its_owner() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, flow) = auth_url(&app).await;
    let landing = xero.authorize(&url).allow(&[TENANT]);
    let body = json!({ "code": landing.code, "state": landing.state });
    record_secrets(&xero);

    let other = app.second_executive().await;
    let path = format!("{XERO}/callback");
    let stranger = app.send_with_token(&other, Method::POST, &path, Some(body.clone())).await;
    let _ = stranger.problem(422, "invalid_request");
    let looked = app.send_with_token(&other, Method::GET, &format!("{XERO}/auth-flows/{flow}"), None).await;
    let _ = looked.problem(404, "not_found");
    let without_state = app.send_with_token(&other, Method::POST, &path, Some(json!({ "code": landing.code }))).await;
    let _ = without_state.problem(422, "invalid_request");
    assert!(xero.requests_to("/connect/token").is_empty(), "only the owner's callback sends the code");

    assert_eq!(callback(&app, body.clone()).await.ok()["ok"], true);
    record_secrets(&xero);
    let _ = callback(&app, body).await.problem(422, "invalid_request");
    assert_eq!(xero.requests_to("/connect/token").len(), 1);
}

#[tokio::test]
async fn a_flow_expires_after_ten_minutes() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, flow) = auth_url(&app).await;
    let landing = xero.authorize(&url).allow(&[TENANT]);
    record_secrets(&xero);
    app.clock.advance(jiff::SignedDuration::from_mins(10));
    assert_eq!(flow_state(&app, &flow).await, json!({ "status": "expired" }));
    let late = callback(&app, json!({ "code": landing.code, "state": landing.state })).await;
    let _ = late.problem(422, "invalid_request");
    assert!(xero.requests_to("/connect/token").is_empty());
}

#[tokio::test]
async fn a_denied_consent_is_explained() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, flow) = auth_url(&app).await;
    let landing = xero.authorize(&url).deny();
    let body = json!({ "error": landing.error, "state": landing.state, "error_description": "<img onerror=x>\u{7}" });
    let problem = callback(&app, body).await.problem(422, "credential_rejected");
    assert!(text(&problem, "detail").contains("access_denied"), "{problem}");
    assert!(!text(&problem, "detail").contains('\u{7}'), "{problem}");
    let state = flow_state(&app, &flow).await;
    assert_eq!(state["status"], "failed");
    assert!(text(&state, "reason").contains("access_denied"), "{state}");
}

#[tokio::test]
async fn a_foreign_code_fails_and_stores_nothing() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (foreign, _) = auth_url(&app).await;
    let injected = xero.authorize(&foreign).allow(&[TENANT]).code;
    record_secrets(&xero);
    let (url, _) = auth_url(&app).await;
    let own = xero.authorize(&url).allow(&[TENANT]);
    record_secrets(&xero);
    // The attacker's code in the administrator's flow: PKCE binds the code to another verifier.
    let problem = callback(&app, json!({ "code": injected, "state": own.state })).await;
    let problem = problem.problem(422, "credential_rejected");
    assert!(text(&problem, "detail").contains("invalid_grant"), "{problem}");
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
}

#[tokio::test]
async fn several_organisations_must_be_chosen_from() {
    const OTHER: &str = "11111111-2222-4333-8444-555555555555";
    let xero = XeroStandIn::start().await;
    xero.add_organisation(OTHER, "Acme Trading", "UK");
    let app = with_xero(&xero).start().await;
    let connected = connect(&app, &xero, &[TENANT, OTHER]).await.ok();
    record_secrets(&xero);
    assert_eq!(connected["ok"], true);
    assert_eq!(connected["accounts"].as_array().expect("accounts").len(), 2, "{connected}");
    let list = app.get("/api/admin/connections").await.ok();
    assert_eq!(list["connections"][0]["status"], "needs_choice");
    let health = app.get(&format!("{XERO}/health")).await.ok();
    assert_eq!((&health["healthy"], &health["code"]), (&json!(false), &json!("needs_choice")));
    let _ = app.get(&format!("{XERO}/users")).await.problem(409, "needs_choice");

    let accounts = app.get(&format!("{XERO}/accounts")).await.ok();
    assert_eq!(accounts["selected"], Value::Null);
    let none = app.put(&format!("{XERO}/account"), json!({ "id": "nowhere" })).await;
    assert_eq!(none.problem(422, "invalid_request")["errors"][0]["field"], "id");
    let chosen = app.put(&format!("{XERO}/account"), json!({ "id": OTHER })).await.ok();
    assert_eq!(chosen, json!({ "ok": true, "org_name": "Acme Trading" }));
    assert_eq!(app.get(&format!("{XERO}/accounts")).await.ok()["selected"], OTHER);
    assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["organisation"], "Acme Trading");

    // Connecting again with the same organisations keeps the earlier choice.
    assert_eq!(connect(&app, &xero, &[TENANT, OTHER]).await.ok()["org_name"], "Acme Trading");
    record_secrets(&xero);
    // Another organisation of the grant is still in use, so only this one is disconnected.
    let gone = app.delete(XERO).await.ok();
    assert_eq!(gone["upstream"], "kept", "{gone}");
    assert_eq!(xero.connected_tenants(CLIENT_ID), [TENANT.to_owned()]);
}

#[tokio::test]
async fn a_public_client_sends_its_id_in_the_body_and_no_secret() {
    let xero = XeroStandIn::start().await;
    xero.add_public_app("public-client", REDIRECT);
    let builder = TestApp::builder().component("xero");
    let builder = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero));
    let app = builder.start().await;
    let _ = app.get(&format!("{XERO}/auth-url")).await.problem(409, "unsupported");
    let set = app.put("/api/admin/providers/xero/oauth-app", json!({ "client_id": "public-client" })).await;
    assert_eq!(set.ok(), json!({ "ok": true }));
    assert_eq!(connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    let exchange = &xero.requests_to("/connect/token")[0];
    assert_eq!(exchange.header("authorization"), None);
    assert!(exchange.form().contains(&("client_id".to_owned(), "public-client".to_owned())));
}

#[tokio::test]
async fn an_oauth_app_set_through_the_api_is_sealed_and_used_at_its_endpoint_only() {
    let xero = XeroStandIn::start().await;
    let secret = marked::secret("app-secret-");
    xero.add_app("sealed-client", &secret, REDIRECT);
    let builder = TestApp::builder().component("xero");
    let app = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero)).start().await;
    let path = "/api/admin/providers/xero/oauth-app";
    let _ = app.put(path, json!({ "client_id": "", "client_secret": "x" })).await.problem(422, "invalid_request");
    let _ = app.put(path, json!({ "client_id": "sealed-client", "client_secret": secret })).await.ok();
    assert_eq!(connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    let stored = app.database_bytes().await;
    assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "the secret is sealed");
    let elsewhere = OAuthApp { client_id: "sealed-client".to_owned(), client_secret: Some(Secret::new(secret)) };
    let manifest: Manifest = serde_json::from_str(include_str!("../../data/manifests/oauth2.json"))
        .expect("a manifest with another endpoint");
    let Auth::OAuth2(oauth2) = manifest.auth else { panic!("{:?}", manifest.auth) };
    let audit = NewAudit::done(&Actor::named("test"), Action::ProviderOAuthApp);
    let provider = ProviderId::parse("xero").expect("an id");
    app.store.save_oauth_app(&provider, &elsewhere, &oauth2, audit).await.expect("the app is stored");
    let moved = app.get(&format!("{XERO}/auth-url")).await.problem(409, "unsupported");
    assert!(text(&moved, "detail").contains("another token endpoint"), "{moved}");
}

#[tokio::test]
async fn a_failing_token_endpoint_ends_the_flow_and_keeps_the_stored_connection() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    assert_eq!(connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
    record_secrets(&xero);
    for (fail, status, code) in [
        (Failure::Status(500), 502, "provider_error"),
        (Failure::Html, 502, "provider_error"),
        (Failure::Reset, 502, "provider_error"),
        (Failure::TooManyRequests { retry_after: Some(9) }, 429, "rate_limited"),
        (Failure::RedirectTo("https://elsewhere.example/token".to_owned()), 502, "provider_error"),
    ] {
        xero.fail_at("/connect/token", fail.clone());
        let answer = connect(&app, &xero, &[TENANT]).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{fail:?}");
        xero.recover();
        assert_eq!(app.get(&format!("{XERO}/health")).await.ok()["healthy"], true, "{fail:?}");
    }
}

#[tokio::test]
async fn the_callback_page_contains_nothing_of_the_query_and_runs_nothing() {
    let app = TestApp::builder().start().await;
    let code = marked::secret("code-");
    let path = format!("/oauth/callback?code={code}&state=%3Cscript%3E");
    let answer = app.send_as(TestCaller::Anonymous, Method::GET, &path, None).await;
    assert_eq!(answer.status, 200);
    let header = |name: &str| answer.header(name).expect("a header").to_owned();
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert!(!header("content-security-policy").contains("unsafe-inline"));
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let page = answer.text;
    assert!(!page.contains(&code) && !page.contains("<script>"), "{page}");
    for file in ["callback.js", "callback.css"] {
        let answer = app.send_as(TestCaller::Anonymous, Method::GET, &format!("/oauth/{file}"), None).await;
        assert_eq!(answer.status, 200, "{file}");
    }
}

#[tokio::test]
async fn a_member_may_not_begin_a_flow() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let answer = app.send_as(TestCaller::Manager, Method::GET, &format!("{XERO}/auth-url"), None).await;
    let _ = answer.problem(403, "forbidden");
}
