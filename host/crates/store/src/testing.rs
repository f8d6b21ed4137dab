//! Lets a test pause a writer between its commit and its return, and makes a database look like one of an older version.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{
    Store, StoreError,
    sealed_values::{SealedRow, select_sealed},
};

/// Where [`Store::save_connection`] pauses if a test asks for it.
#[derive(Clone, Debug, Default)]
pub(super) struct PausePoint(Arc<Mutex<Option<RequestedPause>>>);

/// The ends of the channels that the save uses.
#[derive(Debug)]
struct RequestedPause {
    committed: oneshot::Sender<()>,
    resumed: oneshot::Receiver<()>,
}

impl PausePoint {
    /// Waits until the test resumes the save. Returns at once if no test asked for a pause.
    pub(super) async fn wait(&self) {
        let requested = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(RequestedPause { committed, resumed }) = requested {
            // If the test has dropped its end, there is nothing to wait for.
            let _sent = committed.send(());
            let _resumed = resumed.await;
        }
    }
}

/// A save of a connection that a test has paused.
#[derive(Debug)]
pub struct PausedSave {
    committed: oneshot::Receiver<()>,
    resume: oneshot::Sender<()>,
}

impl PausedSave {
    /// Waits until the save has committed.
    ///
    /// # Panics
    /// If the save failed before its commit.
    pub async fn wait_for_commit(&mut self) {
        (&mut self.committed).await.expect("the save reaches its commit");
    }

    /// Lets the save return.
    pub fn resume(self) {
        // The caller of the save may be gone.
        let _sent = self.resume.send(());
    }
}

impl Store {
    /// Pauses the next save of a connection after its commit. Clones of a store share the pause.
    #[must_use]
    pub fn pause_next_save(&self) -> PausedSave {
        let (committed, wait_for_commit) = oneshot::channel();
        let (resume, resumed) = oneshot::channel();
        let requested = RequestedPause { committed, resumed };
        *self.pause.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(requested);
        PausedSave { committed: wait_for_commit, resume }
    }
}

/// A failure that a test has asked for, shared by all connections of a pool.
#[derive(Clone, Debug, Default)]
pub(super) struct InjectedFaults(Arc<Mutex<FaultPlan>>);

#[derive(Debug, Default)]
struct FaultPlan {
    /// The number of statements after which one fails.
    countdown: Option<u32>,
    /// The statement that failed.
    failed: Option<String>,
}

impl InjectedFaults {
    /// Fails if it is the statement that the test has chosen.
    pub(super) fn check(&self, statement: &str) -> Result<(), sqlx::Error> {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match plan.countdown {
            Some(0) => {
                plan.countdown = None;
                plan.failed = Some(statement.to_owned());
                Err(sqlx::Error::Io(std::io::Error::other("a test made this statement fail")))
            }
            Some(remaining) => {
                plan.countdown = Some(remaining - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Store {
    /// Makes one statement fail, `after` statements from now. A begin and a commit are statements, too.
    ///
    /// Clones of a store share this, except for the connections that are reserved for token refreshes.
    pub fn fail_statement(&self, after: u32) {
        let mut plan = self.pool.faults.0.lock().unwrap_or_else(PoisonError::into_inner);
        *plan = FaultPlan { countdown: Some(after), failed: None };
    }

    /// Makes the next readiness check write again.
    pub async fn forget_write_check(&self) {
        self.proof.forget().await;
    }

    /// Returns the number of rows that match what follows `from` in a query.
    ///
    /// # Panics
    /// If it is not valid SQL.
    pub async fn count_rows(&self, from: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("select count(*) from {from}"));
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.expect("the rows are counted")
    }

    /// Returns a setting of a session of PostgreSQL.
    pub async fn session_setting(&self, name: &str) -> Result<String, crate::StoreError> {
        let statement = sqlx::query_scalar("select current_setting($1)").bind(name.to_owned());
        Ok(statement.fetch_one(&self.pool).await?)
    }

    /// Returns the statement that failed, and cancels the failure if none did.
    #[must_use]
    pub fn failed_statement(&self) -> Option<String> {
        let mut plan = self.pool.faults.0.lock().unwrap_or_else(PoisonError::into_inner);
        plan.countdown = None;
        plan.failed.take()
    }
}

impl Store {
    /// Lists the owners of all sealed values: table, row and column.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sealed_owners(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "select owner_table || ' ' || owner_row || ' ' || owner_column from sealed_values order by 1",
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Stores all secrets as a version without destinations stored them.
    ///
    /// # Errors
    /// The store is sealed, a secret cannot be opened, or the database fails.
    pub async fn remove_destinations(&self) -> Result<(), StoreError> {
        let vault = self.require_unsealed()?;
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(select_sealed!("")).fetch_all(&mut *transaction).await?;
        for row in &rows {
            let row = SealedRow::parse(row)?;
            let secret = row.open(vault)?;
            let sealed = vault
                .seal(row.location(), secret.value_to_seal().expose().as_bytes())
                .map_err(|_| StoreError::Unreadable)?;
            sqlx::query(
                "update sealed_values set format = $1, wrapped_key = $2, ciphertext = $3, entered_for = null \
                 where owner_table = $4 and owner_row = $5 and owner_column = $6",
            )
            .bind(sealed.format)
            .bind(sealed.wrapped_key)
            .bind(sealed.ciphertext)
            .bind(row.table)
            .bind(row.row)
            .bind(row.column)
            .execute(&mut *transaction)
            .await?;
        }
        self.restore_old_known_value(&mut transaction).await?;
        transaction.commit().await
    }
}
