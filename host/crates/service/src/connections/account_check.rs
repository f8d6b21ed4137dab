//! Compares accounts with the users that a provider lists, as far as they can be read in a short time.

use std::{collections::HashSet, time::Duration};

use jackfield_core::Error;
use tokio::time::Instant;

use super::Connections;

/// How long the provider's users are read. A proxy gives a request about a minute.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Users to request in one page.
const PAGE_SIZE: u32 = 200;

/// Which accounts a provider does not list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountCheck {
    /// Empty if the users could not be read.
    pub(crate) unlisted: HashSet<String>,
    /// Why the users could not be read.
    ///
    /// `None` if they were read, and also for a provider that is not connected or has no users to list.
    pub(crate) unchecked: Option<String>,
}

impl Connections {
    /// Finds the accounts among `sought` that the provider does not list.
    ///
    /// Reads only until each of them is found.
    pub(crate) async fn find_unlisted(&self, provider: &str, mut sought: HashSet<String>) -> AccountCheck {
        let until = Instant::now() + TIME_LIMIT;
        let mut cursor: Option<String> = None;
        while !sought.is_empty() {
            let page = tokio::time::timeout_at(until, self.list_users(provider, cursor.as_deref(), PAGE_SIZE)).await;
            let page = match page.unwrap_or(Err(Error::ProviderTimeout)) {
                Ok(page) => page,
                Err(error) => return AccountCheck { unlisted: HashSet::new(), unchecked: describe(&error) },
            };
            for user in &page.users {
                sought.remove(&user.external_id);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        AccountCheck { unlisted: sought, unchecked: None }
    }
}

/// Describes why the users could not be read, if the caller can expect that they can be.
fn describe(error: &Error) -> Option<String> {
    match error {
        Error::NotConnected(_)
        | Error::Unsupported(_)
        | Error::PluginNotApproved(_)
        | Error::PluginDisabled(_)
        | Error::UnknownProvider(_) => None,
        Error::ProviderTimeout => {
            Some(format!("the provider's users could not be read within {} s", TIME_LIMIT.as_secs()))
        }
        other => Some(other.to_string()),
    }
}
