//! Loads OAuth grants with a usable access token, and refreshes each grant once for all calls that wait for it.
//!
//! Within a process, all calls that need the same grant wait for one task, and no instance of a plugin runs meanwhile.
//! The journal in the database makes sure that only one process refreshes a grant, and that a crash loses no token.

mod due;
mod error;
mod journal;

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jackfield_core::{Connection, Error};
use jackfield_sandbox::Component;
use jackfield_store::{OAuthGrant, ServiceRun, Store, StoreError};
use jiff::SignedDuration;

use self::error::RefreshError;
use super::{Connections, secret_release::to_grant_error};

/// A token that expires within this time is refreshed before it is used.
///
/// Otherwise it could expire during a call.
const MIN_REMAINING_LIFETIME: SignedDuration = SignedDuration::from_secs(30);

/// A token that expires within this time is refreshed in the background.
///
/// Most tokens are valid for half an hour or longer.
const BACKGROUND_REFRESH: SignedDuration = SignedDuration::from_mins(5);

/// Maximum number of seconds by which a process starts a background refresh earlier.
///
/// The number is random, so that the processes do not all start at once.
const MAX_JITTER: i64 = 120;

/// The refreshes of this process.
#[derive(Clone)]
pub(super) struct Refreshes(Arc<Inner>);

struct Inner {
    run: ServiceRun,
    /// Uses a separate pool, so that the journal does not wait for readers.
    journal: Store,
    /// The refreshes that are under way, by connection and generation.
    running: Mutex<HashMap<(String, i64), SharedRefresh>>,
    random: RandomState,
}

type SharedRefresh = Shared<BoxFuture<'static, Result<Arc<OAuthGrant>, RefreshError>>>;

impl Refreshes {
    pub(super) fn new(run: ServiceRun, store: &Store) -> Self {
        let journal = store.with_refresh_pool();
        Self(Arc::new(Inner { run, journal, running: Mutex::default(), random: RandomState::new() }))
    }

    /// Returns the identity of this process.
    pub(super) fn run(&self) -> &ServiceRun {
        &self.0.run
    }

    /// Returns how long before its expiry this process refreshes a token.
    fn background_refresh_time(&self, grant: &OAuthGrant) -> SignedDuration {
        let number = self.0.random.hash_one((&grant.connection_id, grant.generation));
        let jitter = i64::try_from(number % MAX_JITTER.unsigned_abs()).unwrap_or(0);
        BACKGROUND_REFRESH + SignedDuration::from_secs(jitter)
    }
}

/// Removes a refresh from those that are under way when its task ends.
struct RunningRefresh {
    refreshes: Refreshes,
    key: (String, i64),
}

impl Drop for RunningRefresh {
    fn drop(&mut self) {
        self.refreshes.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Connections {
    /// Returns the grant of a connection with an access token that can be used now.
    ///
    /// An expired token is refreshed first. One that expires soon is refreshed in the background.
    pub(super) async fn load_usable_grant(
        &self,
        component: &Component,
        connection: &Connection,
    ) -> Result<Arc<OAuthGrant>, Error> {
        let (provider, manifest) = (connection.provider.as_str(), &component.manifest);
        let grant = self.store.oauth_grant(&connection.id, provider, &manifest.grant_destinations()).await;
        let grant = grant.map_err(|error| to_grant_error(manifest, error))?.ok_or(StoreError::Unreadable)?;
        let Some(expires_at) = grant.tokens.expires_at else { return Ok(Arc::new(grant)) };
        let remaining = expires_at.duration_since(self.clock.now());
        if remaining <= MIN_REMAINING_LIFETIME {
            return self.refresh_grant(component, connection, grant.generation).await;
        }
        let is_due = remaining <= self.refreshes.background_refresh_time(&grant) && grant.tokens.refresh.is_some();
        let may_retry = connection.retry_at.is_none_or(|retry_at| retry_at <= self.clock.now());
        if is_due && may_retry {
            self.refresh_in_background(component, connection, grant.generation);
        }
        Ok(Arc::new(grant))
    }

    /// Returns a grant that is newer than generation `used`.
    ///
    /// The first caller starts the refresh, and all others wait for it.
    pub(super) async fn refresh_grant(
        &self,
        component: &Component,
        connection: &Connection,
        used: i64,
    ) -> Result<Arc<OAuthGrant>, Error> {
        let refresh = self.start_or_join_refresh(component, connection, used);
        refresh.await.map_err(|error| error.into_api_error(&connection.provider))
    }

    fn refresh_in_background(&self, component: &Component, connection: &Connection, used: i64) {
        let refresh = self.start_or_join_refresh(component, connection, used);
        let (connections, connection) = (self.clone(), connection.clone());
        tokio::spawn(async move {
            if let Err(error) = refresh.await {
                connections.record_background_failure(&connection, error.into_api_error(&connection.provider)).await;
            }
        });
    }

    fn start_or_join_refresh(&self, component: &Component, connection: &Connection, used: i64) -> SharedRefresh {
        let key = (connection.id.clone(), used);
        let mut running = self.refreshes.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refresh) = running.get(&key) {
            return refresh.clone();
        }
        let (connections, component) = (self.clone(), component.clone());
        let (connection_id, task_key) = (connection.id.clone(), key.clone());
        // A separate task, so that the refresh is completed even if all callers disconnect.
        let task = tokio::spawn(async move {
            // Also after a panic, so that the next call starts another refresh.
            let _running = RunningRefresh { refreshes: connections.refreshes.clone(), key: task_key };
            connections.refresh_across_processes(&component, &connection_id, used).await.map(Arc::new)
        });
        let refresh = task
            .map(|joined| joined.unwrap_or_else(|panic| Err(RefreshError::Internal(panic.to_string()))))
            .boxed()
            .shared();
        running.insert(key, refresh.clone());
        refresh
    }
}

impl fmt::Debug for Refreshes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refreshes").field("run", &self.0.run).finish_non_exhaustive()
    }
}
