//! A stand-in for an identity provider: signing keys, the set of public keys, and valid or invalid tokens.
//!
//! It signs with `ring` only, so that it does not share a mistake with the crate that verifies.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_test_support::stand_in_server::{StandInResponse, StandInServer};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
        RsaKeyPair,
    },
};
use serde_json::{Value, json};

pub(in crate::http) const HOST: &str = "id.example.com";
pub(in crate::http) const ISSUER: &str = "https://id.example.com/acme";
pub(in crate::http) const AUDIENCE: &str = "jackfield";
/// The URL of the keys in the service's settings.
pub(in crate::http) const JWKS: &str = "https://id.example.com/acme/keys";

/// An RSA key for tests only, because `ring` cannot generate one.
const RSA: &[u8] = include_bytes!("../../../data/rsa-test-key.der");

/// A running identity provider.
pub(in crate::http) struct Issuer {
    pub(in crate::http) upstream: StandInServer,
    published: Arc<Mutex<Vec<Value>>>,
}

impl Issuer {
    /// Starts with these public keys.
    pub(in crate::http) async fn start(keys: &[&SigningKey]) -> Self {
        let published = Arc::new(Mutex::new(keys.iter().map(|key| key.jwk()).collect::<Vec<Value>>()));
        let answered = Arc::clone(&published);
        let upstream = StandInServer::start(move |request| match request.path.as_str() {
            "/acme/keys" => StandInResponse::json(&json!({ "keys": *answered.lock().expect("the keys") })),
            _ => StandInResponse::empty(404),
        })
        .await;
        Self { upstream, published }
    }

    /// Publishes exactly these keys.
    pub(in crate::http) fn publish(&self, keys: Vec<Value>) {
        *self.published.lock().expect("the keys") = keys;
    }

    /// Returns how often the keys were requested.
    pub(in crate::http) fn fetches(&self) -> usize {
        self.upstream.requests_to("/acme/keys").len()
    }
}

/// A key that signs tokens.
pub(in crate::http) struct SigningKey {
    pub(in crate::http) id: String,
    pair: AnyKeyPair,
}

enum AnyKeyPair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    pub(in crate::http) fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: AnyKeyPair::Rsa(RsaKeyPair::from_der(RSA).expect("an RSA key")) }
    }

    pub(in crate::http) fn p256(id: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        Self { id: id.to_owned(), pair: AnyKeyPair::P256(pair) }
    }

    pub(in crate::http) fn p384(id: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        Self { id: id.to_owned(), pair: AnyKeyPair::P384(pair) }
    }

    pub(in crate::http) fn ed25519(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        Self { id: id.to_owned(), pair: AnyKeyPair::Ed25519(pair) }
    }

    /// Returns the public key as a member of the key set.
    pub(in crate::http) fn jwk(&self) -> Value {
        let id = &self.id;
        let point = |curve: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "kid": id, "use": "sig", "x": base64url(x), "y": base64url(y) })
        };
        match &self.pair {
            AnyKeyPair::Rsa(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "kid": id, "use": "sig", "n": base64url(&n), "e": base64url(&e) })
            }
            AnyKeyPair::P256(pair) => point("P-256", pair.public_key().as_ref()),
            AnyKeyPair::P384(pair) => point("P-384", pair.public_key().as_ref()),
            AnyKeyPair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": base64url(pair.public_key().as_ref()) })
            }
        }
    }

    /// Signs a valid token.
    pub(in crate::http) fn token(&self, algorithm: &str, claims: &Value) -> String {
        self.token_with_header(algorithm, &json!({ "alg": algorithm, "kid": self.id, "typ": "JWT" }), claims)
    }

    /// Signs a token with a custom header and this algorithm, whatever the header says.
    pub(in crate::http) fn token_with_header(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        assemble(header, claims, |message| self.sign(algorithm, message))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            AnyKeyPair::Rsa(pair) => {
                let padding: &dyn ring::signature::RsaEncoding = match algorithm {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    other => panic!("{other} is no algorithm of an RSA key"),
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("signed");
                signature
            }
            AnyKeyPair::P256(pair) | AnyKeyPair::P384(pair) => {
                pair.sign(&random, message).expect("signed").as_ref().to_vec()
            }
            AnyKeyPair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Returns a token whose signature is a MAC under arbitrary bytes.
pub(in crate::http) fn mac_token(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    assemble(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// Assembles a token.
pub(in crate::http) fn assemble(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    let signature = base64url(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(in crate::http) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
