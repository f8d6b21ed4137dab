//! Lists the accounts that a credential gives access to, and chooses one of them for the connection.

use jackfield_core::{
    Account, Connection, Error,
    audit::{Action, Actor},
};
use jackfield_sandbox::{Component, Connect, ConnectOutcome};
use jackfield_store::{AccountChoice, NewAudit};
use tokio::time::Instant;

use super::Connections;
use crate::retry::{ChangeError, retry_overtaken};

/// The accounts that a connection's credential gives access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    pub accounts: Vec<Account>,
    /// The account that the connection is for: the chosen one, or the only one.
    pub selected: Option<String>,
}

impl Connections {
    /// Asks the provider which accounts the credential gives access to.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unsupported`] if a credential of the provider has only one account, or the
    /// error of the provider.
    pub async fn list_accounts(&self, provider: &str) -> Result<Accounts, Error> {
        let (component, connection) = self.require_accounts(provider).await?;
        let accounts = self.fetch_accounts(&component, &connection).await?;
        Ok(Accounts { accounts, selected: connection.account })
    }

    /// Tries the connection with an account and then chooses it.
    ///
    /// Returns the organisation's name.
    ///
    /// # Errors
    /// The errors of [`list_accounts`](Self::list_accounts), or [`Error::InvalidFields`] if the credential does not
    /// give access to the account.
    pub async fn choose_account(&self, provider: &str, account: &str, actor: &Actor) -> Result<Option<String>, Error> {
        retry_overtaken(|| async {
            let (component, connection) = self.require_accounts(provider).await?;
            let accounts = self.fetch_accounts(&component, &connection).await?;
            if !accounts.iter().any(|known| known.id == account) {
                let message = "is not an account that the credential gives access to";
                return Err(Error::field("id", message).into());
            }
            self.choose_once(&component, &connection, account, actor).await
        })
        .await
    }

    async fn choose_once(
        &self,
        component: &Component,
        connection: &Connection,
        account: &str,
        actor: &Actor,
    ) -> Result<Option<String>, ChangeError> {
        let with_account = Connection { account: Some(account.to_owned()), ..connection.clone() };
        let started = Instant::now();
        let outcome = self.call_stored(component, &with_account, Connect).await?;
        let ConnectOutcome::Connected { org_name, account, learned } = outcome else {
            let fault = "it offers a choice of accounts, although one was already chosen".to_owned();
            return Err(Error::PluginFault { provider: connection.provider.to_string(), fault }.into());
        };
        let mut fields = connection.fields.clone();
        for (name, value) in learned {
            fields.entry(name).or_insert(value);
        }
        let choice = AccountChoice {
            account: account.or(with_account.account),
            org_name: org_name.clone(),
            fields,
            check: self.new_passed_check(started.elapsed()),
        };
        let audit = NewAudit::done(actor, Action::ConnectionAccount)
            .with_provider(&connection.provider)
            .with_detail(org_name.clone());
        self.store.choose_account(connection, choice, audit).await?;
        Ok(org_name)
    }

    async fn require_accounts(&self, provider: &str) -> Result<(Component, Connection), Error> {
        self.require_connection(provider, |component| {
            if component.manifest.capabilities.accounts {
                return Ok(());
            }
            let title = &component.manifest.title;
            Err(Error::Unsupported(format!("a credential of {title} has only one account")))
        })
        .await
    }

    async fn fetch_accounts(&self, component: &Component, connection: &Connection) -> Result<Vec<Account>, Error> {
        self.require_no_rate_limit(connection)?;
        let without_account = Connection { account: None, ..connection.clone() };
        match self.call_stored(component, &without_account, Connect).await? {
            ConnectOutcome::Choose(accounts) => Ok(accounts),
            ConnectOutcome::Connected { account: Some(id), org_name, .. } => {
                let name = org_name.unwrap_or_else(|| id.clone());
                Ok(vec![Account { id, name }])
            }
            ConnectOutcome::Connected { account: None, .. } => Ok(Vec::new()),
        }
    }
}
