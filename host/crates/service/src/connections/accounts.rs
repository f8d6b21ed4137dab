//! The choice between several accounts that one credential opens: which there are, and which one it is.

use jackfield_core::{Account, Connection, Error, FieldError, Outcome, ProviderId, audit::Actor};
use jackfield_sandbox::{Answer, Component, Operation};
use jackfield_store::{Choice, NewAudit};

use super::Connections;
use crate::retry::{ChangeError, retry_overtaken};

/// The accounts behind a connection's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    pub accounts: Vec<Account>,
    /// The one that was chosen or is the only one.
    pub selected: Option<String>,
}

impl Connections {
    /// Asks the provider which accounts the credential opens.
    ///
    /// # Errors
    /// Not connected, a provider without accounts, or whatever the provider answers.
    pub async fn accounts(&self, provider: &str) -> Result<Accounts, Error> {
        let (_, component, connection) = self.with_accounts(provider).await?;
        let accounts = self.accounts_now(&component, &connection).await?;
        Ok(Accounts { accounts, selected: connection.account })
    }

    /// Chooses the account that the connection is for, after it was tried.
    ///
    /// # Errors
    /// As [`accounts`](Self::accounts), or the id is none of them.
    pub async fn choose_account(&self, provider: &str, account: &str, actor: &Actor) -> Result<Option<String>, Error> {
        retry_overtaken(async || {
            let (id, component, connection) = self.with_accounts(provider).await?;
            let accounts = self.accounts_now(&component, &connection).await?;
            if !accounts.iter().any(|known| known.id == account) {
                let message = "is none of the accounts that the credential opens";
                return Err(Error::InvalidFields(vec![FieldError::new("id", message)]).into());
            }
            self.choose_once(&id, &component, &connection, account, actor).await
        })
        .await
    }

    async fn choose_once(
        &self,
        id: &ProviderId,
        component: &Component,
        connection: &Connection,
        account: &str,
        actor: &Actor,
    ) -> Result<Option<String>, ChangeError> {
        let with_account = Connection { account: Some(account.to_owned()), ..connection.clone() };
        let started = tokio::time::Instant::now();
        let answer = self.run_stored(component, &with_account, Operation::Connect).await?;
        let Answer::Connected { org_name, account, learned } = answer else {
            return Err(Error::PluginFault {
                provider: id.to_string(),
                fault: "it asks for a choice although the account is chosen".to_owned(),
            }
            .into());
        };
        let mut fields = connection.fields.clone();
        for (name, value) in learned {
            fields.entry(name).or_insert(value);
        }
        let choice = Choice {
            account: account.or(with_account.account),
            org_name: org_name.clone(),
            fields,
            check: self.good_check(started.elapsed()),
        };
        let audit = NewAudit {
            actor: actor.clone(),
            action: "connection.account",
            provider: Some(id.clone()),
            outcome: Outcome::Done,
            detail: org_name.clone(),
        };
        self.store.choose_account(connection, choice, audit).await?;
        Ok(org_name)
    }

    async fn with_accounts(&self, provider: &str) -> Result<(ProviderId, Component, Connection), Error> {
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        if !component.manifest.capabilities.accounts {
            let title = &component.manifest.title;
            return Err(Error::Unsupported(format!("a credential of {title} opens one account and no more")));
        }
        let connection = self.store.connection(&id).await?.ok_or_else(|| Error::NotConnected(provider.to_owned()))?;
        Ok((id, component, connection))
    }

    async fn accounts_now(&self, component: &Component, connection: &Connection) -> Result<Vec<Account>, Error> {
        self.not_held(connection)?;
        let undecided = Connection { account: None, ..connection.clone() };
        match self.run_stored(component, &undecided, Operation::Connect).await? {
            Answer::Choose(accounts) => Ok(accounts),
            Answer::Connected { account: Some(id), org_name, .. } => {
                let name = org_name.unwrap_or_else(|| id.clone());
                Ok(vec![Account { id, name }])
            }
            Answer::Connected { account: None, .. } => Ok(Vec::new()),
            _ => Err(Error::internal("a component answered another operation")),
        }
    }
}
