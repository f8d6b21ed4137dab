//! Where a provider sends its change alerts: read and set through the component that knows how.

use jackfield_core::{Connection, Error, FieldError, Outcome, ProviderId, audit::Actor};
use jackfield_egress::policy;
use jackfield_sandbox::{Answer, Component, Operation};
use jackfield_store::NewAudit;

use super::Connections;

impl Connections {
    /// Says where alerts go; none where they are off.
    ///
    /// # Errors
    /// Not connected, a provider without alerts, or whatever the provider answers.
    pub async fn alert_target(&self, provider: &str) -> Result<Option<String>, Error> {
        let (_, component, connection) = self.with_alerts(provider).await?;
        self.ask_for_target(&component, &connection, Operation::AlertTarget).await
    }

    /// Sets where alerts go, and gives what the provider then says.
    ///
    /// # Errors
    /// As [`alert_target`](Self::alert_target), or the address is not public https.
    pub async fn set_alert_target(&self, provider: &str, url: &str, actor: &Actor) -> Result<Option<String>, Error> {
        policy::url_may_be_asked(url).map_err(|why| {
            Error::InvalidFields(vec![FieldError::new("webhook_url", format!("is not a public https address: {why}"))])
        })?;
        let (id, component, connection) = self.with_alerts(provider).await?;
        let target =
            self.ask_for_target(&component, &connection, Operation::SetAlertTarget(Some(url.to_owned()))).await?;
        let audit = NewAudit {
            actor: actor.clone(),
            action: "connection.alerts",
            provider: Some(id),
            outcome: Outcome::Done,
            // Without its path: what makes the address unguessable stands there.
            detail: url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)),
        };
        self.store.audit(audit).await?;
        Ok(target)
    }

    async fn with_alerts(&self, provider: &str) -> Result<(ProviderId, Component, Connection), Error> {
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        if !component.manifest.capabilities.alerts {
            return Err(Error::Unsupported(format!("{} sends no change alerts", component.manifest.title)));
        }
        let connection = self.store.connection(&id).await?.ok_or_else(|| Error::NotConnected(provider.to_owned()))?;
        Self::chosen(&connection)?;
        self.not_held(&connection)?;
        Ok((id, component, connection))
    }

    async fn ask_for_target(
        &self,
        component: &Component,
        connection: &Connection,
        operation: Operation,
    ) -> Result<Option<String>, Error> {
        match self.run_stored(component, connection, operation).await? {
            Answer::AlertTarget(target) => Ok(target),
            _ => Err(Error::internal("a component answered another operation")),
        }
    }
}
