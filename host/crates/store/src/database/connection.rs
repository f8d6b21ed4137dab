//! One connection of a pool, on which a statement runs.

use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use sqlx::{
    Any, Either, Execute, Executor, Postgres, SqlSafeStr, SqlStr, Sqlite,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolConnection,
};
use sqlx_core::any::{AnyArgumentBuffer, AnyArguments, AnyConnectionBackend};

use super::{
    postgres::{LOCAL_SETTINGS, Pooling},
    sqlite::{self, SqliteQuery},
};

/// A connection that a task has acquired from the pool. It returns there when it is dropped.
#[derive(Debug)]
pub(in super::super) struct DatabaseConnection {
    connection: PooledConnection,
    /// Whether each statement can run on another session of the server, because a pooler assigns one to each
    /// transaction.
    pooling: Pooling,
    #[cfg(any(test, feature = "testing"))]
    faults: crate::testing::InjectedFaults,
}

#[derive(Debug)]
enum PooledConnection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A statement that can run once more on another connection.
pub(super) struct RepeatableRead {
    sql: SqlStr,
    arguments: Option<AnyArguments>,
    persistent: bool,
}

impl RepeatableRead {
    pub(super) fn new<'q>(mut query: impl Execute<'q, Any>) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent();
        Ok(Self { sql: query.sql(), arguments, persistent })
    }

    pub(super) fn copy(&self) -> Self {
        let copy = |arguments: &AnyArguments| AnyArguments { values: AnyArgumentBuffer(arguments.values.0.clone()) };
        Self { sql: self.sql.clone(), arguments: self.arguments.as_ref().map(copy), persistent: self.persistent }
    }
}

impl Execute<'_, Any> for RepeatableRead {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&AnyStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<AnyArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

impl DatabaseConnection {
    pub(super) fn sqlite(connection: PoolConnection<Sqlite>) -> Self {
        Self::new(PooledConnection::Sqlite(connection), Pooling::Session)
    }

    pub(super) fn postgres(connection: PoolConnection<Postgres>, pooling: Pooling) -> Self {
        Self::new(PooledConnection::Postgres(connection), pooling)
    }

    fn new(connection: PooledConnection, pooling: Pooling) -> Self {
        Self {
            connection,
            pooling,
            #[cfg(any(test, feature = "testing"))]
            faults: crate::testing::InjectedFaults::default(),
        }
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn with_faults(self, faults: crate::testing::InjectedFaults) -> Self {
        Self { faults, ..self }
    }

    fn backend(&mut self) -> &mut dyn AnyConnectionBackend {
        match &mut self.connection {
            PooledConnection::Sqlite(connection) => &mut **connection,
            PooledConnection::Postgres(connection) => &mut **connection,
        }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.connection, PooledConnection::Sqlite(_))
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin_write(&mut self) -> Result<(), sqlx::Error> {
        self.fail_if_asked("begin")?;
        let statement = match (&self.connection, self.pooling) {
            (PooledConnection::Sqlite(_), _) => "begin immediate",
            (PooledConnection::Postgres(_), Pooling::Session) => "begin",
            (PooledConnection::Postgres(_), Pooling::Transaction) => LOCAL_SETTINGS,
        };
        self.backend().begin(Some(statement.into_sql_str())).await
    }

    /// Prepares for one statement that reads.
    ///
    /// A pooler that assigns sessions to transactions needs a transaction, so that the steps of the statement reach one
    /// session.
    pub(super) async fn begin_read(&mut self) -> Result<(), sqlx::Error> {
        match self.pooling {
            Pooling::Session => Ok(()),
            Pooling::Transaction => self.backend().begin(Some(LOCAL_SETTINGS.into_sql_str())).await,
        }
    }

    /// Completes what [`begin_read`](Self::begin_read) began.
    pub(super) async fn end_read(&mut self) -> Result<(), sqlx::Error> {
        match self.pooling {
            Pooling::Session => Ok(()),
            Pooling::Transaction => self.commit().await,
        }
    }

    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.fail_if_asked("commit")?;
        self.backend().commit().await
    }

    /// Queues a rollback, which completes before the connection is used again.
    pub(super) fn start_rollback(&mut self) {
        self.backend().start_rollback();
    }

    /// Closes the connection when it is dropped, instead of returning it to the pool.
    pub(super) fn discard_on_drop(&mut self) {
        match &mut self.connection {
            PooledConnection::Sqlite(connection) => connection.close_on_drop(),
            PooledConnection::Postgres(connection) => connection.close_on_drop(),
        }
    }

    #[cfg(any(test, feature = "testing"))]
    fn fail_if_asked(&self, statement: &str) -> Result<(), sqlx::Error> {
        self.faults.check(statement)
    }

    #[cfg(not(any(test, feature = "testing")))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests can make it fail")]
    fn fail_if_asked(&self, _statement: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// Returns whether the statement may be prepared under a name, to be found by the next one.
    fn is_persistent(&self, wanted: bool) -> bool {
        wanted && self.pooling == Pooling::Session
    }
}

impl<'c> Executor<'c> for &'c mut DatabaseConnection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        mut query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let persistent = self.is_persistent(query.persistent());
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode);
        let sql = query.sql();
        match self.fail_if_asked(sql.as_str()).and(arguments) {
            Ok(arguments) => match &mut self.connection {
                PooledConnection::Sqlite(connection) => {
                    sqlite::fetch_many(connection, SqliteQuery::new(sql, arguments, persistent))
                }
                PooledConnection::Postgres(connection) => {
                    AnyConnectionBackend::fetch_many(&mut **connection, sql, persistent, arguments)
                }
            },
            Err(error) => stream::once(future::ready(Err(error))).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, mut query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let persistent = self.is_persistent(query.persistent());
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode);
        let sql = query.sql();
        match self.fail_if_asked(sql.as_str()).and(arguments) {
            Ok(arguments) => match &mut self.connection {
                PooledConnection::Sqlite(connection) => {
                    sqlite::fetch_optional(connection, SqliteQuery::new(sql, arguments, persistent))
                }
                PooledConnection::Postgres(connection) => {
                    AnyConnectionBackend::fetch_optional(&mut **connection, sql, persistent, arguments)
                }
            },
            Err(error) => future::ready(Err(error)).boxed(),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.backend().prepare_with(sql, parameters)
    }
}
