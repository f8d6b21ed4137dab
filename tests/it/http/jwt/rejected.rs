//! One token for every way to be invalid (T52); all of them are rejected.

use base64::{Engine, engine::general_purpose::STANDARD};
use jackfield_test_support::{app::TestApp, marked};
use serde_json::{Value, json};

use super::{
    AUDIENCE, ISSUER, Issuer, SigningKey, ask, claims,
    issuer::{HOST, assemble, base64url, mac_token},
    start_service, with_identity_provider,
};

/// Failed attempts below the limit per address, with some to spare.
const TRIES: usize = 15;

/// The keys of these tests: three published ones, and one that is not published.
struct TestKeys {
    rsa: SigningKey,
    p256: SigningKey,
    ed25519: SigningKey,
    stranger: SigningKey,
}

impl TestKeys {
    fn new() -> Self {
        Self {
            rsa: SigningKey::rsa("rsa"),
            p256: SigningKey::p256("p256"),
            ed25519: SigningKey::ed25519("ed25519"),
            // It has the id of a published key.
            stranger: SigningKey::ed25519("ed25519"),
        }
    }

    async fn issuer(&self) -> Issuer {
        Issuer::start(&[&self.rsa, &self.p256, &self.ed25519]).await
    }
}

/// Sends a request with each token and expects the same response for all of them.
async fn expect_all_rejected(issuer: &Issuer, make: impl Fn(&TestApp) -> Vec<(String, String)>) {
    let mut app = start_service(issuer).await;
    let count = make(&app).len();
    for index in 0..count {
        if index > 0 && index.is_multiple_of(TRIES) {
            app = start_service(issuer).await;
        }
        let (what, token) = make(&app).swap_remove(index);
        let answer = ask(&app, &token).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{what}: {}", answer.text);
        assert_eq!(answer.json()["detail"], "a valid bearer token is required", "{what}: the response gives no hint");
    }
}

#[tokio::test]
async fn a_token_with_a_wrong_claim_is_rejected() {
    let keys = TestKeys::new();
    let issuer = keys.issuer().await;
    expect_all_rejected(&issuer, |app| {
        let now = app.clock.now().as_second();
        let changes = [
            json!({ "iss": null }),
            json!({ "iss": "https://id.example.com/other" }),
            json!({ "iss": format!("{ISSUER}/") }),
            json!({ "iss": [ISSUER] }),
            json!({ "aud": null }),
            json!({ "aud": "another" }),
            json!({ "aud": [] }),
            json!({ "aud": ["another", "jackfield-console"] }),
            json!({ "aud": { AUDIENCE: true } }),
            json!({ "exp": null }),
            json!({ "exp": now - 61 }),
            json!({ "exp": (now + 300).to_string() }),
            json!({ "exp": -1 }),
            json!({ "exp": true }),
            json!({ "nbf": now + 90 }),
            json!({ "nbf": "now" }),
            json!({ "iat": now + 90 }),
            json!({ "iat": [now] }),
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
            json!({ "sub": "a".repeat(256) }),
            json!({ "sub": "ada\nexecutive" }),
            json!({ "sub": "ada\u{202e}" }),
            json!({ "level": null }),
            json!({ "level": "" }),
            json!({ "level": "Executive" }),
            json!({ "level": "executive " }),
            json!({ "level": "admin" }),
            json!({ "level": "service" }),
            json!({ "level": ["executive"] }),
            json!({ "level": { "executive": true } }),
            json!({ "level": true }),
            json!({ "level": 3 }),
        ];
        changes.iter().map(|change| (change.to_string(), keys.ed25519.token("EdDSA", &claims(app, change)))).collect()
    })
    .await;
}

#[tokio::test]
async fn a_token_with_a_wrong_header_is_rejected() {
    let keys = TestKeys::new();
    let issuer = keys.issuer().await;
    expect_all_rejected(&issuer, |app| {
        let claims = claims(app, &json!({}));
        let url = format!("https://{HOST}/acme/others");
        let headers = [
            json!({ "alg": "EdDSA" }),
            json!({ "alg": "EdDSA", "kid": null }),
            json!({ "alg": "EdDSA", "kid": "unheard-of" }),
            json!({ "alg": "EdDSA", "kid": "../../../dev/null" }),
            json!({ "alg": "EdDSA", "kid": "' or 1=1 --" }),
            json!({ "alg": "EdDSA", "kid": ["ed25519"] }),
            json!({ "alg": "EdDSA", "kid": "rsa" }),
            json!({ "alg": "ES256", "kid": "ed25519" }),
            json!({ "alg": "RS256", "kid": "ed25519" }),
            json!({ "alg": "HS256", "kid": "ed25519" }),
            json!({ "alg": "none", "kid": "ed25519" }),
            json!({ "kid": "ed25519" }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "typ": "JWE" }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "typ": "logout+jwt" }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "typ": 1 }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "crit": ["exp"], "exp": 1 }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "crit": ["b64"], "b64": false }),
        ];
        let signed_by_a_published_key =
            headers.iter().map(|header| (header.to_string(), keys.ed25519.token_with_header("EdDSA", header, &claims)));
        // A key in the token, or at a URL in the token, is not trusted.
        let jwk = keys.stranger.jwk();
        let brought = [
            json!({ "alg": "EdDSA", "kid": "ed25519", "jwk": jwk }),
            json!({ "alg": "EdDSA", "kid": "mine", "jwk": jwk }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "jku": url }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "x5u": url }),
            json!({ "alg": "EdDSA", "kid": "ed25519", "x5c": [STANDARD.encode("certificate")] }),
        ];
        let signed_by_a_stranger = brought
            .iter()
            .map(|header| (header.to_string(), keys.stranger.token_with_header("EdDSA", header, &claims)));
        signed_by_a_published_key.chain(signed_by_a_stranger).collect()
    })
    .await;
    assert_eq!(issuer.upstream.requests_to("/acme/others").len(), 0, "no request goes to a URL from a token");
}

#[tokio::test]
async fn a_token_without_a_valid_signature_is_rejected() {
    let keys = TestKeys::new();
    let issuer = keys.issuer().await;
    expect_all_rejected(&issuer, |app| {
        let claims = claims(app, &json!({}));
        let header = json!({ "alg": "EdDSA", "kid": "ed25519" });
        let good = keys.ed25519.token("EdDSA", &claims);
        let parts: Vec<&str> = good.split('.').collect();
        let [head, payload, signature] = parts[..] else { panic!("three parts") };
        let forged = base64url(claims.to_string().replace("ada", "eve").as_bytes());
        let unsigned = |algorithm: &str| assemble(&json!({ "alg": algorithm, "kid": "rsa" }), &claims, |_| Vec::new());
        // The public key as the secret of a MAC, in every form in which a library may use it.
        let jwk = keys.rsa.jwk();
        let modulus = jwk["n"].as_str().expect("a modulus").to_owned();
        let by_mac = |secret: &[u8]| mac_token(&json!({ "alg": "HS256", "kid": "rsa" }), &claims, secret);
        let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&modulus).expect("base64url");
        let pairs = [
            ("none", unsigned("none")),
            ("None", unsigned("None")),
            ("nOnE", unsigned("nOnE")),
            ("an empty signature", unsigned("RS256")),
            ("a MAC under the modulus", by_mac(&decoded)),
            ("a MAC under the modulus as text", by_mac(modulus.as_bytes())),
            ("a MAC under the JWK", by_mac(jwk.to_string().as_bytes())),
            ("a MAC under nothing", by_mac(b"")),
            (
                "RS256 said, PS256 signed",
                keys.rsa.token_with_header("PS256", &json!({ "alg": "RS256", "kid": "rsa" }), &claims),
            ),
            (
                "RS256 said, RS512 signed",
                keys.rsa.token_with_header("RS512", &json!({ "alg": "RS256", "kid": "rsa" }), &claims),
            ),
            (
                "an ECDSA signature of zeros",
                assemble(&json!({ "alg": "ES256", "kid": "p256" }), &claims, |_| vec![0; 64]),
            ),
            ("a stranger under a known id", keys.stranger.token_with_header("EdDSA", &header, &claims)),
            ("another payload", format!("{head}.{forged}.{signature}")),
            ("a cut signature", format!("{head}.{payload}.{}", &signature[..signature.len() - 4])),
            ("two parts", format!("{head}.{payload}")),
            ("four parts", format!("{good}.{signature}")),
            ("five parts, as of an encrypted one", format!("{head}..{payload}.{signature}.{signature}")),
            ("padding", format!("{good}==")),
            ("no base64", format!("{head}.{payload}.{}", "!".repeat(86))),
            (
                "too long",
                keys.ed25519.token("EdDSA", &{
                    let mut long = claims.clone();
                    long["groups"] = Value::String("x".repeat(16 << 10));
                    long
                }),
            ),
            ("only dots", "..".to_owned()),
        ];
        pairs.map(|(what, token)| (what.to_owned(), token)).into()
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_not_for_signatures_verifies_none() {
    let (rsa, ed25519) = (SigningKey::rsa("rsa"), SigningKey::ed25519("ed25519"));
    let issuer = Issuer::start(&[]).await;
    let mut for_encryption = rsa.jwk();
    for_encryption["use"] = json!("enc");
    let secret = b"a secret that somebody published";
    let published = vec![
        for_encryption,
        json!({ "kty": "oct", "kid": "shared", "alg": "HS256", "k": base64url(secret) }),
        json!({ "kty": "AKP", "kid": "unheard-of", "pub": "AQ" }),
        // The usable key comes last, so that the keys before it must not prevent its use.
        ed25519.jwk(),
    ];
    issuer.publish(published);
    expect_all_rejected(&issuer, |app| {
        let claims = claims(app, &json!({}));
        vec![
            ("for encryption".to_owned(), rsa.token("RS256", &claims)),
            ("shared".to_owned(), mac_token(&json!({ "alg": "HS256", "kid": "shared" }), &claims, secret)),
        ]
    })
    .await;
    let app = start_service(&issuer).await;
    assert_eq!(ask(&app, &ed25519.token("EdDSA", &claims(&app, &json!({})))).await.status, 200);
}

#[tokio::test]
async fn an_id_token_of_the_consoles_client_is_no_bearer_token() {
    let key = SigningKey::p256("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = with_identity_provider(TestApp::builder(), &issuer.upstream)
        .setting("JACKFIELD_OIDC_ISSUER", ISSUER)
        .setting("JACKFIELD_OIDC_CLIENT_ID", AUDIENCE)
        .setting("JACKFIELD_OIDC_CLIENT_SECRET", &marked::secret("oidc-"))
        .setting("JACKFIELD_OIDC_LEVEL_CLAIM", "level")
        .start()
        .await;
    for (kind, changes, status) in [
        ("JWT", json!({}), 401),
        ("JWT", json!({ "nonce": "n", "azp": AUDIENCE }), 401),
        ("JWT", json!({ "scope": "openid", "at_hash": "x" }), 401),
        ("JWT", json!({ "scope": "openid", "c_hash": "x" }), 401),
        ("JWT", json!({ "scope": "openid", "typ": "ID" }), 401),
        ("JWT", json!({ "client_id": "job", "token_use": "id" }), 401),
        ("JWT", json!({ "scope": "api", "typ": "Bearer", "azp": "job" }), 200),
        ("JWT", json!({ "scp": ["api"] }), 200),
        ("JWT", json!({ "client_id": "job" }), 200),
        ("at+jwt", json!({}), 200),
        ("application/at+JWT", json!({ "scope": "api" }), 200),
    ] {
        let header = json!({ "alg": "ES256", "kid": key.id, "typ": kind });
        let token = key.token_with_header("ES256", &header, &claims(&app, &changes));
        assert_eq!(ask(&app, &token).await.status, status, "{kind} {changes}");
    }
}
