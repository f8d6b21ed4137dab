//! The issuer in the redirect (RFC 9207): a mix-up of providers is detected before the code is sent.

use http::Method;
use jackfield_test_support::{
    app::TestApp,
    guests, marked,
    stand_in_server::{StandInResponse, StandInServer},
};
use serde_json::{Value, json};

use super::text;

const MADE: &str = "/api/admin/connections/made";
const ISSUER: &str = "https://login.example.com";

/// Builds a provider that declares an issuer, or none.
fn provider(issuer: Option<&str>) -> Vec<u8> {
    let mut manifest = guests::manifest();
    manifest["fields"] = json!([]);
    manifest["auth"] = json!({ "oauth2": {
        "authorize-url": "https://login.example.com/authorize",
        "token-url": "https://login.example.com/token",
        "revocation-url": null,
        "issuer": issuer,
        "scopes": ["read"],
        "authorize-parameters": [],
        "client-authentication": "basic",
        "refresh": "none",
        "idle-lifetime": null,
    } });
    for endpoint in manifest["endpoints"].as_array_mut().expect("endpoints") {
        endpoint["credential"] = json!({
            "source": "oauth-token", "place": { "header": { "name": "authorization", "format": "Bearer {}" } },
        });
    }
    guests::with_manifest(&manifest)
}

/// Starts a service with that provider and a token endpoint that accepts any code.
async fn start(issuer: Option<&str>) -> (TestApp, StandInServer) {
    let token = marked::secret("at");
    let upstream = StandInServer::start(move |_| {
        StandInResponse::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 1_800 }))
    })
    .await;
    let app = TestApp::builder()
        .file("made.wasm", provider(issuer))
        .reroute("login.example.com", &upstream)
        .setting("JACKFIELD_OAUTH_MADE_CLIENT_ID", "client")
        .start()
        .await;
    (app, upstream)
}

/// Starts a flow and returns with a code, its state, and these parameters.
async fn return_with(app: &TestApp, with: Value) -> jackfield_test_support::app::TestResponse {
    let begun = app.get(&format!("{MADE}/auth-url")).await.ok();
    let url = text(&begun, "url");
    let (_, state) = url.split_once("state=").expect("a state");
    let mut body = json!({ "code": marked::secret("code-"), "state": state.split('&').next() });
    for (name, value) in with.as_object().expect("members") {
        body[name] = value.clone();
    }
    app.send(Method::POST, &format!("{MADE}/callback"), Some(body)).await
}

#[tokio::test]
async fn a_code_of_another_issuer_is_not_redeemed() {
    let (app, upstream) = start(Some(ISSUER)).await;
    for (with, field) in [
        (json!({ "iss": "https://login.evil.example" }), "iss"),
        (json!({ "iss": "https://login.example.com/" }), "iss"),
        (json!({}), "iss"),
    ] {
        let refused = return_with(&app, with.clone()).await.problem(422, "invalid_request");
        assert_eq!(refused["errors"][0]["field"], field, "{with}");
    }
    assert_eq!(upstream.requests().len(), 0, "no code was sent");
    let _ = return_with(&app, json!({ "iss": ISSUER })).await.ok();
    assert_eq!(upstream.requests_to("/token").len(), 1);
}

#[tokio::test]
async fn a_provider_without_a_declared_issuer_may_send_one() {
    let (app, upstream) = start(None).await;
    let _ = return_with(&app, json!({})).await.ok();
    let _ = return_with(&app, json!({ "iss": ISSUER })).await.ok();
    assert_eq!(upstream.requests_to("/token").len(), 2);
}
