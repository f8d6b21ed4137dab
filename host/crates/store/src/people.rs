//! The people of the company: list, create, change, delete.

use jackfield_core::Person;
use sqlx::{
    Any, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use uuid::Uuid;

use super::{NewAudit, Store, StoreError, audit::lock_audit, database::transaction::WriteTransaction};

/// A person to be created.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub name: String,
    /// The name in the form that searches compare.
    pub search_name: String,
    pub email: String,
    /// The email address in the form that is compared.
    pub email_key: String,
    pub user_id: Option<String>,
    pub active: bool,
}

/// The changes to a person. An absent field is not changed.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    /// The name as it is shown, and in the form that searches compare.
    pub name: Option<(String, String)>,
    /// The email address as it was entered, and in the form that is compared.
    pub email: Option<(String, String)>,
    pub user_id: Option<Option<String>>,
    pub active: Option<bool>,
}

/// The result of creating or changing a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavePersonResult {
    Done(Person),
    /// There is no such person.
    Unknown,
    /// The email address already belongs to this person.
    EmailTaken(Person),
    /// The `user_id` already belongs to this person.
    UserIdTaken(Person),
}

/// Which people to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleFilter {
    All,
    Active,
}

impl PeopleFilter {
    /// Returns the minimum of the column `active`.
    pub(super) fn min_active(self) -> i64 {
        match self {
            Self::All => 0,
            Self::Active => 1,
        }
    }
}

impl Store {
    /// Lists people in the order of their creation: at most `limit`, after the id `after`.
    pub async fn people(
        &self,
        after: Option<&str>,
        filter: PeopleFilter,
        limit: u32,
    ) -> Result<Vec<Person>, StoreError> {
        let query = |after, limit| {
            sqlx::query(
                "select id, name, email, user_id, active from people where id > $1 and active >= $2 \
                 order by id limit $3",
            )
            .bind(after)
            .bind(filter.min_active())
            .bind(limit)
        };
        self.read_people_page(after, limit, query, parse_row).await
    }

    /// Reads a page of people in the order of their ids: at most `limit`, after the id `after`.
    ///
    /// `query` returns the query of a page. Rows that cannot be read do not shorten the page, because a short page is the
    /// last one.
    pub(super) async fn read_people_page<T>(
        &self,
        after: Option<&str>,
        limit: u32,
        query: impl Fn(String, i64) -> Query<'static, Any, AnyArguments>,
        parse: impl Fn(&AnyRow) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        let mut after = after.unwrap_or_default().to_owned();
        loop {
            let missing = limit.saturating_sub(page.len());
            let rows = query(after, i64::try_from(missing).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?;
            page.extend(self.parse_readable("people", &rows, &parse));
            match rows.iter().rev().find_map(|row| row.try_get("id").ok()) {
                Some(last) if rows.len() == missing && page.len() < limit => after = last,
                _ => return Ok(page),
            }
        }
    }

    /// Creates a person. `audit` receives the stored person.
    pub async fn create_person(
        &self,
        new: NewPerson,
        audit: impl FnOnce(&Person) -> NewAudit,
    ) -> Result<SavePersonResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        if let Some(other) = find_by_email(&mut transaction, &new.email_key).await? {
            return Ok(SavePersonResult::EmailTaken(other));
        }
        if let Some(user_id) = &new.user_id
            && let Some(other) = find_by_user_id(&mut transaction, user_id).await?
        {
            return Ok(SavePersonResult::UserIdTaken(other));
        }
        let person = Person {
            id: Uuid::now_v7().to_string(),
            name: new.name,
            email: new.email,
            user_id: new.user_id,
            active: new.active,
        };
        sqlx::query(
            "insert into people (id, name, email, email_key, user_id, active, created_at, updated_at, sought_name) \
             values ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        )
        .bind(person.id.clone())
        .bind(person.name.clone())
        .bind(person.email.clone())
        .bind(new.email_key)
        .bind(person.user_id.clone())
        .bind(i64::from(person.active))
        .bind(self.now())
        .bind(new.search_name)
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit(&person)).await?;
        transaction.commit().await?;
        Ok(SavePersonResult::Done(person))
    }

    /// Changes a person.
    ///
    /// `audit` receives the names of the changed fields; without a change, nothing is written.
    pub async fn change_person(
        &self,
        id: &str,
        change: PersonChange,
        audit: impl FnOnce(&[&str]) -> NewAudit,
    ) -> Result<SavePersonResult, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let Some(stored) = find_by_id(&mut transaction, id).await? else { return Ok(SavePersonResult::Unknown) };
        let mut person = stored.clone();
        let mut email_key = None;
        if let Some((email, key)) = change.email {
            match find_by_email(&mut transaction, &key).await? {
                Some(other) if other.id != id => return Ok(SavePersonResult::EmailTaken(other)),
                _ => (person.email, email_key) = (email, Some(key)),
            }
        }
        let mut search_name = None;
        if let Some((name, search)) = change.name {
            (person.name, search_name) = (name, Some(search));
        }
        person.user_id = change.user_id.unwrap_or(person.user_id);
        // An id that does not change may be another person's too, in a database of an earlier version.
        if let Some(user_id) = person.user_id.as_ref().filter(|_| person.user_id != stored.user_id)
            && let Some(other) = find_by_user_id(&mut transaction, user_id).await?
        {
            return Ok(SavePersonResult::UserIdTaken(other));
        }
        person.active = change.active.unwrap_or(person.active);
        let changed = changed_fields(&stored, &person);
        if changed.is_empty() {
            return Ok(SavePersonResult::Done(person));
        }
        sqlx::query(
            "update people set name = $1, email = $2, email_key = coalesce($3, email_key), user_id = $4, active = $5, \
             updated_at = $6, sought_name = coalesce($8, sought_name) where id = $7",
        )
        .bind(person.name.clone())
        .bind(person.email.clone())
        .bind(email_key)
        .bind(person.user_id.clone())
        .bind(i64::from(person.active))
        .bind(self.now())
        .bind(id.to_owned())
        .bind(search_name)
        .execute(&mut *transaction)
        .await?;
        self.append_audit(&mut transaction, head, audit(&changed)).await?;
        transaction.commit().await?;
        Ok(SavePersonResult::Done(person))
    }

    /// Deletes a person and their mappings. Returns `false` if there is no such person.
    pub async fn delete_person(&self, id: &str, audit: NewAudit) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let removed = sqlx::query("delete from people where id = $1")
            .bind(id.to_owned())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if removed == 0 {
            return Ok(false);
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Lists people who share their `user_id` with somebody, ordered by it: at most `limit`.
    ///
    /// Earlier versions accepted them. Now each id is unique.
    pub async fn people_with_shared_user_id(&self, limit: u32) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query(
            "select id, name, email, user_id, active from people where user_id in \
             (select user_id from people where user_id is not null group by user_id having count(*) > 1) \
             order by user_id, id limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable("people", &rows, parse_row))
    }
}

/// A stored email address in its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEmail {
    pub person_id: String,
    /// The address as it was entered.
    pub email: String,
    /// The address in the form that is compared.
    pub email_key: String,
}

impl Store {
    /// Lists addresses that start or end with punctuation, or contain a character that cannot be seen.
    ///
    /// An earlier version stored them as they were entered.
    pub async fn unclean_emails(&self) -> Result<Vec<StoredEmail>, StoreError> {
        let rows = sqlx::query(
            "select id, email, email_key from people where email_key like 'mailto:%' \
             or substr(email_key, 1, 1) in ('<', '(', '[', '{', '\"', '''', '`', ';', ',', ':', '“', '„', '‘', '‚', '«', '‹') \
             or substr(email_key, length(email_key), 1) in \
             ('>', ')', ']', '}', '\"', '''', '`', ';', ',', ':', '.', '/', '!', '?', '“', '”', '‘', '’', '»', '›') \
             or email_key like '%\u{ad}%' or email_key like '%\u{200b}%' or email_key like '%\u{200c}%' \
             or email_key like '%\u{200d}%' or email_key like '%\u{200e}%' or email_key like '%\u{200f}%' \
             or email_key like '%\u{2060}%' or email_key like '%\u{fe0e}%' or email_key like '%\u{fe0f}%' \
             or email_key like '%\u{feff}%' order by id",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(self.parse_readable("people", &rows, |row| {
            Ok(StoredEmail {
                person_id: row.try_get("id")?,
                email: row.try_get("email")?,
                email_key: row.try_get("email_key")?,
            })
        }))
    }

    /// Changes the form in which a person's address is compared, unless another person has it. Returns whether it did.
    pub async fn set_email_key(&self, person_id: &str, email_key: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        lock_audit(&mut transaction).await?;
        match find_by_email(&mut transaction, email_key).await {
            Ok(Some(other)) if other.id != person_id => return Ok(false),
            // It stops no start.
            Err(StoreError::UnreadableValue(_)) => return Ok(false),
            found => found?,
        };
        sqlx::query("update people set email_key = $1 where id = $2")
            .bind(email_key.to_owned())
            .bind(person_id.to_owned())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Finds a person by id.
pub(super) async fn find_by_id(transaction: &mut WriteTransaction, id: &str) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query("select id, name, email, user_id, active from people where id = $1")
        .bind(id.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    row.as_ref().map(parse_row).transpose()
}

async fn find_by_email(transaction: &mut WriteTransaction, key: &str) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query("select id, name, email, user_id, active from people where email_key = $1")
        .bind(key.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    row.as_ref().map(parse_row).transpose()
}

async fn find_by_user_id(transaction: &mut WriteTransaction, user_id: &str) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query("select id, name, email, user_id, active from people where user_id = $1 limit 1")
        .bind(user_id.to_owned())
        .fetch_optional(&mut **transaction)
        .await?;
    row.as_ref().map(parse_row).transpose()
}

/// Returns the names of the fields in which two states of a person differ.
fn changed_fields(before: &Person, after: &Person) -> Vec<&'static str> {
    [
        ("name", before.name != after.name),
        ("email", before.email != after.email),
        ("user_id", before.user_id != after.user_id),
        ("active", before.active != after.active),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// Parses a row of which an import replaces the values that cannot be read.
pub(super) fn parse_for_import(row: &AnyRow) -> Result<Person, StoreError> {
    parse_row(row).or_else(|_unreadable| {
        Ok(Person {
            id: row.try_get("id")?,
            name: String::new(),
            email: String::new(),
            user_id: row.try_get("user_id").unwrap_or_default(),
            active: row.try_get::<i64, _>("active").map_or(true, |active| active != 0),
        })
    })
}

pub(super) fn parse_row(row: &AnyRow) -> Result<Person, StoreError> {
    Ok(Person {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        user_id: row.try_get("user_id")?,
        active: row.try_get::<i64, _>("active")? != 0,
    })
}
