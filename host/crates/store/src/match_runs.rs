//! Running matches: the process that works on each, its progress, and its result. Every host can read them.
//!
//! A match has the id of its plan. Only a match that is still `running` can end, so a match that was cancelled or that
//! counts as failed links nobody.

use jackfield_core::ProviderId;
use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use super::{ServiceRun, Store, StoreError, to_timestamp};

/// How long an ended match is kept, in microseconds: an hour.
pub(super) const KEPT: i64 = 3_600_000_000;

/// How long [`Store::recent_match_runs`] lists a match that has ended, in microseconds: a minute.
const RECENT: i64 = 60_000_000;

/// How long a match counts as running without a heartbeat, in microseconds: two minutes.
const SILENCE: i64 = 120_000_000;

/// A new match.
#[derive(Clone, Debug)]
pub struct NewMatchRun {
    pub id: String,
    pub provider: ProviderId,
    pub is_dry_run: bool,
    /// The process that works on it.
    pub run: ServiceRun,
}

/// A running or an ended match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchRun {
    /// The id of the match and of its plan.
    pub id: String,
    pub provider: String,
    pub is_dry_run: bool,
    pub started_at: Timestamp,
    pub state: MatchRunState,
    /// Pages of the provider's users that were read.
    pub pages: u64,
    /// Accounts of the provider that were read.
    pub accounts: u64,
    /// Number of parts of the result; 0 if there is none.
    pub parts: i64,
}

/// The state of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchRunState {
    Running,
    /// The process that worked on it has ended. It had linked people if `is_applied`.
    Abandoned {
        is_applied: bool,
    },
    /// The result is stored.
    Ready,
    /// It failed, with the code and the text of the problem.
    Failed {
        code: String,
        detail: String,
    },
    Cancelled,
}

impl Store {
    /// Stores a match that starts, and removes those that ended long ago.
    pub async fn begin_match_run(&self, new: NewMatchRun) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("delete from match_runs where coalesce(ended_at, beat_at) < $1")
            .bind(now.saturating_sub(KEPT))
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "insert into match_runs (id, provider, dry_run, started_at, host, run, beat_at, state, pages, accounts) \
             values ($1, $2, $3, $4, $5, $6, $4, 'running', 0, 0)",
        )
        .bind(new.id)
        .bind(new.provider.to_string())
        .bind(i64::from(new.is_dry_run))
        .bind(now)
        .bind(new.run.host)
        .bind(new.run.run)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stores the progress of a match, which is also its heartbeat. Returns `false` if the match must end.
    pub async fn record_match_progress(&self, id: &str, pages: u64, accounts: u64) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "update match_runs set beat_at = $2, pages = $3, accounts = $4 \
             where id = $1 and state in ('running', 'ready')",
        )
        .bind(id.to_owned())
        .bind(self.now())
        .bind(i64::try_from(pages).unwrap_or(i64::MAX))
        .bind(i64::try_from(accounts).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    /// Stores the result of a match, in parts. Returns `false` if it was cancelled.
    pub async fn store_match_result(&self, id: &str, parts: Vec<String>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let ready = sqlx::query(
            "update match_runs set state = 'ready', parts = $2, ended_at = $3, beat_at = $3 \
             where id = $1 and state in ('running', 'ready')",
        )
        .bind(id.to_owned())
        .bind(i64::try_from(parts.len()).unwrap_or(i64::MAX))
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        if ready.rows_affected() == 0 {
            return Ok(false);
        }
        for (position, part) in (0_i64..).zip(parts) {
            sqlx::query("insert into match_run_parts (match_id, position, json) values ($1, $2, $3)")
                .bind(id.to_owned())
                .bind(position)
                .bind(part)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Stores why a match failed, unless it has ended. `is_applied` says whether it must have linked people.
    pub async fn fail_match_run(&self, id: &str, is_applied: bool, code: &str, detail: &str) -> Result<(), StoreError> {
        sqlx::query(
            "update match_runs set state = 'failed', problem_code = $2, problem_detail = $3, ended_at = $4 \
             where id = $1 and parts is null and state = $5",
        )
        .bind(id.to_owned())
        .bind(code.to_owned())
        .bind(detail.to_owned())
        .bind(self.now())
        .bind(if is_applied { "ready" } else { "running" })
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Cancels a match. Returns `false` if it does not run.
    pub async fn cancel_match_run(&self, id: &str) -> Result<bool, StoreError> {
        let cancelled =
            sqlx::query("update match_runs set state = 'cancelled', ended_at = $2 where id = $1 and state = 'running'")
                .bind(id.to_owned())
                .bind(self.now())
                .execute(&self.pool)
                .await?;
        Ok(cancelled.rows_affected() == 1)
    }

    /// Removes a match whose result was sent to the caller who waited for it.
    pub async fn delete_match_run(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("delete from match_runs where id = $1").bind(id.to_owned()).execute(&self.pool).await?;
        Ok(())
    }

    /// Returns a match of a provider. `own` is the process that asks.
    ///
    /// # Errors
    /// [`StoreError::UnreadableValue`] if its row was edited, or parts of its result are missing.
    pub async fn match_run(
        &self,
        provider: &ProviderId,
        id: &str,
        own: &ServiceRun,
    ) -> Result<Option<MatchRun>, StoreError> {
        let row = sqlx::query(
            "select r.*, (select count(*) from match_run_parts p where p.match_id = r.id) as stored_parts \
             from match_runs r where r.id = $1 and r.provider = $2",
        )
        .bind(id.to_owned())
        .bind(provider.to_string())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let run = parse_run(&row, own, self.now())?;
        if run.state == MatchRunState::Ready && run.parts != row.try_get::<i64, _>("stored_parts")? {
            return Err(StoreError::UnreadableValue("result of this match".to_owned()));
        }
        Ok(Some(run))
    }

    /// Lists the matches that run or have just ended. `own` is the process that asks.
    pub async fn recent_match_runs(&self, own: &ServiceRun) -> Result<Vec<MatchRun>, StoreError> {
        let now = self.now();
        let ended_after = now.saturating_sub(RECENT);
        let rows = sqlx::query(
            "select * from match_runs where ended_at > $1 or (ended_at is null and beat_at > $2) order by id",
        )
        .bind(ended_after)
        .bind(ended_after.saturating_sub(SILENCE))
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable("match_runs", &rows, |row| parse_run(row, own, now)))
    }

    /// Returns one part of the result of a match.
    pub async fn match_run_part(&self, id: &str, position: i64) -> Result<Option<String>, StoreError> {
        let part = sqlx::query_scalar("select json from match_run_parts where match_id = $1 and position = $2")
            .bind(id.to_owned())
            .bind(position)
            .fetch_optional(&self.pool)
            .await?;
        Ok(part)
    }
}

fn parse_run(row: &AnyRow, own: &ServiceRun, now: i64) -> Result<MatchRun, StoreError> {
    let state: String = row.try_get("state")?;
    let parts: Option<i64> = row.try_get("parts")?;
    let holder = ServiceRun { host: row.try_get("host")?, run: row.try_get("run")? };
    let is_silent = now.saturating_sub(row.try_get::<i64, _>("beat_at")?) > SILENCE;
    // A host runs one process at a time, so another run of this host has ended.
    let is_dead = is_silent || (holder.host == own.host && holder.run != own.run);
    let state = match (state.as_str(), parts) {
        ("failed", _) => MatchRunState::Failed {
            code: row.try_get::<Option<String>, _>("problem_code")?.unwrap_or_default(),
            detail: row.try_get::<Option<String>, _>("problem_detail")?.unwrap_or_default(),
        },
        ("cancelled", _) => MatchRunState::Cancelled,
        ("ready", Some(_)) => MatchRunState::Ready,
        (state, _) if is_dead => MatchRunState::Abandoned { is_applied: state == "ready" },
        _ => MatchRunState::Running,
    };
    Ok(MatchRun {
        id: row.try_get("id")?,
        provider: row.try_get("provider")?,
        is_dry_run: row.try_get::<i64, _>("dry_run")? != 0,
        started_at: to_timestamp(row.try_get("started_at")?)?,
        state,
        pages: u64::try_from(row.try_get::<i64, _>("pages")?).unwrap_or_default(),
        accounts: u64::try_from(row.try_get::<i64, _>("accounts")?).unwrap_or_default(),
        parts: parts.unwrap_or_default(),
    })
}
