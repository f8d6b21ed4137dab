//! The callers of the API and their access levels.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An access level.
///
/// Each of the first three includes the rights of those before it. A service can only use connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Member,
    Manager,
    Executive,
    Service,
}

impl Level {
    /// Returns the level as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Executive => "executive",
            Self::Service => "service",
        }
    }

    /// Parses the name of a level.
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
    /// Identifies the caller: the id of the token or session, or the name of a caller with a JWT.
    pub id: String,
    /// The name in the audit log.
    ///
    /// It is the name of the token or sign-in link, or [`JWT`](Self::JWT) followed by the subject of a JWT, or
    /// [`OIDC`](Self::OIDC) followed by the name at the identity provider.
    pub name: String,
    pub level: Level,
    pub authentication: Authentication,
}

impl From<ApiToken> for Caller {
    fn from(token: ApiToken) -> Self {
        Self { id: token.id, name: token.name, level: token.level, authentication: Authentication::Bearer }
    }
}

/// How a request was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// With the header `Authorization`, which a page of another site cannot send.
    Bearer,
    /// With the cookie of a session.
    Cookie,
}

impl Caller {
    /// The prefix of the name of a caller with a JWT. The name of a token cannot start with it.
    pub const JWT: &str = "jwt:";

    /// The prefix of the name of a person who signed in through an identity provider.
    ///
    /// The name of a token cannot start with it.
    pub const OIDC: &str = "oidc:";

    /// Validates the name of a token or sign-in link.
    ///
    /// # Errors
    /// The name is empty or too long, contains a control character, or starts with a reserved prefix.
    pub fn validate_name(name: &str) -> Result<(), String> {
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err("a name must have 1 to 100 characters and no control characters".to_owned());
        }
        match [Self::JWT, Self::OIDC].into_iter().find(|prefix| name.trim_start().starts_with(prefix)) {
            Some(prefix) => Err(format!("a name must not start with `{prefix}`, which marks another kind of caller")),
            None => Ok(()),
        }
    }
}

/// An identity provider that issues JWTs for callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// The required value of `iss`.
    pub issuer: String,
    /// The value that `aud` must be or contain.
    pub audience: String,
    /// The https URL of its public keys.
    pub jwks_url: String,
    /// The claim that contains the access level.
    pub level_claim: String,
}

/// An API token as it is listed, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    pub id: String,
    pub name: String,
    pub level: Level,
    /// The providers that a service token can use.
    pub providers: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Whether its row in the database was inserted or edited by hand. Such a token is not accepted.
    pub edited: bool,
}
