//! The connections to a SQLite file.

use std::path::Path;

use sqlx::{Connection, Executor, Sqlite, pool::PoolOptions};
use sqlx_core::any::AnyConnectionBackend;

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
