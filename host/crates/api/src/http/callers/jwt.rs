//! Validates JWTs of the configured identity provider (RFC 7519, RFC 8725) and finds their caller.

use jackfield_core::{
    Caller, Clock, Level,
    caller::{Authentication, IdentityProvider},
};
use jackfield_egress::Egress;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::{
    jwks::{KeyError, KeySet},
    jwt_signatures,
};

/// Maximum size of a token in bytes: more than a token that lists many groups, and still cheap to decode.
const MAX_TOKEN: usize = 16 << 10;

/// The largest difference between the provider's clock and ours, in seconds.
const LEEWAY: f64 = 60.0;

/// The longest subject, in characters (OpenID Connect Core 1.0 §2).
const MAX_SUBJECT: usize = 255;

/// Authenticates callers by JWTs of one identity provider.
#[derive(Clone, Debug)]
pub struct JwtCallers {
    provider: IdentityProvider,
    keys: KeySet,
    clock: Clock,
    id_tokens: IdTokens,
}

/// Whether tokens of this audience may be ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdTokens {
    /// The audience is used for access tokens only, as far as is known.
    NotExpected,
    /// The audience is the client that people sign in with, so the provider also issues ID tokens for it.
    Reject,
}

/// An access token has at least one of these claims, and an ID token has none (RFC 9068 §2.2, RFC 8693 §4.2).
const ACCESS_TOKEN_CLAIMS: [&str; 3] = ["scope", "scp", "client_id"];

/// Why a JWT is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwtError {
    #[error("it is longer than {MAX_TOKEN} bytes")]
    TooLong,
    #[error("it is not a signed JWT with a supported algorithm")]
    Malformed,
    #[error("its header `typ` is not JWT")]
    Type,
    #[error("it has critical header fields")]
    Critical,
    #[error("it has no key id")]
    NoKeyId,
    #[error("the provider has no such key")]
    UnknownKey,
    #[error("its algorithm does not match its key")]
    Algorithm,
    #[error("its signature is not valid")]
    Signature,
    #[error("iss, aud, exp or sub is missing or of the wrong type")]
    Claims,
    #[error("it has another issuer")]
    Issuer,
    #[error("it has another audience")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    TooEarly,
    #[error("its subject is empty, too long or not plain ASCII")]
    Subject,
    #[error("it has no access level")]
    Level,
    #[error(
        "it may be an ID token, because its audience is the client id of the sign-in; an access token has the `typ` \
         at+jwt, or a claim scope, scp or client_id"
    )]
    IdToken,
    /// The token cannot be checked; seconds until the next attempt to fetch the keys.
    #[error("the provider's keys could not be fetched")]
    NoKeys { retry_after: u32 },
}

/// The claims of a token.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    /// Rejects a list of issuers, which the crate would accept.
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl JwtCallers {
    /// Accepts tokens of one identity provider. Its keys are fetched when the first token arrives.
    #[must_use]
    pub fn new(provider: IdentityProvider, egress: Egress, clock: Clock) -> Self {
        // Fails if the process has started a service before, which installed the same provider.
        let _installed = jwt_signatures::RING.install_default();
        let keys = KeySet::new(provider.jwks_url.clone(), egress, clock.clone());
        Self { provider, keys, clock, id_tokens: IdTokens::NotExpected }
    }

    /// Rejects tokens that may be ID tokens, because their audience is the client that people sign in with.
    ///
    /// An ID token proves to that client that a person signed in. Whoever finds one must not be able to call the API with
    /// it (RFC 8725 §3.11 and §3.12, RFC 9068 §5).
    #[must_use]
    pub fn reject_id_tokens(self) -> Self {
        Self { id_tokens: IdTokens::Reject, ..self }
    }

    /// Validates a token and returns its caller.
    pub(super) async fn validate(&self, token: &str) -> Result<Caller, JwtError> {
        if token.len() > MAX_TOKEN {
            return Err(JwtError::TooLong);
        }
        let header = decode_header(token).map_err(|_unreadable| JwtError::Malformed)?;
        let (algorithm, key_id) = validate_header(&header)?;
        let key = self.keys.find(key_id).await.map_err(|error| match error {
            KeyError::Unknown => JwtError::UnknownKey,
            KeyError::Unavailable { retry_after } => JwtError::NoKeys { retry_after },
        })?;
        if !key.algorithms.contains(&algorithm) {
            return Err(JwtError::Algorithm);
        }
        let claims: Claims = match decode(token, &key.public, &self.validation(algorithm)) {
            Ok(token) => token.claims,
            Err(error) => return Err(JwtError::from_kind(error.kind())),
        };
        if self.id_tokens == IdTokens::Reject && !is_access_token(&header, &claims.others) {
            return Err(JwtError::IdToken);
        }
        self.validate_claims(&claims)
    }

    /// Returns what the crate validates: the signature with this algorithm only, the issuer and the audience. Times are
    /// checked with our own clock.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[&self.provider.issuer]);
        validation.set_audience(&[&self.provider.audience]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }

    fn validate_claims(&self, claims: &Claims) -> Result<Caller, JwtError> {
        let now = self.clock.now().as_duration().as_secs_f64();
        if seconds(&claims.exp)? + LEEWAY <= now {
            return Err(JwtError::Expired);
        }
        for start in [&claims.nbf, &claims.iat].into_iter().flatten() {
            if seconds(start)? - LEEWAY > now {
                return Err(JwtError::TooEarly);
            }
        }
        let subject = &claims.sub;
        if !(1..=MAX_SUBJECT).contains(&subject.len()) || !subject.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(JwtError::Subject);
        }
        let level = match claims.others.get(&self.provider.level_claim) {
            Some(Value::String(word)) => Level::parse(word).filter(|level| *level != Level::Service),
            _ => None,
        };
        let level = level.ok_or(JwtError::Level)?;
        let name = format!("{}{subject}", Caller::JWT);
        Ok(Caller { id: name.clone(), name, level, authentication: Authentication::Bearer })
    }
}

/// Validates the header before the signature. Keys and URLs of keys in it (`jku`, `jwk`, `x5u`, `x5c`) are ignored.
fn validate_header(header: &Header) -> Result<(Algorithm, &str), JwtError> {
    if header.crit.is_some() {
        return Err(JwtError::Critical);
    }
    if header.typ.as_deref().is_some_and(|kind| !["jwt", "at+jwt"].contains(&media_subtype(kind).as_str())) {
        return Err(JwtError::Type);
    }
    let key_id = header.kid.as_deref().ok_or(JwtError::NoKeyId)?;
    Ok((header.alg, key_id))
}

/// Returns the value of `typ` in lower case without `application/`, which may be left out (RFC 7515 §4.1.9).
fn media_subtype(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    kind.strip_prefix("application/").unwrap_or(&kind).to_owned()
}

/// Returns whether a token shows that it is an access token: by its type (RFC 9068 §2.1) or by its claims.
fn is_access_token(header: &Header, claims: &Map<String, Value>) -> bool {
    let has_type = header.typ.as_deref().is_some_and(|kind| media_subtype(kind) == "at+jwt");
    // `at_hash` and `c_hash` are claims of ID tokens (OpenID Connect Core 1.0 §3.3.2.11). Two providers say what a token
    // is in a claim of their own: `typ` is ID (Keycloak), or `token_use` is id (Amazon Cognito).
    let is_id_token = ["at_hash", "c_hash"].iter().any(|claim| claims.contains_key(*claim))
        || [("typ", "id"), ("token_use", "id")].iter().any(|(claim, value)| {
            claims.get(*claim).and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(value))
        });
    has_type || (!is_id_token && ACCESS_TOKEN_CLAIMS.iter().any(|claim| claims.contains_key(*claim)))
}

impl JwtError {
    fn from_kind(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => Self::Claims,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidKeyFormat => {
                Self::Algorithm
            }
            _ => Self::Signature,
        }
    }
}

/// Returns a NumericDate as seconds since 1970, possibly with a fraction (RFC 7519 §2).
fn seconds(date: &Number) -> Result<f64, JwtError> {
    date.as_f64().filter(|seconds| seconds.is_finite()).ok_or(JwtError::Claims)
}
