//! Which stored secrets can be opened, and for which destinations they were entered. A secret is decrypted once for each
//! change of its row, however often the list is read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jackfield_core::manifest::Destinations;
use sha2::{Digest, Sha256};

use super::{
    Store, StoreError,
    sealed_values::{SealedRow, select_sealed},
};

/// The rows that were opened before, by table, row and column.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenedRows(Arc<Mutex<HashMap<RowKey, OpenedRow>>>);

type RowKey = (String, String, String);

#[derive(Clone, Debug)]
struct OpenedRow {
    /// The hash of the stored row. If it changes, the row is opened again.
    hash: [u8; 32],
    entered_for: Option<Destinations>,
}

/// A stored secret, without its value.
#[derive(Clone, Debug)]
pub(super) struct ListedSecret {
    pub(super) table: String,
    pub(super) row: String,
    pub(super) column: String,
    /// The destinations for which it was entered; `None` if it cannot be opened.
    pub(super) entered_for: Option<Destinations>,
}

impl Store {
    /// Lists all secrets, except those of OAuth flows.
    pub(super) async fn list_secrets(&self) -> Result<Vec<ListedSecret>, StoreError> {
        let rows = sqlx::query(select_sealed!(
            "where owner_table in ('connections', 'grants', 'oauth_apps') order by owner_table, owner_row, owner_column"
        ))
        .fetch_all(&self.pool)
        .await?;
        let rows: Vec<SealedRow> = rows.iter().filter_map(|row| SealedRow::parse(row).ok()).collect();
        // A sealed store opens nothing, and remembers nothing either.
        let Ok(vault) = self.require_unsealed() else {
            return Ok(rows.into_iter().map(|row| ListedSecret::new(row, None)).collect());
        };
        let mut opened = self.opened.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = HashMap::with_capacity(rows.len());
        let mut secrets = Vec::with_capacity(rows.len());
        for row in rows {
            let key = (row.table.clone(), row.row.clone(), row.column.clone());
            let hash = hash_row(&row);
            let known = opened.remove(&key).filter(|known| known.hash == hash);
            let known = known.unwrap_or_else(|| {
                #[cfg(any(test, feature = "testing"))]
                self.decryptions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let entered_for = row.open(vault).ok().map(|secret| secret.entered_for().clone());
                OpenedRow { hash, entered_for }
            });
            secrets.push(ListedSecret::new(row, known.entered_for.clone()));
            current.insert(key, known);
        }
        *opened = current;
        Ok(secrets)
    }

    /// Returns how often a list has decrypted a secret.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn list_decryptions(&self) -> u64 {
        self.decryptions.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl ListedSecret {
    fn new(row: SealedRow, entered_for: Option<Destinations>) -> Self {
        Self { table: row.table, row: row.row, column: row.column, entered_for }
    }
}

/// Hashes every column of a row that opening it depends on, each with its length.
fn hash_row(row: &SealedRow) -> [u8; 32] {
    let mut hash = Sha256::new();
    let context = row.entered_for.as_deref().unwrap_or_default().as_bytes();
    let parts = [row.sealed.key_id.as_bytes(), context, &row.sealed.wrapped_key, &row.sealed.ciphertext];
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(row.sealed.format.to_be_bytes());
    hash.update([u8::from(row.entered_for.is_some())]);
    hash.finalize().into()
}
