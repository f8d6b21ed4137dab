//! Match plans: the mappings that a match adds. A plan is applied and undone as a whole.

use jackfield_core::{MappingSource, Person, ProviderId};
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    batch::{self, Table},
    people,
};

/// The maximum number of people that a rejected undo names. The others are only counted.
const MAX_NAMED: i64 = 5;

/// How long after a match it can be undone, in microseconds: 90 days. Then the record of its mappings is deleted.
pub(super) const UNDO_PERIOD: i64 = 90 * 24 * 3600 * 1_000_000;

/// A person who may be matched to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchCandidate {
    pub id: String,
    pub name: String,
    pub email: String,
    /// The email address in the form that is compared.
    pub email_key: String,
    pub active: bool,
    /// Their current account at the provider.
    pub account: Option<String>,
}

/// A mapping that a match adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMapping {
    pub person_id: String,
    pub external_id: String,
    /// The email address that was compared. The person must still have it.
    pub email_key: String,
}

/// The result of applying a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyPlanResult {
    /// It was applied.
    Done,
    /// The match was cancelled, so nothing was applied.
    Cancelled,
    /// A person or mapping in it has changed since it was made, so nothing was applied.
    Overtaken,
}

/// The result of undoing a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoPlanResult {
    /// It was undone, now or earlier, and removed this number of mappings.
    Done(u64),
    /// The provider has no such plan, or it was applied too long ago.
    Unknown,
    /// Mappings of `count` people have changed since, so nothing was undone. `some` contains the first of these people.
    Changed { some: Vec<Person>, count: u64 },
}

impl Store {
    /// Lists people with their account at a provider: at most `limit`, after the id `after`.
    pub async fn match_candidates(
        &self,
        provider: &ProviderId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<MatchCandidate>, StoreError> {
        let query = |after, limit| {
            sqlx::query(
                "select p.id, p.name, p.email, p.email_key, p.active, \
                 (select m.external_id from mappings m where m.person_id = p.id and m.provider = $1) \
                 from people p where p.id > $2 order by p.id limit $3",
            )
            .bind(provider.to_string())
            .bind(after)
            .bind(limit)
        };
        self.read_people_page(after, limit, query, parse_candidate).await
    }

    /// Adds the mappings of a plan and records them, if the match with the plan's id is still running.
    pub async fn apply_plan(
        &self,
        id: &str,
        provider: &ProviderId,
        mappings: &[PlannedMapping],
        applied_by: &str,
        audit: NewAudit,
    ) -> Result<ApplyPlanResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let running = sqlx::query("update match_runs set state = 'ready' where id = $1 and state = 'running'")
            .bind(id.to_owned())
            .execute(&mut *transaction)
            .await?;
        if running.rows_affected() == 0 {
            return Ok(ApplyPlanResult::Cancelled);
        }
        sqlx::query(
            "insert into match_plans (id, provider, applied_by, applied_at, links) values ($1, $2, $3, $4, $5)",
        )
        .bind(id.to_owned())
        .bind(provider.to_string())
        .bind(applied_by.to_owned())
        .bind(self.now())
        .bind(i64::try_from(mappings.len()).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        for part in mappings.chunks(batch::ROWS) {
            let rows: Vec<_> = part.iter().map(|link| (&link.person_id, &link.external_id, &link.email_key)).collect();
            let rows = batch::to_parameter(&rows)?;
            let unchanged: i64 = sqlx::query_scalar(
                "select count(*) from json_each($1) as e \
                 where (select p.email_key from people p where p.id = (e.value ->> 0)) = (e.value ->> 2) \
                 and (select own.person_id from mappings own \
                 where own.person_id = (e.value ->> 0) and own.provider = $2) is null \
                 and (select other.person_id from mappings other \
                 where other.provider = $2 and other.external_id = (e.value ->> 1)) is null",
            )
            .persistent(false)
            .bind(rows.clone())
            .bind(provider.to_string())
            .fetch_one(&mut *transaction)
            .await?;
            if usize::try_from(unchanged) != Ok(part.len()) {
                return Ok(ApplyPlanResult::Overtaken);
            }
            self.insert_mappings(&mut transaction, provider, rows.clone(), MappingSource::Match).await?;
            sqlx::query(
                "insert into match_links (plan_id, person_id, external_id) \
                 select $2, e.value ->> 0, e.value ->> 1 from json_each($1) as e",
            )
            .persistent(false)
            .bind(rows)
            .bind(id.to_owned())
            .execute(&mut *transaction)
            .await?;
        }
        self.analyze_if_large(&mut transaction, Table::Mappings, mappings.len()).await?;
        self.analyze_if_large(&mut transaction, Table::MatchLinks, mappings.len()).await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(ApplyPlanResult::Done)
    }

    /// Removes all mappings of a plan, or none of them. `audit` receives their number.
    ///
    /// Undoing a plan again changes nothing.
    pub async fn undo_plan(
        &self,
        provider: &ProviderId,
        plan_id: &str,
        audit: impl FnOnce(u64) -> NewAudit,
    ) -> Result<UndoPlanResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let plan =
            sqlx::query("select links, undone_at from match_plans where id = $1 and provider = $2 and applied_at > $3")
                .bind(plan_id.to_owned())
                .bind(provider.to_string())
                .bind(self.now().saturating_sub(UNDO_PERIOD))
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(plan) = plan else { return Ok(UndoPlanResult::Unknown) };
        if plan.try_get::<Option<i64>, _>("undone_at")?.is_some() {
            let removed: i64 = plan.try_get("links")?;
            return Ok(UndoPlanResult::Done(u64::try_from(removed).unwrap_or_default()));
        }
        let changed = sqlx::query(
            "select p.id, p.name, p.email, p.user_id, p.active, count(*) over () as changed from match_links l \
             join people p on p.id = l.person_id \
             where l.plan_id = $1 and coalesce((select m.external_id from mappings m \
             where m.person_id = l.person_id and m.provider = $2), '') <> l.external_id order by p.id limit $3",
        )
        .bind(plan_id.to_owned())
        .bind(provider.to_string())
        .bind(MAX_NAMED)
        .fetch_all(&mut *transaction)
        .await?;
        if let Some(first) = changed.first() {
            let count = u64::try_from(first.try_get::<i64, _>("changed")?).unwrap_or_default();
            return Ok(UndoPlanResult::Changed {
                some: self.parse_readable("people", &changed, people::parse_row),
                count,
            });
        }
        let removed = sqlx::query(
            "delete from mappings where provider = $2 and (select l.external_id from match_links l \
             where l.plan_id = $1 and l.person_id = mappings.person_id) is not null",
        )
        .bind(plan_id.to_owned())
        .bind(provider.to_string())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        sqlx::query("update match_plans set undone_at = $1, links = $2 where id = $3")
            .bind(self.now())
            .bind(i64::try_from(removed).unwrap_or(i64::MAX))
            .bind(plan_id.to_owned())
            .execute(&mut *transaction)
            .await?;
        self.append_audit(&mut transaction, head, audit(removed)).await?;
        transaction.commit().await?;
        Ok(UndoPlanResult::Done(removed))
    }
}

fn parse_candidate(row: &AnyRow) -> Result<MatchCandidate, StoreError> {
    Ok(MatchCandidate {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        email_key: row.try_get(3)?,
        active: row.try_get::<i64, _>(4)? != 0,
        // An account that cannot be read still occupies the person's place.
        account: row.try_get(5).unwrap_or_else(|_| Some(String::new())),
    })
}
