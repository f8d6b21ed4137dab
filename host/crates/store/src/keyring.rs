//! Which master keys ever sealed something, the proof of each, and how often it was used.

use jackfield_vault::{Location, Sealed, Vault};
use sqlx::{Any, Row, Transaction};

use super::{Keys, Store, StoreError};

/// What every key seals to prove itself.
const KNOWN_VALUE: &[u8] = b"jackfield";

/// Random nonces under one AES-GCM key are safe up to here (NIST SP 800-38D §8.3).
const MOST_WRAPS: i64 = 1 << 32;

/// From here on the log asks for a rotation: half-way leaves time.
const WARN_WRAPS: i64 = 1 << 31;

impl Store {
    /// Whether a master key ever sealed something here; if so, a missing key file must not be made anew.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        Ok(sqlx::query("select 1 from keyring limit 1").fetch_optional(&self.pool).await?.is_some())
    }

    /// Takes the master key, if it is the one that sealed what is stored; on the first start it becomes that.
    ///
    /// A wrong key leaves the store sealed, which is no error: the service starts and says so.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unlock(&mut self, vault: Vault) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // One host at a time, so that two first starts at once do not each bring a key.
        sqlx::query("update audit_head set seq = seq where id = 1").execute(&mut *transaction).await?;
        let known =
            sqlx::query("select check_format, check_wrapped_key, check_ciphertext from keyring where key_id = $1")
                .bind(vault.key_id().to_owned())
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(row) = known {
            let check = Sealed {
                key_id: vault.key_id().to_owned(),
                format: row.try_get("check_format")?,
                wrapped_key: row.try_get("check_wrapped_key")?,
                ciphertext: row.try_get("check_ciphertext")?,
            };
            let opened = vault.open(location(vault.key_id()), &check);
            self.keys = match opened {
                Ok(value) if value.expose() == KNOWN_VALUE => Keys::Open(vault),
                _ => Keys::Sealed("the stored proof of the master key was changed; restore the database".to_owned()),
            };
            return Ok(());
        }
        let other: Option<String> =
            sqlx::query_scalar("select key_id from keyring limit 1").fetch_optional(&mut *transaction).await?;
        if let Some(other) = other {
            self.keys = Keys::Sealed(format!(
                "the master key is the wrong one: it is {}, and the database was sealed by {other}; put the right key \
                 in place and start again",
                vault.key_id()
            ));
            return Ok(());
        }
        let check = vault.seal(location(vault.key_id()), KNOWN_VALUE).map_err(|_| StoreError::KeyWornOut)?;
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

    /// Leaves the store sealed, for a reason that names the cure.
    pub fn stay_sealed(&mut self, reason: String) {
        self.keys = Keys::Sealed(reason);
    }

    /// Counts data keys that are about to be wrapped.
    pub(super) async fn count_wraps(
        &self,
        transaction: &mut Transaction<'static, Any>,
        wraps: i64,
    ) -> Result<(), StoreError> {
        let key_id = self.vault()?.key_id();
        let total: i64 = sqlx::query_scalar("update keyring set wraps = wraps + $1 where key_id = $2 returning wraps")
            .bind(wraps)
            .bind(key_id.to_owned())
            .fetch_one(&mut **transaction)
            .await?;
        if total > MOST_WRAPS {
            return Err(StoreError::KeyWornOut);
        }
        if total > WARN_WRAPS {
            tracing::warn!(key_id, wraps = total, "the master key is half worn out; rotate it");
        }
        Ok(())
    }
}

fn location(key_id: &str) -> Location<'_> {
    Location { table: "keyring", row: key_id, column: "check" }
}
