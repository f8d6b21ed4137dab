//! Every page of a provider's users, one after the other: in memory is one page, however long the list.

use std::time::Duration;

use jackfield_core::{Error, User};
use jackfield_store::StoreError;
use tokio::time::Instant;

use super::Connections;

/// How long a whole walk may take. A provider that allows 20 pages of 200 in a minute lists 40,000 users in it.
pub const WALK_TIME: Duration = Duration::from_secs(10 * 60);

/// Users that a page is asked for.
const PAGE: u32 = 200;

impl Connections {
    /// Reads every page of the provider's users and hands each over before the next is asked for. Where the provider
    /// asks to wait, it is waited for.
    ///
    /// # Errors
    /// Whatever [`users`](Self::users) answers, `provider_timeout` where the walk takes too long, and `overloaded`
    /// where somebody connected another account meanwhile: some of the users were then the former one's.
    pub async fn walk_users(&self, provider: &str, mut each: impl FnMut(Vec<User>)) -> Result<(), Error> {
        let id = self.id(provider)?;
        let begun = Instant::now();
        let before = self.store.connection(&id).await?;
        let (mut cursor, mut waited): (Option<String>, bool) = (None, false);
        loop {
            let left = WALK_TIME.saturating_sub(begun.elapsed());
            let page = tokio::time::timeout(left, self.users(provider, cursor.as_deref(), PAGE));
            match page.await.map_err(|_elapsed| Error::ProviderTimeout)? {
                Ok(page) => {
                    each(page.users);
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                Err(Error::RateLimited { retry_after, .. } | Error::Overloaded { retry_after, .. })
                    if Duration::from_secs(retry_after.into()) < left =>
                {
                    waited = true;
                    tokio::time::sleep(Duration::from_secs(retry_after.into())).await;
                }
                Err(error) => return Err(error),
            }
        }
        let after = self.store.connection(&id).await?;
        let account = |connection: &Option<jackfield_core::Connection>| {
            connection.as_ref().map(|connection| (connection.id.clone(), connection.account.clone()))
        };
        if account(&before) != account(&after) {
            return Err(StoreError::Conflict.into());
        }
        if let Some(connection) = after.filter(|_| waited) {
            // It was written down that the provider asked to wait, and that is over.
            self.record(&connection, None, self.good_check(begun.elapsed())).await?;
        }
        Ok(())
    }
}
