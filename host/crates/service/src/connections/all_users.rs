//! Reads all pages of a provider's users. Only one page is in memory at a time, however long the list is.

use std::time::Duration;

use jackfield_core::{Connection, Error, User};
use jackfield_store::StoreError;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Connections, parse_provider_id};

/// The time limit for reading all users.
///
/// This is enough for 40,000 users at a provider that allows 20 pages of 200 users a minute.
pub const ALL_USERS_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// How often a wait looks at the wall clock, which may be set.
const CLOCK_INTERVAL: Duration = Duration::from_millis(500);

/// Users to request in one page.
const PAGE_SIZE: u32 = 200;

impl Connections {
    /// Reads all pages of the provider's users.
    ///
    /// Each page is passed to `for_page` before the next is requested. If the provider asks to wait, this waits and
    /// continues.
    ///
    /// # Errors
    /// The errors of [`list_users`](Self::list_users), [`Error::ProviderTimeout`] after [`ALL_USERS_TIMEOUT`], and
    /// [`Error::Overloaded`] if the connection was changed to another account meanwhile, because some of the users
    /// then belong to the previous one.
    pub(crate) async fn read_all_users(
        &self,
        provider: &str,
        mut for_page: impl FnMut(Vec<User>),
    ) -> Result<(), Error> {
        let id = parse_provider_id(provider)?;
        let started = Instant::now();
        let before = self.store.connection(&id).await?;
        let mut cursor: Option<String> = None;
        loop {
            let left = ALL_USERS_TIMEOUT.saturating_sub(started.elapsed());
            let page = tokio::time::timeout(left, self.list_users(provider, cursor.as_deref(), PAGE_SIZE));
            match page.await.map_err(|_| Error::ProviderTimeout)? {
                Ok(page) => {
                    for_page(page.users);
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                Err(Error::RateLimited { retry_after, .. } | Error::Overloaded { retry_after, .. })
                    if Duration::from_secs(retry_after.into()) < left =>
                {
                    self.wait(retry_after).await;
                }
                Err(error) => return Err(error),
            }
        }
        let after = self.store.connection(&id).await?;
        if before.as_ref().map(account) != after.as_ref().map(account) {
            return Err(StoreError::Conflict.into());
        }
        Ok(())
    }
}

impl Connections {
    /// Waits for a number of seconds on the wall clock, at which the rate limit of the connection ends too.
    async fn wait(&self, seconds: u32) {
        let until = self.clock.now().saturating_add(SignedDuration::from_secs(seconds.into()));
        let until = until.unwrap_or(Timestamp::MAX);
        while let Ok(left) = Duration::try_from(until.duration_since(self.clock.now()))
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(CLOCK_INTERVAL)).await;
        }
    }
}

/// Returns the connection's id and the account that it is for.
fn account(connection: &Connection) -> (&str, Option<&str>) {
    (&connection.id, connection.account.as_deref())
}
