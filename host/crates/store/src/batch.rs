//! Statements with many rows, passed as a JSON array that both databases can read.
//!
//! PostgreSQL chooses a query plan from statistics, which do not include rows that were added a moment ago. With outdated
//! statistics it may choose a nested loop that takes minutes. For this reason:
//! - each row of a batch looks up other rows in a subquery, for which an index is the only plan;
//! - prepared plans are not reused (`persistent(false)`), because they may have been made for much smaller tables;
//! - a table is analyzed immediately after many rows were added to it.

use serde::Serialize;

use super::{Dialect, Store, StoreError, database::transaction::WriteTransaction};

/// Rows per statement.
///
/// Enough to make the round trip negligible, but few enough that a large batch is not in memory twice.
pub(super) const ROWS: usize = 5_000;

/// The number of new rows from which a table is analyzed. Fewer do not change a plan.
const ANALYZE_FROM: usize = 1_000;

/// A table that receives batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    People,
    Mappings,
    MatchLinks,
}

/// Serializes rows, each an array of columns, as a parameter for `json_each($1)`.
pub(super) fn to_parameter<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|_no_json| StoreError::Corrupt("a row cannot be serialized"))
}

impl Store {
    /// Updates the statistics of a table in PostgreSQL if many rows were added.
    pub(super) async fn analyze_if_large(
        &self,
        transaction: &mut WriteTransaction,
        table: Table,
        rows: usize,
    ) -> Result<(), StoreError> {
        if rows < ANALYZE_FROM || self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let statement = match table {
            Table::People => "analyze people",
            Table::Mappings => "analyze mappings",
            Table::MatchLinks => "analyze match_links",
        };
        sqlx::query(statement).execute(&mut **transaction).await?;
        Ok(())
    }
}
