//! The use cases about the company's people: who they are, and which account of a provider is whose. No HTTP, no SQL.

mod accounts;
mod key;
mod mappings;
mod matching;
mod rules;
mod search;
mod sheet;

use std::sync::Arc;

use bytes::Bytes;
use jackfield_core::{Error, FieldError, Outcome, Person, ProviderId, audit::Actor};
use jackfield_store::{Imported, NewAudit, NewPerson, PersonChange, Saved, Store, Who};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::{
    mappings::{SyncRow, Synced, mapping_columns, mapping_lines},
    matching::{Account, Evidence, Mode, Plan, PlannedPerson, Standing, Tally},
    search::{Search, make_findable},
};
use crate::connections::Connections;

/// Matches at once: each holds an index of all people.
const MATCHES: usize = 2;

/// Everything that is done with people.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    connections: Connections,
    matches: Arc<Semaphore>,
}

/// Part of a list, and where the next part starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The id after which the next page starts; none at the end.
    pub next: Option<String>,
}

/// What a caller says of a person, unjudged. What is none was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    pub name: Option<String>,
    pub email: Option<String>,
    /// `Some(None)` takes the id away.
    pub user_id: Option<Option<String>>,
    pub active: Option<bool>,
}

impl<T> Page<T> {
    /// A page of at most so many items, from one more where there are more.
    fn of(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> &String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| id(last).clone());
        Self { items, next }
    }
}

impl People {
    /// Wires the use cases.
    #[must_use]
    pub fn new(store: Store, connections: Connections) -> Self {
        Self { store, connections, matches: Arc::new(Semaphore::new(MATCHES)) }
    }

    /// Reads some people in the order in which they came, from after an id on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn page(&self, after: Option<&str>, limit: u32) -> Result<Page<Person>, Error> {
        let items = self.store.people(after, Who::Everybody, limit.saturating_add(1)).await?;
        Ok(Page::of(items, limit, |person| &person.id))
    }

    /// Takes a new person in.
    ///
    /// # Errors
    /// A field fails its rule, or the address is another person's.
    pub async fn create(&self, submitted: Submitted, actor: &Actor) -> Result<Person, Error> {
        self.store.vault()?;
        let change = judge(submitted, Needed::NameAndEmail)?;
        let (Some((name, sought_name)), Some((email, email_key))) = (change.name, change.email) else {
            return Err(Error::internal("a person without a name or an address passed the rules"));
        };
        let new = NewPerson {
            name,
            sought_name,
            email,
            email_key,
            user_id: change.user_id.flatten(),
            active: change.active.unwrap_or(true),
        };
        let saved = self.store.create_person(new, |person| audit(actor, "person.create", None, person.id.clone()));
        settled(saved.await?, "")
    }

    /// Changes what is given of a person, and leaves the rest.
    ///
    /// # Errors
    /// There is no such person, a field fails its rule, or the address is another person's.
    pub async fn change(&self, id: &str, submitted: Submitted, actor: &Actor) -> Result<Person, Error> {
        self.store.vault()?;
        known_form(id)?;
        let change = judge(submitted, Needed::Nothing)?;
        let saved = self.store.change_person(id, change, |changed| {
            audit(actor, "person.update", None, format!("{id}: {}", changed.join(", ")))
        });
        settled(saved.await?, id)
    }

    /// Removes a person and every mapping of theirs.
    ///
    /// # Errors
    /// There is no such person, or the database fails.
    pub async fn remove(&self, id: &str, actor: &Actor) -> Result<(), Error> {
        self.store.vault()?;
        known_form(id)?;
        if self.store.delete_person(id, audit(actor, "person.delete", None, id.to_owned())).await? {
            return Ok(());
        }
        Err(unknown(id))
    }

    /// Takes a CSV file in: whole, or not at all.
    ///
    /// # Errors
    /// What is wrong with the file, by line and column.
    pub async fn import(&self, file: Bytes, actor: &Actor) -> Result<Imported, Error> {
        import(&self.store, file, actor).await
    }
}

/// Takes a CSV file of people in, for who has a database and no service: whole, or not at all.
///
/// # Errors
/// What is wrong with the file, by line and column.
pub async fn import(store: &Store, file: Bytes, actor: &Actor) -> Result<Imported, Error> {
    store.vault()?;
    // A large file takes a while, in which this thread has others to serve.
    let rows = tokio::task::spawn_blocking(move || sheet::read(&file)).await.map_err(Error::internal)??;
    let imported = store.import_people(&rows, |imported| {
        let Imported { created, updated, unchanged } = imported;
        audit(actor, "people.import", None, format!("{created} created, {updated} updated, {unchanged} unchanged"))
    });
    Ok(imported.await?)
}

/// The line of a CSV file that names the columns.
#[must_use]
pub fn csv_header() -> Vec<u8> {
    sheet::header()
}

/// People as lines of a CSV file, which [`People::import`] reads back.
#[must_use]
pub fn csv_lines(people: &[Person]) -> Vec<u8> {
    sheet::lines(people)
}

/// Which fields a caller has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    NameAndEmail,
    Nothing,
}

/// Holds every field against its rule, and names each that fails.
fn judge(submitted: Submitted, needed: Needed) -> Result<PersonChange, Error> {
    let mut errors = Vec::new();
    let mut take = |field: &str, judged: Option<Result<String, rules::Wrong>>| match judged {
        Some(Ok(value)) => Some(value),
        Some(Err(message)) => {
            errors.push(FieldError::new(field, message));
            None
        }
        None => None,
    };
    let required = || (needed == Needed::NameAndEmail).then(|| Err("is required".to_owned()));
    let name = take("name", submitted.name.map_or_else(required, |name| Some(rules::name(&name))));
    let email = take("email", submitted.email.map_or_else(required, |email| Some(rules::email(&email))));
    let user_id = match submitted.user_id {
        Some(Some(id)) => take("user_id", Some(rules::id(&id).map(str::to_owned))).map(Some),
        other => other,
    };
    if !errors.is_empty() {
        return Err(Error::InvalidFields(errors));
    }
    let name = name.map(|name| {
        let sought = key::sought(&name);
        (name, sought)
    });
    let email = email.map(|email| {
        let key = key::email_key(&email);
        (email, key)
    });
    Ok(PersonChange { name, email, user_id, active: submitted.active })
}

fn settled(saved: Saved, id: &str) -> Result<Person, Error> {
    match saved {
        Saved::Done(person) => Ok(person),
        Saved::Unknown => Err(unknown(id)),
        Saved::EmailTaken(other) => {
            let message = format!("is the address of {} already", named(&other));
            Err(Error::InvalidFields(vec![FieldError::new("email", message)]))
        }
    }
}

/// A person as a message names one.
fn named(person: &Person) -> String {
    format!("{} <{}>", person.name, person.email)
}

/// Whether a text is an id of ours; no other reaches the database.
#[must_use]
pub fn is_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

/// Refuses what is nobody's id without asking the database.
fn known_form(id: &str) -> Result<(), Error> {
    if is_id(id) { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: &str) -> Error {
    Error::UnknownPerson(id.chars().take(40).collect())
}

fn audit(actor: &Actor, action: &'static str, provider: Option<ProviderId>, detail: String) -> NewAudit {
    NewAudit { actor: actor.clone(), action, provider, outcome: Outcome::Done, detail: Some(detail) }
}
