//! A transaction that writes. Its connection is used again only if it is known how the transaction ended.

use std::ops::{Deref, DerefMut};

use tokio::sync::OwnedSemaphorePermit;

use super::{connection::DatabaseConnection, failure};
use crate::StoreError;

/// A transaction that writes. Dropping it rolls it back, even if the task was cancelled.
#[derive(Debug)]
pub(in super::super) struct WriteTransaction {
    connection: DatabaseConnection,
    state: TransactionState,
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionState {
    /// The result of the `begin` or of the `commit` is not known.
    Unknown,
    Open,
    Committed,
}

impl WriteTransaction {
    pub(super) async fn begin(
        connection: DatabaseConnection,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection, state: TransactionState::Unknown, _permit: permit };
        match transaction.connection.begin_write().await {
            Ok(()) => {
                transaction.state = TransactionState::Open;
                Ok(transaction)
            }
            // The database answered that it begins nothing, for example because of the lock of another writer.
            Err(error) if !failure::is_connection_lost(&error) && transaction.connection.is_sqlite() => {
                transaction.state = TransactionState::Open;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`] if the connection was lost before the database confirmed the commit. With any
    /// other error, nothing was stored.
    pub(in super::super) async fn commit(mut self) -> Result<(), StoreError> {
        self.state = TransactionState::Unknown;
        match self.connection.commit().await {
            Ok(()) => {
                self.state = TransactionState::Committed;
                Ok(())
            }
            Err(error) if failure::is_connection_lost(&error) => Err(StoreError::OutcomeUnknown(error)),
            Err(error) => {
                self.state = TransactionState::Open;
                Err(error.into())
            }
        }
    }
}

impl Deref for WriteTransaction {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.connection
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut DatabaseConnection {
        &mut self.connection
    }
}

impl Drop for WriteTransaction {
    fn drop(&mut self) {
        match self.state {
            TransactionState::Committed => {}
            // The checks of the pool close the connection if the rollback fails.
            TransactionState::Open => self.connection.start_rollback(),
            TransactionState::Unknown => self.connection.discard_on_drop(),
        }
    }
}
