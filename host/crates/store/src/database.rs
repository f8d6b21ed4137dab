//! The connections to the database: a pool of SQLite or of PostgreSQL connections behind one interface.
//!
//! Every statement and every transaction of the store passes through this file and its children. They decide which
//! connections may be used again, and how long a writer may wait.

pub(super) mod connection;
pub(super) mod failure;
pub(super) mod postgres;
pub(super) mod sqlite;
#[cfg(test)]
mod tests;
pub(super) mod transaction;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};
use sqlx::{
    Any, Either, Execute, Executor, Pool, Postgres, SqlStr, Sqlite,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolOptions,
    sqlite::SqliteConnectOptions,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::{
    connection::{DatabaseConnection, RepeatableRead},
    postgres::PostgresServer,
    transaction::WriteTransaction,
};
use super::{Dialect, StoreError, migrations};

/// How long to wait for a free database connection, and for the lock of another writer.
///
/// Every transaction is much shorter.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The pool of connections to the database, and the permits of those that write.
#[derive(Clone, Debug)]
pub(super) struct DatabasePool {
    connections: Connections,
    /// Half of the connections may write at a time, so that writers that wait for a lock do not keep readers waiting.
    writers: Arc<Semaphore>,
    #[cfg(any(test, feature = "testing"))]
    pub(super) faults: super::testing::InjectedFaults,
}

/// The connections of one kind of database.
#[derive(Clone, Debug)]
enum Connections {
    Sqlite(Pool<Sqlite>, PathBuf),
    Postgres(Pool<Postgres>, Arc<PostgresServer>),
}

impl DatabasePool {
    /// Creates a pool that opens its connections when they are needed.
    pub(super) fn sqlite(options: SqliteConnectOptions, size: u32) -> Self {
        let pool = sqlite::add_checks(PoolOptions::new()).max_connections(size).acquire_timeout(BUSY_TIMEOUT);
        let file = options.get_filename().to_owned();
        Self::new(Connections::Sqlite(pool.connect_lazy_with(options), file), size)
    }

    /// Creates a pool that opens its connections when they are needed.
    pub(super) fn postgres(server: Arc<PostgresServer>, size: u32) -> Self {
        let pool = postgres::add_checks(PoolOptions::new(), server.pooling)
            .max_connections(size)
            .acquire_timeout(BUSY_TIMEOUT);
        Self::new(Connections::Postgres(pool.connect_lazy_with(server.options.clone()), server), size)
    }

    fn new(connections: Connections, size: u32) -> Self {
        let writers = (size as usize).div_ceil(2);
        Self {
            connections,
            writers: Arc::new(Semaphore::new(writers)),
            #[cfg(any(test, feature = "testing"))]
            faults: super::testing::InjectedFaults::default(),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.connections {
            Connections::Sqlite(..) => Dialect::Sqlite,
            Connections::Postgres(..) => Dialect::Postgres,
        }
    }

    /// Migrates the tables to this version. Two hosts that start at once migrate one after the other.
    ///
    /// # Errors
    /// [`StoreError::MissingGrant`], [`StoreError::Migrate`], or no connection can be opened.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let migrator = migrations::migrator(self.dialect());
        match &self.connections {
            Connections::Sqlite(pool, _) => Ok(migrator.run(pool).await?),
            Connections::Postgres(_, server) => server.migrate(&migrator).await,
        }
    }

    /// Returns the SQLite file.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.connections {
            Connections::Sqlite(_, file) => Some(file),
            Connections::Postgres(..) => None,
        }
    }

    /// Returns how many open connections nobody uses.
    #[cfg(test)]
    fn idle_connections(&self) -> usize {
        match &self.connections {
            Connections::Sqlite(pool, _) => pool.num_idle(),
            Connections::Postgres(pool, _) => pool.num_idle(),
        }
    }

    pub(super) async fn close(&self) {
        match &self.connections {
            Connections::Sqlite(pool, _) => pool.close().await,
            Connections::Postgres(pool, _) => pool.close().await,
        }
    }

    /// Acquires a connection from the pool.
    ///
    /// # Errors
    /// If no connection is free in time, `PoolTimedOut`. If none can be opened, the reason.
    pub(super) async fn acquire(&self) -> Result<DatabaseConnection, sqlx::Error> {
        let connection = match &self.connections {
            Connections::Sqlite(pool, _) => DatabaseConnection::sqlite(pool.acquire().await?),
            Connections::Postgres(pool, server) => match pool.acquire().await {
                Ok(connection) => DatabaseConnection::postgres(connection, server.pooling),
                Err(error) => return Err(server.explain(error).await),
            },
        };
        #[cfg(any(test, feature = "testing"))]
        let connection = connection.with_faults(self.faults.clone());
        Ok(connection)
    }

    /// Begins a transaction that writes.
    ///
    /// On SQLite it takes the write lock at once, because a transaction that first reads and then writes fails if
    /// another one wrote in between. A connection that turns out to be lost is replaced once: nothing was written yet.
    ///
    /// # Errors
    /// No connection can be acquired, or the lock is not free in time.
    pub(super) async fn begin(&self) -> Result<WriteTransaction, sqlx::Error> {
        let permit = self.acquire_writer().await?;
        let connection = self.acquire().await?;
        match WriteTransaction::begin(connection, permit).await {
            Ok(transaction) => Ok(transaction),
            Err(error) if failure::is_connection_lost(&error) => {
                let permit = self.acquire_writer().await?;
                WriteTransaction::begin(self.acquire().await?, permit).await
            }
            Err(error) => Err(error),
        }
    }

    /// Returns how many more transactions may write at the moment.
    #[cfg(test)]
    fn free_writers(&self) -> usize {
        self.writers.available_permits()
    }

    async fn read_all(&self, read: RepeatableRead) -> Result<Vec<Either<AnyQueryResult, AnyRow>>, sqlx::Error> {
        let mut connection = self.acquire().await?;
        connection.begin_read().await?;
        let results = connection.fetch_many(read).try_collect().await?;
        connection.end_read().await?;
        Ok(results)
    }

    async fn read_first(&self, read: RepeatableRead) -> Result<Option<AnyRow>, sqlx::Error> {
        let mut connection = self.acquire().await?;
        connection.begin_read().await?;
        let row = connection.fetch_optional(read).await?;
        connection.end_read().await?;
        Ok(row)
    }

    async fn acquire_writer(&self) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        match tokio::time::timeout(BUSY_TIMEOUT, self.writers.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(sqlx::Error::PoolClosed),
            Err(_elapsed) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

/// Runs a statement that reads on any connection, and reads all its rows.
///
/// A statement that writes belongs in a [`WriteTransaction`], because this one runs again if the connection is lost.
impl<'p> Executor<'p> for &'p DatabasePool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        stream::once(async move {
            let read = RepeatableRead::new(query)?;
            let results = match self.read_all(read.copy()).await {
                Err(error) if failure::is_connection_lost(&error) => self.read_all(read).await?,
                results => results?,
            };
            Ok::<_, sqlx::Error>(stream::iter(results.into_iter().map(Ok)))
        })
        .try_flatten()
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move {
            let read = RepeatableRead::new(query)?;
            match self.read_first(read.copy()).await {
                Err(error) if failure::is_connection_lost(&error) => self.read_first(read).await,
                row => row,
            }
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }
}
