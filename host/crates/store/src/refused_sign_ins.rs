//! Sign-ins of people whom the identity provider knows, but who have no access level here.
//!
//! Anybody in the company can repeat one as often as they like, so only one in an hour gets an audit row. The time of the
//! next audit row is stored in `signin_states`, which all hosts share.

use jiff::{SignedDuration, Timestamp};

use super::{NewAudit, Store, StoreError, audit::lock_audit, signin_links::hash_text};

/// The minimum time between two audit rows of one identity.
const AUDIT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// Distinguishes these hashes from those of states.
const HASH_PREFIX: &str = "refused sign-in of ";

impl Store {
    /// Audits a refused sign-in of an identity, at most once an hour. Returns whether a row was written.
    pub async fn audit_refused_sign_in(&self, identity: &str, audit: NewAudit) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let next = now.saturating_add(AUDIT_INTERVAL).unwrap_or(Timestamp::MAX);
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let is_due = sqlx::query(
            "insert into signin_states (hash, ends_at) values ($1, $2) \
             on conflict (hash) do update set ends_at = excluded.ends_at where signin_states.ends_at <= $3",
        )
        .bind(hash_text(&format!("{HASH_PREFIX}{identity}")))
        .bind(next.as_microsecond())
        .bind(now.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        if is_due.rows_affected() == 0 {
            return Ok(false);
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
