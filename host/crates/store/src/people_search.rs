//! Searches people by a part of their name or email address, and by their accounts.

use std::collections::HashMap;

use jackfield_core::{Person, ProviderId};
use sqlx::{Row, any::AnyRow};

use super::{PeopleFilter, PersonWithAccounts, Store, StoreError, batch, people};

/// The conditions of a search for people.
#[derive(Clone, Debug)]
pub struct PeopleQuery {
    pub filter: PeopleFilter,
    /// A part of the name, in the form that searches compare. An empty text finds everybody.
    pub name: String,
    /// The same text in the form in which email addresses are compared. Either of the two may match.
    pub email: String,
    pub mapping: MappingFilter,
    /// The provider that `mapping` refers to. Any provider if it is absent.
    pub provider: Option<ProviderId>,
}

/// Whether the people to be found have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingFilter {
    Any,
    Mapped,
    Unmapped,
}

/// A page of search results, and the total number of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage<T> {
    pub items: Vec<T>,
    pub total: u64,
}

/// The condition of a search.
///
/// Its parameters 1 to 5 are the minimum of `active`, the patterns for the name and the email address, the
/// [`MappingFilter`] as a number, and the provider. A filter that is an empty string or 0 matches everybody, and the
/// query planner removes it.
macro_rules! matching_people {
    () => {
        "from people s where s.sought_name is not null and s.active >= $1 \
         and ($2 = '' or s.sought_name like $2 escape '!' or s.email_key like $3 escape '!') \
         and ($4 <> 1 or exists (select 1 from mappings m where m.person_id = s.id and ($5 = '' or m.provider = $5))) \
         and ($4 <> 2 or not exists (select 1 from mappings m where m.person_id = s.id and ($5 = '' or m.provider = $5)))"
    };
}

impl Store {
    /// Finds people in the order of their names, at most `limit` starting at `offset`.
    pub async fn find_people(
        &self,
        query: &PeopleQuery,
        offset: u32,
        limit: u32,
    ) -> Result<SearchPage<Person>, StoreError> {
        let (least, name, email) = (query.filter.min_active(), pattern(&query.name), pattern(&query.email));
        let mapping = match query.mapping {
            MappingFilter::Any => 0_i64,
            MappingFilter::Mapped => 1,
            MappingFilter::Unmapped => 2,
        };
        let provider = query.provider.as_ref().map(ToString::to_string).unwrap_or_default();
        let counted = sqlx::query_scalar(concat!("select count(*) ", matching_people!()))
            .persistent(false)
            .bind(least)
            .bind(name.clone())
            .bind(email.clone())
            .bind(mapping)
            .bind(provider.clone())
            .fetch_one(&self.pool);
        let read = sqlx::query(concat!(
            "select p.id, p.name, p.email, p.user_id, p.active from (select s.id, s.sought_name ",
            matching_people!(),
            " order by s.sought_name, s.id limit $6 offset $7) as page join people p on p.id = page.id \
             order by page.sought_name, page.id"
        ))
        .persistent(false)
        .bind(least)
        .bind(name)
        .bind(email)
        .bind(mapping)
        .bind(provider)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool);
        let (total, rows): (i64, _) = tokio::try_join!(counted, read)?;
        let items = self.parse_readable("people", &rows, people::parse_row);
        Ok(SearchPage { items, total: u64::try_from(total).unwrap_or_default() })
    }

    /// Finds people like [`find_people`](Self::find_people), with their accounts.
    pub async fn find_people_with_accounts(
        &self,
        query: &PeopleQuery,
        offset: u32,
        limit: u32,
    ) -> Result<SearchPage<PersonWithAccounts>, StoreError> {
        let found = self.find_people(query, offset, limit).await?;
        let ids: Vec<[&str; 1]> = found.items.iter().map(|person| [person.id.as_str()]).collect();
        let rows = sqlx::query(
            "select m.person_id, m.provider, m.external_id from json_each($1) as e \
             join mappings m on m.person_id = (e.value ->> 0) order by m.provider",
        )
        .persistent(false)
        .bind(batch::to_parameter(&ids)?)
        .fetch_all(&self.pool)
        .await?;
        let mut accounts: HashMap<String, Vec<(String, String)>> = HashMap::new();
        let parse = |row: &AnyRow| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)));
        for (owner, account) in self.parse_readable("mappings", &rows, parse) {
            accounts.entry(owner).or_default().push(account);
        }
        let with_accounts = |person: Person| {
            let external_ids = accounts.remove(&person.id).unwrap_or_default();
            PersonWithAccounts { person, external_ids }
        };
        Ok(SearchPage { items: found.items.into_iter().map(with_accounts).collect(), total: found.total })
    }

    /// Lists the providers at which anybody has an account.
    pub async fn mapped_providers(&self) -> Result<Vec<String>, StoreError> {
        let rows =
            sqlx::query("select distinct provider from mappings order by provider").fetch_all(&self.pool).await?;
        Ok(self.parse_readable("mappings", &rows, |row| Ok(row.try_get(0)?)))
    }

    /// Returns how many people have an account at a provider.
    pub async fn count_mappings(&self, provider: &ProviderId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("select count(*) from mappings where provider = $1")
            .bind(provider.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Returns the ids and names of some people without a search name, after the id `after`.
    ///
    /// A version without search has stored them. A name that cannot be read counts as empty.
    pub async fn people_without_search_name(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let rows =
            sqlx::query("select id, name from people where sought_name is null and id > $2 order by id limit $1")
                .bind(i64::from(limit))
                .bind(after.to_owned())
                .fetch_all(&self.pool)
                .await?;
        Ok(self.parse_readable("people", &rows, |row| Ok((row.try_get(0)?, row.try_get(1).unwrap_or_default()))))
    }

    /// Stores the search names of people. Each pair is an id and a search name.
    pub async fn set_search_names(&self, names: &[(String, String)]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update people set sought_name = e.value ->> 1 from json_each($1) as e where people.id = (e.value ->> 0)",
        )
        .persistent(false)
        .bind(batch::to_parameter(names)?)
        .execute(&mut *transaction)
        .await?;
        self.analyze_if_large(&mut transaction, batch::Table::People, names.len()).await?;
        transaction.commit().await
    }

    /// Returns the names of the people with these ids, by id. Nobody has the id of a person who was removed.
    pub async fn people_names(&self, ids: &[&str]) -> Result<HashMap<String, String>, StoreError> {
        let rows: Vec<[&str; 1]> = ids.iter().map(|id| [*id]).collect();
        let rows = sqlx::query("select p.id, p.name from json_each($1) as e join people p on p.id = (e.value ->> 0)")
            .persistent(false)
            .bind(batch::to_parameter(&rows)?)
            .fetch_all(&self.pool)
            .await?;
        let parse = |row: &AnyRow| Ok((row.try_get("id")?, row.try_get("name")?));
        Ok(self.parse_readable("people", &rows, parse).into_iter().collect())
    }

    /// Returns the owners of accounts of a provider, by account.
    pub async fn people_by_account(
        &self,
        provider: &ProviderId,
        accounts: &[&str],
    ) -> Result<HashMap<String, Person>, StoreError> {
        let rows: Vec<[&str; 1]> = accounts.iter().map(|account| [*account]).collect();
        let rows = sqlx::query(
            "select m.external_id, p.id, p.name, p.email, p.user_id, p.active from json_each($1) as e \
             join mappings m on m.provider = $2 and m.external_id = (e.value ->> 0) join people p on p.id = m.person_id",
        )
        .persistent(false)
        .bind(batch::to_parameter(&rows)?)
        .bind(provider.to_string())
        .fetch_all(&self.pool)
        .await?;
        let parse = |row: &AnyRow| Ok((row.try_get("external_id")?, people::parse_row(row)?));
        Ok(self.parse_readable("people", &rows, parse).into_iter().collect())
    }
}

/// Returns the `like` pattern for texts that contain a part, or nothing for an empty part.
fn pattern(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let mut pattern = String::from("%");
    for character in part.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
