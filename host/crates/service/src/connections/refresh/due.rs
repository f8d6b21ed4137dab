//! Refreshes grants in the background: those whose refresh a crash or a lost response interrupted, and those that would
//! expire unused.

use std::time::Duration;

use jackfield_core::{
    Connection, Error, Status,
    manifest::{Auth, OAuth2Grant},
};
use jackfield_sandbox::Component;
use jiff::Timestamp;

use crate::connections::{Connections, check_results::is_about_connection, parse_provider_id};

impl Connections {
    /// Refreshes each grant that should not wait for the next call.
    ///
    /// Errors are logged and recorded as failed checks.
    pub async fn refresh_due_grants(&self) {
        let due = match self.find_due_grants().await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "due grants not read");
                return;
            }
        };
        for (component, connection) in due {
            let destinations = component.manifest.grant_destinations();
            let grant = self.store.oauth_grant(&connection.id, connection.provider.as_str(), &destinations).await;
            let used = match grant {
                Ok(Some(grant)) => grant.generation,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(provider = %connection.provider, %error, "grant not read");
                    continue;
                }
            };
            if let Err(error) = self.refresh_grant(&component, &connection, used).await {
                self.record_background_failure(&connection, error).await;
            }
        }
    }

    async fn find_due_grants(&self) -> Result<Vec<(Component, Connection)>, Error> {
        let now = self.clock.now();
        let unfinished = self.store.interrupted_refreshes(&self.refreshes.0.run).await?;
        let mut due = Vec::new();
        for (provider, issued_at) in self.store.oauth_grant_times().await? {
            let Ok(component) = self.catalog.component(&provider) else { continue };
            let Auth::OAuth2(oauth2) = &component.manifest.auth else { continue };
            if !unfinished.contains(&provider) && !is_stale(oauth2, issued_at, now) {
                continue;
            }
            let id = parse_provider_id(&provider)?;
            let Some(connection) = self.store.connection(&id).await? else { continue };
            let may_retry = connection.retry_at.is_none_or(|retry_at| retry_at <= now);
            if may_retry && connection.status != Status::NeedsReauth {
                due.push((component, connection));
            }
        }
        Ok(due)
    }

    /// Logs the failure of a background refresh and records it as a failed check.
    pub(super) async fn record_background_failure(&self, connection: &Connection, error: Error) {
        let provider = &connection.provider;
        tracing::warn!(%provider, code = error.code(), %error, "refresh failed");
        if !is_about_connection(&error) {
            return;
        }
        let check = self.new_failed_check(&error, Duration::ZERO);
        if let Err(error) = self.record_check(connection, Some(&error), check).await {
            tracing::error!(%provider, %error, "failed refresh not recorded");
        }
    }
}

/// Returns whether tokens have been unused for half of their idle lifetime.
fn is_stale(oauth2: &OAuth2Grant, issued_at: Timestamp, now: Timestamp) -> bool {
    oauth2.idle_lifetime.is_some_and(|idle| now.duration_since(issued_at).as_secs() > i64::from(idle / 2))
}
