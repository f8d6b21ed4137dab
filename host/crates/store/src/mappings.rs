//! Mappings: which person has which account at a provider.

use jackfield_core::{MappingSource, Person, ProviderId};
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, PeopleFilter, Store, StoreError, audit::lock_audit, database::transaction::WriteTransaction, people,
};

/// A person and their accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonWithAccounts {
    pub person: Person,
    /// Pairs of provider and account id.
    pub external_ids: Vec<(String, String)>,
}

/// The result of setting a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetMappingResult {
    /// The mapping is stored. It may have been stored before.
    Done,
    /// There is no such person.
    UnknownPerson,
    /// The account already belongs to this person.
    Taken(Person),
}

/// The result of removing a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveMappingResult {
    Done,
    /// The person had no account at this provider.
    NotMapped,
    UnknownPerson,
}

impl Store {
    /// Lists people with their accounts in the order of their ids: at most `limit`, after the id `after`.
    pub async fn people_with_accounts(
        &self,
        after: Option<&str>,
        filter: PeopleFilter,
        limit: u32,
    ) -> Result<Vec<PersonWithAccounts>, StoreError> {
        let people = self.people(after, filter, limit).await?;
        let (Some(first), Some(last)) = (people.first(), people.last()) else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "select person_id, provider, external_id from mappings where person_id >= $1 and person_id <= $2 \
             order by person_id, provider",
        )
        .bind(first.id.clone())
        .bind(last.id.clone())
        .fetch_all(&self.pool)
        .await?;
        let mut list: Vec<PersonWithAccounts> =
            people.into_iter().map(|person| PersonWithAccounts { person, external_ids: Vec::new() }).collect();
        let parse = |row: &AnyRow| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)));
        for (owner, account) in self.parse_readable("mappings", &rows, parse) {
            let owner: String = owner;
            // Mappings of people who do not match the filter, or were added since the first query, are skipped.
            if let Ok(at) = list.binary_search_by(|mapped| mapped.person.id.cmp(&owner)) {
                list[at].external_ids.push(account);
            }
        }
        Ok(list)
    }

    /// Maps a person to an account, in place of their previous account at this provider.
    ///
    /// `audit` receives the previous account. It is not called if the person already has this account.
    pub async fn set_mapping(
        &self,
        person_id: &str,
        provider: &ProviderId,
        external_id: &str,
        source: MappingSource,
        audit: impl FnOnce(Option<&str>) -> NewAudit,
    ) -> Result<SetMappingResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        if people::find_by_id(&mut transaction, person_id).await?.is_none() {
            return Ok(SetMappingResult::UnknownPerson);
        }
        let owner = sqlx::query(
            "select p.id, p.name, p.email, p.user_id, p.active from mappings m join people p on p.id = m.person_id \
             where m.provider = $1 and m.external_id = $2",
        )
        .bind(provider.to_string())
        .bind(external_id.to_owned())
        .fetch_optional(&mut *transaction)
        .await?;
        match owner.as_ref().map(people::parse_row).transpose()? {
            Some(owner) if owner.id != person_id => return Ok(SetMappingResult::Taken(owner)),
            Some(_) => return Ok(SetMappingResult::Done),
            None => {}
        }
        let before = mapped_account(&mut transaction, person_id, provider).await?;
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
        Ok(SetMappingResult::Done)
    }

    /// Removes the account of a person at a provider.
    ///
    /// `audit` receives the account. It is not called if there was none.
    pub async fn remove_mapping(
        &self,
        person_id: &str,
        provider: &ProviderId,
        audit: impl FnOnce(&str) -> NewAudit,
    ) -> Result<RemoveMappingResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        if people::find_by_id(&mut transaction, person_id).await?.is_none() {
            return Ok(RemoveMappingResult::UnknownPerson);
        }
        let Some(before) = mapped_account(&mut transaction, person_id, provider).await? else {
            return Ok(RemoveMappingResult::NotMapped);
        };
        sqlx::query("delete from mappings where person_id = $1 and provider = $2")
            .bind(person_id.to_owned())
            .bind(provider.to_string())
            .execute(&mut *transaction)
            .await?;
        self.append_audit(&mut transaction, head, audit(&before)).await?;
        transaction.commit().await?;
        Ok(RemoveMappingResult::Done)
    }

    /// Inserts mappings from a JSON array of rows, which start with the person and the account.
    pub(super) async fn insert_mappings(
        &self,
        transaction: &mut WriteTransaction,
        provider: &ProviderId,
        rows: String,
        source: MappingSource,
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

/// Returns the account of a person at a provider.
async fn mapped_account(
    transaction: &mut WriteTransaction,
    person_id: &str,
    provider: &ProviderId,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select external_id from mappings where person_id = $1 and provider = $2")
        .bind(person_id.to_owned())
        .bind(provider.to_string())
        .fetch_optional(&mut **transaction)
        .await?)
}
