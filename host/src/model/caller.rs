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
    /// Tells this caller from every other: the id of the token.
    pub id: String,
    /// What the audit calls them: the name of the token.
    pub name: String,
    pub level: Level,
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
