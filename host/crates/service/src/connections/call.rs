//! Calls a plugin for a connection, with the connection's credentials.
//!
//! If the provider rejects a call's access token, the call is repeated once with a newer token.

use std::{collections::BTreeMap, sync::Arc};

use jackfield_core::{
    Connection, Error, Secret,
    manifest::{Auth, CredentialSource},
};
use jackfield_egress::{CallPermissions, RequestBudget, TokenSource};
use jackfield_sandbox::{Call, CallError, CallOperation, Component, Pause};
use jackfield_store::StoreError;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    Connections,
    call_metrics::{FinishedCall, new_call_span},
    minted_tokens::TokenMinter,
    missing_fields::{MissingFields, may_be_deleted},
    provider_errors::{CredentialOrigin, into_api_error},
    secret_guesses::GuessGuard,
    secret_release::release_fields,
};

/// The secrets of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallSecrets<'a> {
    /// The secret fields, by name.
    pub(super) fields: &'a BTreeMap<String, Secret<String>>,
    /// The access token of an OAuth grant.
    pub(super) access_token: Option<&'a Secret<String>>,
}

/// Which kind of token a call used.
///
/// If the provider rejects it, the call is repeated with a newer token of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsedToken {
    /// None: the credential consists of fields.
    None,
    /// The access token of an OAuth grant, in this generation.
    OAuth { generation: i64 },
    /// Tokens that are minted from a service account's key.
    Minted,
}

impl Connections {
    /// Calls the plugin of a stored connection.
    ///
    /// If the provider rejects the access token, the call is repeated in a fresh instance with a newer token, if there
    /// is one.
    pub(super) async fn call_stored<O: CallOperation>(
        &self,
        component: &Component,
        connection: &Connection,
        operation: O,
    ) -> Result<O::Answer, Error> {
        let (call, used) = self.prepare_stored_call(component, connection).await?;
        require_no_secret(&operation, &call)?;
        let answer = self.run_call(component, call, operation.clone(), CredentialOrigin::Stored).await;
        if !matches!(answer, Err(Error::NeedsReauth(_))) {
            return answer;
        }
        match used {
            UsedToken::None => return answer,
            UsedToken::OAuth { generation } => {
                self.refresh_grant(component, connection, generation).await?;
            }
            UsedToken::Minted if self.minted_tokens.remove(&connection.id) => {}
            // The token was minted for this call, so a new one would be rejected too.
            UsedToken::Minted => return answer,
        }
        let (call, _) = self.prepare_stored_call(component, connection).await?;
        require_no_secret(&operation, &call)?;
        self.run_call(component, call, operation, CredentialOrigin::Stored).await
    }

    async fn prepare_stored_call(
        &self,
        component: &Component,
        connection: &Connection,
    ) -> Result<(Call, UsedToken), Error> {
        let secrets = self.store.connection_secrets(connection).await?;
        let missing = MissingFields::find(&component.manifest, connection, |name| secrets.contains_key(name));
        if let Some(missing) = missing {
            return Err(match self.explain_missing_secret(connection).await {
                _ if !missing.has_secret => Error::SecretNeeded(missing.describe(&component.manifest)),
                Error::Sealed(_) if !may_be_deleted(&component.manifest, secrets.len()) => {
                    Error::SecretNeeded(missing.describe(&component.manifest))
                }
                error => error,
            });
        }
        let secrets = release_fields(&component.manifest, &secrets)?;
        let (grant, used) = match &component.manifest.auth {
            Auth::Fields => (None, UsedToken::None),
            Auth::ServiceAccount(_) => (None, UsedToken::Minted),
            Auth::OAuth2(_) => {
                let grant = self.load_usable_grant(component, connection).await?;
                let used = UsedToken::OAuth { generation: grant.generation };
                (Some(grant), used)
            }
        };
        let secrets = CallSecrets { fields: &secrets, access_token: grant.as_ref().map(|grant| &grant.tokens.access) };
        let (fields, account) = (connection.fields.clone(), connection.account.clone());
        let pool = pool_name(component, connection);
        Ok((self.new_call(pool, component, fields, secrets, account, Some(connection))?, used))
    }

    /// Returns why a secret of a connection is not stored: somebody disconnected or replaced the connection after it was
    /// read, or the stored secret cannot be used.
    async fn explain_missing_secret(&self, connection: &Connection) -> Error {
        match self.store.connection(&connection.provider).await {
            Ok(Some(stored)) if stored.id == connection.id && stored.generation == connection.generation => {
                StoreError::Unreadable.into()
            }
            Ok(_) => StoreError::Conflict.into(),
            Err(error) => error.into(),
        }
    }

    /// Creates a call with the permissions of its plugin.
    ///
    /// `connection` is `None` for a credential that is only tried and not stored yet.
    pub(super) fn new_call(
        &self,
        pool: String,
        component: &Component,
        fields: BTreeMap<String, String>,
        secrets: CallSecrets<'_>,
        account: Option<String>,
        connection: Option<&Connection>,
    ) -> Result<Call, Error> {
        let manifest = &component.manifest;
        let key_field = match &manifest.auth {
            Auth::ServiceAccount(grant) => Some(&grant.field),
            Auth::Fields | Auth::OAuth2(_) => None,
        };
        // The key of a service account only signs and is never sent, so no call gets it.
        let sent = secrets.fields.iter().filter(|(name, _)| Some(*name) != key_field);
        let mut credentials: Vec<(CredentialSource, Secret<String>)> =
            sent.map(|(name, secret)| (CredentialSource::Field(name.clone()), secret.clone())).collect();
        credentials.extend(secrets.access_token.map(|token| (CredentialSource::OAuthToken, token.clone())));
        let mut permissions = CallPermissions::new(
            pool,
            Arc::clone(&component.endpoints),
            credentials,
            fields.clone(),
            RequestBudget::new(self.requests_per_call),
        );
        if let Some(connection) = connection {
            permissions.share_tokens(self.sent_tokens.of(&connection.id));
        }
        if let Auth::ServiceAccount(grant) = &manifest.auth {
            let key = secrets.fields.get(&grant.field).ok_or(StoreError::Unreadable)?;
            let minter = TokenMinter::new(self, &manifest.id, grant, key, &fields, connection)?;
            permissions.tokens = Some(Arc::new(minter) as Arc<dyn TokenSource>);
        }
        Ok(Call { permissions, fields, account })
    }

    /// Runs a call, records its metrics and returns its failure as an API error.
    pub(super) async fn run_call<O: CallOperation>(
        &self,
        component: &Component,
        call: Call,
        operation: O,
        origin: CredentialOrigin,
    ) -> Result<O::Answer, Error> {
        let provider = component.manifest.id.as_str();
        // Watched before the pause is read, so that no guess in between is missed.
        let guesses = component.breaker.watch_guesses();
        let now = self.clock.now();
        if let Some(pause) = component.breaker.pause_at(now) {
            return Err(new_pause_error(provider, pause, now));
        }
        let recorder = call.permissions.recorder.clone();
        let span = new_call_span(provider, O::NAME);
        let started = Instant::now();
        let guard = GuessGuard::new(self, component, O::NAME, origin, call.permissions.clone());
        let ended = tokio::select! {
            biased;
            answer = self.sandbox.run(component, call, operation).instrument(span.clone()) => Ok(answer),
            // Another call guessed a secret, and this one could go on with its guess.
            pause = guesses.wait() => Err(pause),
        };
        let ended = guard.end().map_or(ended, |guess| Ok(Err(CallError::Guess(guess))));
        let time = started.elapsed();
        match &ended {
            Ok(Ok(_) | Err(CallError::Provider(_))) => component.breaker.record_success(self.clock.now()),
            Ok(Err(CallError::Fault(_))) => component.breaker.record_fault(self.clock.now()),
            Ok(Err(CallError::Guess(guess))) => {
                let audited = self.handle_guess(component, O::NAME, origin, guess.clone()).await;
                if let Err(panic) = audited {
                    tracing::error!(provider, %panic, "cannot audit that a plugin guessed a secret");
                }
            }
            // None of these shows whether the component works.
            Ok(Err(CallError::ProviderTimeout | CallError::Overloaded)) | Err(_) => {}
        }
        let answer = match ended {
            Ok(answer) => answer.map_err(|error| into_api_error(error, provider, origin)),
            Err(pause) => Err(new_pause_error(provider, pause, self.clock.now())),
        };
        let finished = FinishedCall {
            provider,
            operation: O::NAME,
            code: answer.as_ref().err().map(Error::code),
            time,
            stats: recorder.stats(),
            at: self.clock.now(),
        };
        self.call_metrics.record(&finished, &span);
        answer
    }
}

/// Checks that what the caller chose contains no secret. The component would send it, and it would count as its guess.
///
/// # Errors
/// [`Error::InvalidFields`].
fn require_no_secret<O: CallOperation>(operation: &O, call: &Call) -> Result<(), Error> {
    match operation.chosen_by_caller() {
        Some((name, text)) if call.permissions.contains_secret(text) => Err(Error::field(
            name,
            "contains a secret of the connection; a plugin never sends one, so use another value",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Returns the error of a call that does not run, or does not run on, because its plugin is paused.
fn new_pause_error(provider: &str, pause: Pause, now: Timestamp) -> Error {
    let left = pause.until.duration_since(now).as_secs().max(1);
    Error::PluginPaused { provider: provider.to_owned(), retry_after: u32::try_from(left).unwrap_or(u32::MAX) }
}

/// Returns the name of the HTTP connection pool of a stored connection.
pub(super) fn pool_name(component: &Component, connection: &Connection) -> String {
    format!("{}/{}/{}", component.digest, connection.id, connection.generation)
}
