//! Judges a JWT of the configured identity provider (RFC 7519, RFC 8725), and says who it speaks for. Fetches nothing.

use jackfield_core::{
    Caller, Clock, Level,
    caller::{By, IdentityProvider},
};
use jackfield_egress::Egress;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::{
    jwks::{KeySet, NoKey},
    jwt_signatures,
};

/// Bytes of a token: more than the largest that list a person's groups, and cheap to look at.
const LONGEST: usize = 16 << 10;

/// Seconds by which the provider's clock and ours may differ.
const LEEWAY: f64 = 60.0;

/// Characters of a subject (OpenID Connect Core 1.0 §2).
const SUBJECT: usize = 255;

/// The callers whose tokens an identity provider signs.
#[derive(Clone, Debug)]
pub struct JwtCallers {
    provider: IdentityProvider,
    keys: KeySet,
    clock: Clock,
}

/// Why a token makes nobody a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is not a signed JWT of an algorithm that is taken")]
    Form,
    #[error("its type is another")]
    Type,
    #[error("it has a critical header field")]
    Critical,
    #[error("it names no key")]
    NoKeyId,
    #[error("the provider has no such key")]
    UnknownKey,
    #[error("its algorithm is not its key's")]
    Algorithm,
    #[error("its signature does not hold")]
    Signature,
    #[error("iss, aud, exp or sub is missing or of the wrong type")]
    Claims,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not good yet")]
    TooEarly,
    #[error("its subject is empty, too long or not plain ASCII")]
    Subject,
    #[error("it carries no access level")]
    Level,
    /// The token could not be judged.
    #[error("the provider's keys could not be fetched")]
    NoKeys { retry_after: u32 },
}

/// The claims that every token needs, and the others as they come.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    /// Only here so that a list of issuers, which the crate would take, is none.
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl JwtCallers {
    /// Takes the tokens of one identity provider. Its keys are fetched when the first token comes.
    #[must_use]
    pub fn new(provider: IdentityProvider, egress: Egress, clock: Clock) -> Self {
        // The same one is there when a process starts a second service.
        let _installed = jwt_signatures::RING.install_default();
        let keys = KeySet::new(provider.jwks_url.clone(), egress, clock.clone());
        Self { provider, keys, clock }
    }

    /// Finds out for whom a token speaks, and at which level.
    pub(crate) async fn judge(&self, token: &str) -> Result<Caller, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let header = decode_header(token).map_err(|_unreadable| Refusal::Form)?;
        let (algorithm, key_id) = judge_header(&header)?;
        let key = self.keys.find(key_id).await.map_err(|none| match none {
            NoKey::Unknown => Refusal::UnknownKey,
            NoKey::Unavailable { retry_after } => Refusal::NoKeys { retry_after },
        })?;
        if !key.algorithms.contains(&algorithm) {
            return Err(Refusal::Algorithm);
        }
        let claims: Claims = match decode(token, &key.public, &self.rules(algorithm)) {
            Ok(token) => token.claims,
            Err(error) => return Err(refusal(error.kind())),
        };
        self.judge_claims(&claims)
    }

    /// What the crate checks: the signature by this one algorithm, issuer and audience. Times are checked by our clock.
    fn rules(&self, algorithm: Algorithm) -> Validation {
        let mut rules = Validation::new(algorithm);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        rules.set_issuer(&[&self.provider.issuer]);
        rules.set_audience(&[&self.provider.audience]);
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules
    }

    fn judge_claims(&self, claims: &Claims) -> Result<Caller, Refusal> {
        let now = self.clock.now().as_duration().as_secs_f64();
        if seconds(&claims.exp)? + LEEWAY <= now {
            return Err(Refusal::Expired);
        }
        for begin in [&claims.nbf, &claims.iat].into_iter().flatten() {
            if seconds(begin)? - LEEWAY > now {
                return Err(Refusal::TooEarly);
            }
        }
        let subject = &claims.sub;
        if !(1..=SUBJECT).contains(&subject.len()) || !subject.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Refusal::Subject);
        }
        let level = match claims.others.get(&self.provider.level_claim) {
            Some(Value::String(word)) => Level::parse(word).filter(|level| *level != Level::Service),
            _ => None,
        };
        let level = level.ok_or(Refusal::Level)?;
        let name = format!("{}{subject}", Caller::JWT);
        Ok(Caller { id: name.clone(), name, level, by: By::Bearer })
    }
}

/// Judges what is said about the signature before it is checked. What a header says of where a key is to be had, or the
/// key itself, is not read at all (`jku`, `jwk`, `x5u`, `x5c`).
fn judge_header(header: &Header) -> Result<(Algorithm, &str), Refusal> {
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    if let Some(kind) = &header.typ {
        // RFC 7515 §4.1.9: `application/` may be left out.
        let kind = kind.to_ascii_lowercase();
        if !["jwt", "at+jwt"].contains(&kind.strip_prefix("application/").unwrap_or(&kind)) {
            return Err(Refusal::Type);
        }
    }
    let key_id = header.kid.as_deref().ok_or(Refusal::NoKeyId)?;
    Ok((header.alg, key_id))
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => Refusal::Claims,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidKeyFormat => {
            Refusal::Algorithm
        }
        _ => Refusal::Signature,
    }
}

/// A moment in seconds since 1970, whole or not (RFC 7519 §2, NumericDate).
fn seconds(date: &Number) -> Result<f64, Refusal> {
    date.as_f64().filter(|seconds| seconds.is_finite()).ok_or(Refusal::Claims)
}
