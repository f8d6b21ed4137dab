//! Reads a grant once for all who ask for its token at the same time, so that a crowd costs the database what a few do.
//!
//! Who asks while a read is under way waits for the next one: nobody is given what was read before they asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jackfield_core::{Connection, Error, ProviderId, Secret};
use jackfield_store::{Grant, StoreError};

use super::{Connections, refresh::NotRefreshed};

/// The reads of this process, by provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers(Arc<Mutex<HashMap<ProviderId, Line>>>);

/// Those who wait for one provider's grant.
#[derive(Debug, Default)]
struct Line {
    /// The read that has not begun.
    next: Option<Read>,
    /// Held by the read that goes on.
    turn: Arc<tokio::sync::Mutex<()>>,
}

type Read = Shared<BoxFuture<'static, Result<Arc<Found>, NotRefreshed>>>;

/// A connection and its grant as they were in the database.
#[derive(Debug)]
struct Found {
    connection: Connection,
    grant: Arc<Grant>,
}

impl Connections {
    /// An access token of a connected OAuth provider that can be used now.
    ///
    /// # Errors
    /// Not connected, not by OAuth, a dead grant, or a provider that fails.
    pub async fn access_token(&self, provider: &str) -> Result<Secret<String>, Error> {
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        let found = self.read_together(&id).await.map_err(|failure| failure.into_error(&id))?;
        let grant = self.usable(&component, &found.connection, Arc::clone(&found.grant)).await?;
        Ok(grant.tokens.access.clone())
    }

    /// Joins the next read of a provider's grant, or lines one up.
    fn read_together(&self, id: &ProviderId) -> Read {
        let mut lines = self.readers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(id.clone()).or_default();
        if let Some(next) = &line.next {
            return next.clone();
        }
        let (connections, id, turn) = (self.clone(), id.clone(), Arc::clone(&line.turn));
        // A task of its own: it goes on to its end when all who wait hang up.
        let task = tokio::spawn(async move {
            let _turn = turn.lock_owned().await;
            if let Some(line) = connections.readers.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&id) {
                line.next = None;
            }
            let connection = connections.store.connection(&id).await?.ok_or(NotRefreshed::Gone)?;
            let grant = connections.store.grant(&connection.id).await?.ok_or(StoreError::Unreadable)?;
            Ok(Arc::new(Found { connection, grant: Arc::new(grant) }))
        });
        let read = task
            .map(|ended| ended.unwrap_or_else(|panic| Err(NotRefreshed::Inner(panic.to_string()))))
            .boxed()
            .shared();
        line.next = Some(read.clone());
        read
    }
}
