//! Browser sessions: who is signed in, at which level, and until when.

use jiff::{SignedDuration, Timestamp};

use crate::{Caller, Level, Secret, caller::Authentication};

/// The time without a request after which a session ends.
///
/// NIST SP 800-63B-4 §2.2.3 allows at most an hour; OWASP ASVS 5.0 V7.3.1 requires such a limit.
pub const IDLE_TIMEOUT: SignedDuration = SignedDuration::from_hours(1);

/// The time after which a session ends in any case: one working day.
///
/// NIST SP 800-63B-4 §2.2.3 allows at most 24 hours; OWASP ASVS 5.0 V7.3.2 requires such a limit.
pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// An OpenID Connect provider through which people sign in.
#[derive(Clone, Debug)]
pub struct SignInProvider {
    /// The issuer URL. Its metadata is found below it (OpenID Connect Discovery 1.0 §4).
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret<String>,
    /// The claim that contains the access level.
    pub level_claim: String,
}

/// An active session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Identifies the session. It is not the secret in the cookie.
    pub id: String,
    /// The identity of the person: the same in all of their sessions.
    pub identity: String,
    /// The name of the person in the audit log.
    pub name: String,
    pub level: Level,
    /// The time of the last request, with a precision of one minute.
    pub seen_at: Timestamp,
    /// When the session ends in any case.
    pub ends_at: Timestamp,
}

impl Session {
    /// Returns when the session ends if there are no more requests.
    #[must_use]
    pub fn idle_ends_at(&self) -> Timestamp {
        self.seen_at.saturating_add(IDLE_TIMEOUT).unwrap_or(Timestamp::MAX).min(self.ends_at)
    }
}

impl From<&Session> for Caller {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            name: session.name.clone(),
            level: session.level,
            authentication: Authentication::Cookie,
        }
    }
}
