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
    /// Tells this caller from every other: the id of the token or the session, or the name of a caller by JWT.
    pub id: String,
    /// What the audit calls them: the name of the token, the session or the link, or [`JWT`](Self::JWT) and the subject
    /// of a JWT, or [`OIDC`](Self::OIDC) and who it is at the identity provider.
    pub name: String,
    pub level: Level,
    pub by: By,
}

impl From<ApiToken> for Caller {
    fn from(token: ApiToken) -> Self {
        Self { id: token.id, name: token.name, level: token.level, by: By::Bearer }
    }
}

/// How a caller shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the header `Authorization`, which no page of another site can send.
    Bearer,
    /// By the cookie of a session.
    Cookie,
}

impl Caller {
    /// What the name of a caller by JWT starts with, and that of no token does.
    pub const JWT: &str = "jwt:";

    /// What the name of a person starts with who signed in through the identity provider, and that of no token does.
    pub const OIDC: &str = "oidc:";

    /// Says what is wrong with a name that somebody gives to a token or a link.
    ///
    /// # Errors
    /// It is empty or too long, or would pass for another kind of caller.
    pub fn judge_name(name: &str) -> Result<(), String> {
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err("a name has 1 to 100 characters and no control character".to_owned());
        }
        match [Self::JWT, Self::OIDC].into_iter().find(|prefix| name.trim_start().starts_with(prefix)) {
            Some(prefix) => Err(format!("a name that starts with {prefix} would pass for a caller of another kind")),
            None => Ok(()),
        }
    }
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
