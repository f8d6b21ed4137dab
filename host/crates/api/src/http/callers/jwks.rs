//! The identity provider's public keys (JWKS, RFC 7517): fetched from one URL, cached, and found by their id.

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

/// The shortest time between two fetches, so that callers cannot cause more by inventing key ids.
const FETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

/// Older keys are used but fetched again, so that a withdrawn key is rejected within this time.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// Older keys are not used: a provider that could not be reached for a day may have withdrawn any of them.
const STALE: SignedDuration = SignedDuration::from_hours(24);

/// The time limit of a fetch. Callers wait for it.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// Maximum size of a key set in bytes. Large ones, with certificates, have some tens of KiB.
const MAX_SET: usize = 256 << 10;

/// Maximum number of keys that are read from a set. A provider has two or three, and a few more for each tenant.
const MAX_KEYS: usize = 100;

/// The name of the pool of HTTP connections to the key set's host.
const POOL: &str = "host/jwks";

/// The cached keys of one identity provider. Clones share the cache.
#[derive(Clone, Debug)]
pub(crate) struct KeySet(Arc<KeySetInner>);

#[derive(Debug)]
struct KeySetInner {
    url: String,
    egress: Egress,
    clock: Clock,
    cache: Mutex<KeyCache>,
    /// Locked during a fetch.
    fetch_lock: tokio::sync::Mutex<()>,
}

/// The keys of the last successful fetch, and when the last fetch started.
#[derive(Clone, Debug, Default)]
struct KeyCache {
    keys: Arc<[Key]>,
    fetched: Option<Timestamp>,
    attempted: Option<Timestamp>,
}

/// One public key and the algorithms whose signatures it may verify.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: String,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) public: DecodingKey,
}

/// Why a key is not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// The provider has no key with this id.
    Unknown,
    /// The provider's keys could not be fetched; seconds until the next attempt.
    Unavailable { retry_after: u32 },
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the response has status {0}")]
    Status(u16),
    #[error("the key set is larger than {MAX_SET} bytes")]
    TooLarge,
    #[error("the response is not a JSON Web Key Set")]
    NotKeySet(#[source] serde_json::Error),
    #[error("none of its keys has an id and can verify signatures")]
    NoUsableKey,
}

#[derive(Deserialize)]
struct KeySetJson {
    keys: Vec<Value>,
}

impl KeySet {
    pub(crate) fn new(url: String, egress: Egress, clock: Clock) -> Self {
        Self(Arc::new(KeySetInner {
            url,
            egress,
            clock,
            cache: Mutex::default(),
            fetch_lock: tokio::sync::Mutex::default(),
        }))
    }

    /// Finds a key by its id. If the key is unknown and the last fetch is long enough ago, the keys are fetched first.
    pub(crate) async fn find(&self, id: &str) -> Result<Key, KeyError> {
        let now = self.0.clock.now();
        let cache = self.cache();
        if let Some(key) = cache.key(id).filter(|_| cache.is_younger(STALE, now)) {
            if !cache.is_younger(FRESH, now) && cache.may_fetch(now) {
                // The caller does not wait for the fetch, which logs its result.
                drop(self.spawn_fetch());
            }
            return Ok(key);
        }
        // Also waits for a fetch of another caller. If the task panics, the cache is unchanged.
        let _result = self.spawn_fetch().await;
        let cache = self.cache();
        if !cache.is_younger(STALE, now) {
            return Err(KeyError::Unavailable { retry_after: cache.retry_after(now) });
        }
        cache.key(id).ok_or(KeyError::Unknown)
    }

    /// Fetches the keys unless the last fetch is too recent.
    ///
    /// A task does it, so that a caller who disconnects does not end a fetch that others wait for.
    fn spawn_fetch(&self) -> tokio::task::JoinHandle<()> {
        let set = self.clone();
        tokio::spawn(async move {
            let _lock = set.0.fetch_lock.lock().await;
            let now = set.0.clock.now();
            // Another task may have fetched while this one waited for the lock.
            if !set.cache().may_fetch(now) {
                return;
            }
            set.update(|cache| cache.attempted = Some(now));
            match set.fetch().await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), "identity provider's keys fetched");
                    set.update(|cache| (cache.keys, cache.fetched) = (keys, Some(now)));
                }
                Err(error) => tracing::warn!(%error, "identity provider's keys not fetched"),
            }
        })
    }

    async fn fetch(&self) -> Result<Arc<[Key]>, FetchError> {
        let headers = vec![("Accept".to_owned(), "application/jwk-set+json, application/json".to_owned())];
        let request = Request { method: Method::Get, url: self.0.url.clone(), headers, body: None };
        let response = self.0.egress.fetch(POOL, Instant::now() + FETCH_TIME, request, None).await?;
        if response.status != 200 {
            return Err(FetchError::Status(response.status));
        }
        if response.body.len() > MAX_SET {
            return Err(FetchError::TooLarge);
        }
        let keys = parse(&response.body)?;
        if keys.is_empty() { Err(FetchError::NoUsableKey) } else { Ok(keys.into()) }
    }

    fn cache(&self) -> KeyCache {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, update: impl FnOnce(&mut KeyCache)) {
        update(&mut self.0.cache.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl KeyCache {
    fn key(&self, id: &str) -> Option<Key> {
        self.keys.iter().find(|key| key.id == id).cloned()
    }

    fn is_younger(&self, age: SignedDuration, now: Timestamp) -> bool {
        self.fetched.is_some_and(|fetched| between(fetched, now) < age)
    }

    fn may_fetch(&self, now: Timestamp) -> bool {
        self.attempted.is_none_or(|attempted| between(attempted, now) >= FETCH_INTERVAL)
    }

    fn retry_after(&self, now: Timestamp) -> u32 {
        let passed = self.attempted.map_or(SignedDuration::ZERO, |attempted| between(attempted, now));
        u32::try_from((FETCH_INTERVAL - passed).as_secs()).unwrap_or_default().max(1)
    }
}

/// Returns the time between two moments in either order, so that a clock that is set back does not make keys younger.
fn between(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_until(other).abs()
}

/// Parses the keys of a set that can verify signatures and ignores the others (RFC 7517 §5).
fn parse(set: &[u8]) -> Result<Vec<Key>, FetchError> {
    let set: KeySetJson = serde_json::from_slice(set).map_err(FetchError::NotKeySet)?;
    Ok(set.keys.into_iter().take(MAX_KEYS).filter_map(|key| parse_key(&serde_json::from_value(key).ok()?)).collect())
}

fn parse_key(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        // Symmetric keys do not belong in a public set, and other curves have no supported algorithm.
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
        let keys = parse(format!(r#"{{"keys": [{keys}]}}"#).as_bytes()).expect("a set");
        keys.into_iter().map(|key| (key.id, key.algorithms)).collect()
    }

    #[test]
    fn a_key_verifies_what_its_type_and_its_alg_allow() {
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
    fn a_key_that_cannot_verify_signatures_is_ignored() {
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
            assert!(matches!(parse(wrong.as_bytes()), Err(FetchError::NotKeySet(_))), "{wrong}");
        }
    }
}
