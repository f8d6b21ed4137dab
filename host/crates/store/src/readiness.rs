//! Checks that the database accepts a change, for `/readyz`.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::{
    Store, StoreError,
    database::{failure::DatabaseFailure, sqlite::has_room},
};

/// How long a result is valid. All callers share it, so that nobody can cause load with `/readyz`.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a check may take. Load balancers wait about as long.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The last result. The lock makes concurrent callers wait for one check.
#[derive(Debug, Default)]
pub(super) struct WriteCheck(Mutex<Option<(Instant, Result<(), &'static str>)>>);

#[cfg(any(test, feature = "testing"))]
impl WriteCheck {
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Store {
    /// Checks that the database accepts changes, at most once in five seconds.
    ///
    /// It writes an existing row with the same value, and takes the lock that every change takes, so the database does
    /// not grow. With SQLite, a disk with less than 1 MiB of free space counts as full.
    ///
    /// # Errors
    /// What is wrong with the database, without names and addresses.
    pub async fn check_write(&self) -> Result<(), &'static str> {
        let mut last = self.proof.0.lock().await;
        if let Some((at, result)) = *last
            && at.elapsed() < MAX_AGE
        {
            return result;
        }
        if self.pool.file().is_some_and(|file| !has_room(file)) {
            let result = Err(DatabaseFailure::DiskFull.describe());
            tracing::warn!("not ready: less than 1 MiB is free on the disk of the database");
            *last = Some((Instant::now(), result));
            return result;
        }
        let result = match tokio::time::timeout(TIMEOUT, self.write_unchanged_row()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let reason = describe(&error);
                tracing::warn!(error = %error, source = ?std::error::Error::source(&error), "not ready: {reason}");
                Err(reason)
            }
            Err(_elapsed) => Err("the database does not complete a change in time"),
        };
        *last = Some((Instant::now(), result));
        result
    }

    async fn write_unchanged_row(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("update audit_head set seq = seq where id = 1").execute(&mut *transaction).await?;
        transaction.commit().await
    }
}

fn describe(error: &StoreError) -> &'static str {
    match error {
        StoreError::Database(error) | StoreError::OutcomeUnknown(error) => {
            DatabaseFailure::classify(error).map_or("the database fails", DatabaseFailure::describe)
        }
        _ => "the database fails",
    }
}
