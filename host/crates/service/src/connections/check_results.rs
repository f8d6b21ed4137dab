//! Records what a call shows about a connection: its status, and when to try again.

use std::time::Duration;

use jackfield_core::{Check, Connection, Error, Status};
use jackfield_sandbox::HealthFacts;
use jackfield_store::ConnectionCheckUpdate;
use jiff::{SignedDuration, Timestamp};

use super::Connections;

/// When another try is worthwhile after a provider failed without saying when.
///
/// Each further failure doubles it.
const FIRST_RETRY_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// The upper limit of the doubled delay.
const MAX_RETRY_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// The upper limit of a provider's own `Retry-After`.
///
/// A daily limit can ask for most of a day.
pub(super) const MAX_RATE_LIMIT_SECONDS: u32 = 24 * 60 * 60;

/// How long a passed check says enough: a call that passes sooner after it is not stored.
const FRESH_CHECK: SignedDuration = SignedDuration::from_secs(60);

/// How long a caller who only reads waits until a result is stored.
const RECORD_TIMEOUT: Duration = Duration::from_secs(2);

impl Connections {
    /// Creates a check that the provider passed in this time.
    pub(super) fn new_passed_check(&self, latency: Duration) -> Check {
        Check {
            at: self.clock.now(),
            healthy: true,
            code: None,
            reason: None,
            latency_ms: to_milliseconds(latency),
            facts: HealthFacts::new(),
        }
    }

    /// Creates a check that failed, with the code and the message of its error.
    pub(super) fn new_failed_check(&self, error: &Error, latency: Duration) -> Check {
        Check {
            at: self.clock.now(),
            healthy: false,
            code: Some(error.code().to_owned()),
            reason: Some(error.to_string()),
            latency_ms: to_milliseconds(latency),
            facts: HealthFacts::new(),
        }
    }

    /// Stores the result of a check, unless `checked` has changed since.
    pub(super) async fn record_check(
        &self,
        checked: &Connection,
        failure: Option<&Error>,
        mut check: Check,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let after = |seconds: u32| now.saturating_add(SignedDuration::from_secs(seconds.into())).ok();
        let (status, retry_at, held_until): (Status, Option<Timestamp>, Option<Timestamp>) = match failure {
            None if checked.status == Status::NeedsChoice => (Status::NeedsChoice, None, None),
            None => (Status::Connected, None, None),
            Some(Error::NeedsReauth(_)) => (Status::NeedsReauth, None, None),
            Some(Error::RateLimited { retry_after, .. }) => {
                let until = after((*retry_after).clamp(1, MAX_RATE_LIMIT_SECONDS));
                (Status::Degraded, until, until)
            }
            Some(_) => (Status::Degraded, now.saturating_add(next_retry_delay(checked)).ok(), None),
        };
        let reason = failure.map(ToString::to_string);
        if check.facts.is_empty() {
            check.facts = checked.last_check.as_ref().map(|last| last.facts.clone()).unwrap_or_default();
        }
        let update = ConnectionCheckUpdate { status, reason, retry_at, held_until, check };
        Ok(self.store.record_check(checked, update).await?)
    }
}

impl Connections {
    /// Stores the result of a check that a caller waits for.
    ///
    /// The caller gets the result even if it cannot be stored, because it is still correct. A later check stores its
    /// own result.
    pub(super) async fn try_record_check(&self, checked: &Connection, failure: Option<&Error>, check: Check) {
        let recorded = tokio::time::timeout(RECORD_TIMEOUT, self.record_check(checked, failure, check)).await;
        let error = match recorded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "the database does not complete a change in time".to_owned(),
        };
        tracing::warn!(provider = %checked.provider, error, "result of a check not stored");
    }
}

impl Connections {
    /// Stores what a call that somebody needed shows about the connection, if it shows anything new.
    ///
    /// A call that passes does not show that a missing permission was granted, because it may not need it.
    pub(super) async fn record_call(&self, called: &Connection, failure: Option<&Error>, latency: Duration) {
        let check = match failure {
            Some(error) if is_about_connection(error) => self.new_failed_check(error, latency),
            None if self.is_passed_call_new(called) => self.new_passed_check(latency),
            _ => return,
        };
        self.try_record_check(called, failure, check).await;
    }

    fn is_passed_call_new(&self, called: &Connection) -> bool {
        let Some(last) = &called.last_check else { return true };
        if last.code.as_deref() == Some(Error::PermissionMissing(String::new()).code()) {
            return false;
        }
        let is_good = called.status == Status::Connected && last.healthy;
        !is_good || self.clock.now().duration_since(last.at) >= FRESH_CHECK
    }
}

/// Returns whether an error is about the connection.
///
/// The others are about Jackfield or the request.
pub(super) fn is_about_connection(error: &Error) -> bool {
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

/// Returns the delay until the next try: twice the last one while it keeps failing.
fn next_retry_delay(checked: &Connection) -> SignedDuration {
    let last = checked.retry_at.zip(checked.last_check.as_ref()).filter(|_| checked.status == Status::Degraded);
    last.map_or(FIRST_RETRY_DELAY, |(retry_at, check)| {
        retry_at.duration_since(check.at).saturating_mul(2).clamp(FIRST_RETRY_DELAY, MAX_RETRY_DELAY)
    })
}

fn to_milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
