//! Ends a connection: revokes at the provider what can be revoked there, and removes what is stored here.

use jackfield_core::{
    Connection, Error, Outcome, ProviderId,
    audit::Actor,
    manifest::{Auth, MappingFate},
};
use jackfield_sandbox::{Answer, Component, Operation, UpstreamFate};
use jackfield_store::{Mappings, NewAudit};

use super::{Connections, Disconnected, Upstream, pool_of, token_endpoint::TokenEndpoint};
use crate::retry::{ChangeError, retry_overtaken};

impl Connections {
    /// Revokes at the provider what can be revoked, and removes the connection with its secrets in any case.
    ///
    /// # Errors
    /// There is neither such a provider nor such a connection, or the database fails.
    pub async fn disconnect(&self, provider: &str, actor: &Actor) -> Result<Disconnected, Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        // A connect that overtakes the disconnect stores another credential, which has to be revoked too.
        retry_overtaken(async || match self.store.connection(&id).await? {
            Some(connection) => self.disconnect_once(&id, &connection, actor).await,
            None => {
                self.known(provider)?;
                Ok(Disconnected { upstream: Upstream::Nothing, note: None })
            }
        })
        .await
    }

    async fn disconnect_once(
        &self,
        id: &ProviderId,
        connection: &Connection,
        actor: &Actor,
    ) -> Result<Disconnected, ChangeError> {
        let component = self.catalog.component(id.as_str());
        let (upstream, note) = match &component {
            Ok(component) => self.revoke(component, connection).await,
            Err(error) => (Upstream::Failed, Some(format!("the provider was not asked: {error}"))),
        };
        let mappings = match component.as_ref().map(|component| component.manifest.on_disconnect) {
            Ok(MappingFate::Clear) => Mappings::Clear,
            Ok(MappingFate::Keep) | Err(_) => Mappings::Keep,
        };
        let audit = NewAudit {
            actor: actor.clone(),
            action: "connection.disconnect",
            provider: Some(id.clone()),
            outcome: Outcome::Done,
            detail: note.clone(),
        };
        self.store.delete_connection(connection, mappings, audit).await?;
        if let Ok(component) = &component {
            self.egress.forget(&pool_of(component, connection));
        }
        self.minted.forget(&connection.id);
        Ok(Disconnected { upstream, note })
    }

    async fn revoke(&self, component: &Component, connection: &Connection) -> (Upstream, Option<String>) {
        match self.run_stored(component, connection, Operation::Disconnect).await {
            Ok(Answer::Disconnected { upstream, note }) => match upstream {
                UpstreamFate::Revoked => (Upstream::Revoked, note),
                UpstreamFate::Kept => (Upstream::Kept, note),
                UpstreamFate::RevokeGrant => self.revoke_grant(component, connection, note).await,
            },
            Ok(_) => (Upstream::Failed, None),
            // A grant that the provider has ended is what was wanted.
            Err(Error::NeedsReauth(why)) if matches!(component.manifest.auth, Auth::OAuth2(_)) => {
                (Upstream::Revoked, Some(format!("the provider had ended the grant before: {why}")))
            }
            Err(error) => (Upstream::Failed, Some(format!("it could not be revoked there: {error}"))),
        }
    }

    /// Revokes an OAuth grant at its provider, after the component has done its own part.
    async fn revoke_grant(
        &self,
        component: &Component,
        connection: &Connection,
        note: Option<String>,
    ) -> (Upstream, Option<String>) {
        let Auth::OAuth2(oauth2) = &component.manifest.auth else {
            return (
                Upstream::Failed,
                Some("the component asks to revoke a grant that it does not declare".to_owned()),
            );
        };
        let asked = async {
            let provider = component.manifest.id.as_str();
            let app = self.oauth_app(provider, oauth2).await.map_err(|error| error.to_string())?;
            let grant = self.store.grant(&connection.id).await.map_err(|error| error.to_string())?;
            let grant = grant.ok_or("it is no longer there")?;
            let endpoint =
                TokenEndpoint { egress: &self.egress, clock: &self.clock, provider, grant: oauth2, app: &app };
            endpoint.revoke(&grant.tokens).await.map_err(|error| error.to_string())
        };
        match asked.await {
            Ok(()) => (Upstream::Revoked, note),
            Err(why) => (Upstream::Failed, Some(format!("the grant could not be revoked there: {why}"))),
        }
    }
}
