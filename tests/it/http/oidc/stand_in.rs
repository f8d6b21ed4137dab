//! A stand-in for an identity provider where people sign in: discovery document, consent and token endpoint.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    marked,
    stand_in_server::{ReceivedRequest, StandInResponse, StandInServer},
};
use serde_json::{Value, json};
use url::Url;

use crate::http::jwt::issuer::{HOST, ISSUER, JWKS, SigningKey, base64url};

pub(super) const CLIENT: &str = "jackfield-console";
pub(super) const TOKEN: &str = "/acme/token";
pub(super) const DESCRIPTION: &str = "/acme/.well-known/openid-configuration";
const REDIRECT: &str = "http://127.0.0.1:7420/signin/oidc/callback";

/// A running identity provider.
pub(super) struct OidcStandIn {
    pub(super) upstream: StandInServer,
    state: Arc<Mutex<OidcStandInState>>,
    pub(super) secret: String,
}

struct OidcStandInState {
    secret: String,
    description: Value,
    keys: Vec<Value>,
    /// The issued codes.
    grants: HashMap<String, IssuedCode>,
}

struct IssuedCode {
    challenge: String,
    /// The id token, created in advance.
    token: Option<String>,
}

/// The query of an authorization request.
pub(super) struct AuthorizationQuery {
    pub(super) query: HashMap<String, String>,
}

impl AuthorizationQuery {
    pub(super) fn of(location: &str) -> Self {
        let url = Url::parse(location).expect("a URL");
        assert!(location.starts_with("https://id.example.com/acme/authorize?"), "{location}");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("code_challenge_method", "S256"),
            ("scope", "openid email"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        Self { query }
    }

    pub(super) fn get(&self, name: &str) -> &str {
        &self.query[name]
    }
}

impl OidcStandIn {
    pub(super) async fn start(keys: &[&SigningKey]) -> Self {
        let secret = marked::secret("oidc-");
        let state = Arc::new(Mutex::new(OidcStandInState {
            secret: secret.clone(),
            description: json!({
                "issuer": ISSUER,
                "authorization_endpoint": "https://id.example.com/acme/authorize",
                "token_endpoint": "https://id.example.com/acme/token",
                "jwks_uri": JWKS,
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                // The service must ignore the algorithms that the provider offers.
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "scopes_supported": ["openid", "email", "profile"],
            }),
            keys: keys.iter().map(|key| key.jwk()).collect(),
            grants: HashMap::new(),
        }));
        let answering = Arc::clone(&state);
        let upstream = StandInServer::start(move |request| answer(&mut lock(&answering), request)).await;
        Self { upstream, state, secret }
    }

    /// A service whose people sign in here.
    pub(super) fn served(&self, builder: TestAppBuilder) -> TestAppBuilder {
        builder
            .reroute(HOST, &self.upstream)
            .setting("JACKFIELD_OIDC_ISSUER", ISSUER)
            .setting("JACKFIELD_OIDC_CLIENT_ID", CLIENT)
            .setting("JACKFIELD_OIDC_CLIENT_SECRET", &self.secret)
            .setting("JACKFIELD_OIDC_LEVEL_CLAIM", "level")
    }

    pub(super) async fn app(&self) -> TestApp {
        self.served(TestApp::builder()).start().await
    }

    pub(super) fn publish(&self, keys: Vec<Value>) {
        lock(&self.state).keys = keys;
    }

    pub(super) fn describe(&self, name: &str, value: Value) {
        lock(&self.state).description[name] = value;
    }

    /// Grants consent: returns the code for an id token, or for a response without one.
    pub(super) fn consent(&self, asked: &AuthorizationQuery, token: Option<String>) -> String {
        let code = marked::secret("code-");
        let challenge = asked.get("code_challenge").to_owned();
        lock(&self.state).grants.insert(code.clone(), IssuedCode { challenge, token });
        code
    }
}

fn lock(state: &Mutex<OidcStandInState>) -> MutexGuard<'_, OidcStandInState> {
    state.lock().expect("the stand-in did not panic")
}

fn answer(state: &mut OidcStandInState, request: &ReceivedRequest) -> StandInResponse {
    match request.path.as_str() {
        DESCRIPTION => StandInResponse::json(&state.description),
        "/acme/keys" => StandInResponse::json(&json!({ "keys": state.keys })),
        TOKEN => token(state, request),
        _ => StandInResponse::empty(404),
    }
}

fn token(state: &mut OidcStandInState, request: &ReceivedRequest) -> StandInResponse {
    let form: HashMap<String, String> = request.form().into_iter().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let by_basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", state.secret)));
    let is_known = request.header("authorization") == Some(&by_basic)
        || (field("client_id"), field("client_secret")) == (CLIENT, &state.secret);
    if !is_known {
        return StandInResponse::json(&json!({ "error": "invalid_client" })).status(401);
    }
    let verified = base64url(ring::digest::digest(&ring::digest::SHA256, field("code_verifier").as_bytes()).as_ref());
    // A code can be redeemed once (RFC 6749 §4.1.2).
    let grant = state.grants.remove(field("code"));
    let grant = grant.filter(|grant| grant.challenge == verified && field("redirect_uri") == REDIRECT);
    let Some(grant) = grant.filter(|_| field("grant_type") == "authorization_code") else {
        return StandInResponse::json(&json!({ "error": "invalid_grant", "error_description": "<script>" }))
            .status(400);
    };
    let mut given = json!({ "access_token": marked::secret("at-"), "token_type": "Bearer", "expires_in": 300 });
    if let Some(token) = grant.token {
        given["id_token"] = marked::record(token).into();
    }
    StandInResponse::json(&given)
}
