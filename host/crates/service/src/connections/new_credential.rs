//! Tries a new credential at its provider, and stores it only if the provider accepts it.
//!
//! Submitted fields and new OAuth grants are both tried and stored here.

use std::{collections::BTreeMap, time::Duration};

use jackfield_core::{
    Account, Connection, Error, ProviderId, Status,
    audit::{Action, Actor},
    manifest::BoundSecret,
};
use jackfield_sandbox::{Component, Connect, ConnectOutcome};
use jackfield_store::{Expected, NewAudit, NewConnection, NewGrant, OAuthTokens};
use tokio::time::Instant;

use super::{
    ConnectResult, Connections,
    call::{CallSecrets, pool_name},
    provider_errors::CredentialOrigin,
    secret_release::release_fields,
};
use crate::retry::ChangeError;

/// A credential that is tried before it is stored.
#[derive(Debug)]
pub(super) struct NewCredential {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, BoundSecret>,
    /// The tokens of a new OAuth grant.
    pub(super) tokens: Option<OAuthTokens>,
}

/// What the provider said about a credential that it accepted.
struct AcceptedCredential {
    org_name: Option<String>,
    account: Option<String>,
    learned: BTreeMap<String, String>,
    /// The accounts to choose from; empty if there is no choice.
    choice: Vec<Account>,
    latency: Duration,
}

impl Connections {
    /// Tries a credential, and stores it together with its audit row.
    pub(super) async fn try_and_store(
        &self,
        id: &ProviderId,
        component: &Component,
        stored: Option<&Connection>,
        credential: NewCredential,
        expected: Expected,
        actor: &Actor,
    ) -> Result<ConnectResult, ChangeError> {
        let accepted = self.try_with_stored_account(component, stored, &credential).await?;
        let mut fields = credential.fields;
        for (name, value) in accepted.learned {
            fields.entry(name).or_insert(value);
        }
        let must_choose = !accepted.choice.is_empty();
        let new_connection = NewConnection {
            provider: id.clone(),
            org_name: accepted.org_name.clone(),
            account: accepted.account,
            fields,
            secrets: credential.secrets,
            grant: credential
                .tokens
                .map(|tokens| NewGrant { tokens, entered_for: component.manifest.grant_destinations() }),
            connected_by: actor.name.clone(),
            status: if must_choose { Status::NeedsChoice } else { Status::Connected },
            reason: must_choose.then(|| format!("one of {} accounts has to be chosen", accepted.choice.len())),
            check: self.new_passed_check(accepted.latency),
        };
        let action = if stored.is_some() { Action::ConnectionUpdate } else { Action::ConnectionConnect };
        let audit = NewAudit::done(actor, action).with_provider(id).with_detail(accepted.org_name.clone());
        self.store.save_connection(new_connection, expected, audit).await?;
        if let Some(connection) = stored {
            self.egress.close_pool(&pool_name(component, connection));
            self.minted_tokens.remove(&connection.id);
        }
        Ok(ConnectResult { org_name: accepted.org_name, accounts: accepted.choice })
    }

    /// Tries a credential with the account that was chosen before.
    ///
    /// If the credential no longer gives access to that account, a person has to choose again.
    async fn try_with_stored_account(
        &self,
        component: &Component,
        stored: Option<&Connection>,
        credential: &NewCredential,
    ) -> Result<AcceptedCredential, Error> {
        let accepted = self.try_credential(component, credential, None).await?;
        let chosen = stored.and_then(|connection| connection.account.clone());
        match chosen.filter(|chosen| accepted.choice.iter().any(|account| account.id == *chosen)) {
            Some(chosen) => self.try_credential(component, credential, Some(chosen)).await,
            None => Ok(accepted),
        }
    }

    async fn try_credential(
        &self,
        component: &Component,
        credential: &NewCredential,
        account: Option<String>,
    ) -> Result<AcceptedCredential, Error> {
        // A separate pool, closed below, so that no HTTP connection outlives the credential that it was opened for.
        let pool = format!("{}/try/{}", component.digest, uuid::Uuid::now_v7());
        let released = release_fields(&component.manifest, &credential.secrets)?;
        let secrets =
            CallSecrets { fields: &released, access_token: credential.tokens.as_ref().map(|tokens| &tokens.access) };
        let call = self.new_call(pool.clone(), component, credential.fields.clone(), secrets, account, None)?;
        let started = Instant::now();
        let outcome = self.run_call(component, call, Connect, CredentialOrigin::Submitted).await;
        self.egress.close_pool(&pool);
        let latency = started.elapsed();
        match outcome? {
            ConnectOutcome::Connected { org_name, account, learned } => {
                Ok(AcceptedCredential { org_name, account, learned, choice: Vec::new(), latency })
            }
            ConnectOutcome::Choose(choice) if component.manifest.capabilities.accounts => {
                Ok(AcceptedCredential { org_name: None, account: None, learned: BTreeMap::new(), choice, latency })
            }
            ConnectOutcome::Choose(_) => Err(Error::PluginFault {
                provider: component.manifest.id.clone(),
                fault: "it offers a choice of accounts without declaring the `accounts` capability".to_owned(),
            }),
        }
    }
}
