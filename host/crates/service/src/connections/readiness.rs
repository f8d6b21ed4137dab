//! Checks whether a stored connection can be used now, before its plugin is called.

use jackfield_core::{Connection, Error, Status};

use super::{Connections, check_results::MAX_RATE_LIMIT_SECONDS};

impl Connections {
    /// Rejects work while the provider's own `Retry-After` has not passed.
    pub(super) fn require_no_rate_limit(&self, connection: &Connection) -> Result<(), Error> {
        let now = self.clock.now();
        match connection.held_until {
            Some(until) if now < until => Err(Error::RateLimited {
                what: "the provider asked to wait".to_owned(),
                retry_after: u32::try_from(until.duration_since(now).as_secs().max(1))
                    .unwrap_or(MAX_RATE_LIMIT_SECONDS),
            }),
            _ => Ok(()),
        }
    }
}

/// Rejects work that needs an account while none of several is chosen.
pub(super) fn require_account(connection: &Connection) -> Result<(), Error> {
    match connection.status {
        Status::NeedsChoice => Err(Error::NeedsChoice(connection.provider.to_string())),
        Status::Connected | Status::Expiring | Status::Degraded | Status::NeedsReauth | Status::Unreadable => Ok(()),
    }
}
