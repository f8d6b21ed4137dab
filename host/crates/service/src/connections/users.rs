//! Reads one page of a provider's users.

use jackfield_core::{Error, User};
use jackfield_sandbox::{ListUsers, ProviderUsers};
use tokio::time::Instant;

use super::{
    Connections,
    readiness::require_account,
    users_cursor::{CursorKey, UsersCursor},
};

/// One page of a provider's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersPage {
    pub users: Vec<User>,
    /// The cursor of the next page; `None` after the last page.
    pub next_cursor: Option<String>,
    /// How many users were left out because they exceed the limits.
    pub skipped: usize,
}

impl Connections {
    /// Reads one page of the provider's users.
    ///
    /// What it shows about the connection is stored as a check.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unsupported`] if the plugin does not list users,
    /// [`Error::InvalidFields`] for a cursor that is not valid, or the error of the provider.
    pub async fn list_users(&self, provider: &str, cursor: Option<&str>, limit: u32) -> Result<UsersPage, Error> {
        let (component, connection) = self
            .require_connection(provider, |component| {
                if component.manifest.capabilities.users {
                    return Ok(());
                }
                Err(Error::Unsupported(format!("{} has no users to list", component.manifest.title)))
            })
            .await?;
        let key = self.store.require_unsealed()?.derive_key("cursors of users");
        let key = CursorKey { key, connection_id: &connection.id };
        let cursor = match cursor {
            None => UsersCursor::start(),
            Some(text) => UsersCursor::parse(text, &key).ok_or_else(|| {
                let message = "is not valid; use the `next_cursor` of a previous page";
                Error::field("cursor", message)
            })?,
        };
        require_account(&connection)?;
        self.require_no_rate_limit(&connection)?;
        let started = Instant::now();
        let operation = ListUsers { cursor: cursor.provider_cursor().map(str::to_owned), limit };
        let answer = self.call_stored(&component, &connection, operation).await;
        let page = answer.and_then(|ProviderUsers { users, next_cursor, skipped }| {
            let next_cursor = next_cursor.map(|next| cursor.advance(next, &key)).transpose()?;
            Ok(UsersPage { users, next_cursor, skipped })
        });
        self.record_call(&connection, page.as_ref().err(), started.elapsed()).await;
        page
    }
}
