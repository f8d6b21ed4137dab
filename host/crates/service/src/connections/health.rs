//! Checks whether a connection works, by asking its provider.

use std::time::Duration;

use jackfield_core::{Check, Connection, Error};
use jackfield_sandbox::{CheckHealth, HealthFacts};
use tokio::time::Instant;

use super::{Connections, parse_provider_id, readiness::require_account};

/// Whether a health check waits as long as the provider asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestedWait {
    Respect,
    Ignore,
}

/// The names in the API's answer to a health check that are the host's own. A fact with such a name is not shown.
pub const HOST_FACTS: [&str; 6] = ["configured", "healthy", "checked_at", "latency_ms", "code", "reason"];

/// The result of a health check.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthResult {
    pub configured: bool,
    /// What the plugin reports; empty if the check failed.
    pub report: HealthFacts,
    /// `None` if there is no connection.
    pub check: Option<Check>,
}

impl Connections {
    /// Asks the provider whether the connection works, and stores the result.
    ///
    /// If the provider fails or the plugin cannot be used, the result is a failed check and not an error.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], [`Error::Sealed`], [`Error::Overloaded`], or the database fails.
    pub async fn check_health(&self, provider: &str) -> Result<HealthResult, Error> {
        self.check(provider, RequestedWait::Respect).await
    }

    /// Like [`check_health`](Self::check_health), but asks the provider even if it asked to wait.
    ///
    /// This is for a person who checks by hand, because the wait may be wrong or over. If the connection works, the wait
    /// is over.
    ///
    /// # Errors
    /// The errors of [`check_health`](Self::check_health).
    pub async fn check_health_by_hand(&self, provider: &str) -> Result<HealthResult, Error> {
        self.check(provider, RequestedWait::Ignore).await
    }

    async fn check(&self, provider: &str, wait: RequestedWait) -> Result<HealthResult, Error> {
        let id = parse_provider_id(provider)?;
        let Some(connection) = self.store.connection(&id).await? else {
            self.require_provider(provider)?;
            return Ok(HealthResult { configured: false, report: HealthFacts::new(), check: None });
        };
        let ready = self.catalog.component(provider).and_then(|component| {
            if wait == RequestedWait::Respect {
                self.require_no_rate_limit(&connection)?;
            }
            require_account(&connection)?;
            Ok(component)
        });
        let component = match ready {
            Ok(component) => component,
            Err(error) => return Ok(HealthResult::failed(self.new_failed_check(&error, Duration::ZERO))),
        };
        let started = Instant::now();
        match self.call_stored(&component, &connection, CheckHealth).await {
            Ok(report) => {
                let check = Check { facts: report.clone(), ..self.new_passed_check(started.elapsed()) };
                self.try_record_check(&connection, None, check.clone()).await;
                Ok(HealthResult { configured: true, report, check: Some(check) })
            }
            // Not stored: it is true of this version of the plugin only, and the list of connections says it too.
            Err(error @ Error::SecretNeeded(_)) => {
                Ok(HealthResult::failed(self.new_failed_check(&error, started.elapsed())))
            }
            Err(
                error @ (Error::Overloaded { .. } | Error::Unavailable { .. } | Error::Internal(_) | Error::Sealed(_)),
            ) => Err(error),
            Err(error) => Ok(self.record_failed_check(&connection, &error, started.elapsed()).await),
        }
    }

    async fn record_failed_check(&self, connection: &Connection, error: &Error, latency: Duration) -> HealthResult {
        if let Error::PluginFault { provider, fault } = error {
            tracing::warn!(provider, fault, "plugin failed");
        }
        let check = self.new_failed_check(error, latency);
        self.try_record_check(connection, Some(error), check.clone()).await;
        HealthResult::failed(check)
    }
}

impl HealthResult {
    fn failed(check: Check) -> Self {
        Self { configured: true, report: HealthFacts::new(), check: Some(check) }
    }
}
