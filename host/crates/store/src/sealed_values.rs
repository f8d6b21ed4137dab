//! Sealed values: all secrets of the service. Each belongs to a row of another table.

use std::collections::BTreeMap;

use jackfield_core::Secret;
use jackfield_vault::{Location, SealedValue};
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, database::transaction::WriteTransaction};

impl Store {
    /// Replaces all secrets of a row.
    pub(super) async fn replace_sealed(
        &self,
        transaction: &mut WriteTransaction,
        table: &'static str,
        row: &str,
        secrets: &BTreeMap<String, Secret<String>>,
    ) -> Result<(), StoreError> {
        let vault = self.require_unsealed()?;
        self.count_wraps(transaction, i64::try_from(secrets.len()).unwrap_or(i64::MAX)).await?;
        remove_sealed(transaction, table, row).await?;
        for (column, secret) in secrets {
            let sealed = vault
                .seal(Location { table, row, column }, secret.expose().as_bytes())
                .map_err(|_too_large| StoreError::Corrupt("a secret is too large to be sealed"))?;
            sqlx::query(
                "insert into sealed_values \
                 (owner_table, owner_row, owner_column, key_id, format, wrapped_key, ciphertext) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(table)
            .bind(row.to_owned())
            .bind(column.clone())
            .bind(sealed.key_id)
            .bind(sealed.format)
            .bind(sealed.wrapped_key)
            .bind(sealed.ciphertext)
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
    }

    /// Opens all secrets of a row, by column.
    pub(super) async fn open_sealed(
        &self,
        table: &'static str,
        row: &str,
    ) -> Result<BTreeMap<String, Secret<String>>, StoreError> {
        let rows = sqlx::query(
            "select owner_row, owner_column, key_id, format, wrapped_key, ciphertext from sealed_values \
             where owner_table = $1 and owner_row = $2",
        )
        .bind(table)
        .bind(row.to_owned())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| self.open_row(table, row)).collect()
    }

    /// Opens one row of the table. Returns its column and secret.
    pub(super) fn open_row(&self, table: &'static str, row: &AnyRow) -> Result<(String, Secret<String>), StoreError> {
        let owner: String = row.try_get("owner_row")?;
        let column: String = row.try_get("owner_column")?;
        let sealed = SealedValue {
            key_id: row.try_get("key_id")?,
            format: row.try_get("format")?,
            wrapped_key: row.try_get("wrapped_key")?,
            ciphertext: row.try_get("ciphertext")?,
        };
        let opened = self
            .require_unsealed()?
            .open(Location { table, row: &owner, column: &column }, &sealed)
            .map_err(|_cannot_open| StoreError::Unreadable)?;
        let text = String::from_utf8(opened.expose().clone()).map_err(|_not_text| StoreError::Unreadable)?;
        Ok((column, Secret::new(text)))
    }
}

/// Deletes all secrets of a row.
pub(super) async fn remove_sealed(
    transaction: &mut WriteTransaction,
    table: &'static str,
    row: &str,
) -> Result<(), StoreError> {
    sqlx::query("delete from sealed_values where owner_table = $1 and owner_row = $2")
        .bind(table)
        .bind(row.to_owned())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
