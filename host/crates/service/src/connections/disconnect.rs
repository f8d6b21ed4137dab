//! Disconnects a provider: revokes its credential there if possible, and deletes what is stored here.

use jackfield_core::{
    Connection, Error, ProviderId,
    audit::{Action, Actor},
    manifest::{Auth, MappingFate},
};
use jackfield_sandbox::{Component, Disconnect, DisconnectOutcome, UpstreamFate};
use jackfield_store::NewAudit;

use super::{Connections, call::pool_name, parse_provider_id, token_endpoint::TokenEndpoint};
use crate::retry::{ChangeError, retry_overtaken};

/// The result of a disconnect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisconnectResult {
    pub revocation: RevocationResult,
    /// What a person still has to do there, or why the credential was not revoked.
    pub note: Option<String>,
}

/// What happened to the credential at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationResult {
    Revoked,
    /// It is still valid there, because the provider cannot revoke it.
    Kept,
    /// It could not be revoked; [`DisconnectResult::note`] says why.
    Failed,
    /// There was no connection.
    NotConnected,
}

impl Connections {
    /// Revokes the credential at the provider and deletes the connection.
    ///
    /// The connection and its secrets are deleted even if the credential cannot be revoked.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`] if there is neither a connection nor a plugin, [`Error::Sealed`], or the database
    /// fails.
    pub async fn disconnect(&self, provider: &str, actor: &Actor) -> Result<DisconnectResult, Error> {
        self.store.require_unsealed()?;
        let id = parse_provider_id(provider)?;
        // If a connect overtakes the disconnect, there is another credential to revoke.
        retry_overtaken(|| async {
            match self.store.connection(&id).await? {
                Some(connection) => self.disconnect_once(&id, &connection, actor).await,
                None => {
                    self.require_provider(provider)?;
                    Ok(DisconnectResult { revocation: RevocationResult::NotConnected, note: None })
                }
            }
        })
        .await
    }

    async fn disconnect_once(
        &self,
        id: &ProviderId,
        connection: &Connection,
        actor: &Actor,
    ) -> Result<DisconnectResult, ChangeError> {
        let component = self.catalog.component(id.as_str());
        let (revocation, note) = match &component {
            Ok(component) => self.revoke(component, connection).await,
            Err(error) => (RevocationResult::Failed, Some(format!("the provider was not asked to revoke: {error}"))),
        };
        let on_mappings = component.as_ref().map_or(MappingFate::Keep, |component| component.manifest.on_disconnect);
        let audit = NewAudit::done(actor, Action::ConnectionDisconnect).with_provider(id).with_detail(note.clone());
        self.store.delete_connection(connection, on_mappings, audit).await?;
        if let Ok(component) = &component {
            self.egress.close_pool(&pool_name(component, connection));
        }
        self.minted_tokens.remove(&connection.id);
        Ok(DisconnectResult { revocation, note })
    }

    async fn revoke(&self, component: &Component, connection: &Connection) -> (RevocationResult, Option<String>) {
        match self.call_stored(component, connection, Disconnect).await {
            Ok(DisconnectOutcome { upstream, note }) => match upstream {
                UpstreamFate::Revoked => (RevocationResult::Revoked, note),
                UpstreamFate::Kept => (RevocationResult::Kept, note),
                UpstreamFate::RevokeGrant => match self.revoke_grant(component, connection).await {
                    Ok(()) => (RevocationResult::Revoked, note),
                    Err(why) => {
                        (RevocationResult::Failed, Some(format!("the OAuth grant could not be revoked: {why}")))
                    }
                },
            },
            // A grant that the provider has already ended does not have to be revoked.
            Err(Error::NeedsReauth(why)) if matches!(component.manifest.auth, Auth::OAuth2(_)) => {
                (RevocationResult::Revoked, Some(format!("the provider had already ended the OAuth grant: {why}")))
            }
            Err(error) => (RevocationResult::Failed, Some(format!("the credential could not be revoked: {error}"))),
        }
    }

    /// Revokes an OAuth grant at its provider, after the plugin has done its part.
    ///
    /// # Errors
    /// Why the grant was not revoked, as a text.
    async fn revoke_grant(&self, component: &Component, connection: &Connection) -> Result<(), String> {
        let Auth::OAuth2(oauth2) = &component.manifest.auth else {
            return Err("the plugin does not declare one".to_owned());
        };
        let provider = component.manifest.id.as_str();
        let app = self.find_oauth_app(provider, oauth2).await.map_err(|error| error.to_string())?;
        let grant = self.store.oauth_grant(&connection.id, provider).await.map_err(|error| error.to_string())?;
        let grant = grant.ok_or("it is no longer stored")?;
        let endpoint = TokenEndpoint::new(self, provider, oauth2, &app);
        endpoint.revoke(&grant.tokens).await.map_err(|error| error.to_string())
    }
}
