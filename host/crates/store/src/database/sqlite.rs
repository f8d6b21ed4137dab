//! The connections to a SQLite file.

use sqlx::{Connection, Executor, Sqlite, pool::PoolOptions};
use sqlx_core::any::AnyConnectionBackend;

/// In WAL mode, readers do not wait for the writer. With `synchronous = full`, a commit survives a power cut.
const SETTINGS: &str = "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; \
                        pragma foreign_keys = on; pragma trusted_schema = off;";

/// Adds the settings of a new connection, and the check of one that returns to the pool.
///
/// After some errors, such as a full disk, SQLite rolls a transaction back by itself
/// (<https://sqlite.org/lang_transaction.html>). The rollback that sqlx then sends fails, and sqlx continues to count the
/// transaction as open, so that every later `begin` on this connection fails. Such a connection is closed.
pub(super) fn add_checks(options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    options
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SETTINGS).await?;
                Ok(())
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                // The connection has executed a queued rollback when it answers.
                Connection::ping(&mut *connection).await?;
                Ok(connection.get_transaction_depth() == 0)
            })
        })
}
