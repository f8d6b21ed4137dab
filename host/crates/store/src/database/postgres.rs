//! The connections to a PostgreSQL server, directly or through PgBouncer.

use std::time::{Duration, Instant};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, Postgres, Row,
    migrate::{MigrateError, Migrator},
    pool::PoolOptions,
    postgres::PgConnectOptions,
};
use sqlx_core::any::AnyConnectionBackend;

use super::{
    BUSY_TIMEOUT,
    failure::{DatabaseFailure, UnreachableDatabase},
};
use crate::StoreError;

/// The limits of every session.
///
/// PostgreSQL continues a statement after its client has gone, and keeps the locks of a transaction whose client is
/// idle. Without limits, each of them could block all writers.
const SESSION_SETTINGS: &str = "set lock_timeout = '10s'; set statement_timeout = '60s'; \
                                set idle_in_transaction_session_timeout = '30s';";

/// Begins a transaction with the same limits, for a session that is shared with other clients.
pub(super) const LOCAL_SETTINGS: &str = "begin; set local lock_timeout = '10s'; set local statement_timeout = '60s'; \
                                         set local idle_in_transaction_session_timeout = '30s';";

/// Removes the limits for a migration.
const NO_LIMITS: &str = "set lock_timeout = 0; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;";

/// Removes the limits for the migration in one transaction.
const NO_LOCAL_LIMITS: &str = "set local lock_timeout = 0; set local statement_timeout = 0; \
                               set local idle_in_transaction_session_timeout = 0; deallocate all;";

/// How long to look for the reason why no connection could be opened.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How a pooler in front of the server assigns its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Pooling {
    /// There is no pooler, or it assigns a session to each connection.
    Session,
    /// It assigns a session to each transaction, so nothing may stay in the session.
    Transaction,
}

/// A PostgreSQL server, and how to connect to it.
#[derive(Clone, Debug)]
pub(in super::super) struct PostgresServer {
    pub(in super::super) options: PgConnectOptions,
    pub(in super::super) pooling: Pooling,
}

/// Adds the settings of a new connection, and the checks of one that leaves or enters the pool.
pub(super) fn add_checks(options: PoolOptions<Postgres>, pooling: Pooling) -> PoolOptions<Postgres> {
    options
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if pooling == Pooling::Session {
                    connection.execute(SESSION_SETTINGS).await?;
                }
                Ok(())
            })
        })
        // This replaces the ping, which would be another round trip.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_writable(connection)))
        .after_release(|connection, _| {
            Box::pin(async move {
                Connection::ping(&mut *connection).await?;
                Ok(connection.get_transaction_depth() == 0)
            })
        })
}

/// Returns whether the session responds and accepts changes.
///
/// After a failover, a session can lead to a server that is now a standby. A new one leads to the primary.
async fn is_writable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = connection.fetch_one("show transaction_read_only").await?;
    Ok(row.try_get::<String, _>(0)? == "off")
}

impl PostgresServer {
    /// Connects for the first time, and finds out how a pooler assigns its sessions.
    ///
    /// # Errors
    /// [`StoreError::Connect`] if the server cannot be reached within ten seconds, or rejects the connection.
    pub(in super::super) async fn detect_pooling(mut self) -> Result<Self, StoreError> {
        let mut first = self.connect_with_retries().await?;
        if self.pooling == Pooling::Session && self.shares_sessions(&mut first).await {
            tracing::info!("the database is behind a pooler that assigns a session to each transaction");
            self.pooling = Pooling::Transaction;
        }
        // The server notices the end of the socket, too.
        let _closed = first.close().await;
        Ok(self)
    }

    /// Migrates the tables on a connection of its own.
    ///
    /// The migration of a large table may take long, and another host that starts waits for it.
    pub(super) async fn migrate(&self, migrator: &Migrator) -> Result<(), StoreError> {
        let mut connection = self.connect_with_retries().await?;
        let result = match self.pooling {
            Pooling::Session => run_migrations(&mut connection, NO_LIMITS, migrator).await,
            // In one transaction, all statements and the lock of the migrations reach one session of the server.
            Pooling::Transaction => migrate_in_transaction(&mut connection, migrator).await,
        };
        let _closed = connection.close().await;
        result.map_err(|error| match &error {
            MigrateError::Execute(sqlx::Error::Database(reason))
            | MigrateError::ExecuteMigration(sqlx::Error::Database(reason), _)
                if reason.code().as_deref() == Some("42501") =>
            {
                StoreError::MissingGrant(reason.message().to_owned())
            }
            _ => StoreError::Migrate(error),
        })
    }

    /// Connects. A server that starts refuses connections for a moment.
    async fn connect_with_retries(&self) -> Result<PgConnection, StoreError> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let error = match tokio::time::timeout(remaining, self.options.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => error,
                Err(_elapsed) => return Err(StoreError::Connect(self.describe_timeout(BUSY_TIMEOUT))),
            };
            let starts = matches!(&error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
                || matches!(&error, sqlx::Error::Database(error) if error.is_transient_in_connect_phase());
            if !starts || deadline.saturating_duration_since(Instant::now()).is_zero() {
                return Err(StoreError::Connect(self.describe(&error)));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Returns whether two connections get the same session of the server in turn.
    ///
    /// While one connection uses a session in a transaction, the other one must keep its own. With a pooler that
    /// assigns sessions to transactions, either both have the same one, or the first gets another one.
    async fn shares_sessions(&self, first: &mut PgConnection) -> bool {
        let Ok(Ok(mut second)) = tokio::time::timeout(EXPLAIN_TIMEOUT, self.options.connect()).await else {
            return false;
        };
        let mut shares = false;
        for _ in 0..3 {
            match swap_sessions(first, &mut second).await {
                Ok(swapped) => shares |= swapped,
                Err(_error) => break,
            }
        }
        let _closed = second.close().await;
        shares
    }

    /// Replaces the error of a pool that only says how long it has waited.
    pub(super) async fn explain(&self, error: sqlx::Error) -> sqlx::Error {
        match error {
            sqlx::Error::PoolTimedOut => {
                match tokio::time::timeout(EXPLAIN_TIMEOUT, self.options.connect()).await {
                    // The server responds, so all connections are in use.
                    Ok(Ok(connection)) => {
                        let _closed = connection.close().await;
                        error
                    }
                    Ok(Err(reason)) if is_unreachable(&reason) => {
                        UnreachableDatabase::to_io_error(self.describe(&reason))
                    }
                    Ok(Err(reason)) => reason,
                    Err(_elapsed) => UnreachableDatabase::to_io_error(self.describe_timeout(EXPLAIN_TIMEOUT)),
                }
            }
            other if is_unreachable(&other) => UnreachableDatabase::to_io_error(self.describe(&other)),
            other => other,
        }
    }

    /// Returns the address that is used, without the user and the password.
    fn address(&self) -> String {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        match self.options.get_socket() {
            Some(folder) => format!("the socket in {} (port {port})", folder.display()),
            None if host.starts_with('/') => format!("the socket in {host} (port {port})"),
            None => format!("{host}:{port}"),
        }
    }

    fn describe_timeout(&self, after: Duration) -> String {
        format!("the database at {} cannot be reached: no answer within {} s", self.address(), after.as_secs())
    }

    /// Describes why a connection cannot be opened, and what to do.
    fn describe(&self, error: &sqlx::Error) -> String {
        let address = self.address();
        match error {
            sqlx::Error::Tls(reason) if reason.to_string().contains("does not support TLS") => format!(
                "the database server at {address} does not support TLS; turn it on there (`ssl = on`), or add \
                 `sslmode=disable` to JACKFIELD_DATABASE_URL if nobody can read the traffic to the server"
            ),
            sqlx::Error::Tls(reason) => format!(
                "the TLS connection to the database at {address} failed: {reason}; `sslrootcert=FILE` in \
                 JACKFIELD_DATABASE_URL names the certificate of your own authority"
            ),
            sqlx::Error::Database(error) => describe_rejection(&address, error.as_ref()),
            sqlx::Error::Io(reason) => format!("the database at {address} cannot be reached: {reason}"),
            other => format!("the database at {address} cannot be used: {other}"),
        }
    }
}

async fn run_migrations(
    connection: &mut PgConnection,
    settings: &'static str,
    migrator: &Migrator,
) -> Result<(), MigrateError> {
    connection.execute(settings).await?;
    migrator.run(connection).await
}

/// Migrates in one transaction.
///
/// sqlx gives the statements of its migrations names, which an earlier client of the same session may have used.
async fn migrate_in_transaction(connection: &mut PgConnection, migrator: &Migrator) -> Result<(), MigrateError> {
    let mut transaction = Connection::begin(connection).await?;
    run_migrations(&mut transaction, NO_LOCAL_LIMITS, migrator).await?;
    transaction.execute("deallocate all").await?;
    Ok(transaction.commit().await?)
}

/// Describes why the server rejected a connection.
fn describe_rejection(address: &str, error: &dyn sqlx::error::DatabaseError) -> String {
    let message = error.message();
    match error.code().as_deref() {
        Some("28P01" | "28000") => {
            format!(
                "the database server at {address} rejected the user or the password of JACKFIELD_DATABASE_URL: {message}"
            )
        }
        Some("3D000") => format!(
            "the database server at {address} has no such database: {message}; create it, or name another one in \
             JACKFIELD_DATABASE_URL"
        ),
        _ if message.contains("unsupported startup parameter") => format!(
            "the pooler at {address} does not accept a parameter of JACKFIELD_DATABASE_URL: {message}; remove it from \
             the URL, or add it to `ignore_startup_parameters` of PgBouncer"
        ),
        _ => format!("the database server at {address} rejected the connection: {message}"),
    }
}

/// Returns whether the error means that no connection could be opened.
fn is_unreachable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_))
        || DatabaseFailure::classify(error) == Some(DatabaseFailure::Unreachable)
}

/// Uses the second connection in a transaction. Returns whether the first one had or got its session.
async fn swap_sessions(first: &mut PgConnection, second: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let before = find_session(first).await?;
    second.execute("begin").await?;
    let other = find_session(second).await;
    let after = find_session(first).await;
    second.execute("rollback").await?;
    Ok(before == other? || before != after?)
}

/// Returns the server's process of a session. A statement without parameters is not prepared.
async fn find_session(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    connection.fetch_one("select cast(pg_backend_pid() as text)").await?.try_get(0)
}
