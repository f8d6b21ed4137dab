//! The errors of the store, and their conversion to errors of the API.

use std::{borrow::Cow, path::PathBuf};

use jackfield_core::manifest::Destinations;
use sqlx::migrate::MigrateError;

use super::database::failure::DatabaseFailure;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The master key is missing or wrong.
    #[error("{0}")]
    Sealed(String),
    /// A sealed value cannot be opened: it was moved, changed, or sealed with another key.
    #[error("a stored secret cannot be opened with this master key")]
    Unreadable,
    /// A row was inserted or edited by hand: what it is, and what to do.
    #[error("the stored {0} was changed in the database, not by Jackfield, so it is not used; {1}")]
    Edited(&'static str, &'static str),
    /// A value has another type or form than Jackfield stores, so somebody changed it in the database. Names the value.
    #[error("the stored {0} was changed in the database, not by Jackfield, and cannot be read")]
    UnreadableValue(String),
    /// A secret was not entered for these destinations.
    #[error("a stored secret was not entered for {0}")]
    NotEnteredFor(Destinations),
    /// Another writer changed the row after it was read; nothing was written.
    #[error("the stored data was changed by somebody else at the same time")]
    Conflict,
    /// The master key has sealed the maximum number of values.
    #[error("the master key has sealed the maximum number of values; no secret can be stored until it is rotated")]
    KeyExhausted,
    /// The URL of the database is not valid. The reason does not repeat it, because it contains a password.
    #[error("the database URL {0}")]
    BadUrl(Cow<'static, str>),
    /// The file of a SQLite database cannot be created.
    #[error("cannot create the database file {path}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The database cannot be reached or rejects the connection, at the start.
    #[error("{0}")]
    Connect(String),
    /// A migration failed.
    #[error("cannot migrate the database")]
    Migrate(#[from] MigrateError),
    /// The database user lacks a permission, at the start.
    #[error(
        "the database user is not allowed to create or change the tables: {0}; make it the owner of the database or of \
         the schema, or run `grant usage, create on schema SCHEMA to USER`"
    )]
    MissingGrant(String),
    /// A stored value has a form that this version never writes, or a new value cannot be stored.
    #[error("cannot read or store a value: {0}")]
    Corrupt(&'static str),
    /// The connection was lost during the commit, so that the change may or may not be stored.
    #[error("the database did not confirm a commit")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // The source repeats the value, which can be a secret that was copied there.
            sqlx::Error::ColumnDecode { index, source: _ } => {
                Self::UnreadableValue(format!("value of `{}`", index.trim_matches('"')))
            }
            other => Self::Database(other),
        }
    }
}

impl From<StoreError> for jackfield_core::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Sealed(reason) => Self::Sealed(reason),
            unusable @ (StoreError::KeyExhausted | StoreError::Edited(..)) => Self::Sealed(unusable.to_string()),
            StoreError::UnreadableValue(value) => Self::Sealed(format!(
                "the stored {value} was changed in the database, not by Jackfield, and cannot be read; delete this row \
                 or enter it again, or restore the database from a backup"
            )),
            StoreError::Unreadable => Self::Sealed(
                "the stored credential cannot be opened with this master key; start the service with the right key, \
                 or connect again"
                    .to_owned(),
            ),
            StoreError::NotEnteredFor(destinations) => Self::SecretNeeded(format!(
                "the stored credential must be entered again, because it was not entered for {destinations}"
            )),
            StoreError::Conflict => {
                Self::Overloaded { what: "somebody else is changing the same data".to_owned(), retry_after: 1 }
            }
            StoreError::OutcomeUnknown(source) => Self::Unavailable {
                what:
                    "the connection to the database was lost before it confirmed the change, which may or may not be \
                       stored; read the current state before you repeat it"
                        .to_owned(),
                retry_after: 1,
                source: Box::new(source),
            },
            StoreError::Database(source) => match DatabaseFailure::classify(&source) {
                Some(failure) => Self::Unavailable {
                    what: failure.describe().to_owned(),
                    retry_after: failure.retry_after(),
                    source: Box::new(source),
                },
                None => Self::internal(StoreError::Database(source)),
            },
            other @ (StoreError::BadUrl(_)
            | StoreError::File { .. }
            | StoreError::Connect(_)
            | StoreError::Migrate(_)
            | StoreError::MissingGrant(_)
            | StoreError::Corrupt(_)) => Self::internal(other),
        }
    }
}
