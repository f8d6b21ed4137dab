//! What a failure of the database means for the caller of the API.
//!
//! The codes of PostgreSQL are those of its manual, appendix A; those of SQLite are at
//! <https://sqlite.org/rescode.html>.

use std::io;

use sqlx::Error;

/// No connection can be opened. The text is for the log and contains the address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UnreachableDatabase(String);

impl UnreachableDatabase {
    /// Wraps it in the form in which sqlx reports that the network failed.
    pub(super) fn to_io_error(text: String) -> Error {
        Error::Io(io::Error::other(Self(text)))
    }
}

/// A failure that ends by itself or by the work of an operator, after which the same request can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum DatabaseFailure {
    /// Every connection is in use.
    Overloaded,
    /// Another writer has a lock, or a statement took too long.
    Busy,
    /// The disk is full.
    DiskFull,
    /// The database accepts no changes, for example after a failover.
    ReadOnly,
    /// A resource of the database is exhausted, such as memory or connections.
    Exhausted,
    /// The disk failed.
    Disk,
    /// The connection ended.
    ConnectionLost,
    /// No connection can be opened.
    Unreachable,
}

impl DatabaseFailure {
    /// Returns the failure, or `None` for an error that a retry does not fix.
    pub(in super::super) fn classify(error: &Error) -> Option<Self> {
        match error {
            Error::PoolTimedOut => Some(Self::Overloaded),
            Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<UnreachableDatabase>()) => {
                Some(Self::Unreachable)
            }
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed | Error::PoolClosed => {
                Some(Self::ConnectionLost)
            }
            Error::Database(error) => {
                let code = error.code()?;
                match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
                    Some(_) => from_sqlite(code.parse().ok()?),
                    None => from_postgres(&code),
                }
            }
            _ => None,
        }
    }

    /// Describes the failure for callers, without names or addresses.
    pub(in super::super) fn describe(self) -> &'static str {
        match self {
            Self::Overloaded => "the database is overloaded",
            Self::Busy => "the database is busy: another change holds its lock",
            Self::DiskFull => "the database cannot store anything: its disk is full",
            Self::ReadOnly => "the database accepts no changes at the moment",
            Self::Exhausted => "the database is out of memory or connections",
            Self::Disk => "the database cannot use its disk",
            Self::ConnectionLost => "the connection to the database was lost",
            Self::Unreachable => "the database cannot be reached",
        }
    }

    /// Returns after how many seconds a caller may try again.
    pub(in super::super) fn retry_after(self) -> u32 {
        match self {
            Self::Overloaded | Self::Busy | Self::ConnectionLost => 1,
            Self::DiskFull | Self::ReadOnly | Self::Exhausted | Self::Disk | Self::Unreachable => 5,
        }
    }
}

/// Returns whether the connection ended, so that it is not known what the database did last.
pub(super) fn is_connection_lost(error: &Error) -> bool {
    DatabaseFailure::classify(error) == Some(DatabaseFailure::ConnectionLost)
}

fn from_sqlite(extended: u32) -> Option<DatabaseFailure> {
    // The low byte is the primary code.
    match extended & 0xff {
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL
        5 | 6 | 15 => Some(DatabaseFailure::Busy),
        // SQLITE_NOMEM
        7 => Some(DatabaseFailure::Exhausted),
        // SQLITE_READONLY
        8 => Some(DatabaseFailure::ReadOnly),
        // SQLITE_INTERRUPT
        9 => Some(DatabaseFailure::ConnectionLost),
        // SQLITE_IOERR, SQLITE_CANTOPEN
        10 | 14 => Some(DatabaseFailure::Disk),
        // SQLITE_FULL
        13 => Some(DatabaseFailure::DiskFull),
        _ => None,
    }
}

fn from_postgres(code: &str) -> Option<DatabaseFailure> {
    match code {
        "25006" => Some(DatabaseFailure::ReadOnly),
        // lock_not_available, query_canceled (a timeout), serialization_failure, deadlock_detected
        "55P03" | "57014" | "40001" | "40P01" => Some(DatabaseFailure::Busy),
        "53100" => Some(DatabaseFailure::DiskFull),
        // idle_in_transaction_session_timeout, transaction_timeout, idle_session_timeout
        "25P03" | "25P04" | "57P05" => Some(DatabaseFailure::ConnectionLost),
        // cannot_connect_now: the server starts, stops or recovers
        "57P03" => Some(DatabaseFailure::Unreachable),
        // admin_shutdown, crash_shutdown, database_dropped
        "57P01" | "57P02" | "57P04" => Some(DatabaseFailure::ConnectionLost),
        "58000" | "58030" => Some(DatabaseFailure::Disk),
        // invalid_authorization, invalid_catalog_name: while connecting
        _ if code.starts_with("28") || code.starts_with("3D") => Some(DatabaseFailure::Unreachable),
        _ if code.starts_with("08") => Some(DatabaseFailure::ConnectionLost),
        _ if code.starts_with("53") => Some(DatabaseFailure::Exhausted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_ends_by_itself_is_recognised_by_its_code() {
        for (code, failure) in [
            (5, Some(DatabaseFailure::Busy)),
            // SQLITE_BUSY_SNAPSHOT
            (517, Some(DatabaseFailure::Busy)),
            // SQLITE_IOERR_FSYNC
            (1034, Some(DatabaseFailure::Disk)),
            (13, Some(DatabaseFailure::DiskFull)),
            // SQLITE_CORRUPT, SQLITE_CONSTRAINT_UNIQUE
            (11, None),
            (2067, None),
        ] {
            assert_eq!(from_sqlite(code), failure, "{code}");
        }
        for (code, failure) in [
            ("25006", Some(DatabaseFailure::ReadOnly)),
            ("57P01", Some(DatabaseFailure::ConnectionLost)),
            ("57P03", Some(DatabaseFailure::Unreachable)),
            ("08006", Some(DatabaseFailure::ConnectionLost)),
            ("08P01", Some(DatabaseFailure::ConnectionLost)),
            ("53300", Some(DatabaseFailure::Exhausted)),
            ("55P03", Some(DatabaseFailure::Busy)),
            ("28P01", Some(DatabaseFailure::Unreachable)),
            ("23505", None),
            ("42601", None),
            ("XX000", None),
        ] {
            assert_eq!(from_postgres(code), failure, "{code}");
        }
    }
}
