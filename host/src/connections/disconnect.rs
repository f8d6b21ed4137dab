//! Ends a connection: revokes at the provider what can be revoked there, and removes what is stored here.

use super::{Attempt, Connections, Disconnected, Phase, TRIES, Upstream, pool_of};
use crate::{
    model::{Connection, Error, Outcome, ProviderId, audit::Actor, manifest::MappingFate},
    sandbox::{Answer, Component, Operation, UpstreamFate},
    store::{Mappings, NewAudit, StoreError},
};

impl Connections {
    /// Revokes at the provider what can be revoked, and removes the connection with its secrets in any case.
    ///
    /// # Errors
    /// There is neither such a provider nor such a connection, or the database fails.
    pub async fn disconnect(&self, provider: &str, actor: &Actor) -> Result<Disconnected, Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        for _ in 0..TRIES {
            let Some(connection) = self.store.connection(&id).await? else {
                self.known(provider)?;
                return Ok(Disconnected { upstream: Upstream::Nothing, note: None });
            };
            match self.disconnect_once(&id, &connection, actor).await {
                // Somebody connected anew meanwhile: that credential is to be revoked too.
                Err(Attempt::Overtaken) => {}
                Err(Attempt::Failed(error)) => return Err(error),
                Ok(disconnected) => return Ok(disconnected),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn disconnect_once(
        &self,
        id: &ProviderId,
        connection: &Connection,
        actor: &Actor,
    ) -> Result<Disconnected, Attempt> {
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
        match self.store.delete_connection(connection, mappings, audit).await {
            Err(StoreError::Conflict) => return Err(Attempt::Overtaken),
            other => other.map_err(Error::from)?,
        }
        if let Ok(component) = &component {
            self.egress.forget(&pool_of(component, connection));
        }
        Ok(Disconnected { upstream, note })
    }

    async fn revoke(&self, component: &Component, connection: &Connection) -> (Upstream, Option<String>) {
        let asked = async {
            let call = self.stored_call(component, connection).await?;
            self.run(component, call, Operation::Disconnect, Phase::Later).await
        };
        match asked.await {
            Ok(Answer::Disconnected { upstream, note }) => match upstream {
                UpstreamFate::Revoked => (Upstream::Revoked, note),
                UpstreamFate::Kept => (Upstream::Kept, note),
                UpstreamFate::RevokeGrant => {
                    (Upstream::Failed, Some("this version does not revoke grants by itself".to_owned()))
                }
            },
            Ok(_) => (Upstream::Failed, None),
            Err(error) => (Upstream::Failed, Some(format!("it could not be revoked there: {error}"))),
        }
    }
}
