//! The use cases about the company's people and their accounts at the providers. No HTTP, no SQL.

mod account_list;
mod addresses;
mod field_rules;
mod mappings;
mod mappings_csv;
mod matching;
mod normalize;
mod people_csv;
mod person_input;
mod search;
#[cfg(test)]
mod spreadsheet_cases;
mod stored_people;

use std::sync::Arc;

use bytes::Bytes;
use jackfield_core::{
    Error, Person,
    audit::{Action, Actor},
};
use jackfield_store::{
    ImportCounts, ImportOutcome, NewAudit, NewPerson, PeopleFilter, SavePersonResult, ServiceRun, Store,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::{
    account_list::SyncRow,
    mappings::{SyncOptions, SyncResult},
    mappings_csv::{header as mappings_csv_header, rows as mappings_csv_rows},
    matching::{
        Evidence, MatchAnswer, MatchCounts, MatchMode, MatchPlan, MatchStatus, MatchedAccount, PlannedPerson,
        RenderPlan,
    },
    people_csv::{header as people_csv_header, rows as people_csv_rows},
    person_input::PersonInput,
    search::{PeopleSearch, update_search_names},
    stored_people::{update_email_keys, warn_about_shared_user_ids},
};
use self::{matching::RunningMatches, person_input::RequiredFields};
use crate::connections::Connections;

/// Maximum number of matches that run at once. Each keeps an index of all people in memory.
const CONCURRENT_MATCHES: usize = 2;

/// Maximum length in characters of an unknown person's id in an error.
const UNKNOWN_ID: usize = 40;

/// Reads and changes people and their mappings.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    connections: Connections,
    matches: Arc<Semaphore>,
    running: RunningMatches,
    /// This process, which works on its matches.
    run: ServiceRun,
}

/// One page of a list, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The id after which the next page starts; `None` on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` items.
    ///
    /// One more item in `items` means that there is a next page.
    fn from_items(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> &String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| id(last).clone());
        Self { items, next }
    }
}

impl People {
    /// Creates the use cases from the database and the connections, for the process `run`.
    #[must_use]
    pub fn new(store: Store, connections: Connections, run: ServiceRun) -> Self {
        let matches = Arc::new(Semaphore::new(CONCURRENT_MATCHES));
        Self { store, connections, matches, running: RunningMatches::default(), run }
    }

    /// Lists people in the order in which they were added, after the id `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Page<Person>, Error> {
        let items = self.store.people(after, PeopleFilter::All, limit.saturating_add(1)).await?;
        Ok(Page::from_items(items, limit, |person| &person.id))
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] if a field is missing or not valid, or if another person has this email address;
    /// [`Error::Conflict`] if another person has this `user_id`.
    pub async fn create(&self, input: PersonInput, actor: &Actor) -> Result<Person, Error> {
        self.store.require_unsealed()?;
        let change = input.validate(RequiredFields::NameAndEmail)?;
        let (Some((name, search_name)), Some((email, email_key))) = (change.name, change.email) else {
            return Err(Error::internal("a person without a name or an email address passed validation"));
        };
        let new = NewPerson {
            name,
            search_name,
            email,
            email_key,
            user_id: change.user_id.flatten(),
            active: change.active.unwrap_or(true),
        };
        let saved = self
            .store
            .create_person(new, |person| NewAudit::done(actor, Action::PersonCreate).with_detail(person.id.clone()));
        require_saved(saved.await?, "")
    }

    /// Changes the fields of a person that `input` contains, and keeps the others.
    ///
    /// # Errors
    /// [`Error::UnknownPerson`]; [`Error::InvalidFields`] if a field is not valid, or if another person has this email
    /// address; [`Error::Conflict`] if another person has this `user_id`.
    pub async fn change(&self, id: &str, input: PersonInput, actor: &Actor) -> Result<Person, Error> {
        self.store.require_unsealed()?;
        require_person_id(id)?;
        let change = input.validate(RequiredFields::None)?;
        let saved = self.store.change_person(id, change, |changed| {
            NewAudit::done(actor, Action::PersonUpdate).with_detail(format!("{id}: {}", changed.join(", ")))
        });
        require_saved(saved.await?, id)
    }

    /// Removes a person and their mappings.
    ///
    /// # Errors
    /// [`Error::UnknownPerson`], or the database fails.
    pub async fn remove(&self, id: &str, actor: &Actor) -> Result<(), Error> {
        self.store.require_unsealed()?;
        require_person_id(id)?;
        if self.store.delete_person(id, NewAudit::done(actor, Action::PersonDelete).with_detail(id.to_owned())).await? {
            return Ok(());
        }
        Err(unknown_person(id))
    }

    /// Imports a CSV file of people: all of its rows, or none.
    ///
    /// # Errors
    /// [`Error::InvalidRows`] with every problem, by line and column.
    pub async fn import(&self, file: Bytes, actor: &Actor) -> Result<ImportCounts, Error> {
        import(&self.store, file, actor).await
    }
}

/// Imports a CSV file of people: all of its rows, or none.
///
/// It needs a database, and no running service.
///
/// # Errors
/// [`Error::InvalidRows`] with every problem, by line and column.
pub async fn import(store: &Store, file: Bytes, actor: &Actor) -> Result<ImportCounts, Error> {
    store.require_unsealed()?;
    // Parsing a large file takes seconds, and this thread also serves other requests.
    let file = tokio::task::spawn_blocking(move || people_csv::parse(&file)).await.map_err(Error::internal)??;
    let outcome = store.import_people(&file.rows, |imported| {
        let ImportCounts { created, updated, unchanged } = imported;
        NewAudit::done(actor, Action::PeopleImport)
            .with_detail(format!("{created} created, {updated} updated, {unchanged} unchanged"))
    });
    match outcome.await? {
        ImportOutcome::Done(counts) => Ok(counts),
        ImportOutcome::Refused(conflicts) => Err(file.conflict_error(conflicts)),
    }
}

/// Returns whether `text` has the form of a person's or a plan's id.
///
/// Other texts are not looked up in the database.
#[must_use]
pub fn is_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

fn require_person_id(id: &str) -> Result<(), Error> {
    if is_id(id) { Ok(()) } else { Err(unknown_person(id)) }
}

fn require_saved(saved: SavePersonResult, id: &str) -> Result<Person, Error> {
    match saved {
        SavePersonResult::Done(person) => Ok(person),
        SavePersonResult::Unknown => Err(unknown_person(id)),
        SavePersonResult::EmailTaken(other) => {
            let message = format!("is already the email address of {}", display_person(&other));
            Err(Error::field("email", message))
        }
        SavePersonResult::UserIdTaken(other) => Err(Error::Conflict(format!(
            "the user_id already belongs to {}; if this is the same person, change that person's email address, \
             otherwise correct one of the two; nothing was stored",
            display_person(&other)
        ))),
    }
}

fn unknown_person(id: &str) -> Error {
    Error::UnknownPerson(id.chars().take(UNKNOWN_ID).collect())
}

/// Formats a person for an error message: `Ada Lovelace <ada@acme.example>`.
fn display_person(person: &Person) -> String {
    format!("{} <{}>", person.name, person.email)
}
