//! The use cases: what connect, disconnect, health and users mean, in order. Knows no HTTP and no SQL.

mod accounts;
mod activity;
mod alerts;
mod attempt;
mod call;
mod checks;
mod cursor;
mod disconnect;
pub mod dry_run;
mod fields;
mod foresight;
mod minting;
mod oauth;
mod outcome;
mod refresh;
mod token_endpoint;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jackfield_core::{
    Account, Check, Clock, Connection, Error, FieldError, OAuthApp, Outcome, ProviderId, Status, User, audit::Actor,
    manifest::Auth,
};
use jackfield_egress::Egress;
use jackfield_sandbox::{Answer, Catalog, Component, Limits, Operation, Sandbox};
use jackfield_store::{NewAudit, Readable, Run, Store, StoreError};
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use crate::retry::{ChangeError, retry_overtaken};

pub use self::{
    accounts::Accounts,
    activity::Totals,
    fields::Submitted,
    foresight::{Foreseen, Revokes},
    oauth::{Authorization, FlowState, Returned},
    walk::WALK_TIME,
};
use self::{
    activity::Activities,
    attempt::{Kept, Trial},
    checks::{lacks_a_secret, tells_of_the_connection},
    minting::Minted,
    refresh::Refreshes,
};

/// Everything that is done with connections.
#[derive(Clone, Debug)]
pub struct Connections {
    store: Store,
    catalog: Arc<Catalog>,
    sandbox: Sandbox,
    egress: Egress,
    clock: Clock,
    requests: u32,
    redirect_uri: Arc<str>,
    oauth_apps: Arc<BTreeMap<String, OAuthApp>>,
    refreshes: Refreshes,
    minted: Minted,
    activities: Activities,
}

/// What the use cases work with.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub sandbox: Sandbox,
    pub egress: Egress,
    pub clock: Clock,
    /// Requests in one call of a component.
    pub limits: Limits,
    /// Where browsers reach this service.
    pub public_url: Url,
    /// The OAuth apps of the settings, by the provider's name there.
    pub oauth_apps: BTreeMap<String, OAuthApp>,
    /// This process, as it signs the journal of refreshes.
    pub run: Run,
}

/// What a connect came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    pub org_name: Option<String>,
    /// The accounts of which a person has to choose one; none where there is no choice.
    pub accounts: Vec<Account>,
}

/// What a disconnect came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// What became of the credential at the provider.
    pub upstream: Upstream,
    /// What a person still has to do there, or why it could not be asked.
    pub note: Option<String>,
}

/// What became of a credential at the provider when its connection went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    Revoked,
    /// It stays good there.
    Kept,
    /// It could not be revoked; `note` says why.
    Failed,
    /// There was no connection.
    Nothing,
}

/// What a health check came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    pub configured: bool,
    /// What the component reports; nothing for a connection that is not well.
    pub report: Map<String, Value>,
    pub check: Option<Check>,
}

/// One page of a provider's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    pub users: Vec<User>,
    pub next_cursor: Option<String>,
}

impl Connections {
    /// Wires the use cases.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let redirect_uri = parts.public_url.join("oauth/callback").map_or_else(|_| String::new(), Into::into);
        Self {
            refreshes: Refreshes::new(parts.run, &parts.store),
            store: parts.store,
            catalog: parts.catalog,
            sandbox: parts.sandbox,
            egress: parts.egress,
            clock: parts.clock,
            requests: parts.limits.requests,
            redirect_uri: redirect_uri.into(),
            oauth_apps: Arc::new(parts.oauth_apps),
            minted: Minted::default(),
            activities: Activities::default(),
        }
    }

    /// Lists every connection. One whose secrets do not open, or whose component is gone, says so and breaks no list.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<Connection>, Error> {
        let mut list = Vec::new();
        for (mut connection, readable) in self.store.connections().await? {
            if let Some(reason) = self.store.sealed_because() {
                connection.status = Status::Unreadable;
                connection.reason = Some(reason.to_owned());
            } else if readable == Readable::No {
                connection.status = Status::Unreadable;
                connection.reason = Some("its stored credential does not open with this master key".to_owned());
            } else {
                match self.catalog.component(connection.provider.as_str()) {
                    Err(missing) => {
                        connection.status = Status::Degraded;
                        connection.reason = Some(missing_in_words(&missing));
                    }
                    Ok(component)
                        if lacks_a_secret(&component, |name| {
                            connection.secret_fields.iter().any(|stored| stored == name)
                        }) =>
                    {
                        connection.status = Status::Unreadable;
                        connection.reason = Some(
                            "a secret that its component needs is not stored: it is gone from the database, or the \
                             version that was approved asks for one more"
                                .to_owned(),
                        );
                    }
                    Ok(_) => {}
                }
            }
            list.push(connection);
        }
        Ok(list)
    }

    /// The stored connection of a provider, from the store alone.
    ///
    /// # Errors
    /// There is neither such a provider nor such a connection, or the database fails.
    pub async fn status(&self, provider: &str) -> Result<Option<Connection>, Error> {
        let id = self.id(provider)?;
        let stored = self.store.connection(&id).await?;
        if stored.is_none() {
            self.known(provider)?;
        }
        Ok(stored)
    }

    /// Tries a credential and stores it when the provider takes it.
    ///
    /// # Errors
    /// Fields that fail their rules, a credential that the provider refuses, a provider that fails. Whatever was
    /// stored before then still is.
    pub async fn connect(
        &self,
        provider: &str,
        submitted: BTreeMap<String, Submitted>,
        actor: &Actor,
    ) -> Result<Connected, Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        if matches!(component.manifest.auth, Auth::OAuth2(_)) {
            return Err(Error::Unsupported(format!(
                "{} is connected by OAuth: GET /api/admin/connections/{provider}/auth-url",
                component.manifest.title
            )));
        }
        let connected = retry_overtaken(async || self.connect_once(&id, &component, &submitted, actor).await).await;
        if let Err(error) = &connected {
            self.audit_refusal(actor, "connection.connect", &id, error).await;
        }
        connected
    }

    async fn connect_once(
        &self,
        id: &ProviderId,
        component: &Component,
        submitted: &BTreeMap<String, Submitted>,
        actor: &Actor,
    ) -> Result<Connected, ChangeError> {
        let manifest = &component.manifest;
        let stored = self.store.connection(id).await?;
        let merged = match &stored {
            None => fields::merge(manifest, submitted, fields::Stored::default())?,
            Some(connection) => {
                // A credential that no longer opens must not stand in the way of a fresh one.
                let secrets = match self.store.connection_secrets(connection).await {
                    Err(StoreError::Unreadable) => BTreeMap::new(),
                    other => other?,
                };
                fields::merge(manifest, submitted, fields::Stored { fields: connection.fields.clone(), secrets })?
            }
        };
        let kept = if merged.kept_stored_values { Kept::StoredValues } else { Kept::Nothing };
        let trial = Trial { fields: merged.fields, secrets: merged.secrets, tokens: None };
        self.attempt(id, component, stored.as_ref(), trial, kept, actor).await
    }

    /// Asks the provider whether the connection works, and writes down what it says.
    ///
    /// # Errors
    /// The provider is unknown, the service is sealed or overloaded, or the database fails. A provider that fails, or
    /// a component that cannot be used, is an answer, not an error.
    pub async fn health(&self, provider: &str) -> Result<Health, Error> {
        let id = self.id(provider)?;
        let Some(connection) = self.store.connection(&id).await? else {
            self.known(provider)?;
            return Ok(Health { configured: false, report: Map::new(), check: None });
        };
        let component = match self.catalog.component(provider) {
            Ok(component) => component,
            Err(unusable) => {
                let check = self.failed_check(&unusable, Duration::ZERO);
                return Ok(Health { configured: true, report: Map::new(), check: Some(check) });
            }
        };
        if let Err(held) = self.not_held(&connection) {
            let check = self.failed_check(&held, Duration::ZERO);
            return Ok(Health { configured: true, report: Map::new(), check: Some(check) });
        }
        if let Err(undecided) = Self::chosen(&connection) {
            let check = self.failed_check(&undecided, Duration::ZERO);
            return Ok(Health { configured: true, report: Map::new(), check: Some(check) });
        }
        let started = Instant::now();
        match self.run_stored(&component, &connection, Operation::Health).await {
            Ok(Answer::Healthy(report)) => {
                let check = self.good_check(started.elapsed());
                self.record(&connection, None, check.clone()).await?;
                Ok(Health { configured: true, report, check: Some(check) })
            }
            Ok(_) => Err(Error::internal("a component answered another operation")),
            Err(error @ (Error::Overloaded { .. } | Error::Internal(_) | Error::Sealed(_))) => Err(error),
            Err(error) => {
                if let Error::PluginFault { provider, fault } = &error {
                    tracing::warn!(provider, fault, "a component failed");
                }
                let check = self.failed_check(&error, started.elapsed());
                self.record(&connection, Some(&error), check.clone()).await?;
                Ok(Health { configured: true, report: Map::new(), check: Some(check) })
            }
        }
    }

    /// Reads one page of the provider's users.
    ///
    /// # Errors
    /// Not connected, unsupported by the provider, a cursor that is none, or whatever the provider answers.
    pub async fn users(&self, provider: &str, cursor: Option<&str>, limit: u32) -> Result<Users, Error> {
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        if !component.manifest.capabilities.users {
            return Err(Error::Unsupported(format!("{} has no users to list", component.manifest.title)));
        }
        let connection = self.store.connection(&id).await?.ok_or_else(|| Error::NotConnected(provider.to_owned()))?;
        let walk = match cursor {
            None => cursor::Walk::start(),
            Some(text) => cursor::Walk::parse(text).ok_or_else(|| {
                Error::InvalidFields(vec![FieldError::new("cursor", "is none that a page before gave")])
            })?,
        };
        Self::chosen(&connection)?;
        self.not_held(&connection)?;
        let started = Instant::now();
        let operation = Operation::ListUsers { cursor: walk.position().map(str::to_owned), limit };
        let answer = self.run_stored(&component, &connection, operation).await.and_then(|answer| match answer {
            Answer::Users { users, next_cursor } => {
                let next_cursor = next_cursor.map(|next| walk.step(next)).transpose()?;
                Ok(Users { users, next_cursor })
            }
            _ => Err(Error::internal("a component answered another operation")),
        });
        if let Err(error) = &answer
            && tells_of_the_connection(error)
        {
            let check = self.failed_check(error, started.elapsed());
            self.record(&connection, Some(error), check).await?;
        }
        answer
    }

    /// Every provider that has a component which is one, in whatever state.
    #[must_use]
    pub fn providers(&self) -> BTreeSet<String> {
        let entries = self.catalog.entries();
        entries.iter().filter(|entry| entry.manifest().is_some()).map(|entry| entry.id.clone()).collect()
    }

    /// The id of a provider that has a component, in whatever state.
    ///
    /// # Errors
    /// There is none.
    pub fn known_provider(&self, provider: &str) -> Result<ProviderId, Error> {
        let id = self.id(provider)?;
        self.known(provider)?;
        Ok(id)
    }

    fn id(&self, provider: &str) -> Result<ProviderId, Error> {
        ProviderId::parse(provider).map_err(|_no_id| Error::UnknownProvider(provider.chars().take(40).collect()))
    }

    /// Refuses a provider that has no component, in whatever state.
    fn known(&self, provider: &str) -> Result<(), Error> {
        match self.catalog.component(provider) {
            Err(error @ Error::UnknownProvider(_)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn audit_refusal(&self, actor: &Actor, action: &'static str, id: &ProviderId, error: &Error) {
        let audit = NewAudit {
            actor: actor.clone(),
            action,
            provider: Some(id.clone()),
            outcome: Outcome::Refused,
            detail: Some(error.code().to_owned()),
        };
        if let Err(error) = self.store.audit(audit).await {
            tracing::error!(%error, "a refusal could not be written to the audit");
        }
    }
}

/// What is missing where a connection's component may not run. The credential is whole, so nobody has to connect again.
fn missing_in_words(missing: &Error) -> String {
    match missing {
        Error::UnknownProvider(provider) => {
            format!("its component is gone; drop the component of `{provider}` in again, and approve it")
        }
        Error::PluginFault { fault, .. } => format!("its component is broken: {fault}"),
        other => format!("its component cannot be used: {other}"),
    }
}

fn pool_of(component: &Component, connection: &Connection) -> String {
    format!("{}/{}/{}", component.digest, connection.id, connection.generation)
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
