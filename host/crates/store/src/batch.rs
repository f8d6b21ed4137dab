//! Many rows in one statement: handed over as one JSON text, which both databases read row by row (`json_each`).
//!
//! PostgreSQL plans by what it has counted, and a table that was filled a moment ago has not been counted yet: a join
//! that it then walks row against row takes minutes. So what is looked up for each row of a batch is a subquery, which
//! has one way to be answered, by an index; no plan of a smaller day is kept (`persistent(false)`); and a table that
//! took many rows is counted at once.

use serde::Serialize;
use sqlx::{Any, Transaction};

use super::{Dialect, Store, StoreError};

/// Rows of one statement: so many that the way to the database and back hardly counts, and so few that a part of a
/// large batch is all that is held twice.
pub(super) const ROWS: usize = 5_000;

/// Rows from which on a table is counted anew; fewer change no plan.
const MANY: usize = 1_000;

/// A table that takes batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    People,
    Mappings,
    MatchLinks,
}

/// Rows, each an array of columns, as the parameter that a statement reads by `json_each($1)`.
pub(super) fn parameter<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|_no_json| StoreError::Corrupt("a row that is not JSON"))
}

impl Store {
    /// Has PostgreSQL count a table that took so many rows. SQLite takes the indexes that there are.
    pub(super) async fn took(
        &self,
        transaction: &mut Transaction<'static, Any>,
        table: Table,
        rows: usize,
    ) -> Result<(), StoreError> {
        if rows < MANY || self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let count = match table {
            Table::People => "analyze people",
            Table::Mappings => "analyze mappings",
            Table::MatchLinks => "analyze match_links",
        };
        sqlx::query(count).execute(&mut **transaction).await?;
        Ok(())
    }
}
