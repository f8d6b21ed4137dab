//! Removes rows that are no longer needed, in batches that do not lock the database for long.
//!
//! Rows of the audit log are never removed, because they are a chain.

use sqlx::Row;

use super::{
    Store, StoreError, approvals::KEPT_SUPERSEDED, match_plans::UNDO_PERIOD, match_runs, oauth_flows,
    plugin_components::increment_revision,
};

/// How long a token is listed after it was revoked or has expired, in microseconds: 90 days.
const ENDED_TOKEN_KEPT: i64 = 90 * DAY;

/// How long an OAuth flow is kept after it has expired, in microseconds: a day.
///
/// The console may still ask how it ended.
const EXPIRED_FLOW_KEPT: i64 = DAY;

/// How long a component is kept that is not offered and that nobody has decided about, in microseconds: 90 days.
const UNUSED_COMPONENT_KEPT: i64 = 90 * DAY;

const DAY: i64 = 24 * 3600 * 1_000_000;

/// Rows that one statement removes. SQLite has one writer at a time, and a batch of this size takes milliseconds.
const BATCH: i64 = 500;

/// Rows that one statement changes if they are large, or have large rows of another table.
const LARGE_ROWS_BATCH: i64 = 10;

const ENDED_TOKENS: &str = "delete from tokens where id in (select id from tokens \
     where revoked_at <= $1 or expires_at <= $1 order by id limit $2)";

const EXPIRED_FLOWS: &str = "delete from oauth_flows where id in (select id from oauth_flows \
     where expires_at <= $1 order by id limit $2)";

const ENDED_MATCH_RUNS: &str = "delete from match_runs where id in (select id from match_runs \
     where coalesce(ended_at, beat_at) <= $1 order by id limit $2)";

/// The manifests of versions that are not offered, and that nobody has decided about.
const UNUSED_COMPONENTS: &str = "delete from components where digest in (select c.digest from components c \
     where c.offered_from is null and c.first_seen_at <= $1 and not exists \
     (select 1 from plugin_approvals a where a.digest = c.digest) order by c.digest limit $2)";

/// Versions whose bytes are stored, but can neither run nor be approved: they are not offered, and every decision about
/// them is a removal, or an approval that newer ones have superseded.
macro_rules! unused_bytes {
    () => {
        "select c.digest from components c where c.bytes is not null and c.offered_from is null \
     and not exists (select 1 from plugin_approvals a where a.digest = c.digest and a.state <> 'removed' \
     and (a.state <> 'superseded' or (select count(*) from plugin_approvals newer \
     where newer.provider = a.provider and newer.state = 'superseded' and newer.approved_at > a.approved_at) < $1)) \
     order by c.digest limit $2"
    };
}

const UNUSED_BYTES: &str = unused_bytes!();

const REMOVE_UNUSED_BYTES: &str = concat!("update components set bytes = null where digest in (", unused_bytes!(), ")");

impl Store {
    /// Removes rows that are no longer needed: tokens that ended long ago, expired OAuth flows, matches that ended,
    /// match plans that can no longer be undone, and components that can no longer run.
    ///
    /// Also works while the store is sealed.
    pub async fn delete_outdated(&self) -> Result<(), StoreError> {
        let now = self.now();
        self.delete_in_batches("tokens", ENDED_TOKENS, now.saturating_sub(ENDED_TOKEN_KEPT), BATCH).await?;
        self.delete_in_batches("oauth_flows", EXPIRED_FLOWS, now.saturating_sub(EXPIRED_FLOW_KEPT), BATCH).await?;
        self.delete_secrets_without_flow().await?;
        let ended_before = now.saturating_sub(match_runs::KEPT);
        self.delete_in_batches("match_runs", ENDED_MATCH_RUNS, ended_before, LARGE_ROWS_BATCH).await?;
        self.delete_old_plans().await?;
        let seen_before = now.saturating_sub(UNUSED_COMPONENT_KEPT);
        self.delete_in_batches("components", UNUSED_COMPONENTS, seen_before, LARGE_ROWS_BATCH).await?;
        self.delete_bytes_of_old_versions().await
    }

    /// Repeats a statement until it removes less than a batch. Its parameters are a time and the size of a batch.
    async fn delete_in_batches(
        &self,
        table: &'static str,
        statement: &'static str,
        until: i64,
        batch: i64,
    ) -> Result<(), StoreError> {
        let mut total = 0;
        loop {
            let done = sqlx::query(statement).bind(until).bind(batch).execute(&self.pool).await?;
            total += done.rows_affected();
            if i64::try_from(done.rows_affected()).is_ok_and(|rows| rows < batch) {
                break;
            }
        }
        if total > 0 {
            tracing::info!(table, rows = total, "outdated rows removed");
        }
        Ok(())
    }

    /// Deletes the secrets of OAuth flows that are gone. A flow and its secret are stored in one transaction.
    async fn delete_secrets_without_flow(&self) -> Result<(), StoreError> {
        sqlx::query(
            "delete from sealed_values where owner_table = $1 and not exists \
             (select 1 from oauth_flows f where f.id = sealed_values.owner_row)",
        )
        .bind(oauth_flows::TABLE)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes plans that can no longer be undone, with the record of what they linked. The mappings stay.
    async fn delete_old_plans(&self) -> Result<(), StoreError> {
        let rows = sqlx::query("select id from match_plans where applied_at <= $1 order by applied_at limit $2")
            .bind(self.now().saturating_sub(UNDO_PERIOD))
            .bind(BATCH)
            .fetch_all(&self.pool)
            .await?;
        let plans: Vec<String> = self.parse_readable("match_plans", &rows, |row| Ok(row.try_get("id")?));
        for plan in plans {
            // One by one, because a plan can have a link for everybody in the company.
            loop {
                let done = sqlx::query(
                    "delete from match_links where plan_id = $1 and person_id in (select l.person_id \
                     from match_links l where l.plan_id = $1 order by l.person_id limit $2)",
                )
                .bind(plan.clone())
                .bind(BATCH)
                .execute(&self.pool)
                .await?;
                if done.rows_affected() == 0 {
                    break;
                }
            }
            sqlx::query("delete from match_plans where id = $1").bind(plan.clone()).execute(&self.pool).await?;
            tracing::info!(plan, "match plan removed, because it can no longer be undone");
        }
        Ok(())
    }

    /// Deletes the bytes of versions that can no longer run. Their manifests and the decisions about them stay.
    async fn delete_bytes_of_old_versions(&self) -> Result<(), StoreError> {
        let unused = || sqlx::query(UNUSED_BYTES).bind(KEPT_SUPERSEDED).bind(LARGE_ROWS_BATCH);
        while !unused().fetch_all(&self.pool).await?.is_empty() {
            let mut transaction = self.begin().await?;
            // It locks the catalog, so that no decision and no offer changes what follows.
            increment_revision(&mut transaction).await?;
            // The statement contains the search, because an edited digest may be no text that could be bound.
            let removed = sqlx::query(REMOVE_UNUSED_BYTES)
                .bind(KEPT_SUPERSEDED)
                .bind(LARGE_ROWS_BATCH)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            tracing::info!(versions = removed.rows_affected(), "bytes of old versions removed");
        }
        Ok(())
    }
}
