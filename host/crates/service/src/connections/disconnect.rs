//! Disconnects a provider: revokes its credential there if possible, and deletes what is stored here.
//!
//! The intention is in the database before the provider is asked. So nothing is revoked that cannot be deleted here, and
//! a disconnect that was interrupted is completed later.

use std::time::Duration;

use jackfield_core::{
    Connection, Error, ProviderId,
    audit::{Action, Actor},
    manifest::{Auth, MappingFate},
};
use jackfield_sandbox::{Component, Disconnect, DisconnectOutcome, UpstreamFate};
use jackfield_store::{NewAudit, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{Connections, call::pool_name, parse_provider_id, token_endpoint::TokenEndpoint};
use crate::retry::{ChangeError, retry_overtaken};

/// How often deleting a connection is retried after its credential was revoked.
const MAX_DELETE_RETRIES: u32 = 2;

/// How long to wait before each of these retries.
const DELETE_RETRY_DELAY: Duration = Duration::from_millis(500);

/// After this time, the disconnect of another host counts as interrupted. It takes less than two minutes otherwise.
const INTERRUPTED_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Seconds to wait if the database accepts no writes.
const DATABASE_RETRY_AFTER: u32 = 10;

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
    /// [`Error::UnknownProvider`] if there is neither a connection nor a plugin, [`Error::Sealed`], or
    /// [`Error::Overloaded`] if the database accepts no writes: then nothing was revoked, or the disconnect is recorded
    /// and will be completed.
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

    /// Completes the disconnects that a crash, a stop or a failing database interrupted.
    ///
    /// Errors are logged, and the next call tries again.
    pub async fn complete_interrupted_disconnects(&self) {
        if self.store.sealed_reason().is_some() {
            return;
        }
        let before = self.clock.now().saturating_sub(INTERRUPTED_AFTER).unwrap_or(Timestamp::MIN);
        let interrupted = match self.store.interrupted_disconnects(self.refreshes.run(), before).await {
            Ok(interrupted) => interrupted,
            Err(error) => {
                tracing::warn!(%error, "interrupted disconnects not read");
                return;
            }
        };
        for connection in interrupted {
            let provider = &connection.provider;
            match self.complete_disconnect(&connection).await {
                Ok(true) => tracing::info!(%provider, "interrupted disconnect completed"),
                Ok(false) | Err(ChangeError::Overtaken) => {
                    tracing::info!(%provider, "interrupted disconnect cancelled by a new connect");
                }
                Err(ChangeError::Failed(error)) => {
                    tracing::warn!(%provider, %error, "interrupted disconnect not completed yet");
                }
            }
        }
    }

    /// Completes an interrupted disconnect, and returns whether there still was one.
    ///
    /// Unlike [`disconnect`](Self::disconnect), it never removes a connection that was made after the disconnect.
    async fn complete_disconnect(&self, interrupted: &Connection) -> Result<bool, ChangeError> {
        let id = &interrupted.provider;
        let current = self.store.connection(id).await?.filter(|current| current.generation == interrupted.generation);
        let Some(current) = current else { return Ok(false) };
        let Some(started) = &current.disconnect else { return Ok(false) };
        self.disconnect_once(id, &current, &Actor::named(started.by.clone())).await?;
        Ok(true)
    }

    async fn disconnect_once(
        &self,
        id: &ProviderId,
        connection: &Connection,
        actor: &Actor,
    ) -> Result<DisconnectResult, ChangeError> {
        self.begin_disconnect(connection, actor).await?;
        let component = self.catalog.component(id.as_str());
        let (revocation, note) = match &component {
            Ok(component) => self.revoke(component, connection).await,
            Err(error) => (RevocationResult::Failed, Some(format!("the provider was not asked to revoke: {error}"))),
        };
        let on_mappings = component.as_ref().map_or(MappingFate::Keep, |component| component.manifest.on_disconnect);
        let audit = NewAudit::done(actor, Action::ConnectionDisconnect).with_provider(id);
        let audit = audit.with_detail(describe_interruption(connection, note.as_deref()));
        self.delete_revoked(connection, on_mappings, audit).await?;
        if let Ok(component) = &component {
            self.egress.close_pool(&pool_name(component, connection));
        }
        self.minted_tokens.remove(&connection.id);
        Ok(DisconnectResult { revocation, note })
    }

    /// Records the intention, which also shows that the database accepts writes.
    async fn begin_disconnect(&self, connection: &Connection, actor: &Actor) -> Result<(), ChangeError> {
        match self.store.begin_disconnect(connection, &actor.name, self.refreshes.run()).await {
            Err(error @ (StoreError::Database(_) | StoreError::OutcomeUnknown(_))) => {
                let provider = &connection.provider;
                tracing::error!(%provider, error = &error as &dyn std::error::Error, "disconnect not started");
                let what = "the database accepts no writes, so nothing was revoked or deleted".to_owned();
                Err(Error::Overloaded { what, retry_after: DATABASE_RETRY_AFTER }.into())
            }
            other => Ok(other?),
        }
    }

    /// Deletes a connection after its credential was revoked, and retries while the database fails.
    async fn delete_revoked(
        &self,
        connection: &Connection,
        mappings: MappingFate,
        audit: NewAudit,
    ) -> Result<(), ChangeError> {
        let mut retries = 0;
        loop {
            match self.store.delete_connection(connection, mappings, audit.clone()).await {
                Err(error @ (StoreError::Database(_) | StoreError::OutcomeUnknown(_)))
                    if retries < MAX_DELETE_RETRIES =>
                {
                    tracing::warn!(provider = %connection.provider, %error, "connection not deleted yet");
                    retries += 1;
                    sleep(DELETE_RETRY_DELAY).await;
                }
                Err(error @ (StoreError::Database(_) | StoreError::OutcomeUnknown(_))) => {
                    let provider = &connection.provider;
                    tracing::error!(%provider, error = &error as &dyn std::error::Error, "connection not deleted");
                    let what = "the provider was asked to revoke the credential, but the database accepts no writes, \
                                so the connection is not deleted yet; the disconnect is recorded and is completed \
                                automatically";
                    return Err(Error::Overloaded { what: what.to_owned(), retry_after: DATABASE_RETRY_AFTER }.into());
                }
                other => return Ok(other?),
            }
        }
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
            // The interrupted disconnect has probably revoked it.
            Err(Error::NeedsReauth(why)) if connection.disconnect.is_some() => {
                (RevocationResult::Revoked, Some(format!("the provider no longer accepts the credential: {why}")))
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
        let destinations = component.manifest.grant_destinations();
        let grant = self.store.oauth_grant(&connection.id, provider, &destinations).await;
        let grant = grant.map_err(|error| error.to_string())?;
        let grant = grant.ok_or("it is no longer stored")?;
        let endpoint = TokenEndpoint::new(self, provider, oauth2, &app);
        endpoint.revoke(&grant.tokens).await.map_err(|error| error.to_string())
    }
}

/// Returns the detail of the audit row: the note, and who started the disconnect if it was interrupted.
fn describe_interruption(connection: &Connection, note: Option<&str>) -> Option<String> {
    let interruption = connection
        .disconnect
        .as_ref()
        .map(|started| format!("completes the disconnect that {} started at {:.0}", started.by, started.at));
    match (interruption, note) {
        (Some(interruption), Some(note)) => Some(format!("{interruption}; {note}")),
        (interruption, note) => interruption.or_else(|| note.map(str::to_owned)),
    }
}
