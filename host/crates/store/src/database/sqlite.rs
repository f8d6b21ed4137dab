//! The connections to a SQLite file.

use std::{path::Path, sync::Arc};

use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Column, Connection, Decode, Either, Execute, Executor, Row, SqlStr, Sqlite, SqliteConnection, TypeInfo, ValueRef,
    pool::PoolOptions,
    sqlite::{SqliteArguments, SqliteRow, SqliteStatement, SqliteValueRef},
};
use sqlx_core::{
    HashMap,
    any::{AnyArguments, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyTypeInfoKind, AnyValue, AnyValueKind},
};

/// In WAL mode, readers do not wait for the writer. With `synchronous = full`, a commit survives a power cut.
const SETTINGS: &str = "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full; \
                        pragma foreign_keys = on; pragma trusted_schema = off;";

/// The free space that a disk must have, in bytes. The largest change is about as large.
const MIN_FREE_SPACE: u64 = 1024 * 1024;

/// Returns whether the disk of the file has room for the next change. An unknown size counts as room.
///
/// A small change does not show it, because it can reuse space in SQLite's log.
pub(in super::super) fn has_room(file: &Path) -> bool {
    let disk = rustix::fs::statvfs(file);
    disk.map_or(true, |disk| has_free_space(disk.f_blocks, disk.f_bavail, disk.f_frsize))
}

/// Returns whether a disk of this many blocks has room. Some file systems have no size.
fn has_free_space(blocks: u64, free: u64, block_size: u64) -> bool {
    blocks == 0 || free.saturating_mul(block_size) >= MIN_FREE_SPACE
}

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

/// A statement with its arguments.
pub(super) struct SqliteQuery {
    sql: SqlStr,
    arguments: Option<SqliteArguments>,
    persistent: bool,
}

impl SqliteQuery {
    pub(super) fn new(sql: SqlStr, arguments: Option<AnyArguments>, persistent: bool) -> Result<Self, sqlx::Error> {
        let arguments = arguments.map(AnyArguments::convert_into).transpose().map_err(sqlx::Error::Encode)?;
        Ok(Self { sql, arguments, persistent })
    }
}

impl Execute<'_, Sqlite> for SqliteQuery {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&SqliteStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<SqliteArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// Runs a statement, and returns its rows.
///
/// SQLite does not check that a text is valid UTF-8. sqlx's `Any` driver fails at the first text that is not, so that one
/// edited row would hide all others. Here, such a text is returned as bytes, so that only reading its column fails.
pub(super) fn fetch_many(
    connection: &mut SqliteConnection,
    query: Result<SqliteQuery, sqlx::Error>,
) -> BoxStream<'_, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>> {
    let query = match query {
        Ok(query) => query,
        Err(error) => return stream::once(std::future::ready(Err(error))).boxed(),
    };
    let results = Executor::fetch_many(connection, query);
    let results = results.map(|result| match result? {
        Either::Left(done) => {
            Ok(Either::Left(AnyQueryResult { rows_affected: done.rows_affected(), last_insert_id: None }))
        }
        Either::Right(row) => to_any_row(&row).map(Either::Right),
    });
    results.boxed()
}

/// Runs a statement, and returns its first row. See [`fetch_many`].
pub(super) fn fetch_optional(
    connection: &mut SqliteConnection,
    query: Result<SqliteQuery, sqlx::Error>,
) -> BoxFuture<'_, Result<Option<AnyRow>, sqlx::Error>> {
    Box::pin(async move {
        let row = Executor::fetch_optional(connection, query?).await?;
        row.as_ref().map(to_any_row).transpose()
    })
}

fn to_any_row(row: &SqliteRow) -> Result<AnyRow, sqlx::Error> {
    if let Ok(row) = AnyRow::try_from(row) {
        return Ok(row);
    }
    let mut names = HashMap::new();
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for column in row.columns() {
        let index = column.ordinal();
        names.insert(column.name().to_owned().into(), index);
        columns.push(column.try_into()?);
        values.push(AnyValue { kind: to_any_value(row.try_get_raw(index)?)? });
    }
    Ok(AnyRow { column_names: Arc::new(names), columns, values })
}

fn to_any_value(value: SqliteValueRef<'_>) -> Result<AnyValueKind, sqlx::Error> {
    if value.is_null() {
        return Ok(AnyValueKind::Null(AnyTypeInfoKind::Null));
    }
    let kind = match value.type_info().name() {
        "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(AnyValueKind::BigInt),
        "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(AnyValueKind::Double),
        "TEXT" => <Vec<u8> as Decode<Sqlite>>::decode(value).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => AnyValueKind::Text(Arc::new(text)),
            Err(invalid) => AnyValueKind::Blob(Arc::new(invalid.into_bytes())),
        }),
        _ => <Vec<u8> as Decode<Sqlite>>::decode(value).map(|bytes| AnyValueKind::Blob(Arc::new(bytes))),
    };
    kind.map_err(sqlx::Error::Decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_less_than_a_mebibyte_is_full_and_one_without_a_size_is_not() {
        assert!(!has_free_space(1_000, 0, 4096));
        assert!(!has_free_space(1_000, 255, 4096));
        assert!(has_free_space(1_000, 256, 4096));
        assert!(has_free_space(0, 0, 4096));
        assert!(has_room(Path::new("/proc/self/stat")), "it has no size");
        assert!(has_room(Path::new("/nowhere/jackfield.db")), "its size is not known");
    }
}
