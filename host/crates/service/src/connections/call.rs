//! Calls of a component for a connection: what each is given, and the second one where a grant was stale.

use std::{collections::BTreeMap, sync::Arc};

use jackfield_core::{
    Connection, Error, Secret, Status,
    manifest::{Auth, CredentialSource},
};
use jackfield_egress::{Budget, Grant, TokenSource, activity::Tally};
use jackfield_sandbox::{Answer, Call, CallError, Component, Ended, Operation};
use jackfield_store::StoreError;
use tokio::time::Instant;
use tracing::{Instrument, Span, field::Empty};

use super::{
    Connections,
    checks::lacks_a_secret,
    minting::Minter,
    outcome::{Phase, error_of},
    pool_of,
};

/// The secrets of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    /// The secret fields, by name.
    pub(super) secrets: &'a BTreeMap<String, Secret<String>>,
    /// The access token of an OAuth grant.
    pub(super) access: Option<&'a Secret<String>>,
}

/// Which token a call went out with, so that a provider's no can be held against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    /// Nothing that could be had anew.
    Fields,
    /// The OAuth grant in this generation.
    Grant(i64),
    /// Tokens that are minted from a key.
    Minted,
}

impl Connections {
    /// Runs an operation on a stored connection. Where the provider no longer takes the token, it runs once more in a
    /// fresh instance with a newer one, if there is such a one to be had.
    pub(super) async fn run_stored(
        &self,
        component: &Component,
        connection: &Connection,
        operation: Operation,
    ) -> Result<Answer, Error> {
        let (call, used) = self.stored_call(component, connection).await?;
        let answer = self.run(component, call, operation.clone(), Phase::Later).await;
        if !matches!(answer, Err(Error::NeedsReauth(_))) {
            return answer;
        }
        match used {
            Used::Fields => return answer,
            Used::Grant(generation) => drop(self.newer_grant(component, connection, generation).await?),
            Used::Minted if self.minted.forget(&connection.id) => {}
            // The token was minted for this very call: another would be no better.
            Used::Minted => return answer,
        }
        let (call, _) = self.stored_call(component, connection).await?;
        self.run(component, call, operation, Phase::Later).await
    }

    /// Refuses work that needs an account while none is chosen.
    pub(super) fn chosen(connection: &Connection) -> Result<(), Error> {
        match connection.status {
            Status::NeedsChoice => Err(Error::NeedsChoice(connection.provider.to_string())),
            _ => Ok(()),
        }
    }

    async fn stored_call(&self, component: &Component, connection: &Connection) -> Result<(Call, Used), Error> {
        let secrets = self.store.connection_secrets(connection).await?;
        if lacks_a_secret(component, |name| secrets.contains_key(name)) {
            return Err(StoreError::Unreadable.into());
        }
        let (grant, used) = match &component.manifest.auth {
            Auth::Fields => (None, Used::Fields),
            Auth::ServiceAccount(_) => (None, Used::Minted),
            Auth::OAuth2(_) => {
                let grant = self.live_grant(component, connection).await?;
                let used = Used::Grant(grant.generation);
                (Some(grant), used)
            }
        };
        let credentials = Credentials { secrets: &secrets, access: grant.as_ref().map(|grant| &grant.tokens.access) };
        let pool = pool_of(component, connection);
        let (fields, account) = (connection.fields.clone(), connection.account.clone());
        Ok((self.call(pool, component, fields, credentials, account, Some(connection))?, used))
    }

    /// Makes a call; `connection` is none while a credential is only tried.
    pub(super) fn call(
        &self,
        pool: String,
        component: &Component,
        fields: BTreeMap<String, String>,
        credentials: Credentials<'_>,
        account: Option<String>,
        connection: Option<&Connection>,
    ) -> Result<Call, Error> {
        let manifest = &component.manifest;
        let key_field = match &manifest.auth {
            Auth::ServiceAccount(grant) => Some(&grant.field),
            Auth::Fields | Auth::OAuth2(_) => None,
        };
        // A key that signs goes nowhere, so it is in no call.
        let attached = credentials.secrets.iter().filter(|(name, _)| Some(*name) != key_field);
        let mut ready: Vec<(CredentialSource, Secret<String>)> =
            attached.map(|(name, secret)| (CredentialSource::Field(name.clone()), secret.clone())).collect();
        ready.extend(credentials.access.map(|access| (CredentialSource::OAuthToken, access.clone())));
        let endpoints = Arc::clone(&component.endpoints);
        let mut grant = Grant::new(pool, endpoints, ready, fields.clone(), Budget::new(self.requests));
        if let Auth::ServiceAccount(service_account) = &manifest.auth {
            let key = credentials.secrets.get(&service_account.field);
            let key = key.ok_or(StoreError::Unreadable)?;
            let minter = Minter::new(self, &manifest.id, service_account, key, &fields, connection)?;
            grant.tokens = Some(Arc::new(minter) as Arc<dyn TokenSource>);
        }
        Ok(Call { grant, fields, account })
    }

    /// Runs one operation and puts its failure into the API's words.
    pub(super) async fn run(
        &self,
        component: &Component,
        call: Call,
        operation: Operation,
        phase: Phase,
    ) -> Result<Answer, Error> {
        let provider = component.manifest.id.clone();
        let name = operation.name();
        let now = self.clock.now();
        if let Some(pause) = component.breaker.paused(now) {
            let left = pause.until.duration_since(now).as_secs().max(1);
            return Err(Error::PluginPaused { provider, retry_after: u32::try_from(left).unwrap_or(u32::MAX) });
        }
        let activity = call.grant.activity.clone();
        let started = Instant::now();
        let span = tracing::info_span!(
            "call",
            provider,
            operation = name,
            outcome = Empty,
            guest_ms = Empty,
            upstream_ms = Empty,
            memory_bytes = Empty,
            requests = Empty,
            denied = Empty,
            sent_bytes = Empty,
            received_bytes = Empty,
        );
        let answer = self.sandbox.run(component, call, operation).instrument(span.clone()).await;
        let taken = started.elapsed();
        match &answer {
            Ok(_) | Err(CallError::Refused(_)) => component.breaker.note(self.clock.now(), Ended::Well),
            Err(CallError::Fault(_)) => component.breaker.note(self.clock.now(), Ended::InFault),
            // Neither tells whether the component is well.
            Err(CallError::ProviderTimeout | CallError::Overloaded) => {}
        }
        let answer = answer.map_err(|error| error_of(error, &provider, phase));
        let outcome = answer.as_ref().err().map_or("ok", Error::code);
        metrics::counter!("jackfield_calls_total", "provider" => provider.clone(), "operation" => name, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("jackfield_call_seconds", "provider" => provider.clone(), "operation" => name)
            .record(taken.as_secs_f64());
        let code = answer.as_ref().err().map(Error::code);
        let tally = activity.tally();
        tell(&span, outcome, &tally);
        self.activities.add(&provider, name, code, taken, &tally, self.clock.now());
        answer
    }
}

/// Writes into a call's span what the call came to and used.
fn tell(span: &Span, outcome: &'static str, tally: &Tally) {
    span.record("outcome", outcome);
    span.record("guest_ms", tally.guest.as_secs_f64() * 1e3);
    span.record("upstream_ms", tally.upstream.as_secs_f64() * 1e3);
    // Signed, since OpenTelemetry knows no other whole numbers.
    let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    span.record("memory_bytes", bytes(tally.memory_bytes as u64));
    span.record("requests", i64::from(tally.requests));
    span.record("denied", i64::from(tally.denied));
    span.record("sent_bytes", bytes(tally.sent_bytes));
    span.record("received_bytes", bytes(tally.received_bytes));
}
