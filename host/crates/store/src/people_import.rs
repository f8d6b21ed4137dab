//! The import of people: each row creates a person or updates one, all rows or none.

use std::collections::HashSet;

use jackfield_core::Person;
use sqlx::Row;
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    batch::{self, Table},
    database::transaction::WriteTransaction,
    people::parse_for_import,
};

/// A row of an import.
///
/// It updates the person with the same `user_id` or else with the same email address, or creates one. An absent field is
/// not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    pub name: String,
    /// The name in the form that searches compare.
    pub search_name: String,
    pub email: String,
    /// The email address in the form that is compared. It must be unique in the import.
    pub email_key: String,
    /// It must be unique in the import.
    pub user_id: Option<Option<String>>,
    pub active: Option<bool>,
    /// Values that are rejected unless they are stored already.
    pub doubts: Vec<ImportDoubt>,
}

/// A value of a row that is most likely wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportDoubt {
    pub field: DoubtfulField,
    /// Why it is wrong and what to do, without a subject.
    pub message: &'static str,
}

/// A field that can have an [`ImportDoubt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtfulField {
    Name,
    Email,
    UserId,
}

/// The numbers of people that an import created, updated and left unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    Done(ImportCounts),
    /// Rows conflict with stored people; nothing was imported.
    Refused(Vec<ImportConflict>),
}

/// A row that conflicts with stored people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportConflict {
    /// The index of the row, from 0.
    pub row: usize,
    pub reason: ImportConflictReason,
}

/// Why a row cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportConflictReason {
    /// The `user_id` belongs to one person, and the email address to another one.
    TwoPeople { by_user_id: Person, by_email: Person },
    /// The `user_id` belongs to these people, because an earlier version accepted that.
    SharedUserId(Vec<Person>),
    /// A doubtful value is not stored.
    Doubtful(ImportDoubt),
}

impl Store {
    /// Imports all rows with one audit row, or none of them.
    pub async fn import_people(
        &self,
        rows: &[ImportRow],
        audit: impl FnOnce(&ImportCounts) -> NewAudit,
    ) -> Result<ImportOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let mut candidates = Vec::with_capacity(rows.len());
        for part in rows.chunks(batch::ROWS) {
            candidates.extend(find_candidates(&mut transaction, part).await?);
        }
        let stored = match choose_people(rows, candidates) {
            Ok(stored) => stored,
            Err(conflicts) => return Ok(ImportOutcome::Refused(conflicts)),
        };
        let mut imported = ImportCounts::default();
        // All updates precede the new people, because somebody may get the previous address of another person.
        for (rows, stored) in rows.chunks(batch::ROWS).zip(stored.chunks(batch::ROWS)) {
            self.update_people(&mut transaction, rows, stored, &mut imported).await?;
        }
        for (rows, stored) in rows.chunks(batch::ROWS).zip(stored.chunks(batch::ROWS)) {
            self.insert_people(&mut transaction, rows, stored, &mut imported).await?;
        }
        self.analyze_if_large(&mut transaction, Table::People, rows.len()).await?;
        self.append_audit(&mut transaction, head, audit(&imported)).await?;
        transaction.commit().await?;
        Ok(ImportOutcome::Done(imported))
    }

    /// Updates the people of the rows that have one and differ from them.
    async fn update_people(
        &self,
        transaction: &mut WriteTransaction,
        rows: &[ImportRow],
        stored: &[Option<Person>],
        imported: &mut ImportCounts,
    ) -> Result<(), StoreError> {
        let mut updated = Vec::new();
        for (row, stored) in rows.iter().zip(stored) {
            let Some(stored) = stored else { continue };
            let person = Person {
                id: stored.id.clone(),
                name: row.name.clone(),
                email: row.email.clone(),
                user_id: row.user_id.clone().unwrap_or_else(|| stored.user_id.clone()),
                active: row.active.unwrap_or(stored.active),
            };
            if person == *stored {
                imported.unchanged += 1;
                continue;
            }
            let active = i64::from(person.active);
            updated.push((
                person.id,
                person.name,
                person.email,
                &row.email_key,
                person.user_id,
                active,
                &row.search_name,
            ));
        }
        imported.updated += updated.len() as u64;
        sqlx::query(
            "update people set name = e.value ->> 1, email = e.value ->> 2, email_key = e.value ->> 3, \
             user_id = e.value ->> 4, active = cast(e.value ->> 5 as bigint), updated_at = $2, \
             sought_name = e.value ->> 6 from json_each($1) as e where people.id = (e.value ->> 0)",
        )
        .persistent(false)
        .bind(batch::to_parameter(&updated)?)
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Creates the people of the rows that have none.
    async fn insert_people(
        &self,
        transaction: &mut WriteTransaction,
        rows: &[ImportRow],
        stored: &[Option<Person>],
        imported: &mut ImportCounts,
    ) -> Result<(), StoreError> {
        let new = rows.iter().zip(stored).filter(|(_, stored)| stored.is_none());
        let created: Vec<_> = new
            .map(|(row, _)| {
                let id = Uuid::now_v7().to_string();
                let active = i64::from(row.active.unwrap_or(true));
                let user_id = row.user_id.clone().flatten();
                (id, &row.name, &row.email, &row.email_key, user_id, active, &row.search_name)
            })
            .collect();
        imported.created += created.len() as u64;
        sqlx::query(
            "insert into people (id, name, email, email_key, user_id, active, created_at, updated_at, sought_name) \
             select e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, \
             cast(e.value ->> 5 as bigint), $2, $2, e.value ->> 6 from json_each($1) as e",
        )
        .persistent(false)
        .bind(batch::to_parameter(&created)?)
        .bind(self.now())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

/// The stored people that a row may be about.
#[derive(Clone, Debug, Default)]
struct Candidates {
    by_email: Option<Person>,
    /// One person, or more in a database of an earlier version.
    by_user_id: Vec<Person>,
}

/// Finds the candidates of each row, in the order of the rows.
async fn find_candidates(
    transaction: &mut WriteTransaction,
    rows: &[ImportRow],
) -> Result<Vec<Candidates>, StoreError> {
    let keys: Vec<(&str, usize)> = rows.iter().enumerate().map(|(at, row)| (row.email_key.as_str(), at)).collect();
    let user_ids = rows.iter().enumerate().filter_map(|(at, row)| Some((row.user_id.as_ref()?.as_deref()?, at)));
    let user_ids: Vec<(&str, usize)> = user_ids.collect();
    let by_email = sqlx::query(
        "select cast(e.value ->> 1 as bigint) as position, p.id, p.name, p.email, p.user_id, p.active \
         from json_each($1) as e join people p on p.email_key = (e.value ->> 0)",
    )
    .persistent(false)
    .bind(batch::to_parameter(&keys)?)
    .fetch_all(&mut **transaction)
    .await?;
    let by_user_id = sqlx::query(
        "select cast(e.value ->> 1 as bigint) as position, p.id, p.name, p.email, p.user_id, p.active \
         from json_each($1) as e join people p on p.user_id = (e.value ->> 0)",
    )
    .persistent(false)
    .bind(batch::to_parameter(&user_ids)?)
    .fetch_all(&mut **transaction)
    .await?;
    let mut candidates = vec![Candidates::default(); rows.len()];
    let position = |row| -> Result<usize, StoreError> {
        Ok(usize::try_from(Row::try_get::<i64, _>(row, "position")?).unwrap_or(usize::MAX))
    };
    for row in &by_email {
        if let Some(candidates) = candidates.get_mut(position(row)?) {
            candidates.by_email = Some(parse_for_import(row)?);
        }
    }
    for row in &by_user_id {
        if let Some(candidates) = candidates.get_mut(position(row)?) {
            candidates.by_user_id.push(parse_for_import(row)?);
        }
    }
    Ok(candidates)
}

/// Chooses the person whom each row updates; a row without one creates a person.
///
/// The `user_id` identifies a person more certainly than the address, which can change and can be given to somebody
/// else.
///
/// # Errors
/// The rows that conflict with stored people.
fn choose_people(rows: &[ImportRow], candidates: Vec<Candidates>) -> Result<Vec<Option<Person>>, Vec<ImportConflict>> {
    let mut conflicts = Vec::new();
    let mut chosen: Vec<Option<Person>> = vec![None; rows.len()];
    let mut taken: HashSet<String> = HashSet::new();
    let mut by_email_alone = Vec::new();
    for (row, Candidates { by_email, by_user_id }) in candidates.into_iter().enumerate() {
        let same = by_email.as_ref().and_then(|found| by_user_id.iter().find(|other| other.id == found.id));
        let person = match (same, by_user_id.as_slice(), by_email.as_ref()) {
            (Some(person), _, _) => person,
            (None, [], _) => {
                by_email_alone.extend(by_email.map(|person| (row, person)));
                continue;
            }
            (None, [person], None) => person,
            (None, [person], Some(other)) => {
                let reason = ImportConflictReason::TwoPeople { by_user_id: person.clone(), by_email: other.clone() };
                conflicts.push(ImportConflict { row, reason });
                continue;
            }
            (None, _, _) => {
                conflicts.push(ImportConflict { row, reason: ImportConflictReason::SharedUserId(by_user_id) });
                continue;
            }
        };
        taken.insert(person.id.clone());
        chosen[row] = Some(person.clone());
    }
    for (row, person) in by_email_alone {
        // Another row with the person's `user_id` gives them another address, so this one is about somebody new.
        if !taken.contains(&person.id) {
            chosen[row] = Some(person);
        }
    }
    for (row, person) in chosen.iter().enumerate() {
        let is_new = |doubt: &&ImportDoubt| !is_stored(&rows[row], person.as_ref(), doubt.field);
        let doubts = rows[row].doubts.iter().filter(is_new);
        conflicts.extend(doubts.map(|doubt| ImportConflict { row, reason: ImportConflictReason::Doubtful(*doubt) }));
    }
    conflicts.sort_by_key(|conflict| conflict.row);
    if conflicts.is_empty() { Ok(chosen) } else { Err(conflicts) }
}

/// Returns whether the person has the row's value of a field already.
fn is_stored(row: &ImportRow, person: Option<&Person>, field: DoubtfulField) -> bool {
    person.is_some_and(|person| match field {
        DoubtfulField::Name => person.name == row.name,
        DoubtfulField::Email => person.email == row.email,
        DoubtfulField::UserId => Some(&person.user_id) == row.user_id.as_ref(),
    })
}
