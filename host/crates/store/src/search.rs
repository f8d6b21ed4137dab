//! People as somebody looks for them: by a part of the name or the address, in the order of names, from anywhere on.

use std::collections::HashMap;

use jackfield_core::{Person, ProviderId};
use sqlx::Row;

use super::{Mapped, Store, StoreError, Who, batch, people};

/// Whom somebody looks for.
#[derive(Clone, Debug)]
pub struct Sought {
    pub who: Who,
    /// A part of the name as names are sought; empty for everybody.
    pub name: String,
    /// The same as addresses are compared: whoever has either is found.
    pub email: String,
    pub linked: Linked,
    /// The provider by which `linked` goes; any where it is none.
    pub provider: Option<ProviderId>,
}

/// Whether somebody has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    Whatever,
    Yes,
    No,
}

/// Some of those who were found, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub items: Vec<T>,
    pub total: u64,
}

/// Whom the parameters 1 to 5 find: least `active`, patterns of name and address, whether linked, provider. What is not
/// asked for is told by an empty text or 0, which the planner strikes out.
macro_rules! whom {
    () => {
        "from people s where s.sought_name is not null and s.active >= $1 \
         and ($2 = '' or s.sought_name like $2 escape '!' or s.email_key like $3 escape '!') \
         and ($4 <> 1 or exists (select 1 from mappings m where m.person_id = s.id and ($5 = '' or m.provider = $5))) \
         and ($4 <> 2 or not exists (select 1 from mappings m where m.person_id = s.id and ($5 = '' or m.provider = $5)))"
    };
}

impl Store {
    /// Finds people, in the order of their names: `limit` from the one at `offset` on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_people(&self, sought: &Sought, offset: u32, limit: u32) -> Result<Found<Person>, StoreError> {
        let (least, name, email) = (sought.who.least(), pattern(&sought.name), pattern(&sought.email));
        let linked = match sought.linked {
            Linked::Whatever => 0_i64,
            Linked::Yes => 1,
            Linked::No => 2,
        };
        let provider = sought.provider.as_ref().map(ToString::to_string).unwrap_or_default();
        let counted = sqlx::query_scalar(concat!("select count(*) ", whom!()))
            .persistent(false)
            .bind(least)
            .bind(name.clone())
            .bind(email.clone())
            .bind(linked)
            .bind(provider.clone())
            .fetch_one(&self.pool);
        let read = sqlx::query(concat!(
            "select p.id, p.name, p.email, p.user_id, p.active from (select s.id, s.sought_name ",
            whom!(),
            " order by s.sought_name, s.id limit $6 offset $7) as page join people p on p.id = page.id \
             order by page.sought_name, page.id"
        ))
        .persistent(false)
        .bind(least)
        .bind(name)
        .bind(email)
        .bind(linked)
        .bind(provider)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool);
        let (total, rows): (i64, _) = tokio::try_join!(counted, read)?;
        let items = rows.iter().map(people::read).collect::<Result<_, _>>()?;
        Ok(Found { items, total: u64::try_from(total).unwrap_or_default() })
    }

    /// Finds people with their accounts, as [`find_people`](Self::find_people) does.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_mapped(&self, sought: &Sought, offset: u32, limit: u32) -> Result<Found<Mapped>, StoreError> {
        let found = self.find_people(sought, offset, limit).await?;
        let ids: Vec<[&str; 1]> = found.items.iter().map(|person| [person.id.as_str()]).collect();
        let rows = sqlx::query(
            "select m.person_id, m.provider, m.external_id from json_each($1) as e \
             join mappings m on m.person_id = (e.value ->> 0) order by m.provider",
        )
        .persistent(false)
        .bind(batch::parameter(&ids)?)
        .fetch_all(&self.pool)
        .await?;
        let mut accounts: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for row in &rows {
            accounts.entry(row.try_get(0)?).or_default().push((row.try_get(1)?, row.try_get(2)?));
        }
        let with_accounts = |person: Person| {
            let external_ids = accounts.remove(&person.id).unwrap_or_default();
            Mapped { person, external_ids }
        };
        Ok(Found { items: found.items.into_iter().map(with_accounts).collect(), total: found.total })
    }

    /// The providers at which anybody has an account.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mapped_providers(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("select distinct provider from mappings order by provider").fetch_all(&self.pool).await?)
    }

    /// How many people have an account at a provider.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_mappings(&self, provider: &ProviderId) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("select count(*) from mappings where provider = $1")
            .bind(provider.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Reads some people of an older version, who cannot be found yet: id and name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unsought_people(&self, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query("select id, name from people where sought_name is null limit $1")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Writes down by which names people are sought, by their ids. It changes nothing that anybody sees.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_sought_names(&self, names: &[(String, String)]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update people set sought_name = e.value ->> 1 from json_each($1) as e where people.id = (e.value ->> 0)",
        )
        .persistent(false)
        .bind(batch::parameter(names)?)
        .execute(&mut *transaction)
        .await?;
        self.took(&mut transaction, batch::Table::People, names.len()).await?;
        Ok(transaction.commit().await?)
    }

    /// Tells whose some accounts of a provider are, by the accounts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn holders(
        &self,
        provider: &ProviderId,
        accounts: &[&str],
    ) -> Result<HashMap<String, Person>, StoreError> {
        let sought: Vec<[&str; 1]> = accounts.iter().map(|account| [*account]).collect();
        let rows = sqlx::query(
            "select m.external_id, p.id, p.name, p.email, p.user_id, p.active from json_each($1) as e \
             join mappings m on m.provider = $2 and m.external_id = (e.value ->> 0) join people p on p.id = m.person_id",
        )
        .persistent(false)
        .bind(batch::parameter(&sought)?)
        .bind(provider.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("external_id")?, people::read(row)?))).collect()
    }
}

/// What a text is compared with that holds this part; empty where everything does.
fn pattern(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
