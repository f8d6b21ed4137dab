//! Connections as an administrator sees them, and the users of a provider.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ProviderId, Secret};

/// A stored connection, without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Sealed values are bound to it. Connecting again after a disconnect assigns a new id.
    pub id: String,
    pub provider: ProviderId,
    /// Incremented with every change of the credential or the fields.
    pub generation: i64,
    pub org_name: Option<String>,
    /// The provider's id of the account that the component found or a person chose.
    pub account: Option<String>,
    /// The values of the fields that are not secret.
    pub fields: BTreeMap<String, String>,
    /// The names of the secret fields that have a stored value.
    pub secret_fields: Vec<String>,
    pub connected_by: String,
    pub connected_at: Timestamp,
    pub token_expires_at: Option<Timestamp>,
    pub status: Status,
    /// Why the status is not `connected`.
    pub reason: Option<String>,
    /// When the status last changed.
    pub since: Timestamp,
    /// After a failure, the time from which the host renews the token of an OAuth grant again.
    pub retry_at: Option<Timestamp>,
    /// The time until which the provider asked to wait with `Retry-After`. Calls before it are rejected.
    pub held_until: Option<Timestamp>,
    pub last_check: Option<Check>,
    /// A disconnect that has started. It is still running, or was interrupted and will be completed.
    pub disconnect: Option<StartedDisconnect>,
}

/// Who started a disconnect, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedDisconnect {
    pub by: String,
    pub at: Timestamp,
}

/// The status of a connection, which says what an administrator should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Do nothing.
    Connected,
    /// Connect again before the credential expires.
    Expiring,
    /// Wait, or fix the cause in `reason`.
    Degraded,
    /// Choose one of several accounts.
    NeedsChoice,
    /// Connect again.
    NeedsReauth,
    /// Restore the right master key, or connect again.
    Unreadable,
}

impl Status {
    /// Returns the status as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Expiring => "expiring",
            Self::Degraded => "degraded",
            Self::NeedsChoice => "needs_choice",
            Self::NeedsReauth => "needs_reauth",
            Self::Unreadable => "unreadable",
        }
    }

    /// Parses a stored status. A status that this version does not know is `Degraded`.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "connected" => Self::Connected,
            "expiring" => Self::Expiring,
            "needs_choice" => Self::NeedsChoice,
            "needs_reauth" => Self::NeedsReauth,
            "unreadable" => Self::Unreadable,
            _ => Self::Degraded,
        }
    }

    /// Returns what an administrator should do next, or nothing if the connection works.
    #[must_use]
    pub fn next_action(self) -> Option<&'static str> {
        match self {
            Self::Connected => None,
            Self::Expiring => Some("connect again before the credential expires"),
            Self::Degraded => Some("see the reason, then check the connection to see whether it works again"),
            Self::NeedsChoice => Some("choose the account for this connection"),
            Self::NeedsReauth => Some("connect again with a new credential"),
            Self::Unreadable => Some("start the service with the right master key, or connect again"),
        }
    }
}

/// The result of the last request to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub at: Timestamp,
    pub healthy: bool,
    /// The code of the error, as in the API.
    pub code: Option<String>,
    pub reason: Option<String>,
    pub latency_ms: i64,
    /// What the plugin reported in the last check of the connection's health, kept by later requests.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

/// A user of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    pub external_id: String,
    pub name: String,
    pub email: Option<String>,
    /// Other email addresses. They help to match the user to a person, and are not listed.
    #[serde(skip)]
    pub aliases: Vec<String>,
    pub active: bool,
}

/// One of several accounts that a credential has access to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    pub id: String,
    pub name: String,
}

/// The OAuth client of this service at a provider. Without a secret it is a public client.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    pub client_id: String,
    pub client_secret: Option<Secret<String>>,
}
