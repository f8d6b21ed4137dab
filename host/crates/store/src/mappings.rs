//! Which account of a provider is whose: listed, given and taken away one by one.

use jackfield_core::{Person, ProviderId, Source};
use sqlx::{Any, Row, Transaction};

use super::{NewAudit, Store, StoreError, Who, audit::hold_head, people};

/// One person and the accounts that are theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub person: Person,
    /// The id of the account, by provider.
    pub external_ids: Vec<(String, String)>,
}

/// What became of one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// It is as it was asked for, now or before.
    Done,
    /// There is no such person.
    UnknownPerson,
    /// The account is this other person's.
    Taken(Person),
}

/// What became of a mapping that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Done,
    /// There was none.
    Nothing,
    UnknownPerson,
}

impl Store {
    /// Reads people with their accounts, in the order of their ids: `limit` from after an id on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mapped_people(&self, after: Option<&str>, who: Who, limit: u32) -> Result<Vec<Mapped>, StoreError> {
        let people = self.people(after, who, limit).await?;
        let (Some(first), Some(last)) = (people.first(), people.last()) else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "select person_id, provider, external_id from mappings where person_id >= $1 and person_id <= $2 \
             order by person_id, provider",
        )
        .bind(first.id.clone())
        .bind(last.id.clone())
        .fetch_all(&self.pool)
        .await?;
        let mut list: Vec<Mapped> =
            people.into_iter().map(|person| Mapped { person, external_ids: Vec::new() }).collect();
        for row in &rows {
            let owner: String = row.try_get(0)?;
            // Nobody is found for a person who is not asked for, or who came between the two reads.
            if let Ok(at) = list.binary_search_by(|mapped| mapped.person.id.cmp(&owner)) {
                list[at].external_ids.push((row.try_get(1)?, row.try_get(2)?));
            }
        }
        Ok(list)
    }

    /// Gives an account to a person, in place of what they had at this provider. The audit row is written where that
    /// changes anything, and is told what they had before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_mapping(
        &self,
        person_id: &str,
        provider: &ProviderId,
        external_id: &str,
        source: Source,
        audit: impl FnOnce(Option<&str>) -> NewAudit,
    ) -> Result<Mapping, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        if people::by_id(&mut transaction, person_id).await?.is_none() {
            return Ok(Mapping::UnknownPerson);
        }
        let holder = sqlx::query(
            "select p.id, p.name, p.email, p.user_id, p.active from mappings m join people p on p.id = m.person_id \
             where m.provider = $1 and m.external_id = $2",
        )
        .bind(provider.to_string())
        .bind(external_id.to_owned())
        .fetch_optional(&mut *transaction)
        .await?;
        match holder.as_ref().map(people::read).transpose()? {
            Some(holder) if holder.id != person_id => return Ok(Mapping::Taken(holder)),
            Some(_) => return Ok(Mapping::Done),
            None => {}
        }
        let before = linked(&mut transaction, person_id, provider).await?;
        sqlx::query(
            "insert into mappings (person_id, provider, external_id, source, created_at) values ($1, $2, $3, $4, $5) \
             on conflict (person_id, provider) do update set external_id = excluded.external_id, \
             source = excluded.source, created_at = excluded.created_at",
        )
        .bind(person_id.to_owned())
        .bind(provider.to_string())
        .bind(external_id.to_owned())
        .bind(source.as_str())
        .bind(self.now())
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit(before.as_deref())).await?;
        transaction.commit().await?;
        Ok(Mapping::Done)
    }

    /// Takes a person's account at a provider away. The audit row is written where there was one, and is told which.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_mapping(
        &self,
        person_id: &str,
        provider: &ProviderId,
        audit: impl FnOnce(&str) -> NewAudit,
    ) -> Result<Removed, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        if people::by_id(&mut transaction, person_id).await?.is_none() {
            return Ok(Removed::UnknownPerson);
        }
        let Some(before) = linked(&mut transaction, person_id, provider).await? else { return Ok(Removed::Nothing) };
        sqlx::query("delete from mappings where person_id = $1 and provider = $2")
            .bind(person_id.to_owned())
            .bind(provider.to_string())
            .execute(&mut *transaction)
            .await?;
        self.append_audit(&mut transaction, head, audit(&before)).await?;
        transaction.commit().await?;
        Ok(Removed::Done)
    }

    /// Inserts mappings of rows whose first column is the person and whose second the account.
    pub(super) async fn insert_mappings(
        &self,
        transaction: &mut Transaction<'static, Any>,
        provider: &ProviderId,
        rows: String,
        source: Source,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "insert into mappings (person_id, provider, external_id, source, created_at) \
             select e.value ->> 0, $2, e.value ->> 1, $3, $4 from json_each($1) as e",
        )
        .persistent(false)
        .bind(rows)
        .bind(provider.to_string())
        .bind(source.as_str())
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

/// A person's account at a provider.
async fn linked(
    transaction: &mut Transaction<'static, Any>,
    person_id: &str,
    provider: &ProviderId,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select external_id from mappings where person_id = $1 and provider = $2")
        .bind(person_id.to_owned())
        .bind(provider.to_string())
        .fetch_optional(&mut **transaction)
        .await?)
}
