//! Callers with a JWT of the identity provider: accepted and rejected tokens, and the provider's keys.

pub(super) mod issuer;
mod rejected;

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder, TestResponse},
    marked,
    slack::SlackStandIn,
    stand_in_server::{Failure, StandInServer},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use self::issuer::{AUDIENCE, HOST, ISSUER, Issuer, JWKS, SigningKey};
use super::{SLACK, body, with_slack};

const AUDIT: &str = "/api/admin/audit";

/// A service that accepts tokens of the identity provider.
fn with_identity_provider(builder: TestAppBuilder, issuer: &StandInServer) -> TestAppBuilder {
    builder
        .reroute(HOST, issuer)
        .setting("JACKFIELD_JWT_ISSUER", ISSUER)
        .setting("JACKFIELD_JWT_AUDIENCE", AUDIENCE)
        .setting("JACKFIELD_JWT_JWKS_URL", JWKS)
        .setting("JACKFIELD_JWT_LEVEL_CLAIM", "level")
}

pub(super) async fn start_service(issuer: &Issuer) -> TestApp {
    with_identity_provider(TestApp::builder(), &issuer.upstream).start().await
}

/// Returns the claims of a valid token with changes; null removes a claim.
pub(super) fn claims(app: &TestApp, changes: &Value) -> Value {
    let now = app.clock.now().as_second();
    let mut claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada@acme.example",
        "iat": now,
        "exp": now + 300,
        "level": "executive",
    });
    apply_changes(&mut claims, changes);
    claims
}

/// Applies changes to the claims of a token; null removes a claim.
pub(super) fn apply_changes(claims: &mut Value, changes: &Value) {
    let claims = claims.as_object_mut().expect("an object of claims");
    for (name, value) in changes.as_object().expect("an object of changes") {
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.clone(), value.clone()),
        };
    }
}

async fn ask(app: &TestApp, token: &str) -> TestResponse {
    app.send_with_token(token, Method::GET, AUDIT, None).await
}

#[tokio::test]
async fn a_token_of_every_key_algorithm_gets_its_level() {
    let (rsa, p256) = (SigningKey::rsa("rsa"), SigningKey::p256("p256"));
    let (p384, ed25519) = (SigningKey::p384("p384"), SigningKey::ed25519("ed25519"));
    let issuer = Issuer::start(&[&rsa, &p256, &p384, &ed25519]).await;
    let app = start_service(&issuer).await;
    for (key, algorithm) in [
        (&rsa, "RS256"),
        (&rsa, "RS384"),
        (&rsa, "RS512"),
        (&rsa, "PS256"),
        (&rsa, "PS384"),
        (&rsa, "PS512"),
        (&p256, "ES256"),
        (&p384, "ES384"),
        (&ed25519, "EdDSA"),
    ] {
        for (level, status) in [("executive", 200), ("manager", 403), ("member", 403)] {
            // A token that is valid for minutes is a secret, so no log may contain it.
            let token = marked::record(key.token(algorithm, &claims(&app, &json!({ "level": level }))));
            assert_eq!(ask(&app, &token).await.status, status, "{algorithm} {level}");
        }
    }
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(app.get(AUDIT).await.status, 200, "API tokens are still accepted");
}

#[tokio::test]
async fn optional_variations_of_an_identity_provider_are_accepted() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = start_service(&issuer).await;
    let now = app.clock.now().as_second();
    for header in [
        json!({ "alg": "EdDSA", "kid": "one" }),
        json!({ "alg": "EdDSA", "kid": "one", "typ": "at+jwt" }),
        json!({ "alg": "EdDSA", "kid": "one", "typ": "application/AT+JWT" }),
    ] {
        let token = key.token_with_header("EdDSA", &header, &claims(&app, &json!({})));
        assert_eq!(ask(&app, &token).await.status, 200, "{header}");
    }
    for change in [
        json!({ "aud": ["account", AUDIENCE] }),
        json!({ "iat": null }),
        json!({ "nbf": now - 5, "iat": now as f64 + 0.5, "exp": now as f64 + 10.25 }),
        // Clocks may differ.
        json!({ "exp": now - 30 }),
        json!({ "nbf": now + 30, "iat": now + 30 }),
        json!({ "email": "ada@acme.example", "groups": ["a", "b"], "level_2": "member" }),
    ] {
        assert_eq!(ask(&app, &key.token("EdDSA", &claims(&app, &change))).await.status, 200, "{change}");
    }
}

#[tokio::test]
async fn the_audit_names_the_subject_of_a_token() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let slack = SlackStandIn::start().await;
    let app = with_identity_provider(with_slack(&slack), &issuer.upstream).start().await;
    let token = key.token("EdDSA", &claims(&app, &json!({})));
    let slack_token = super::add_token(&slack);
    assert_eq!(app.send_with_token(&token, Method::PUT, SLACK, Some(body(&slack_token))).await.status, 200);
    assert_eq!(app.get(AUDIT).await.ok()["entries"][0]["actor"], "jwt:ada@acme.example");
    let list = app.get("/api/admin/connections").await.ok();
    assert_eq!(list["connections"][0]["connected_by"], "jwt:ada@acme.example");
}

#[tokio::test]
async fn a_token_is_valid_until_its_expiry() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = start_service(&issuer).await;
    let token = key.token("EdDSA", &claims(&app, &json!({})));
    assert_eq!(ask(&app, &token).await.status, 200);
    app.clock.advance(SignedDuration::from_secs(359));
    assert_eq!(ask(&app, &token).await.status, 200, "one more minute is allowed, because clocks differ");
    app.clock.advance(SignedDuration::from_secs(1));
    let _ = ask(&app, &token).await.problem(401, "unauthenticated");
    app.clock.advance(SignedDuration::from_hours(-24));
    let _ = ask(&app, &token).await.problem(401, "unauthenticated");
    app.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(60));
    assert_eq!(ask(&app, &token).await.status, 200, "a clock that jumps and returns does no harm");
}

#[tokio::test]
async fn a_thousand_unknown_keys_cause_one_fetch() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    issuer.upstream.set_latency(std::time::Duration::from_millis(50));
    let app = start_service(&issuer).await;
    let claims = claims(&app, &json!({}));
    let tokens: Vec<String> = (0..1_000)
        .map(|number| {
            key.token_with_header("EdDSA", &json!({ "alg": "EdDSA", "kid": format!("made-up-{number}") }), &claims)
        })
        .collect();
    for some in tokens.chunks(100) {
        for answer in futures_util::future::join_all(some.iter().map(|token| ask(&app, token))).await {
            assert!([401, 429].contains(&answer.status), "{}", answer.text);
        }
    }
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(ask(&app, &key.token("EdDSA", &claims)).await.status, 200, "valid tokens are accepted throughout");
    app.clock.advance(SignedDuration::from_secs(60));
    assert_ne!(ask(&app, &tokens[0]).await.status, 200);
    assert_ne!(ask(&app, &tokens[1]).await.status, 200);
    assert_eq!(issuer.fetches(), 2, "and one more in the next minute");
}

#[tokio::test]
async fn failed_tokens_are_throttled_like_other_failed_attempts() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = start_service(&issuer).await;
    let wrong = key.token("EdDSA", &claims(&app, &json!({ "aud": "another" })));
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(ask(&app, &wrong).await.status);
    }
    assert_eq!(statuses[..20], [401; 20]);
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    assert_eq!(ask(&app, &key.token("EdDSA", &claims(&app, &json!({})))).await.status, 200);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_key_is_rejected() {
    let (old, new) = (SigningKey::ed25519("old"), SigningKey::p256("new"));
    let issuer = Issuer::start(&[&old]).await;
    let app = start_service(&issuer).await;
    let by_old = |app: &TestApp| old.token("EdDSA", &claims(app, &json!({})));
    let by_new = |app: &TestApp| new.token("ES256", &claims(app, &json!({})));
    assert_eq!(ask(&app, &by_old(&app)).await.status, 200);
    issuer.publish(vec![old.jwk(), new.jwk()]);
    assert_eq!(ask(&app, &by_new(&app)).await.status, 401, "the last fetch was less than a minute ago");
    app.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(ask(&app, &by_new(&app)).await.status, 200);
    assert_eq!(issuer.fetches(), 2);
    issuer.publish(vec![new.jwk()]);
    app.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(ask(&app, &by_old(&app)).await.status, 200, "the caller does not wait for the fetch it starts");
    while ask(&app, &by_old(&app)).await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&app, &by_new(&app)).await.status, 200);
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn the_last_keys_are_used_for_a_day_while_the_identity_provider_is_down() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = start_service(&issuer).await;
    let token = |app: &TestApp| key.token("EdDSA", &claims(app, &json!({})));
    for fail in [
        Failure::Reset,
        Failure::Status(500),
        Failure::Html,
        Failure::RedirectTo(JWKS.to_owned()),
        Failure::Hang(std::time::Duration::from_mins(10)),
        Failure::GzipBomb(16 << 30),
        Failure::Response(jackfield_test_support::stand_in_server::StandInResponse::text(
            "application/json",
            "[".repeat(100_000),
        )),
        Failure::Response(jackfield_test_support::stand_in_server::StandInResponse::json(&json!({ "keys": [] }))),
    ] {
        issuer.upstream.fail(fail.clone());
        let answer = ask(&app, &token(&app)).await;
        assert!(answer.header("retry-after").is_some(), "{fail:?}");
        let _ = answer.problem(503, "overloaded");
        app.clock.advance(SignedDuration::from_secs(60));
        issuer.upstream.recover();
    }
    assert_eq!(ask(&app, &token(&app)).await.status, 200, "it is up");
    issuer.upstream.fail(Failure::Reset);
    for _ in 0..23 {
        app.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(ask(&app, &token(&app)).await.status, 200);
    }
    app.clock.advance(SignedDuration::from_hours(1));
    let _ = ask(&app, &token(&app)).await.problem(503, "overloaded");
    assert_eq!(app.get(AUDIT).await.status, 200, "API tokens need no identity provider");
    issuer.upstream.recover();
    app.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(ask(&app, &token(&app)).await.status, 200);
}

#[tokio::test]
async fn without_an_identity_provider_every_jwt_is_rejected() {
    let key = SigningKey::ed25519("one");
    let app = TestApp::builder().start().await;
    let token = key.token("EdDSA", &claims(&app, &json!({})));
    let _ = ask(&app, &token).await.problem(401, "unauthenticated");
}
