//! Reads and sets the address to which a provider sends its change alerts.

use jackfield_core::{
    Connection, Error,
    audit::{Action, Actor},
};
use jackfield_egress::policy;
use jackfield_sandbox::{CallOperation, Component, GetAlertTarget, SetAlertTarget};
use jackfield_store::NewAudit;
use tokio::time::Instant;

use super::{Connections, readiness::require_account};

impl Connections {
    /// Returns the address to which the provider sends alerts.
    ///
    /// Returns `None` if alerts are off.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unsupported`] if the plugin does not declare the `alerts` capability, or the
    /// error of the provider.
    pub async fn read_alert_target(&self, provider: &str) -> Result<Option<String>, Error> {
        let (component, connection) = self.require_alerts(provider).await?;
        self.call_alerts(&component, &connection, GetAlertTarget).await
    }

    /// Sets the address to which the provider sends alerts; an empty one turns alerts off.
    ///
    /// Returns the address that the provider then reports.
    ///
    /// # Errors
    /// The errors of [`read_alert_target`](Self::read_alert_target), or [`Error::InvalidFields`] if `url` is not a
    /// public HTTPS address.
    pub async fn set_alert_target(&self, provider: &str, url: &str, actor: &Actor) -> Result<Option<String>, Error> {
        let target = Some(url).filter(|url| !url.is_empty());
        if let Some(url) = target {
            policy::validate_url(url)
                .map_err(|why| Error::field("webhook_url", format!("is not a public https address: {why}")))?;
        }
        let (component, connection) = self.require_alerts(provider).await?;
        let operation = SetAlertTarget(target.map(str::to_owned));
        let target = self.call_alerts(&component, &connection, operation).await?;
        // Only the host, because the path is what makes the address secret.
        let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.or_else(|| Some("off".to_owned()));
        let audit = NewAudit::done(actor, Action::ConnectionAlerts).with_provider(&connection.provider);
        self.store.audit(audit.with_detail(host)).await?;
        Ok(target)
    }

    /// Calls the plugin, and stores what that shows about the connection.
    async fn call_alerts<O: CallOperation>(
        &self,
        component: &Component,
        connection: &Connection,
        operation: O,
    ) -> Result<O::Answer, Error> {
        let started = Instant::now();
        let answer = self.call_stored(component, connection, operation).await;
        self.record_call(connection, answer.as_ref().err(), started.elapsed()).await;
        answer
    }

    async fn require_alerts(&self, provider: &str) -> Result<(Component, Connection), Error> {
        let (component, connection) = self
            .require_connection(provider, |component| {
                if component.manifest.capabilities.alerts {
                    return Ok(());
                }
                Err(Error::Unsupported(format!("{} sends no change alerts", component.manifest.title)))
            })
            .await?;
        require_account(&connection)?;
        self.require_no_rate_limit(&connection)?;
        Ok((component, connection))
    }
}
