//! The people of the company: list, create, change, delete, import.

use jackfield_core::Person;
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    batch::{self, Table},
    database::transaction::WriteTransaction,
};

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

/// A row of an import.
///
/// It updates the person with the same email address, or creates one. An absent field is not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    pub name: String,
    /// The name in the form that searches compare.
    pub search_name: String,
    pub email: String,
    /// The email address in the form that is compared. It must be unique in the batch.
    pub email_key: String,
    pub user_id: Option<Option<String>>,
    pub active: Option<bool>,
}

/// The numbers of people that an import created, updated and left unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
}

/// The result of creating or changing a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SavePersonResult {
    Done(Person),
    /// There is no such person.
    Unknown,
    /// The email address already belongs to this person.
    EmailTaken(Person),
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
        let rows = sqlx::query(
            "select id, name, email, user_id, active from people where id > $1 and active >= $2 order by id limit $3",
        )
        .bind(after.unwrap_or_default().to_owned())
        .bind(filter.min_active())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(parse_row).collect()
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

    /// Imports all rows with one audit row, or none of them.
    pub async fn import_people(
        &self,
        rows: &[ImportRow],
        audit: impl FnOnce(&ImportCounts) -> NewAudit,
    ) -> Result<ImportCounts, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let mut imported = ImportCounts::default();
        for part in rows.chunks(batch::ROWS) {
            let stored = find_by_emails(&mut transaction, part).await?;
            let (mut created, mut updated) = (Vec::new(), Vec::new());
            for (row, stored) in part.iter().zip(stored) {
                match stored {
                    None => {
                        let id = Uuid::now_v7().to_string();
                        let active = i64::from(row.active.unwrap_or(true));
                        created.push((
                            id,
                            &row.name,
                            &row.email,
                            &row.email_key,
                            row.user_id.clone().flatten(),
                            active,
                            &row.search_name,
                        ));
                    }
                    Some(stored) => {
                        let person = Person {
                            id: stored.id.clone(),
                            name: row.name.clone(),
                            email: row.email.clone(),
                            user_id: row.user_id.clone().unwrap_or_else(|| stored.user_id.clone()),
                            active: row.active.unwrap_or(stored.active),
                        };
                        if person == stored {
                            imported.unchanged += 1;
                        } else {
                            let active = i64::from(person.active);
                            updated.push((
                                person.id,
                                person.name,
                                person.email,
                                person.user_id,
                                active,
                                &row.search_name,
                            ));
                        }
                    }
                }
            }
            imported.created += created.len() as u64;
            imported.updated += updated.len() as u64;
            self.insert_people(&mut transaction, batch::to_parameter(&created)?).await?;
            self.update_people(&mut transaction, batch::to_parameter(&updated)?).await?;
        }
        self.analyze_if_large(&mut transaction, Table::People, rows.len()).await?;
        self.append_audit(&mut transaction, head, audit(&imported)).await?;
        transaction.commit().await?;
        Ok(imported)
    }

    async fn insert_people(&self, transaction: &mut WriteTransaction, created: String) -> Result<(), StoreError> {
        sqlx::query(
            "insert into people (id, name, email, email_key, user_id, active, created_at, updated_at, sought_name) \
             select e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, \
             cast(e.value ->> 5 as bigint), $2, $2, e.value ->> 6 from json_each($1) as e",
        )
        .persistent(false)
        .bind(created)
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    async fn update_people(&self, transaction: &mut WriteTransaction, updated: String) -> Result<(), StoreError> {
        sqlx::query(
            "update people set name = e.value ->> 1, email = e.value ->> 2, user_id = e.value ->> 3, \
             active = cast(e.value ->> 4 as bigint), updated_at = $2, sought_name = e.value ->> 5 from json_each($1) as e \
             where people.id = (e.value ->> 0)",
        )
        .persistent(false)
        .bind(updated)
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
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

/// Finds the person with the email address of each row, in the order of the rows.
async fn find_by_emails(
    transaction: &mut WriteTransaction,
    rows: &[ImportRow],
) -> Result<Vec<Option<Person>>, StoreError> {
    let keys: Vec<(&str, usize)> = rows.iter().enumerate().map(|(at, row)| (row.email_key.as_str(), at)).collect();
    let found = sqlx::query(
        "select cast(e.value ->> 1 as bigint) as position, p.id, p.name, p.email, p.user_id, p.active \
         from json_each($1) as e join people p on p.email_key = (e.value ->> 0)",
    )
    .persistent(false)
    .bind(batch::to_parameter(&keys)?)
    .fetch_all(&mut **transaction)
    .await?;
    let mut stored = vec![None; rows.len()];
    for row in &found {
        let at = usize::try_from(row.try_get::<i64, _>("position")?).unwrap_or(usize::MAX);
        if let Some(person) = stored.get_mut(at) {
            *person = Some(parse_row(row)?);
        }
    }
    Ok(stored)
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

pub(super) fn parse_row(row: &AnyRow) -> Result<Person, StoreError> {
    Ok(Person {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        user_id: row.try_get("user_id")?,
        active: row.try_get::<i64, _>("active")? != 0,
    })
}
