//! Tests that the stand-in responds as Xero does, over a plain socket.

mod api;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::*;
use crate::raw_http::{RawResponse, send};

const REDIRECT: &str = "https://jackfield.example/oauth/callback";
const VERIFIER: &str = "a-verifier-of-forty-three-letters-or-more-0123456789";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Starts a stand-in with a web app and a public app.
async fn xero() -> XeroStandIn {
    let xero = XeroStandIn::start().await;
    xero.add_app("web", "s3cret", REDIRECT).add_public_app("public", REDIRECT);
    xero.add_organisation("t-uk", "Acme Ltd", "UK");
    xero
}

/// Returns an authorize URL with some parameters changed; an empty value removes the parameter.
fn authorize_url(client_id: &str, changed: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let scope = SCOPES.join(" ");
    let usual = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT),
        ("scope", scope.as_str()),
        ("state", "a state & more"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let value = |key: &str| changed.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    let pairs = usual.map(|(key, usual)| (key, value(key).unwrap_or(usual)));
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    Url::parse_with_params("https://login.xero.com/identity/connect/authorize", pairs).expect("a URL").to_string()
}

/// Sends a form to the token or revocation endpoint, with HTTP Basic if given.
async fn post(xero: &XeroStandIn, path: &str, basic: Option<&str>, form: &[(&str, &str)]) -> RawResponse {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let basic = basic.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
    let fields: Vec<_> =
        [Some(FORM), basic.as_deref().map(|basic| ("authorization", basic))].into_iter().flatten().collect();
    send(xero, &format!("POST identity.xero.com/connect/{path}"), &fields, &body).await
}

/// Redeems a code for the web app.
async fn redeem(xero: &XeroStandIn, code: &str) -> Value {
    let form = redemption(code);
    post(xero, "token", Some("web:s3cret"), &form).await.json()
}

fn redemption(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)]
}

/// Grants one organisation to the web app and returns its first tokens.
async fn connect(xero: &XeroStandIn) -> Value {
    let landing = xero.authorize(&authorize_url("web", &[])).allow(&[TENANT]);
    redeem(xero, &landing.code.expect("a code")).await
}

async fn refresh(xero: &XeroStandIn, token: &str) -> Value {
    post(xero, "token", Some("web:s3cret"), &[("grant_type", "refresh_token"), ("refresh_token", token)]).await.json()
}

fn text(document: &Value, key: &str) -> String {
    document[key].as_str().unwrap_or_else(|| panic!("no {key} in {document}")).to_owned()
}

#[tokio::test]
async fn the_page_shows_the_organisations_and_its_buttons_redirect_to_the_app() {
    let xero = xero().await;
    let url = authorize_url("web", &[]);
    let address = format!("GET {}", url.trim_start_matches("https://"));
    let page = send(&xero, &address, &[], "").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Acme Instruments") && page.body.contains("value=\"t-uk\""), "{}", page.body);

    let press = async |form: &str| {
        let answer = send(&xero, &address.replace("GET", "POST"), &[FORM], form).await;
        assert_eq!(answer.status, 302);
        Url::parse(answer.header("location").expect("a redirect")).expect("a URL")
    };
    let value =
        |url: &Url, key: &str| url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.to_string());
    let allowed = press("tenant=t-uk&decision=allow").await;
    assert!(allowed.as_str().starts_with(REDIRECT));
    assert_eq!(value(&allowed, "state").as_deref(), Some("a state & more"));
    let tokens = redeem(&xero, &value(&allowed, "code").expect("a code")).await;
    assert!(xero.is_alive(&text(&tokens, "access_token")));
    assert_eq!(xero.connected_tenants("web"), ["t-uk"]);

    let denied = press("tenant=t-uk&decision=deny").await;
    assert_eq!(value(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(value(&denied, "code"), None);
}

#[tokio::test]
async fn a_wrong_authorize_url_shows_xeros_error_page() {
    let xero = xero().await;
    for (client_id, changed) in [
        ("nobody", &[][..]),
        ("web", &[("redirect_uri", "https://jackfield.example/oauth/callback/")][..]),
        ("web", &[("scope", "offline_access accounting.transactions")][..]),
        ("web", &[("response_type", "token")][..]),
        ("web", &[("code_challenge_method", "plain")][..]),
        ("public", &[("code_challenge", ""), ("code_challenge_method", "")][..]),
    ] {
        let url = authorize_url(client_id, changed);
        let page = send(&xero, &format!("GET {}", url.trim_start_matches("https://")), &[], "").await;
        assert_eq!(page.status, 500, "{client_id} {changed:?}");
    }
    // A web app does not need PKCE.
    let bare = authorize_url("web", &[("code_challenge", ""), ("code_challenge_method", "")]);
    assert!(xero.authorize(&bare).allow(&[TENANT]).code.is_some());
}

#[tokio::test]
async fn a_test_consents_without_the_page() {
    let xero = xero().await;
    let consent = xero.authorize(&authorize_url("web", &[("state", "")]));
    assert_eq!(consent.scope(), SCOPES.join(" "));
    let landing = consent.deny();
    assert_eq!((landing.code, landing.state, landing.error.as_deref()), (None, None, Some("access_denied")));
    assert_eq!(landing.url, format!("{REDIRECT}?error=access_denied"));
}

#[tokio::test]
async fn a_code_is_valid_once_and_only_for_its_app() {
    let xero = xero().await;
    let code = || xero.authorize(&authorize_url("web", &[])).allow(&[TENANT]).code.expect("a code");
    let refused = json!({"error": "invalid_grant"});

    let good = code();
    assert_eq!(redeem(&xero, &good).await["token_type"], "Bearer");
    assert_eq!(redeem(&xero, &good).await, refused);
    for (key, wrong) in [("redirect_uri", "https://other.example/"), ("code_verifier", "another"), ("code", "none")] {
        let code = code();
        let form = redemption(&code).map(|(name, value)| (name, if name == key { wrong } else { value }));
        assert_eq!(post(&xero, "token", Some("web:s3cret"), &form).await.json(), refused, "{key}");
    }
    let unverified = code();
    let form = &redemption(&unverified)[..3];
    assert_eq!(post(&xero, "token", Some("web:s3cret"), form).await.json(), refused);

    let late = code();
    xero.shift_clock(300);
    assert_eq!(redeem(&xero, &late).await, refused);
    assert_eq!(xero.codes().len(), 6);
}

#[tokio::test]
async fn an_app_authenticates_only_in_its_own_way() {
    let xero = xero().await;
    let client = ("client_id", "public");
    let code = xero.authorize(&authorize_url("public", &[])).allow(&[TENANT]).code.expect("a code");
    let form: Vec<_> = redemption(&code).into_iter().chain([client]).collect();
    let tokens = post(&xero, "token", None, &form).await.json();
    let token = text(&tokens, "refresh_token");
    let renewal = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), client];
    assert!(post(&xero, "token", None, &renewal).await.json()["refresh_token"].is_string());

    for (basic, client) in [
        (None, ("client_id", "web")),
        (None, ("client_id", "nobody")),
        (Some("web:wrong"), ("x", "")),
        (Some("public:"), ("x", "")),
        (None, ("x", "")),
    ] {
        let answer =
            post(&xero, "token", basic, &[("grant_type", "refresh_token"), ("refresh_token", &token), client]).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_client"})), "{basic:?} {client:?}");
    }
    let other = post(&xero, "token", Some("web:s3cret"), &[("grant_type", "client_credentials")]).await;
    assert_eq!(other.json(), json!({"error": "unsupported_grant_type"}));
    // A token of another app.
    assert_eq!(refresh(&xero, &token).await, json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn refresh_tokens_rotate_and_the_old_one_works_until_the_new_one_is_used() {
    let xero = xero().await;
    let first = text(&connect(&xero).await, "refresh_token");
    let second = text(&refresh(&xero, &first).await, "refresh_token");
    // The response was lost: during its grace period the old token works again.
    xero.shift_clock(29 * 60);
    let third = text(&refresh(&xero, &first).await, "refresh_token");
    assert!(first != second && second != third);
    assert!(refresh(&xero, &third).await["access_token"].is_string());
    assert_eq!(refresh(&xero, &first).await, json!({"error": "invalid_grant"}));
    assert_eq!(refresh(&xero, &second).await, json!({"error": "invalid_grant"}));
    xero.shift_clock(31 * 60);
    assert_eq!(refresh(&xero, &third).await, json!({"error": "invalid_grant"}));

    let sent: Vec<_> = xero.refreshes().into_iter().map(|refreshed| (refreshed.number, refreshed.accepted)).collect();
    assert_eq!(sent, [(1, true), (1, true), (3, true), (1, false), (2, false), (3, false)]);
    assert_eq!(xero.refresh_tokens()[..3], [first, second, third]);
}

#[tokio::test]
async fn an_unused_refresh_token_is_valid_for_its_lifetime() {
    let xero = xero().await;
    xero.set_refresh_lifetime(1_000).set_grace_period(10);
    let token = text(&connect(&xero).await, "refresh_token");
    xero.shift_clock(999);
    assert!(xero.is_alive(&token));
    assert!(refresh(&xero, &token).await["access_token"].is_string());
    xero.shift_clock(10);
    assert!(!xero.is_alive(&token));
    assert_eq!(refresh(&xero, &token).await, json!({"error": "invalid_grant"}));
}

#[tokio::test]
async fn no_refresh_token_is_issued_without_its_scope() {
    let xero = xero().await;
    let url = authorize_url("web", &[("scope", "accounting.settings.read")]);
    let tokens = redeem(&xero, &xero.authorize(&url).allow(&[TENANT]).code.expect("a code")).await;
    assert_eq!(tokens.get("refresh_token"), None);
    assert_eq!(tokens["scope"], "accounting.settings.read");
    // Scopes granted earlier are included later.
    let url = authorize_url("web", &[("scope", "payroll.employees.read")]);
    let tokens = redeem(&xero, &xero.authorize(&url).allow(&[]).code.expect("a code")).await;
    assert_eq!(tokens["scope"], "accounting.settings.read payroll.employees.read");
}

#[tokio::test]
async fn revocation_revokes_everything_the_user_granted_to_the_app() {
    let xero = xero().await;
    let (one, other) = (connect(&xero).await, connect(&xero).await);
    let public = xero.access_token("public", &[TENANT]);
    let answer = post(&xero, "revocation", Some("web:wrong"), &[("token", "x")]).await;
    assert_eq!(answer.json(), json!({"error": "invalid_client"}));
    // An unknown token is not an error and changes nothing.
    assert_eq!(post(&xero, "revocation", Some("web:s3cret"), &[("token", "x")]).await.status, 200);
    assert!(xero.is_alive(&text(&one, "refresh_token")));

    let token = text(&one, "refresh_token");
    assert_eq!(post(&xero, "revocation", Some("web:s3cret"), &[("token", &token)]).await.status, 200);
    for tokens in [&one, &other] {
        assert!(!xero.is_alive(&text(tokens, "refresh_token")) && !xero.is_alive(&text(tokens, "access_token")));
    }
    assert_eq!(xero.connected_tenants("web"), Vec::<String>::new());
    assert!(xero.is_alive(&public));
    assert_eq!(refresh(&xero, &text(&other, "refresh_token")).await, json!({"error": "invalid_grant"}));
    assert_eq!(xero.access_tokens().len(), 3);
}

#[tokio::test]
async fn each_host_has_its_own_paths() {
    let xero = xero().await;
    assert_eq!(send(&xero, "GET identity.xero.com/connections", &[], "").await.status, 404);
    assert_eq!(send(&xero, "GET login.xero.com/connections", &[], "").await.status, 404);
    // The API checks the token before it reports an unknown path.
    assert_eq!(send(&xero, "POST api.xero.com/connect/token", &[FORM], "").await.status, 401);
    assert_eq!(send(&xero, "GET api.xero.com/elsewhere", &[], "").await.status, 401);
}
