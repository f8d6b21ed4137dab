//! What a question to the provider says of a connection: its status, when to ask again, how long to wait.

use std::time::Duration;

use jackfield_core::{Check, Connection, Error, Status};
use jackfield_sandbox::Component;
use jackfield_store::CheckUpdate;
use jiff::{SignedDuration, Timestamp};

use super::{Connections, milliseconds};

/// When work is tried again after a provider failed without saying when; each further failure doubles it.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

/// The longest that it grows to.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// The longest that a provider's own Retry-After is believed: a daily limit can ask for most of a day.
pub(super) const LONGEST_HOLD: u32 = 24 * 60 * 60;

impl Connections {
    /// Refuses work while the provider's own Retry-After runs.
    pub(super) fn not_held(&self, connection: &Connection) -> Result<(), Error> {
        let now = self.clock.now();
        match connection.held_until {
            Some(until) if now < until => Err(Error::RateLimited {
                what: "the provider asked to wait".to_owned(),
                retry_after: u32::try_from(until.duration_since(now).as_secs().max(1)).unwrap_or(LONGEST_HOLD),
            }),
            _ => Ok(()),
        }
    }

    /// A check that the provider passed.
    pub(super) fn good_check(&self, took: Duration) -> Check {
        Check { at: self.clock.now(), healthy: true, code: None, reason: None, latency_ms: milliseconds(took) }
    }

    /// A check that failed, with the failure's code and words.
    pub(super) fn failed_check(&self, error: &Error, took: Duration) -> Check {
        Check {
            at: self.clock.now(),
            healthy: false,
            code: Some(error.code().to_owned()),
            reason: Some(error.to_string()),
            latency_ms: milliseconds(took),
        }
    }

    /// Writes down what a question came to, unless the connection has changed since it was asked.
    pub(super) async fn record(&self, asked: &Connection, failure: Option<&Error>, check: Check) -> Result<(), Error> {
        let now = self.clock.now();
        let after = |seconds: u32| now.saturating_add(SignedDuration::from_secs(seconds.into())).ok();
        let (status, retry_at, held_until): (Status, Option<Timestamp>, Option<Timestamp>) = match failure {
            None if asked.status == Status::NeedsChoice => (Status::NeedsChoice, None, None),
            None => (Status::Connected, None, None),
            Some(Error::NeedsReauth(_)) => (Status::NeedsReauth, None, None),
            Some(Error::RateLimited { retry_after, .. }) => {
                let until = after((*retry_after).clamp(1, LONGEST_HOLD));
                (Status::Degraded, until, until)
            }
            Some(_) => (Status::Degraded, now.saturating_add(next_retry(asked)).ok(), None),
        };
        let reason = failure.map(ToString::to_string);
        let update = CheckUpdate { status, reason, retry_at, held_until, check };
        Ok(self.store.record_check(asked, update).await?)
    }
}

/// How long to leave a provider alone that has failed, after how long it was left alone before.
fn next_retry(asked: &Connection) -> SignedDuration {
    let before = asked.retry_at.zip(asked.last_check.as_ref()).filter(|_| asked.status == Status::Degraded);
    before.map_or(RETRY, |(retry_at, check)| {
        retry_at.duration_since(check.at).saturating_mul(2).clamp(RETRY, LONGEST_RETRY)
    })
}

/// Whether a failure says something of the connection, rather than of us or of the question.
pub(super) fn tells_of_the_connection(error: &Error) -> bool {
    matches!(
        error,
        Error::NeedsReauth(_)
            | Error::PermissionMissing(_)
            | Error::RateLimited { .. }
            | Error::ProviderError(_)
            | Error::ProviderTimeout
            | Error::PluginFault { .. }
    )
}

/// Whether a secret that the component needs is not among the stored ones, as when somebody deleted its row.
pub(super) fn lacks_a_secret(component: &Component, is_stored: impl Fn(&str) -> bool) -> bool {
    component.manifest.fields.iter().any(|field| field.secret && field.required && !is_stored(&field.name))
}
