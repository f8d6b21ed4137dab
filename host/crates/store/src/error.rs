//! The errors of the store, and their conversion to errors of the API.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The master key is missing or wrong.
    #[error("{0}")]
    Sealed(String),
    /// A sealed value cannot be opened: it was moved, changed, or sealed with another key.
    #[error("a stored secret cannot be opened with this master key")]
    Unreadable,
    /// Another writer changed the row after it was read; nothing was written.
    #[error("the stored data was changed by somebody else at the same time")]
    Conflict,
    /// The master key has sealed the maximum number of values.
    #[error("the master key has sealed the maximum number of values; no secret can be stored until it is rotated")]
    KeyExhausted,
    /// The URL of the database is not valid.
    #[error("the database URL {0}")]
    BadUrl(&'static str),
    /// The file of a SQLite database cannot be created.
    #[error("cannot create the database file {path}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A migration failed.
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
    /// A stored value has a form that this version never writes, or a new value cannot be stored.
    #[error("cannot read or store a value: {0}")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl From<StoreError> for jackfield_core::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sealed(reason) => Self::Sealed(reason),
            exhausted @ StoreError::KeyExhausted => Self::Sealed(exhausted.to_string()),
            StoreError::Unreadable => Self::Sealed(
                "the stored credential cannot be opened with this master key; start the service with the right key, \
                 or connect again"
                    .to_owned(),
            ),
            StoreError::Database(sqlx::Error::PoolTimedOut) => {
                Self::Overloaded { what: "the database is overloaded".to_owned(), retry_after: 1 }
            }
            StoreError::Conflict => {
                Self::Overloaded { what: "somebody else is changing the same data".to_owned(), retry_after: 1 }
            }
            other @ (StoreError::BadUrl(_)
            | StoreError::File { .. }
            | StoreError::Migrate(_)
            | StoreError::Corrupt(_)
            | StoreError::Database(_)) => Self::internal(other),
        }
    }
}
