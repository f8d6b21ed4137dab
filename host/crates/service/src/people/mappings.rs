//! Whose an account of a provider is: listed, given and taken away by hand, and taken over from a caller's list.

use std::collections::HashMap;

use bytes::Bytes;
use jackfield_core::{
    Error, FieldError, Person, ProviderId, Source,
    audit::Actor,
    csv::{self, MOST_ERRORS},
};
use jackfield_store::{Mapped, Mapping, Removed, SYNC_CONFLICTS, Shared, SyncConflict, SyncEntry, SyncOutcome, Who};

use super::{
    Page, People,
    accounts::{self, List},
    audit,
    key::email_key,
    known_form, named, rules,
    sheet::MOST_ROWS,
    unknown,
};

/// One row of a caller's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRow {
    pub email: String,
    pub external_id: String,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Rows whose address is somebody's.
    pub matched: usize,
    /// All rows.
    pub total: usize,
    /// Mappings that are other than before.
    pub changed: usize,
    /// The addresses that are nobody's, as they were given.
    pub unmatched: Vec<String>,
}

impl People {
    /// Reads some active people with their accounts, in the order in which they came, from after an id on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mapped(&self, after: Option<&str>, limit: u32) -> Result<Page<Mapped>, Error> {
        let items = self.store.mapped_people(after, Who::Active, limit.saturating_add(1)).await?;
        Ok(Page::of(items, limit, |mapped| &mapped.person.id))
    }

    /// Gives an account to a person, in place of what they had at this provider.
    ///
    /// # Errors
    /// There is no such person or provider, the id fails its rule, or the account is another person's.
    pub async fn set_mapping(
        &self,
        person_id: &str,
        provider: &str,
        external_id: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        known_form(person_id)?;
        let external_id = rules::id(external_id)
            .map_err(|message| Error::InvalidFields(vec![FieldError::new("external_id", message)]))?;
        let set = self.store.set_mapping(person_id, &id, external_id, Source::Manual, |before| {
            let detail = match before {
                Some(before) => format!("{person_id}: {external_id} in place of {before}"),
                None => format!("{person_id}: {external_id}"),
            };
            audit(actor, "mapping.set", Some(id.clone()), detail)
        });
        match set.await? {
            Mapping::Done => Ok(()),
            Mapping::UnknownPerson => Err(unknown(person_id)),
            Mapping::Taken(other) => {
                let message = format!("is the account of {} already", named(&other));
                Err(Error::InvalidFields(vec![FieldError::new("external_id", message)]))
            }
        }
    }

    /// Takes a person's account at a provider away. Where there is none, nothing is to be done.
    ///
    /// # Errors
    /// There is no such person, or neither such a provider nor a mapping of it.
    pub async fn remove_mapping(&self, person_id: &str, provider: &str, actor: &Actor) -> Result<(), Error> {
        self.store.vault()?;
        known_form(person_id)?;
        // A provider whose component is gone may have left mappings behind.
        let id = ProviderId::parse(provider).or_else(|_no_id| self.connections.known_provider(provider))?;
        let removed = self.store.remove_mapping(person_id, &id, |before| {
            audit(actor, "mapping.remove", Some(id.clone()), format!("{person_id}: {before}"))
        });
        match removed.await? {
            Removed::Done => Ok(()),
            Removed::Nothing => self.connections.known_provider(provider).map(drop),
            Removed::UnknownPerson => Err(unknown(person_id)),
        }
    }

    /// Takes a list of accounts by address over: whole, or not at all. Who is not in the list keeps what they have.
    ///
    /// # Errors
    /// There is no such provider; rows fail their rules; two people would share an account, or one would have two.
    pub async fn sync(&self, provider: &str, rows: Vec<SyncRow>, actor: &Actor) -> Result<Synced, Error> {
        if rows.len() > MOST_ROWS {
            let message = format!("has more than {MOST_ROWS} rows; give it in parts");
            return Err(Error::InvalidFields(vec![FieldError::new("mappings", message)]));
        }
        self.sync_list(provider, Given { rows, lines: None }, actor).await
    }

    /// The same of a CSV file, whose errors name the line.
    ///
    /// # Errors
    /// As [`sync`](Self::sync), or what is wrong with the file.
    pub async fn sync_file(&self, provider: &str, file: Bytes, actor: &Actor) -> Result<Synced, Error> {
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        let read = tokio::task::spawn_blocking(move || accounts::read(&file, id.as_str()));
        let List { rows, lines } = read.await.map_err(Error::internal)??;
        self.sync_list(provider, Given { rows, lines: Some(lines) }, actor).await
    }

    async fn sync_list(&self, provider: &str, given: Given, actor: &Actor) -> Result<Synced, Error> {
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        let entries = given.judge()?;
        let total = given.rows.len();
        let outcome = self.store.sync_mappings(&id, &entries, |matched, changed| {
            audit(actor, "mappings.sync", Some(id.clone()), format!("{matched} of {total} matched, {changed} changed"))
        });
        match outcome.await? {
            SyncOutcome::Refused(conflicts) => Err(given.refusal(&conflicts)),
            SyncOutcome::Done { found, changed } => {
                let rows = given.rows.into_iter().zip(found);
                let unmatched: Vec<String> = rows.filter_map(|(row, found)| (!found).then_some(row.email)).collect();
                Ok(Synced { matched: total - unmatched.len(), total, changed, unmatched })
            }
        }
    }

    /// The providers that a table of mappings has a column for: those with a component, and those with a mapping.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mapped_providers(&self) -> Result<Vec<String>, Error> {
        let mut providers = self.connections.providers();
        providers.extend(self.store.mapped_providers().await?);
        Ok(providers.into_iter().collect())
    }

    /// Whose some accounts of a provider are, by the accounts.
    ///
    /// # Errors
    /// There is no such provider, or the database fails.
    pub async fn holders(&self, provider: &str, accounts: &[&str]) -> Result<HashMap<String, Person>, Error> {
        let id = self.connections.known_provider(provider)?;
        Ok(self.store.holders(&id, accounts).await?)
    }
}

/// The line of a CSV file of mappings that names the columns.
#[must_use]
pub fn mapping_columns(providers: &[String]) -> Vec<u8> {
    accounts::header(providers)
}

/// People with their accounts as lines of a CSV file.
#[must_use]
pub fn mapping_lines(people: &[Mapped], providers: &[String]) -> Vec<u8> {
    accounts::lines(people, providers)
}

/// A caller's list as it was given: in JSON, or as a file with the line of each row.
struct Given {
    rows: Vec<SyncRow>,
    lines: Option<Vec<u64>>,
}

/// What is wrong with a row: its place, the field, the message.
type WrongRow = (usize, &'static str, String);

impl Given {
    /// How a message names a row.
    fn named(&self, at: usize) -> String {
        match self.line(at) {
            Some(line) => format!("on line {line}"),
            None => format!("in mappings[{at}]"),
        }
    }

    fn line(&self, at: usize) -> Option<u64> {
        self.lines.as_ref().and_then(|lines| lines.get(at)).copied()
    }

    /// Holds every row against the rules, and names each that fails.
    fn judge(&self) -> Result<Vec<SyncEntry>, Error> {
        let mut entries = Vec::with_capacity(self.rows.len());
        let (mut wrong, mut more): (Vec<WrongRow>, usize) = (Vec::new(), 0);
        for (at, row) in self.rows.iter().enumerate() {
            let email = rules::sought_email(&row.email).map_err(|message| (at, "email", message));
            let external_id = rules::id(&row.external_id).map_err(|message| (at, "external_id", message));
            match (email, external_id) {
                (Ok(email), Ok(external_id)) => {
                    entries.push(SyncEntry { email_key: email_key(email), external_id: external_id.to_owned() });
                }
                (email, external_id) if wrong.len() < MOST_ERRORS => {
                    wrong.extend(email.err());
                    wrong.extend(external_id.err());
                }
                _ => more += 1,
            }
        }
        if wrong.is_empty() {
            return Ok(entries);
        }
        Err(self.refused(wrong, (more > 0).then(|| format!("has {more} more rows that are wrong"))))
    }

    fn refusal(&self, conflicts: &[SyncConflict]) -> Error {
        let wrong = conflicts
            .iter()
            .map(|SyncConflict { at, why }| match why {
                Shared::AccountWithLine(first) => {
                    let other = self.rows.get(*first).map_or("", |row| row.email.trim());
                    (*at, "external_id", format!("is given to {other} {} already", self.named(*first)))
                }
                Shared::AccountWithPerson(person) => {
                    (*at, "external_id", format!("is the account of {} already", named(person)))
                }
                Shared::PersonWithLine(first) => {
                    (*at, "email", format!("has another account {} already", self.named(*first)))
                }
            })
            .collect();
        let more = conflicts.len() >= SYNC_CONFLICTS;
        self.refused(wrong, more.then(|| "may have more conflicts; these are the first".to_owned()))
    }

    /// The refusal of rows, and a word about those that are not told.
    fn refused(&self, wrong: Vec<WrongRow>, more: Option<String>) -> Error {
        if self.lines.is_some() {
            let line = |at| self.line(at).unwrap_or(1);
            let last = wrong.last().map_or(1, |(at, _, _)| line(*at));
            let rows = wrong.into_iter().map(|(at, field, message)| csv::error(line(at), field, &message));
            return Error::InvalidRows(rows.chain(more.map(|more| csv::error(last, "file", &more))).collect());
        }
        let fields =
            wrong.into_iter().map(|(at, field, message)| FieldError::new(format!("mappings[{at}].{field}"), message));
        Error::InvalidFields(fields.chain(more.map(|more| FieldError::new("mappings", more))).collect())
    }
}
