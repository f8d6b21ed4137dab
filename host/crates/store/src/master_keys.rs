//! Recognises the right master key, and counts how often it was used.

use jackfield_vault::{Location, SealedValue, Vault};
use sqlx::Row;

use super::{Keys, Store, StoreError, database::transaction::WriteTransaction};

/// Every master key seals this value, so that the right key can be recognised.
const KNOWN_VALUE: &[u8] = b"jackfield";

/// The maximum number of encryptions with one key and random nonces (NIST SP 800-38D §8.3).
const MAX_WRAPS: i64 = 1 << 32;

/// The number of encryptions above which each use logs a warning.
const WARN_WRAPS: i64 = 1 << 31;

impl Store {
    /// Returns whether a master key has ever sealed a value here.
    ///
    /// If so, a missing key file must not be replaced by a new one.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query("select 1 from keyring limit 1").fetch_optional(&self.pool).await?.is_some())
    }

    /// Unlocks the store with the master key that sealed its secrets.
    ///
    /// On the first start, any key is accepted. With a wrong key, the store stays sealed. That is not an error, because
    /// the service starts all the same and reports it.
    pub async fn unlock(&mut self, vault: Vault) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Locks out other hosts, so that two first starts at the same time do not store two keys.
        sqlx::query("update audit_head set seq = seq where id = 1").execute(&mut *transaction).await?;
        let known =
            sqlx::query("select check_format, check_wrapped_key, check_ciphertext from keyring where key_id = $1")
                .bind(vault.key_id().to_owned())
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(row) = known {
            let check = SealedValue {
                key_id: vault.key_id().to_owned(),
                format: row.try_get("check_format")?,
                wrapped_key: row.try_get("check_wrapped_key")?,
                ciphertext: row.try_get("check_ciphertext")?,
            };
            let opened = vault.open(location(vault.key_id()), &check);
            self.keys = match opened {
                Ok(value) if value.expose() == KNOWN_VALUE => Keys::Open(vault),
                _ => Keys::Sealed(
                    "the check value of the master key in the database was changed; restore the database from a backup"
                        .to_owned(),
                ),
            };
            return Ok(());
        }
        let other: Option<String> =
            sqlx::query_scalar("select key_id from keyring limit 1").fetch_optional(&mut *transaction).await?;
        if let Some(other) = other {
            self.keys = Keys::Sealed(format!(
                "the master key is not the right one: its id is {}, but the database was sealed with the key {other}; \
                 restore that key and start again",
                vault.key_id()
            ));
            return Ok(());
        }
        let check = vault.seal(location(vault.key_id()), KNOWN_VALUE).map_err(|_| StoreError::KeyExhausted)?;
        sqlx::query(
            "insert into keyring (key_id, check_format, check_wrapped_key, check_ciphertext, wraps, created_at) \
             values ($1, $2, $3, $4, 1, $5)",
        )
        .bind(check.key_id)
        .bind(check.format)
        .bind(check.wrapped_key)
        .bind(check.ciphertext)
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.keys = Keys::Open(vault);
        Ok(())
    }

    /// Seals the store. The reason also says what to do about it.
    pub fn seal_because(&mut self, reason: String) {
        self.keys = Keys::Sealed(reason);
    }

    /// Adds to the number of data keys that the master key has wrapped.
    pub(super) async fn count_wraps(&self, transaction: &mut WriteTransaction, wraps: i64) -> Result<(), StoreError> {
        let key_id = self.require_unsealed()?.key_id();
        let total: i64 = sqlx::query_scalar("update keyring set wraps = wraps + $1 where key_id = $2 returning wraps")
            .bind(wraps)
            .bind(key_id.to_owned())
            .fetch_one(&mut **transaction)
            .await?;
        if total > MAX_WRAPS {
            return Err(StoreError::KeyExhausted);
        }
        if total > WARN_WRAPS {
            tracing::warn!(key_id, wraps = total, "master key has sealed half of the maximum number of values");
        }
        Ok(())
    }
}

fn location(key_id: &str) -> Location<'_> {
    Location { table: "keyring", row: key_id, column: "check" }
}
