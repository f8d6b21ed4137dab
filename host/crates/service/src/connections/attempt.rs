//! One attempt at a connection: a credential is tried at its provider, then stored, or nothing is.
//!
//! The same for typed fields, for an OAuth grant and for the choice of an account.

use std::{collections::BTreeMap, time::Duration};

use jackfield_core::{Account, Connection, Error, Outcome, ProviderId, Secret, Status, audit::Actor};
use jackfield_sandbox::{Answer, Component, Operation};
use jackfield_store::{Draft, Expected, NewAudit, Tokens};
use tokio::time::Instant;

use super::{Connected, Connections, call::Credentials, outcome::Phase, pool_of};
use crate::retry::ChangeError;

/// A credential that is to be tried, and what goes with it.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, Secret<String>>,
    pub(super) tokens: Option<Tokens>,
}

/// Whether a trial was made from what is stored, so that the store must not change meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    StoredValues,
    Nothing,
}

/// What a credential turned out to open.
struct Opened {
    org_name: Option<String>,
    account: Option<String>,
    learned: BTreeMap<String, String>,
    /// Where a person has to choose first.
    choice: Vec<Account>,
    took: Duration,
}

impl Connections {
    /// Tries a credential and stores it with its audit row.
    pub(super) async fn attempt(
        &self,
        id: &ProviderId,
        component: &Component,
        stored: Option<&Connection>,
        trial: Trial,
        kept: Kept,
        actor: &Actor,
    ) -> Result<Connected, ChangeError> {
        let opened = self.open(component, stored, &trial).await?;
        let mut fields = trial.fields;
        for (name, value) in opened.learned {
            fields.entry(name).or_insert(value);
        }
        let has_to_choose = !opened.choice.is_empty();
        let draft = Draft {
            provider: id.clone(),
            org_name: opened.org_name.clone(),
            account: opened.account,
            fields,
            secrets: trial.secrets,
            tokens: trial.tokens,
            connected_by: actor.name.clone(),
            status: if has_to_choose { Status::NeedsChoice } else { Status::Connected },
            reason: has_to_choose.then(|| format!("one of {} accounts is to be chosen", opened.choice.len())),
            check: self.good_check(opened.took),
        };
        let expected = match (stored, kept) {
            (Some(connection), Kept::StoredValues) => {
                Expected::Generation { id: connection.id.clone(), generation: connection.generation }
            }
            _ => Expected::Anything,
        };
        let audit = NewAudit {
            actor: actor.clone(),
            action: if stored.is_some() { "connection.update" } else { "connection.connect" },
            provider: Some(id.clone()),
            outcome: Outcome::Done,
            detail: opened.org_name.clone(),
        };
        self.store.save_connection(draft, expected, audit).await?;
        if let Some(connection) = stored {
            self.egress.forget(&pool_of(component, connection));
            self.minted.forget(&connection.id);
        }
        Ok(Connected { org_name: opened.org_name, accounts: opened.choice })
    }

    /// Asks the component what a credential opens. An account that was chosen before stays chosen where it is still
    /// among several.
    async fn open(&self, component: &Component, stored: Option<&Connection>, trial: &Trial) -> Result<Opened, Error> {
        let first = self.try_out(component, trial, None).await?;
        if first.choice.is_empty() {
            return Ok(first);
        }
        let chosen = stored.and_then(|connection| connection.account.clone());
        match chosen.filter(|chosen| first.choice.iter().any(|account| account.id == *chosen)) {
            Some(chosen) => self.try_out(component, trial, Some(chosen)).await,
            None => Ok(first),
        }
    }

    async fn try_out(&self, component: &Component, trial: &Trial, account: Option<String>) -> Result<Opened, Error> {
        let provider = &component.manifest.id;
        // Tried on pooled connections of its own, which go when the try is over.
        let pool = format!("{}/try/{}", component.digest, uuid::Uuid::now_v7());
        let credentials =
            Credentials { secrets: &trial.secrets, access: trial.tokens.as_ref().map(|tokens| &tokens.access) };
        let call = self.call(pool.clone(), component, trial.fields.clone(), credentials, account, None)?;
        let started = Instant::now();
        let answer = self.run(component, call, Operation::Connect, Phase::Connect).await;
        self.egress.forget(&pool);
        let took = started.elapsed();
        match answer? {
            Answer::Connected { org_name, account, learned } => {
                Ok(Opened { org_name, account, learned, choice: Vec::new(), took })
            }
            Answer::Choose(choice) if component.manifest.capabilities.accounts => {
                Ok(Opened { org_name: None, account: None, learned: BTreeMap::new(), choice, took })
            }
            Answer::Choose(_) => Err(Error::PluginFault {
                provider: provider.clone(),
                fault: "it asks for a choice between accounts, which its manifest does not announce".to_owned(),
            }),
            _ => Err(Error::internal("a component answered another operation")),
        }
    }
}
