//! One line of the audit: who did what to which connection, when, from where, with what outcome.

use jiff::Timestamp;
use serde::Serialize;

/// One line of the audit as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Counts up without a gap.
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    /// What was done, such as `connection.connect`.
    pub action: String,
    pub provider: Option<String>,
    pub outcome: Outcome,
    /// What more there is to say, in words, without a secret.
    pub detail: Option<String>,
    /// The address of the caller.
    pub origin: Option<String>,
    pub request_id: Option<String>,
}

/// How an audited act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Refused,
}

impl Outcome {
    /// The outcome as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// Who acts, from where, in which request: what every audited use case is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Tells this caller from every other, also from one of the same name.
    pub id: String,
    pub name: String,
    pub origin: Option<String>,
    pub request_id: Option<String>,
}
