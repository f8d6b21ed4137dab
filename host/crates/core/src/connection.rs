//! A connection to a provider as the administrator sees it, and the users behind it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ProviderId, Secret};

/// One stored connection, without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// A fresh id for each connect after a disconnect; sealed values are bound to it.
    pub id: String,
    pub provider: ProviderId,
    /// Counts up with every stored change of the credential or the fields.
    pub generation: i64,
    pub org_name: Option<String>,
    /// The account that was chosen or found, in the provider's own id.
    pub account: Option<String>,
    /// The fields that are not secret.
    pub fields: BTreeMap<String, String>,
    /// The names of the secret fields that have a sealed value.
    pub secret_fields: Vec<String>,
    pub connected_by: String,
    pub connected_at: Timestamp,
    pub token_expires_at: Option<Timestamp>,
    pub status: Status,
    /// Why the status is not `connected`, in words.
    pub reason: Option<String>,
    pub since: Timestamp,
    pub retry_at: Option<Timestamp>,
    /// Until when the provider asked us to wait, by a Retry-After of its own.
    pub held_until: Option<Timestamp>,
    pub last_check: Option<Check>,
}

/// What a person should do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing.
    Connected,
    /// Connect again before the credential runs out.
    Expiring,
    /// Wait, or mend what `reason` names.
    Degraded,
    /// Choose one of several accounts.
    NeedsChoice,
    /// Connect again.
    NeedsReauth,
    /// Bring back the right master key, or connect again.
    Unreadable,
}

impl Status {
    /// The status as it is stored and shown.
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

    /// Reads a stored status; one that this version does not know needs a person's look.
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

    /// What a person should do next, in words; nothing for a connection that is well.
    #[must_use]
    pub fn next_action(self) -> Option<&'static str> {
        match self {
            Self::Connected => None,
            Self::Expiring => Some("connect again before the credential runs out"),
            Self::Degraded => Some("see the reason; work is tried again by itself"),
            Self::NeedsChoice => Some("choose the account that this connection is for"),
            Self::NeedsReauth => Some("connect again with a fresh credential"),
            Self::Unreadable => Some("start the service with the right master key, or connect again"),
        }
    }
}

/// What the last question to the provider came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub at: Timestamp,
    pub healthy: bool,
    /// The code of the failure, as in the API's errors.
    pub code: Option<String>,
    pub reason: Option<String>,
    pub latency_ms: i64,
}

/// One account of a person at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    pub external_id: String,
    pub name: String,
    pub email: Option<String>,
    /// Further addresses: evidence for whose account it is, and not shown in a list.
    #[serde(skip)]
    pub aliases: Vec<String>,
    pub active: bool,
}

/// One of several accounts behind a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    pub id: String,
    pub name: String,
}

/// How this service is known to a provider's OAuth endpoints. One without a secret is a public client.
#[derive(Clone, Debug)]
pub struct OAuthApp {
    pub client_id: String,
    pub client_secret: Option<Secret<String>>,
}
