//! The audit log: one row per change. The rows are chained by hashes.

use jackfield_core::{
    AuditEntry, Outcome, ProviderId,
    audit::{Action, Actor},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use super::{MAX_COUNTER, Store, StoreError, database::transaction::WriteTransaction, to_timestamp};

/// An audit row to be written.
#[derive(Clone, Debug)]
pub struct NewAudit {
    pub(super) actor: Actor,
    action: Action,
    provider: Option<ProviderId>,
    outcome: Outcome,
    detail: Option<String>,
}

impl NewAudit {
    /// Describes an action that was done.
    #[must_use]
    pub fn done(actor: &Actor, action: Action) -> Self {
        Self { actor: actor.clone(), action, provider: None, outcome: Outcome::Done, detail: None }
    }

    /// Describes an action that was refused.
    #[must_use]
    pub fn refused(actor: &Actor, action: Action) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(actor, action) }
    }

    /// Adds the provider that the action concerns.
    #[must_use]
    pub fn with_provider(self, provider: &ProviderId) -> Self {
        Self { provider: Some(provider.clone()), ..self }
    }

    /// Adds details in words. They must not contain a secret.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Option<String>>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// Which audit rows to list. An absent field matches every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub provider: Option<String>,
    pub actor: Option<String>,
    /// An action such as `connection.connect`, or a group of actions such as `connection`.
    pub action: Option<String>,
    pub outcome: Option<Outcome>,
    /// Inclusive.
    pub since: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
}

/// The end of the audit chain is missing or does not follow its last row, so nothing can be appended.
const EDITED_HEAD: StoreError = StoreError::Edited(
    "end of the audit log",
    "restore the database from a backup; until then, nothing can be changed",
);

/// What is shown in the place of a value that cannot be read.
const UNREADABLE: &str = "(unreadable: changed in the database)";

/// The end of the audit chain.
///
/// Its row is locked until the transaction ends, so that writers append one after the other.
pub(super) struct AuditHead {
    seq: i64,
    hash: Vec<u8>,
}

/// Locks the end of the audit chain.
///
/// It must be the first statement of every audited transaction, so that no other writer changes what the following
/// statements read.
pub(super) async fn lock_audit(transaction: &mut WriteTransaction) -> Result<AuditHead, StoreError> {
    let row = sqlx::query(
        "update audit_head set seq = case when seq < $1 then seq + 1 else seq end where id = 1 returning seq, hash",
    )
    .bind(MAX_COUNTER)
    .fetch_optional(&mut **transaction)
    .await?
    .ok_or(EDITED_HEAD)?;
    let seq = row.try_get("seq").ok().filter(|seq| (1..MAX_COUNTER).contains(seq)).ok_or(EDITED_HEAD)?;
    Ok(AuditHead { seq, hash: row.try_get("hash").map_err(|_unreadable| EDITED_HEAD)? })
}

/// Locks out all other audited writers until the transaction ends, without an audit row.
pub(super) async fn lock_writers(transaction: &mut WriteTransaction) -> Result<(), StoreError> {
    sqlx::query("update audit_head set seq = seq where id = 1").execute(&mut **transaction).await?;
    Ok(())
}

impl Store {
    /// Writes an audit row without another change, such as for a rejected request.
    pub async fn audit(&self, entry: NewAudit) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        self.append_audit(&mut transaction, head, entry).await?;
        transaction.commit().await
    }

    /// Appends a row to the chain.
    pub(super) async fn append_audit(
        &self,
        transaction: &mut WriteTransaction,
        head: AuditHead,
        entry: NewAudit,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let provider = entry.provider.map(|provider| provider.to_string());
        let texts = [
            Some(entry.actor.name.as_str()),
            Some(entry.action.as_str()),
            provider.as_deref(),
            Some(entry.outcome.as_str()),
            entry.detail.as_deref(),
            entry.actor.origin.as_deref(),
            entry.actor.request_id.as_deref(),
        ];
        let hash = hash_row(&head.hash, head.seq, at, &texts);
        sqlx::query(
            "insert into audit (seq, at, actor, action, provider, outcome, detail, origin, request_id, hash) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(head.seq)
        .bind(at)
        .bind(entry.actor.name.clone())
        .bind(entry.action.as_str())
        .bind(provider.clone())
        .bind(entry.outcome.as_str())
        .bind(entry.detail.clone())
        .bind(entry.actor.origin.clone())
        .bind(entry.actor.request_id.clone())
        .bind(hash.clone())
        .execute(&mut **transaction)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(reason) if reason.is_unique_violation() => EDITED_HEAD,
            _ => error.into(),
        })?;
        sqlx::query("update audit_head set hash = $1 where id = 1").bind(hash).execute(&mut **transaction).await?;
        Ok(())
    }

    /// Lists the rows that match a filter, newest first: at most `limit`, before the row `before`.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        // A filter that is an empty string matches every row, and the query planner removes it.
        let rows = sqlx::query(
            "select seq, at, actor, action, provider, outcome, detail, origin, request_id from audit \
             where seq < $1 and ($3 = '' or provider = $3) and ($4 = '' or actor = $4) \
             and ($5 = '' or action = $5 or substr(action, 1, length($5) + 1) = $5 || '.') \
             and ($6 = '' or outcome = $6) and at >= $7 and ($8 = 9223372036854775807 or at < $8) \
             and seq = cast(seq as bigint) and seq >= 0 order by seq desc limit $2",
        )
        .persistent(false)
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .bind(filter.provider.clone().unwrap_or_default())
        .bind(filter.actor.clone().unwrap_or_default())
        .bind(filter.action.clone().unwrap_or_default())
        .bind(filter.outcome.map_or("", Outcome::as_str))
        .bind(filter.since.map_or(i64::MIN, |time| time.as_microsecond()))
        .bind(filter.until.map_or(i64::MAX, |time| time.as_microsecond()))
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable("audit", &rows, parse_entry))
    }

    /// Returns the times and details of all rows with an action, oldest first.
    pub async fn audit_details(&self, action: Action) -> Result<Vec<(Timestamp, String)>, StoreError> {
        let rows = sqlx::query("select at, detail from audit where action = $1 and detail is not null order by seq")
            .bind(action.as_str())
            .fetch_all(&self.pool)
            .await?;
        Ok(self.parse_readable("audit", &rows, |row| Ok((to_timestamp(row.try_get("at")?)?, row.try_get("detail")?))))
    }

    /// Returns the number of the newest row.
    pub async fn audit_end(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("select seq from audit_head where id = 1").fetch_optional(&self.pool).await?;
        // It only tells whether there are new rows. No row can be appended to an end that was edited.
        Ok(row.and_then(|row| row.try_get("seq").ok()).unwrap_or_default())
    }

    /// Returns whether rows after `from`, up to and including `to`, changed people or mappings.
    pub async fn people_changed(&self, from: i64, to: i64) -> Result<bool, StoreError> {
        let changes: i64 = sqlx::query_scalar(
            // A disconnect may delete mappings.
            "select count(*) from audit where seq > $1 and seq <= $2 and (action like 'person.%' or \
             action like 'people.%' or action like 'mapping%' or action = 'connection.disconnect')",
        )
        .bind(from)
        .bind(to)
        .fetch_one(&self.pool)
        .await?;
        Ok(changes > 0)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Store {
    /// Returns the number of the first row with a wrong hash, or nothing if there is none.
    pub async fn first_broken_audit_row(&self) -> Result<Option<i64>, StoreError> {
        let rows = sqlx::query(
            "select seq, at, actor, action, provider, outcome, detail, origin, request_id, hash from audit \
             order by seq",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut previous = Vec::new();
        for (row, expected) in rows.iter().zip(1_i64..) {
            let seq: i64 = row.try_get("seq")?;
            let column = |name: &str| row.try_get::<Option<String>, _>(name);
            let texts = [
                column("actor")?,
                column("action")?,
                column("provider")?,
                column("outcome")?,
                column("detail")?,
                column("origin")?,
                column("request_id")?,
            ];
            let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
            let hash: Vec<u8> = row.try_get("hash")?;
            if seq != expected || hash != hash_row(&previous, seq, row.try_get("at")?, &texts) {
                return Ok(Some(expected));
            }
            previous = hash;
        }
        let head: Vec<u8> =
            sqlx::query_scalar("select hash from audit_head where id = 1").fetch_one(&self.pool).await?;
        let end = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        Ok((head != previous).then_some(end.saturating_add(1)))
    }
}

/// Parses a row of the log. A value that cannot be read is shown as such, so that no edit hides an event.
fn parse_entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    let text = |name: &str| row.try_get(name).unwrap_or_else(|_| UNREADABLE.to_owned());
    let optional_text = |name: &str| row.try_get(name).unwrap_or_else(|_| Some(UNREADABLE.to_owned()));
    let at = row.try_get("at").ok().and_then(|at| to_timestamp(at).ok());
    Ok(AuditEntry {
        seq: row.try_get("seq")?,
        at: at.unwrap_or(Timestamp::UNIX_EPOCH),
        actor: text("actor"),
        action: text("action"),
        provider: optional_text("provider"),
        outcome: if text("outcome") == Outcome::Done.as_str() { Outcome::Done } else { Outcome::Refused },
        detail: optional_text("detail"),
        origin: optional_text("origin"),
        request_id: optional_text("request_id"),
    })
}

/// Computes the hash of a row from the previous hash and every column, each with its length.
fn hash_row(previous: &[u8], seq: i64, at: i64, texts: &[Option<&str>]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update((previous.len() as u64).to_be_bytes());
    hash.update(previous);
    hash.update(seq.to_be_bytes());
    hash.update(at.to_be_bytes());
    for text in texts {
        match text {
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hash.finalize().to_vec()
}
