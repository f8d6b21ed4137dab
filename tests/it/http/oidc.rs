//! Signing in at an identity provider: the redirect and the callback, levels, and every rejection.

mod stand_in;

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse, TestSession},
    marked,
    stand_in_server::Failure,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use self::stand_in::{AuthorizationQuery, CLIENT, DESCRIPTION, OidcStandIn, TOKEN};
use super::jwt::{
    apply_changes,
    issuer::{ISSUER, SigningKey, base64url, mac_token},
};

const SIGN_IN: &str = "/signin/oidc";
const CALLBACK: &str = "/signin/oidc/callback";

/// A sign-in that has started: its cookie, and the authorization request.
struct SignInAttempt {
    cookie: String,
    asked: AuthorizationQuery,
}

async fn start_sign_in(app: &TestApp) -> SignInAttempt {
    let answer = app.send_as(TestCaller::Anonymous, Method::GET, SIGN_IN, None).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let set = answer.header("set-cookie").expect("a cookie");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"), "{set}");
    let cookie = set.split(';').next().expect("a cookie").to_owned();
    let _noted = marked::record(cookie.split('.').nth(1).expect("a key").to_owned());
    SignInAttempt { cookie, asked: AuthorizationQuery::of(answer.header("location").expect("a location")) }
}

/// Returns the claims of a valid token for this sign-in with changes; null removes a claim.
fn claims(app: &TestApp, away: &SignInAttempt, changes: &Value) -> Value {
    let now = app.clock.now().as_second();
    let mut claims = json!({
        "iss": ISSUER,
        "aud": CLIENT,
        "sub": "00u1",
        "iat": now,
        "exp": now + 300,
        "nonce": away.asked.get("nonce"),
        "email": "ada@acme.example",
        "email_verified": true,
        "level": "executive",
    });
    apply_changes(&mut claims, changes);
    claims
}

async fn return_from_provider(app: &TestApp, cookie: &str, query: &[(&str, &str)]) -> TestResponse {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let path = format!("{CALLBACK}?{query}");
    app.send_request_as(TestCaller::Anonymous, Method::GET, &path, |request| {
        // Sent as by a browser that the identity provider's page redirects.
        request.header("cookie", cookie).header("sec-fetch-site", "cross-site")
    })
    .await
}

/// Returns to the callback with a valid code for this token.
async fn come_back(app: &TestApp, provider: &OidcStandIn, away: &SignInAttempt, token: String) -> TestResponse {
    let code = provider.consent(&away.asked, Some(token));
    return_from_provider(
        app,
        &away.cookie,
        &[("code", &code), ("state", away.asked.get("state")), ("session_state", "x")],
    )
    .await
}

/// Returns where a response redirects. A rejection sets no session and removes the cookie of the sign-in.
#[track_caller]
fn redirect_target(answer: &TestResponse) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(answer.text.is_empty());
    let set: Vec<&str> = answer.headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok()).collect();
    assert!(set.len() == 1 && set[0].starts_with("jackfield-away=;") && set[0].contains("Max-Age=0"), "{set:?}");
    answer.header("location").expect("a location").to_owned()
}

/// Returns the session that a response sets.
async fn session(app: &TestApp, answer: &TestResponse) -> TestSession {
    assert_eq!((answer.status, answer.header("location")), (303, Some("/signin")), "{}", answer.text);
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok());
    let set = set.filter(|set| set.starts_with("jackfield=")).collect::<Vec<_>>().join("");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().expect("a cookie").to_owned();
    let _noted = marked::record(cookie.split_once('=').expect("a value").1.to_owned());
    let blind = TestSession { cookie, csrf: String::new() };
    let shown = app.send_in(&blind, Method::GET, "/api/session", None).await.ok();
    TestSession { csrf: shown["csrf"].as_str().expect("a CSRF token").to_owned(), ..blind }
}

async fn sign_in(
    app: &TestApp,
    provider: &OidcStandIn,
    key: &SigningKey,
    algorithm: &str,
    changes: &Value,
) -> TestSession {
    let away = start_sign_in(app).await;
    let token = key.token(algorithm, &claims(app, &away, changes));
    session(app, &come_back(app, provider, &away, token).await).await
}

#[tokio::test]
async fn a_person_signs_in_at_the_identity_provider() {
    let (rsa, p256, ed25519) = (SigningKey::rsa("rsa"), SigningKey::p256("p256"), SigningKey::ed25519("ed25519"));
    let provider = OidcStandIn::start(&[&rsa, &p256, &ed25519]).await;
    let app = provider.app().await;
    assert_eq!(app.send_as(TestCaller::Anonymous, Method::GET, "/api/session", None).await.ok()["oidc"], true);
    for (key, algorithm) in [(&rsa, "RS256"), (&rsa, "PS384"), (&p256, "ES256"), (&ed25519, "EdDSA")] {
        let session = sign_in(&app, &provider, key, algorithm, &json!({})).await;
        let shown = app.send_in(&session, Method::GET, "/api/session", None).await.ok();
        assert_eq!((&shown["name"], &shown["level"]), (&json!("oidc:ada@acme.example"), &json!("executive")));
        assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 200);
    }
    let entry = app.get("/api/admin/audit").await.ok()["entries"][0].clone();
    assert_eq!(
        (&entry["actor"], &entry["action"], &entry["detail"]),
        (
            &json!("oidc:ada@acme.example"),
            &json!("session.sign_in"),
            &json!("by the identity provider as 00u1, executive")
        )
    );
    assert_eq!(provider.upstream.requests_to(DESCRIPTION).len(), 1, "its discovery document is cached");
}

#[tokio::test]
async fn an_unverified_email_names_nobody() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    for changes in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email": "ada\n@acme.example" }),
        json!({ "email": null }),
    ] {
        let session = sign_in(&app, &provider, &key, "ES256", &changes).await;
        let shown = app.send_in(&session, Method::GET, "/api/session", None).await.ok();
        assert_eq!(shown["name"], "oidc:00u1", "{changes}");
    }
}

#[tokio::test]
async fn a_person_below_executive_is_signed_in_and_told_why_routes_are_closed() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    for level in ["manager", "member"] {
        let session = sign_in(&app, &provider, &key, "ES256", &json!({ "level": level })).await;
        assert_eq!(app.send_in(&session, Method::GET, "/api/session", None).await.ok()["level"], level);
        assert_eq!(app.send_in(&session, Method::GET, "/api/admin/connections", None).await.status, 403);
    }
}

#[tokio::test]
async fn a_person_without_a_level_is_not_signed_in_and_it_is_audited() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    for level in [json!(null), json!("service"), json!("Executive"), json!("root"), json!(["executive"]), json!(3)] {
        let away = start_sign_in(&app).await;
        let token = key.token("ES256", &claims(&app, &away, &json!({ "level": level })));
        let answer = come_back(&app, &provider, &away, token).await;
        assert_eq!(redirect_target(&answer), "/signin?refused=no_level", "{level}");
    }
    let entry = app.get("/api/admin/audit").await.ok()["entries"][0].clone();
    assert_eq!((&entry["actor"], &entry["outcome"]), (&json!("oidc:ada@acme.example"), &json!("refused")));
    app.tamper("delete from tokens where level = 'executive'").await;
    assert!(app.store.was_never_used().await.expect("asked"), "a rejected person was not signed in");
}

#[tokio::test]
async fn refused_sign_ins_of_one_account_are_audited_once_an_hour() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    let other_host = app.start_second_host().await;
    let refused = "audit where action = 'session.sign_in' and outcome = 'refused'";
    let attempt = async |app: &TestApp, subject: &str| {
        let away = start_sign_in(app).await;
        let changes = json!({ "level": null, "sub": subject, "email": null });
        let token = key.token("ES256", &claims(app, &away, &changes));
        assert_eq!(redirect_target(&come_back(app, &provider, &away, token).await), "/signin?refused=no_level");
    };
    for _ in 0..3 {
        attempt(&app, "00u1").await;
        attempt(&other_host, "00u1").await;
    }
    assert_eq!(app.store.count_rows(refused).await, 1);
    attempt(&app, "00u2").await;
    assert_eq!(app.store.count_rows(refused).await, 2, "another account has its own row");
    app.clock.advance(SignedDuration::from_mins(59));
    attempt(&app, "00u1").await;
    assert_eq!(app.store.count_rows(refused).await, 2);
    app.clock.advance(SignedDuration::from_mins(2));
    app.store.delete_expired_sessions().await.expect("removed");
    attempt(&app, "00u1").await;
    attempt(&app, "00u1").await;
    assert_eq!(app.store.count_rows(refused).await, 3);
    assert!(app.log().contains("refused sign-in was not audited"));
    assert_eq!(app.store.first_broken_audit_row().await.expect("readable"), None);
}

#[tokio::test]
async fn an_untrusted_id_token_signs_nobody_in() {
    let (key, foreign) = (SigningKey::p256("one"), SigningKey::p256("one"));
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    let now = app.clock.now().as_second();
    for changes in [
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "aud": "another" }),
        json!({ "aud": [CLIENT, "another"] }),
        json!({ "aud": null }),
        json!({ "azp": "another" }),
        json!({ "iss": "https://id.example.com/other" }),
        json!({ "iss": null }),
        json!({ "exp": now - 61 }),
        json!({ "exp": null }),
        json!({ "iat": now + 61 }),
        json!({ "sub": "" }),
        json!({ "sub": null }),
        json!({ "sub": "a\u{202e}b" }),
    ] {
        let away = start_sign_in(&app).await;
        let token = key.token("ES256", &claims(&app, &away, &changes));
        assert_eq!(
            redirect_target(&come_back(&app, &provider, &away, token).await),
            "/signin?refused=invalid",
            "{changes}"
        );
    }
    // Another service, with all of its failed attempts.
    let app = provider.app().await;
    let header = |algorithm: &str| json!({ "alg": algorithm, "kid": "one", "typ": "JWT" });
    let unsigned = |good: &Value| {
        format!("{}.{}.", base64url(header("none").to_string().as_bytes()), base64url(good.to_string().as_bytes()))
    };
    let make: [&dyn Fn(&Value) -> String; 4] = [
        &|good| foreign.token("ES256", good),
        &unsigned,
        // The client secret is not a signing key, whatever the discovery document offers.
        &|good| mac_token(&header("HS256"), good, provider.secret.as_bytes()),
        &|_| "no.token.at-all".to_owned(),
    ];
    for make in make {
        let away = start_sign_in(&app).await;
        let token = make(&claims(&app, &away, &json!({})));
        let answer = come_back(&app, &provider, &away, token).await;
        assert_eq!(redirect_target(&answer), "/signin?refused=invalid");
    }
    let away = start_sign_in(&app).await;
    let code = provider.consent(&away.asked, None);
    let without =
        return_from_provider(&app, &away.cookie, &[("code", &code), ("state", away.asked.get("state"))]).await;
    assert_eq!(redirect_target(&without), "/signin?refused=invalid", "an answer without an id token");
}

#[tokio::test]
async fn a_sign_in_completes_once_in_its_browser_and_before_it_expires() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    let (away, other) = (start_sign_in(&app).await, start_sign_in(&app).await);
    let token = || key.token("ES256", &claims(&app, &away, &json!({})));
    let state = away.asked.get("state");
    let code = provider.consent(&away.asked, Some(token()));
    for (what, cookie, query) in [
        ("no cookie", "x=y", vec![("code", code.as_str()), ("state", state)]),
        ("another browser's", &other.cookie, vec![("code", code.as_str()), ("state", state)]),
        ("another state", &away.cookie, vec![("code", code.as_str()), ("state", other.asked.get("state"))]),
        ("no state", &away.cookie, vec![("code", code.as_str())]),
    ] {
        assert_eq!(
            redirect_target(&return_from_provider(&app, cookie, &query).await),
            "/signin?refused=expired",
            "{what}"
        );
    }
    let foreign =
        return_from_provider(&app, &away.cookie, &[("code", &code), ("state", state), ("iss", "https://evil.test")])
            .await;
    assert_eq!(redirect_target(&foreign), "/signin?refused=invalid");
    assert!(provider.upstream.requests_to(TOKEN).is_empty(), "the code was not sent");

    let in_order = [("code", code.as_str()), ("state", state), ("iss", ISSUER)];
    let _session = session(&app, &return_from_provider(&app, &away.cookie, &in_order).await).await;
    assert_eq!(
        redirect_target(&return_from_provider(&app, &away.cookie, &in_order).await),
        "/signin?refused=expired",
        "the code was used"
    );
    let second = come_back(&app, &provider, &away, token()).await;
    assert_eq!(redirect_target(&second), "/signin?refused=expired", "the state was used, even with a new code");

    let late = start_sign_in(&app).await;
    app.clock.advance(SignedDuration::from_mins(10));
    let late = come_back(&app, &provider, &late, key.token("ES256", &claims(&app, &late, &json!({})))).await;
    assert_eq!(redirect_target(&late), "/signin?refused=expired");
}

#[tokio::test]
async fn the_providers_error_text_stays_out_of_the_url() {
    let provider = OidcStandIn::start(&[&SigningKey::p256("one")]).await;
    let app = provider.app().await;
    let away = start_sign_in(&app).await;
    let state = away.asked.get("state");
    for (error, word) in [
        ("access_denied", "declined"),
        ("login_required", "declined"),
        ("<script>alert(1)</script>", "declined"),
        ("temporarily_unavailable", "unavailable"),
        ("server_error", "unavailable"),
    ] {
        let query = [("error", error), ("error_description", "//evil.test"), ("state", state)];
        assert_eq!(
            redirect_target(&return_from_provider(&app, &away.cookie, &query).await),
            format!("/signin?refused={word}")
        );
    }
    let nothing = return_from_provider(&app, &away.cookie, &[("state", state)]).await;
    assert_eq!(redirect_target(&nothing), "/signin?refused=invalid");
    let twice = return_from_provider(&app, &away.cookie, &[("state", state), ("state", state), ("code", "x")]).await;
    assert_eq!(redirect_target(&twice), "/signin?refused=invalid");
    let made_up = return_from_provider(&app, &away.cookie, &[("state", state), ("code", "made-up")]).await;
    assert_eq!(redirect_target(&made_up), "/signin?refused=expired");
}

#[tokio::test]
async fn while_the_identity_provider_is_down_the_page_says_so_and_tokens_work() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    let unavailable = |answer: &TestResponse| assert_eq!(redirect_target(answer), "/signin?refused=unavailable");
    for fail in [
        Failure::Status(503),
        Failure::Reset,
        Failure::Html,
        Failure::CutJson,
        Failure::RedirectTo("https://evil.test/".to_owned()),
    ] {
        provider.upstream.fail(fail);
        unavailable(&app.send_as(TestCaller::Anonymous, Method::GET, SIGN_IN, None).await);
        provider.upstream.recover();
        app.clock.advance(SignedDuration::from_secs(5));
    }
    for fail in [Failure::Status(500), Failure::TooManyRequests { retry_after: None }, Failure::Reset] {
        let away = start_sign_in(&app).await;
        provider.upstream.fail(fail);
        let token = key.token("ES256", &claims(&app, &away, &json!({})));
        unavailable(&come_back(&app, &provider, &away, token).await);
        provider.upstream.recover();
    }
    let session = app.sign_in(TestCaller::Executive).await;
    assert_eq!(app.send_in(&session, Method::GET, "/api/session", None).await.ok()["signed_in"], true);
    sign_in(&app, &provider, &key, "ES256", &json!({})).await;
}

#[tokio::test]
async fn many_sign_ins_while_the_identity_provider_is_down_cause_one_request() {
    let provider = OidcStandIn::start(&[&SigningKey::p256("one")]).await;
    let app = provider.app().await;
    provider.upstream.fail(Failure::Status(503));
    let all = (0..50).map(|_| app.send_as(TestCaller::Anonymous, Method::GET, SIGN_IN, None));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(redirect_target(&answer), "/signin?refused=unavailable");
    }
    assert_eq!(provider.upstream.requests_to(DESCRIPTION).len(), 1);
}

#[tokio::test]
async fn an_inconsistent_discovery_document_is_rejected() {
    let provider = OidcStandIn::start(&[&SigningKey::p256("one")]).await;
    for (name, value) in [
        ("issuer", "https://id.example.com/other"),
        ("authorization_endpoint", "http://id.example.com/acme/authorize"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        provider.describe("issuer", ISSUER.into());
        provider.describe(name, value.into());
        let app = provider.app().await;
        let answer = app.send_as(TestCaller::Anonymous, Method::GET, SIGN_IN, None).await;
        assert_eq!(redirect_target(&answer), "/signin?refused=invalid", "{name} {value}");
    }
}

#[tokio::test]
async fn a_new_key_is_found_immediately_and_a_withdrawn_key_is_rejected() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::ed25519("new"));
    let provider = OidcStandIn::start(&[&old]).await;
    let app = provider.app().await;
    let _ = sign_in(&app, &provider, &old, "ES256", &json!({})).await;
    provider.publish(vec![new.jwk()]);
    app.clock.advance(SignedDuration::from_secs(1));
    let _ = sign_in(&app, &provider, &new, "EdDSA", &json!({})).await;
    assert_eq!(provider.upstream.requests_to(DESCRIPTION).len(), 2);
    let away = start_sign_in(&app).await;
    let token = old.token("ES256", &claims(&app, &away, &json!({})));
    assert_eq!(redirect_target(&come_back(&app, &provider, &away, token).await), "/signin?refused=invalid");
}

#[tokio::test]
async fn the_client_secret_is_sent_where_the_identity_provider_wants_it() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    provider.describe("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    let app = provider.app().await;
    let _ = sign_in(&app, &provider, &key, "ES256", &json!({})).await;
    assert!(provider.upstream.requests_to(TOKEN)[0].header("authorization").is_none());
    provider.describe("token_endpoint_auth_methods_supported", json!(["client_secret_basic", "client_secret_post"]));
    app.clock.advance(SignedDuration::from_mins(10));
    let _ = sign_in(&app, &provider, &key, "ES256", &json!({})).await;
    assert!(provider.upstream.requests_to(TOKEN)[1].header("authorization").is_some());
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_the_person_and_of_no_other() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.app().await;
    let one = sign_in(&app, &provider, &key, "ES256", &json!({})).await;
    // The email may change; the person is the same.
    let two = sign_in(&app, &provider, &key, "ES256", &json!({ "email": "ada.l@acme.example" })).await;
    let other = sign_in(&app, &provider, &key, "ES256", &json!({ "sub": "00u2" })).await;
    assert_eq!(app.send_in(&one, Method::DELETE, "/api/sessions", None).await.status, 200);
    let mut statuses = Vec::new();
    for session in [&one, &two, &other] {
        statuses.push(app.send_in(session, Method::GET, "/api/admin/audit", None).await.status);
    }
    assert_eq!(statuses, [401, 401, 200]);
}

#[tokio::test]
async fn without_an_identity_provider_there_is_no_oidc_sign_in() {
    let app = TestApp::builder().start().await;
    for path in [SIGN_IN, CALLBACK] {
        let _ = app.send_as(TestCaller::Anonymous, Method::GET, path, None).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_made_up_code_is_tried_once_and_counts_as_a_failed_attempt() {
    let key = SigningKey::p256("one");
    let provider = OidcStandIn::start(&[&key]).await;
    let app = provider.served(TestApp::builder()).setting("JACKFIELD_TRUSTED_PROXIES", "127.0.0.1").start().await;
    let made_up = async |away: &SignInAttempt, from: &'static str| {
        let path = format!("{CALLBACK}?code=made-up&state={}", away.asked.get("state"));
        app.send_request_as(TestCaller::Anonymous, Method::GET, &path, |request| {
            request.header("cookie", &away.cookie).header("x-forwarded-for", from)
        })
        .await
    };
    let away = start_sign_in(&app).await;
    for _ in 0..3 {
        assert_eq!(redirect_target(&made_up(&away, "198.51.100.1").await), "/signin?refused=expired");
    }
    assert_eq!(provider.upstream.requests_to(TOKEN).len(), 1, "one sign-in tries one code");
    let mut throttled = 0;
    for _ in 0..40 {
        let away = start_sign_in(&app).await;
        let answer = made_up(&away, "198.51.100.1").await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
            throttled += 1;
        }
    }
    let tried = provider.upstream.requests_to(TOKEN).len();
    assert!(throttled > 0 && tried + throttled <= 42, "{throttled} {tried}");
    let mut unknown = 401;
    for _ in 0..10 {
        let path = "/api/admin/connections";
        let from = |request: reqwest::RequestBuilder| request.header("x-forwarded-for", "198.51.100.1");
        unknown = app.send_request_as(TestCaller::UnknownToken, Method::GET, path, from).await.status;
        if unknown == 429 {
            break;
        }
    }
    assert_eq!(unknown, 429, "the address has few failed attempts left");
    // From another address, a person still signs in.
    sign_in(&app, &provider, &key, "ES256", &json!({})).await;
}
