//! Sealed values: all secrets of the service. Each belongs to a row of another table, and to the destinations for which
//! it was entered.

use std::collections::BTreeMap;

use jackfield_core::{
    Secret,
    manifest::{BoundSecret, Destinations},
};
use jackfield_vault::{Location, SealedValue, Vault};
use sqlx::{Row, any::AnyRow};

use super::{Store, StoreError, database::transaction::WriteTransaction};

/// The columns that [`SealedRow::parse`] reads.
macro_rules! select_sealed {
    ($from:literal) => {
        concat!(
            "select owner_table, owner_row, owner_column, key_id, format, wrapped_key, ciphertext, entered_for \
             from sealed_values ",
            $from
        )
    };
}
pub(super) use select_sealed;

/// A row of the table.
pub(super) struct SealedRow {
    pub(super) table: String,
    pub(super) row: String,
    pub(super) column: String,
    pub(super) sealed: SealedValue,
    /// The destinations as JSON; null in the row of an older version.
    pub(super) entered_for: Option<String>,
}

impl SealedRow {
    /// Parses a row. A value of another type than Jackfield stores is left out, so the row cannot be opened.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if it cannot be told what the row belongs to.
    pub(super) fn parse(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            table: row.try_get("owner_table").map_err(|_| StoreError::Unreadable)?,
            row: row.try_get("owner_row").map_err(|_| StoreError::Unreadable)?,
            column: row.try_get("owner_column").map_err(|_| StoreError::Unreadable)?,
            sealed: SealedValue {
                key_id: row.try_get("key_id").unwrap_or_default(),
                format: row.try_get("format").unwrap_or_default(),
                wrapped_key: row.try_get("wrapped_key").unwrap_or_default(),
                ciphertext: row.try_get("ciphertext").unwrap_or_default(),
            },
            entered_for: row.try_get("entered_for").unwrap_or_default(),
        })
    }

    pub(super) fn location(&self) -> Location<'_> {
        Location { table: &self.table, row: &self.row, column: &self.column }
    }

    /// Opens the value and its destinations, which are authenticated together.
    pub(super) fn open(&self, vault: &Vault) -> Result<BoundSecret, StoreError> {
        let context = self.entered_for.as_deref().ok_or(StoreError::Unreadable)?;
        let opened = vault
            .open_with_context(self.location(), context, &self.sealed)
            .map_err(|_cannot_open| StoreError::Unreadable)?;
        let text = String::from_utf8(opened.expose().clone()).map_err(|_not_text| StoreError::Unreadable)?;
        let entered_for: Destinations = serde_json::from_str(context).map_err(|_| StoreError::Unreadable)?;
        Ok(BoundSecret::new(Secret::new(text), entered_for))
    }
}

impl Store {
    /// Replaces all secrets of a row.
    pub(super) async fn replace_sealed(
        &self,
        transaction: &mut WriteTransaction,
        table: &'static str,
        row: &str,
        secrets: &BTreeMap<String, BoundSecret>,
    ) -> Result<(), StoreError> {
        let vault = self.require_unsealed()?;
        self.count_wraps(transaction, i64::try_from(secrets.len()).unwrap_or(i64::MAX)).await?;
        remove_sealed(transaction, table, row).await?;
        for (column, secret) in secrets {
            insert_sealed(transaction, vault, Location { table, row, column }, secret).await?;
        }
        Ok(())
    }

    /// Opens all secrets of a row, by column.
    pub(super) async fn open_sealed(
        &self,
        table: &'static str,
        row: &str,
    ) -> Result<BTreeMap<String, BoundSecret>, StoreError> {
        let vault = self.require_unsealed()?;
        let rows = sqlx::query(select_sealed!("where owner_table = $1 and owner_row = $2"))
            .bind(table)
            .bind(row.to_owned())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let row = SealedRow::parse(row)?;
                let secret = row.open(vault)?;
                Ok((row.column, secret))
            })
            .collect()
    }

    /// Deletes the sealed values whose row is gone.
    ///
    /// Returns their number. Earlier versions could leave some on PostgreSQL.
    pub async fn delete_orphaned_secrets(&self) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let deleted = sqlx::query(
            "delete from sealed_values where \
             (owner_table = 'connections' and owner_row not in (select id from connections)) \
             or (owner_table = 'grants' and owner_row not in (select connection_id from grants)) \
             or (owner_table = 'oauth_apps' and owner_row not in (select provider from oauth_apps)) \
             or (owner_table = 'oauth_flows' and owner_row not in (select id from oauth_flows))",
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

/// Seals a secret together with its destinations, and stores it.
pub(super) async fn insert_sealed(
    transaction: &mut WriteTransaction,
    vault: &Vault,
    location: Location<'_>,
    secret: &BoundSecret,
) -> Result<(), StoreError> {
    let entered_for =
        serde_json::to_string(secret.entered_for()).map_err(|_| StoreError::Corrupt("the destinations of a secret"))?;
    let sealed = vault
        .seal_with_context(location, &entered_for, secret.value_to_seal().expose().as_bytes())
        .map_err(|_too_large| StoreError::Corrupt("a secret is too large to be sealed"))?;
    sqlx::query(
        "insert into sealed_values \
         (owner_table, owner_row, owner_column, key_id, format, wrapped_key, ciphertext, entered_for) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(location.table.to_owned())
    .bind(location.row.to_owned())
    .bind(location.column.to_owned())
    .bind(sealed.key_id)
    .bind(sealed.format)
    .bind(sealed.wrapped_key)
    .bind(sealed.ciphertext)
    .bind(entered_for)
    .execute(&mut **transaction)
    .await?;
    Ok(())
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
