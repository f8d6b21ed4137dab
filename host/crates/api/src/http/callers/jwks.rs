//! The identity provider's public keys: fetched from its one URL, kept, and looked up by their id. Judges no token.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jackfield_core::{Clock, manifest::Method};
use jackfield_egress::{Egress, Request, SendError};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

/// Between two fetches at least, whatever key ids callers make up.
const BETWEEN_FETCHES: SignedDuration = SignedDuration::from_secs(60);

/// Older keys are fetched anew beside their use, so that one which the provider withdrew ends here within that time.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Older keys are used no more: an identity provider that was out of reach for a day may have withdrawn any of them.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// How long a fetch may take; callers wait for it.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// Bytes of a key set: large ones, with their certificates, have some dozen KiB.
const SET: usize = 256 << 10;

/// Keys of a set that are looked at; a provider has two or three, and a few more for each of its tenants.
const KEYS: usize = 100;

/// The name under which the network connections to the key set's host are kept.
const POOL: &str = "host/jwks";

/// The keys of one identity provider. A clone is the same set.
#[derive(Clone, Debug)]
pub(crate) struct KeySet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: String,
    egress: Egress,
    clock: Clock,
    held: Mutex<Held>,
    /// Held by the one who fetches.
    turn: tokio::sync::Mutex<()>,
}

/// What was fetched last, and when it was tried last.
#[derive(Clone, Debug, Default)]
struct Held {
    keys: Arc<[Key]>,
    fetched: Option<Timestamp>,
    tried: Option<Timestamp>,
}

/// One public key and what it may check.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: String,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) public: DecodingKey,
}

/// Why there is no key to check with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The provider has no key of this id.
    Unknown,
    /// The provider's keys could not be fetched; seconds until it is tried again.
    Unavailable { retry_after: u32 },
}

/// Why a fetch gave no keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("it answered {0}")]
    Status(u16),
    #[error("it is larger than {SET} bytes")]
    TooLarge,
    #[error("it is not a JSON Web Key Set")]
    NoSet(#[source] serde_json::Error),
    #[error("none of its keys has an id and can check signatures")]
    NoKey,
}

#[derive(Deserialize)]
struct SetView {
    keys: Vec<Value>,
}

impl KeySet {
    pub(crate) fn new(url: String, egress: Egress, clock: Clock) -> Self {
        Self(Arc::new(Shared { url, egress, clock, held: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// Finds a key by its id, after a fetch where it is not known yet and it is time for one.
    pub(crate) async fn find(&self, id: &str) -> Result<Key, NoKey> {
        let now = self.0.clock.now();
        let held = self.held();
        if let Some(key) = held.key(id).filter(|_| held.is_younger(STALE, now)) {
            if !held.is_younger(FRESH, now) && held.may_try(now) {
                // The caller does not wait for it, and its outcome is logged.
                drop(self.fetch_in_turn());
            }
            return Ok(key);
        }
        // Waits also for a fetch that another caller began. A task that panicked has fetched nothing, as is seen below.
        let _ended = self.fetch_in_turn().await;
        let held = self.held();
        if !held.is_younger(STALE, now) {
            return Err(NoKey::Unavailable { retry_after: held.retry_after(now) });
        }
        held.key(id).ok_or(NoKey::Unknown)
    }

    /// Fetches when it is time for it; in a task, so that a caller who hangs up does not end what others wait for.
    fn fetch_in_turn(&self) -> tokio::task::JoinHandle<()> {
        let set = self.clone();
        tokio::spawn(async move {
            let _turn = set.0.turn.lock().await;
            let now = set.0.clock.now();
            // Whoever waited for their turn finds what the one before has brought, or that there is nothing.
            if !set.held().may_try(now) {
                return;
            }
            set.change(|held| held.tried = Some(now));
            match set.fetch().await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), "the identity provider's keys were fetched");
                    set.change(|held| (held.keys, held.fetched) = (keys, Some(now)));
                }
                Err(error) => tracing::warn!(%error, "the identity provider's keys could not be fetched"),
            }
        })
    }

    async fn fetch(&self) -> Result<Arc<[Key]>, FetchError> {
        let headers = vec![("Accept".to_owned(), "application/jwk-set+json, application/json".to_owned())];
        let request = Request { method: Method::Get, url: self.0.url.clone(), headers, body: None };
        let answer = self.0.egress.fetch(POOL, Instant::now() + FETCH_TIME, request, None).await?;
        if answer.status != 200 {
            return Err(FetchError::Status(answer.status));
        }
        if answer.body.len() > SET {
            return Err(FetchError::TooLarge);
        }
        let keys = read(&answer.body)?;
        if keys.is_empty() { Err(FetchError::NoKey) } else { Ok(keys.into()) }
    }

    fn held(&self) -> Held {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.0.held.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Held {
    fn key(&self, id: &str) -> Option<Key> {
        self.keys.iter().find(|key| key.id == id).cloned()
    }

    fn is_younger(&self, age: SignedDuration, now: Timestamp) -> bool {
        self.fetched.is_some_and(|fetched| between(fetched, now) < age)
    }

    fn may_try(&self, now: Timestamp) -> bool {
        self.tried.is_none_or(|tried| between(tried, now) >= BETWEEN_FETCHES)
    }

    fn retry_after(&self, now: Timestamp) -> u32 {
        let passed = self.tried.map_or(SignedDuration::ZERO, |tried| between(tried, now));
        u32::try_from((BETWEEN_FETCHES - passed).as_secs()).unwrap_or_default().max(1)
    }
}

/// The time between two moments, whichever comes first: a clock that was set back makes nothing young again.
fn between(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_until(other).abs()
}

/// Reads the keys of a set that can check a signature; any other is passed over (RFC 7517 §5).
fn read(set: &[u8]) -> Result<Vec<Key>, FetchError> {
    let set: SetView = serde_json::from_slice(set).map_err(FetchError::NoSet)?;
    Ok(set.keys.into_iter().take(KEYS).filter_map(|key| usable(&serde_json::from_value(key).ok()?)).collect())
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|given| *given == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|given| given.contains(&KeyOperations::Verify));
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        // A shared secret has no place in a public set, and other curves have no algorithm here.
        _ => return None,
    };
    if let Some(only) = common.key_algorithm {
        algorithms.retain(|algorithm| Algorithm::try_from(only).is_ok_and(|only| only == *algorithm));
    }
    if !is_for_signatures || algorithms.is_empty() {
        return None;
    }
    Some(Key { id: common.key_id.clone()?, algorithms, public: DecodingKey::from_jwk(jwk).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn algorithms(keys: &str) -> Vec<(String, Vec<Algorithm>)> {
        let keys = read(format!(r#"{{"keys": [{keys}]}}"#).as_bytes()).expect("a set");
        keys.into_iter().map(|key| (key.id, key.algorithms)).collect()
    }

    #[test]
    fn a_key_checks_what_its_type_and_its_own_word_allow() {
        let found = algorithms(
            r#"{"kty": "RSA", "kid": "any", "n": "AQAB", "e": "AQAB"},
               {"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB", "alg": "PS256", "use": "sig"},
               {"kty": "EC", "kid": "p256", "crv": "P-256", "x": "AQ", "y": "AQ", "key_ops": ["verify"]},
               {"kty": "EC", "kid": "p384", "crv": "P-384", "x": "AQ", "y": "AQ"},
               {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AQ", "alg": "EdDSA"}"#,
        );
        let rsa = AlgorithmFamily::Rsa.algorithms().to_vec();
        let expected = [
            ("any", rsa),
            ("one", vec![Algorithm::PS256]),
            ("p256", vec![Algorithm::ES256]),
            ("p384", vec![Algorithm::ES384]),
            ("ed", vec![Algorithm::EdDSA]),
        ];
        assert_eq!(found, expected.map(|(id, algorithms)| (id.to_owned(), algorithms)));
    }

    #[test]
    fn a_key_that_can_check_no_signature_is_passed_over() {
        let found = algorithms(
            r#"{"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
               {"kty": "RSA", "kid": "for-encryption", "n": "AQAB", "e": "AQAB", "use": "enc"},
               {"kty": "RSA", "kid": "for-wrapping", "n": "AQAB", "e": "AQAB", "key_ops": ["wrapKey"]},
               {"kty": "RSA", "kid": "of-another-algorithm", "n": "AQAB", "e": "AQAB", "alg": "ES256"},
               {"kty": "RSA", "kid": "symmetric", "n": "AQAB", "e": "AQAB", "alg": "HS256"},
               {"kty": "EC", "kid": "p521", "crv": "P-521", "x": "AQ", "y": "AQ"},
               {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
               {"kty": "new", "kid": "unheard-of"},
               "no key at all"
            "#,
        );
        assert_eq!(found, []);
    }

    #[test]
    fn a_set_of_keys_is_an_object_with_keys() {
        for wrong in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert!(matches!(read(wrong.as_bytes()), Err(FetchError::NoSet(_))), "{wrong}");
        }
    }
}
