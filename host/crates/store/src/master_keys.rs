//! Recognises the right master key, and counts how often it was used.
//!
//! The database contains a known value that is sealed with the key. It also tells whether the rows of the database have
//! MACs, whether its secrets have destinations, and whether the service has started, because nobody without the key can
//! replace it.

use jackfield_vault::{Location, SealedValue, Vault};
use sqlx::{Row, any::AnyRow};

use super::{
    Keys, MAX_COUNTER, Store, StoreError, TrustedPlugins, audit::lock_writers, database::transaction::WriteTransaction,
    old_secrets::bind_old_secrets,
};

/// The known value of versions before rows had MACs and secrets had destinations.
const WITHOUT_MACS: &[u8] = b"jackfield";

/// The known value of a new database, until the service starts for the first time.
const NOT_STARTED: &[u8] = b"jackfield, rows have MACs, not started";

/// The known value of a database whose rows have MACs and whose secrets have destinations.
const WITH_MACS: &[u8] = b"jackfield, rows have MACs";

/// The maximum number of encryptions with one key and random nonces (NIST SP 800-38D §8.3).
const MAX_WRAPS: i64 = 1 << 32;

/// The number of encryptions above which each use logs a warning.
const WARN_WRAPS: i64 = 1 << 31;

/// What happens to the rows of a version before rows had MACs and secrets had destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldRows {
    /// They get MACs, and their secrets count as entered for these plugins, once. Every value in them is accepted.
    Adopt(TrustedPlugins),
    /// The store stays sealed with this reason, because this host has already used a database with MACs under this key.
    Reject(String),
}

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
    ///
    /// If the database was written by a version before rows had MACs and secrets had destinations, they get them, once;
    /// see [`adoption`](super::adoption) and [`old_secrets`](super::old_secrets).
    pub async fn unlock(&mut self, vault: Vault, old_rows: OldRows) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Locks out other hosts, so that two first starts at the same time do not store two keys, and one of two hosts
        // authenticates the rows of an older version.
        lock_writers(&mut transaction).await?;
        match read_known_value(&mut transaction, &vault).await? {
            KnownValue::Is(value) if value == WITHOUT_MACS => {
                let trusted = match old_rows {
                    OldRows::Adopt(trusted) => trusted,
                    OldRows::Reject(reason) => {
                        self.keys = Keys::Sealed(reason);
                        return Ok(());
                    }
                };
                self.adopt_rows(&mut transaction, &vault).await?;
                let wraps = bind_old_secrets(&mut transaction, &vault, trusted).await?;
                replace_known_value(&mut transaction, &vault, WITH_MACS, wraps).await?;
                transaction.commit().await?;
                self.keys = Keys::Open(vault);
            }
            KnownValue::Is(value) if value == WITH_MACS || value == NOT_STARTED => self.keys = Keys::Open(vault),
            KnownValue::Is(_) | KnownValue::Unreadable => {
                let reason = "the known value of the master key in the database was changed, or is of a later version; \
                              restore the database from a backup, or start the later version";
                self.keys = Keys::Sealed(reason.to_owned());
            }
            KnownValue::OfOtherKey(other) => {
                self.keys = Keys::Sealed(format!(
                    "the master key is not the right one: its id is {}, but the database was sealed with the key \
                     {other}; restore that key and start again",
                    vault.key_id()
                ));
            }
            KnownValue::Missing => {
                // Nothing that somebody inserted before gets a MAC. And whoever deletes the key's row from a database
                // that is in use gets no second first start.
                let is_new = matches!(old_rows, OldRows::Adopt(_)) && is_unused(&mut transaction).await?;
                let value = if is_new { NOT_STARTED } else { WITH_MACS };
                self.insert_known_value(&mut transaction, &vault, value).await?;
                transaction.commit().await?;
                self.keys = Keys::Open(vault);
            }
        }
        Ok(())
    }

    /// Records that the service starts, and returns whether it never started before on this database.
    ///
    /// A sealed store records nothing.
    pub async fn claim_first_start(&self) -> Result<bool, StoreError> {
        let Keys::Open(vault) = &self.keys else { return Ok(false) };
        let mut transaction = self.begin().await?;
        lock_writers(&mut transaction).await?;
        let is_first = match read_known_value(&mut transaction, vault).await? {
            KnownValue::Is(value) => value == NOT_STARTED,
            KnownValue::Unreadable | KnownValue::OfOtherKey(_) | KnownValue::Missing => false,
        };
        if is_first {
            replace_known_value(&mut transaction, vault, WITH_MACS, 0).await?;
            transaction.commit().await?;
        }
        Ok(is_first)
    }

    async fn insert_known_value(
        &self,
        transaction: &mut WriteTransaction,
        vault: &Vault,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let check = vault.seal(location(vault.key_id()), value).map_err(|_| StoreError::KeyExhausted)?;
        sqlx::query(
            "insert into keyring (key_id, check_format, check_wrapped_key, check_ciphertext, wraps, created_at) \
             values ($1, $2, $3, $4, 1, $5)",
        )
        .bind(check.key_id)
        .bind(check.format)
        .bind(check.wrapped_key)
        .bind(check.ciphertext)
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Stores the known value of versions before rows had MACs and secrets had destinations.
    #[cfg(any(test, feature = "testing"))]
    pub(super) async fn restore_old_known_value(&self, transaction: &mut WriteTransaction) -> Result<(), StoreError> {
        replace_known_value(transaction, self.require_unsealed()?, WITHOUT_MACS, 0).await
    }

    /// Seals the store. The reason also says what to do about it.
    pub fn seal_because(&mut self, reason: String) {
        self.keys = Keys::Sealed(reason);
    }

    /// Adds to the number of data keys that the master key has wrapped.
    pub(super) async fn count_wraps(&self, transaction: &mut WriteTransaction, wraps: i64) -> Result<(), StoreError> {
        let key_id = self.require_unsealed()?.key_id();
        let row = sqlx::query(
            "update keyring set wraps = case when wraps < $3 then wraps + $1 else wraps end where key_id = $2 \
             returning wraps",
        )
        .bind(wraps)
        .bind(key_id.to_owned())
        .bind(MAX_COUNTER)
        .fetch_optional(&mut **transaction)
        .await?;
        let total: Option<i64> = row.and_then(|row| row.try_get("wraps").ok());
        let total = total.ok_or(StoreError::Edited("number of sealed values", "restore the database from a backup"))?;
        if total > MAX_WRAPS {
            return Err(StoreError::KeyExhausted);
        }
        if total > WARN_WRAPS {
            tracing::warn!(key_id, wraps = total, "master key has sealed half of the maximum number of values");
        }
        Ok(())
    }
}

/// What a database contains as the known value of a master key.
enum KnownValue {
    Is(Vec<u8>),
    /// It cannot be opened, although it is stored for this key.
    Unreadable,
    /// The database was sealed with the key that has this id.
    OfOtherKey(String),
    /// The database was not sealed with any key yet.
    Missing,
}

async fn read_known_value(transaction: &mut WriteTransaction, vault: &Vault) -> Result<KnownValue, StoreError> {
    let rows = sqlx::query("select key_id, check_format, check_wrapped_key, check_ciphertext from keyring")
        .fetch_all(&mut **transaction)
        .await?;
    let mut other = None;
    let mut is_readable = true;
    for row in rows {
        let Ok(key_id) = row.try_get::<String, _>("key_id") else {
            is_readable = false;
            continue;
        };
        if key_id != vault.key_id() {
            other = Some(key_id);
            continue;
        }
        let check = parse_check(&row, &key_id).ok();
        return Ok(match check.and_then(|check| vault.open(location(&key_id), &check).ok()) {
            Some(value) => KnownValue::Is(value.expose().clone()),
            None => KnownValue::Unreadable,
        });
    }
    Ok(match other {
        // Its row may be the one of this key, so no new one is stored.
        _ if !is_readable => KnownValue::Unreadable,
        Some(other) => KnownValue::OfOtherKey(other),
        None => KnownValue::Missing,
    })
}

fn parse_check(row: &AnyRow, key_id: &str) -> Result<SealedValue, StoreError> {
    Ok(SealedValue {
        key_id: key_id.to_owned(),
        format: row.try_get("check_format")?,
        wrapped_key: row.try_get("check_wrapped_key")?,
        ciphertext: row.try_get("check_ciphertext")?,
    })
}

/// Replaces the known value, and counts it and `wraps` other data keys.
async fn replace_known_value(
    transaction: &mut WriteTransaction,
    vault: &Vault,
    value: &[u8],
    wraps: i64,
) -> Result<(), StoreError> {
    let check = vault.seal(location(vault.key_id()), value).map_err(|_| StoreError::KeyExhausted)?;
    sqlx::query(
        "update keyring set check_format = $1, check_wrapped_key = $2, check_ciphertext = $3, \
         wraps = case when wraps < $6 then wraps + $4 else wraps end where key_id = $5",
    )
    .bind(check.format)
    .bind(check.wrapped_key)
    .bind(check.ciphertext)
    .bind(wraps.saturating_add(1))
    .bind(check.key_id)
    .bind(MAX_COUNTER)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Returns whether nobody has used the database: nothing is sealed or approved, nobody has access, nothing was audited.
async fn is_unused(transaction: &mut WriteTransaction) -> Result<bool, StoreError> {
    for statement in [
        "select 1 from tokens limit 1",
        "select 1 from sessions limit 1",
        "select 1 from connections limit 1",
        "select 1 from sealed_values limit 1",
        "select 1 from plugin_approvals limit 1",
        "select 1 from audit limit 1",
    ] {
        if sqlx::query(statement).fetch_optional(&mut **transaction).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn location(key_id: &str) -> Location<'_> {
    Location { table: "keyring", row: key_id, column: "check" }
}
