//! Who calls the API, and at which access level.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How much a caller may do, lowest first. A service stands outside the ladder: it only uses connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Member,
    Manager,
    Executive,
    Service,
}

impl Level {
    /// The level as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Executive => "executive",
            Self::Service => "service",
        }
    }

    /// Reads a level by its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "member" => Some(Self::Member),
            "manager" => Some(Self::Manager),
            "executive" => Some(Self::Executive),
            "service" => Some(Self::Service),
            _ => None,
        }
    }
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Tells this caller from every other: the id of the token, or the name of a caller by JWT.
    pub id: String,
    /// What the audit calls them: the name of the token, or [`JWT`](Self::JWT) and the subject of a JWT.
    pub name: String,
    pub level: Level,
}

impl Caller {
    /// What the name of a caller by JWT starts with, and that of no token does.
    pub const JWT: &str = "jwt:";
}

/// An identity provider whose JWTs are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or hold.
    pub audience: String,
    /// Where its public keys are, https.
    pub jwks_url: String,
    /// The claim whose value is the access level.
    pub level_claim: String,
}

/// An API token as it is listed; the token itself is shown once and kept only as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    pub id: String,
    pub name: String,
    pub level: Level,
    /// The providers that a service token reaches.
    pub providers: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}
