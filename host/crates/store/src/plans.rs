//! What a match linked: applied with its mappings, undone as a whole, told apart from what was changed since.

use jackfield_core::{Person, ProviderId, Source};
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError,
    audit::hold_head,
    batch::{self, Table},
    people,
};

/// People that a refusal names; the others are counted.
const NAMED: i64 = 5;

/// A person as a match looks at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: String,
    pub name: String,
    pub email: String,
    /// The address as it is compared.
    pub email_key: String,
    pub active: bool,
    /// The account at the provider that is theirs so far.
    pub linked: Option<String>,
}

/// An account that a match gives to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub person_id: String,
    pub external_id: String,
    /// The address that was compared, which must still be theirs.
    pub email_key: String,
}

/// What became of a plan that was to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was, under this id.
    Done(String),
    /// Somebody in it was changed since it was made; nothing was applied.
    Overtaken,
}

/// What became of a plan that was to be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It was, now or before: so many mappings.
    Done(u64),
    /// The provider has no such plan.
    Unknown,
    /// Mappings are no longer as the plan left them; nothing was undone. Some of the people, and how many there are.
    Changed { some: Vec<Person>, count: u64 },
}

impl Store {
    /// Reads people with their account at a provider, in the order of their ids: `limit` from after an id on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn candidates(
        &self,
        provider: &ProviderId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Candidate>, StoreError> {
        let rows = sqlx::query(
            "select p.id, p.name, p.email, p.email_key, p.active, \
             (select m.external_id from mappings m where m.person_id = p.id and m.provider = $1) \
             from people p where p.id > $2 order by p.id limit $3",
        )
        .bind(provider.to_string())
        .bind(after.unwrap_or_default().to_owned())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(candidate).collect()
    }

    /// Makes the mappings of a plan and keeps what it made, with one audit row, which is told the plan's id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn apply_plan(
        &self,
        provider: &ProviderId,
        links: &[Link],
        applied_by: &str,
        audit: impl FnOnce(&str) -> NewAudit,
    ) -> Result<Applied, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let id = Uuid::now_v7().to_string();
        sqlx::query(
            "insert into match_plans (id, provider, applied_by, applied_at, links) values ($1, $2, $3, $4, $5)",
        )
        .bind(id.clone())
        .bind(provider.to_string())
        .bind(applied_by.to_owned())
        .bind(self.now())
        .bind(i64::try_from(links.len()).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        for part in links.chunks(batch::ROWS) {
            let rows: Vec<_> = part.iter().map(|link| (&link.person_id, &link.external_id, &link.email_key)).collect();
            let rows = batch::parameter(&rows)?;
            let still_true: i64 = sqlx::query_scalar(
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
            if usize::try_from(still_true) != Ok(part.len()) {
                return Ok(Applied::Overtaken);
            }
            self.insert_mappings(&mut transaction, provider, rows.clone(), Source::Match).await?;
            sqlx::query(
                "insert into match_links (plan_id, person_id, external_id) \
                 select $2, e.value ->> 0, e.value ->> 1 from json_each($1) as e",
            )
            .persistent(false)
            .bind(rows)
            .bind(id.clone())
            .execute(&mut *transaction)
            .await?;
        }
        self.took(&mut transaction, Table::Mappings, links.len()).await?;
        self.took(&mut transaction, Table::MatchLinks, links.len()).await?;
        self.append_audit(&mut transaction, head, audit(&id)).await?;
        transaction.commit().await?;
        Ok(Applied::Done(id))
    }

    /// Takes every mapping of a plan away, with one audit row, or none of them. A second time changes nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undo_plan(
        &self,
        provider: &ProviderId,
        plan_id: &str,
        audit: impl FnOnce(u64) -> NewAudit,
    ) -> Result<Undone, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let plan = sqlx::query("select links, undone_at from match_plans where id = $1 and provider = $2")
            .bind(plan_id.to_owned())
            .bind(provider.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(plan) = plan else { return Ok(Undone::Unknown) };
        if plan.try_get::<Option<i64>, _>("undone_at")?.is_some() {
            let links: i64 = plan.try_get("links")?;
            return Ok(Undone::Done(u64::try_from(links).unwrap_or_default()));
        }
        let changed = sqlx::query(
            "select p.id, p.name, p.email, p.user_id, p.active, count(*) over () as changed from match_links l \
             join people p on p.id = l.person_id \
             where l.plan_id = $1 and coalesce((select m.external_id from mappings m \
             where m.person_id = l.person_id and m.provider = $2), '') <> l.external_id order by p.id limit $3",
        )
        .bind(plan_id.to_owned())
        .bind(provider.to_string())
        .bind(NAMED)
        .fetch_all(&mut *transaction)
        .await?;
        if let Some(first) = changed.first() {
            let count = u64::try_from(first.try_get::<i64, _>("changed")?).unwrap_or_default();
            return Ok(Undone::Changed { some: changed.iter().map(people::read).collect::<Result<_, _>>()?, count });
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
        Ok(Undone::Done(removed))
    }
}

fn candidate(row: &AnyRow) -> Result<Candidate, StoreError> {
    Ok(Candidate {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        email: row.try_get(2)?,
        email_key: row.try_get(3)?,
        active: row.try_get::<i64, _>(4)? != 0,
        linked: row.try_get(5)?,
    })
}
