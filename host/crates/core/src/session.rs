//! A person's session in a browser: who it is, at which level, and when it ends by itself.

use jiff::{SignedDuration, Timestamp};

use crate::{Caller, Level, Secret, caller::By};

/// Without a request for so long, a session ends. NIST SP 800-63B-4 §2.2.3 has an hour at most; OWASP ASVS 5.0 V7.3.1
/// asks for such an end.
pub const IDLE: SignedDuration = SignedDuration::from_hours(1);

/// However busy it is, a session ends after so long: a working day, of the 24 hours at most of NIST SP 800-63B-4 §2.2.3
/// (OWASP ASVS 5.0 V7.3.2).
pub const WHOLE: SignedDuration = SignedDuration::from_hours(12);

/// An identity provider through which people sign in.
#[derive(Clone, Debug)]
pub struct SignInProvider {
    /// Its issuer, below which its description is found (OpenID Connect Discovery 1.0 §4).
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret<String>,
    /// The claim whose value is the access level.
    pub level_claim: String,
}

/// A session that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Tells it from every other; it is not what the cookie holds.
    pub id: String,
    /// Who it is, the same in all sessions of one person.
    pub identity: String,
    /// What the audit calls them.
    pub name: String,
    pub level: Level,
    /// The last request of the person, within a minute.
    pub seen_at: Timestamp,
    /// When it ends however busy it is.
    pub ends_at: Timestamp,
}

impl Session {
    /// When it ends if no request comes.
    #[must_use]
    pub fn idle_ends_at(&self) -> Timestamp {
        self.seen_at.saturating_add(IDLE).unwrap_or(Timestamp::MAX).min(self.ends_at)
    }
}

impl From<&Session> for Caller {
    fn from(session: &Session) -> Self {
        Self { id: session.id.clone(), name: session.name.clone(), level: session.level, by: By::Cookie }
    }
}
