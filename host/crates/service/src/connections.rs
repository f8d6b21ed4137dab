//! Connects providers, checks their health, reads their users and disconnects them.
//!
//! Defines the order of the steps. The HTTP of the API and the SQL are in other crates.

mod account_check;
mod accounts;
mod alerts;
mod all_users;
mod call;
mod call_metrics;
mod check_results;
mod configured_apps;
mod connect;
mod disconnect;
mod disconnect_preview;
pub mod dry_run;
mod fields;
mod health;
mod list;
mod minted_tokens;
mod missing_fields;
mod new_credential;
mod oauth_app;
mod oauth_flow;
mod provider_errors;
mod readiness;
mod refresh;
mod secret_guesses;
mod secret_release;
mod sent_tokens;
mod token_endpoint;
mod users;
mod users_cursor;

use std::{collections::BTreeSet, sync::Arc};

use jackfield_core::{
    Clock, Connection, Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_egress::Egress;
use jackfield_sandbox::{Catalog, Component, Sandbox};
use jackfield_store::{NewAudit, ServiceRun, Store};
use url::Url;

pub(crate) use self::secret_guesses::restore_pauses;
pub use self::{
    accounts::Accounts,
    all_users::ALL_USERS_TIMEOUT,
    call_metrics::CallTotals,
    configured_apps::ConfiguredApps,
    connect::ConnectResult,
    disconnect::{DisconnectResult, RevocationResult},
    disconnect_preview::{DisconnectPreview, RevocationScope},
    fields::SubmittedValue,
    health::{HOST_FACTS, HealthResult},
    oauth_flow::{FlowState, OAuthCallback, StartedOAuthFlow},
    secret_release::StoredDestinations,
    users::UsersPage,
};
use self::{
    call_metrics::CallMetrics, minted_tokens::MintedTokens, refresh::Refreshes, sent_tokens::SentTokensByConnection,
};

/// The use cases of connections. Clones share their state.
#[derive(Clone, Debug)]
pub struct Connections {
    store: Store,
    catalog: Arc<Catalog>,
    sandbox: Sandbox,
    egress: Egress,
    clock: Clock,
    requests_per_call: u32,
    redirect_uri: Arc<str>,
    configured_apps: ConfiguredApps,
    refreshes: Refreshes,
    minted_tokens: MintedTokens,
    sent_tokens: SentTokensByConnection,
    call_metrics: CallMetrics,
}

/// The parts and settings that [`Connections`] is created from.
#[derive(Debug)]
pub struct ConnectionsSetup {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub sandbox: Sandbox,
    pub egress: Egress,
    pub clock: Clock,
    /// Maximum number of requests in one call of a plugin.
    pub requests_per_call: u32,
    /// The URL at which browsers reach this service.
    pub public_url: Url,
    pub configured_apps: ConfiguredApps,
    /// The identity of this process in the journal of refreshes.
    pub run: ServiceRun,
}

impl Connections {
    /// Creates the use cases from their parts and settings.
    #[must_use]
    pub fn new(setup: ConnectionsSetup) -> Self {
        let redirect_uri = setup.public_url.join("oauth/callback").map_or_else(|_| String::new(), Into::into);
        Self {
            refreshes: Refreshes::new(setup.run, &setup.store),
            store: setup.store,
            catalog: setup.catalog,
            sandbox: setup.sandbox,
            egress: setup.egress,
            clock: setup.clock,
            requests_per_call: setup.requests_per_call,
            redirect_uri: redirect_uri.into(),
            configured_apps: setup.configured_apps,
            minted_tokens: MintedTokens::default(),
            sent_tokens: SentTokensByConnection::default(),
            call_metrics: CallMetrics::default(),
        }
    }

    /// Returns the id of each plugin with a valid manifest, in whatever state it is.
    pub(crate) fn provider_ids(&self) -> BTreeSet<String> {
        let entries = self.catalog.entries();
        entries.iter().filter(|entry| entry.manifest().is_some()).map(|entry| entry.id.clone()).collect()
    }

    /// Returns the id of a provider that has a plugin, in whatever state it is.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`] if there is none.
    pub(crate) fn require_provider(&self, provider: &str) -> Result<ProviderId, Error> {
        let id = parse_provider_id(provider)?;
        match self.catalog.component(provider) {
            Err(error @ Error::UnknownProvider(_)) => Err(error),
            _ => Ok(id),
        }
    }

    /// Returns a provider's usable plugin and its connection.
    ///
    /// # Errors
    /// [`Error::NotConnected`] if there is no connection. `check_capability` can reject the plugin before that.
    async fn require_connection(
        &self,
        provider: &str,
        check_capability: impl FnOnce(&Component) -> Result<(), Error>,
    ) -> Result<(Component, Connection), Error> {
        let id = parse_provider_id(provider)?;
        let component = self.catalog.component(provider)?;
        check_capability(&component)?;
        let connection = self.store.connection(&id).await?.ok_or_else(|| Error::NotConnected(provider.to_owned()))?;
        Ok((component, connection))
    }

    /// Writes a rejected change to the audit log.
    async fn audit_refusal(&self, actor: &Actor, action: Action, id: &ProviderId, error: &Error) {
        let audit = NewAudit::refused(actor, action).with_provider(id).with_detail(error.code().to_owned());
        if let Err(error) = self.store.audit(audit).await {
            tracing::error!(%error, action = action.as_str(), provider = %id, "refusal not written to the audit log");
        }
    }
}

fn parse_provider_id(provider: &str) -> Result<ProviderId, Error> {
    ProviderId::parse(provider).map_err(|_| Error::UnknownProvider(provider.chars().take(40).collect()))
}
