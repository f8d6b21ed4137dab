//! Whose an account of a provider is: listed, given and taken away by hand, and taken over from a caller's list.

use super::{Page, People, audit, key::email_key, known_form, named, rules, unknown};
use crate::{
    model::{Error, FieldError, ProviderId, Source, audit::Actor},
    store::{Mapped, Mapping, Removed, SYNC_CONFLICTS, Shared, SyncConflict, SyncEntry, SyncOutcome, Who},
};

/// Rows of one list. More than any company has people, and less than what would fill the memory.
const MOST_ROWS: usize = 250_000;

/// Wrong rows that are told of one list; whoever has mended these is told of the next.
const MOST_ERRORS: usize = 100;

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
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        let entries = judge(&rows)?;
        let total = rows.len();
        let outcome = self.store.sync_mappings(&id, &entries, |matched, changed| {
            audit(actor, "mappings.sync", Some(id.clone()), format!("{matched} of {total} matched, {changed} changed"))
        });
        match outcome.await? {
            SyncOutcome::Refused(conflicts) => Err(refusal(&conflicts, &rows)),
            SyncOutcome::Done { found, changed } => {
                let unmatched: Vec<String> =
                    rows.into_iter().zip(found).filter_map(|(row, found)| (!found).then_some(row.email)).collect();
                Ok(Synced { matched: total - unmatched.len(), total, changed, unmatched })
            }
        }
    }
}

/// Holds every row against the rules, and names each that fails.
fn judge(rows: &[SyncRow]) -> Result<Vec<SyncEntry>, Error> {
    if rows.len() > MOST_ROWS {
        let message = format!("has more than {MOST_ROWS} rows; give it in parts");
        return Err(Error::InvalidFields(vec![FieldError::new("mappings", message)]));
    }
    let mut entries = Vec::with_capacity(rows.len());
    let (mut errors, mut more) = (Vec::new(), 0_usize);
    for (at, row) in rows.iter().enumerate() {
        let email = rules::sought_email(&row.email).map_err(|message| field(at, "email", message));
        let external_id = rules::id(&row.external_id).map_err(|message| field(at, "external_id", message));
        match (email, external_id) {
            (Ok(email), Ok(external_id)) => {
                entries.push(SyncEntry { email_key: email_key(email), external_id: external_id.to_owned() });
            }
            (email, external_id) if errors.len() < MOST_ERRORS => {
                errors.extend(email.err());
                errors.extend(external_id.err());
            }
            _ => more += 1,
        }
    }
    if errors.is_empty() {
        return Ok(entries);
    }
    if more > 0 {
        errors.push(FieldError::new("mappings", format!("has {more} more rows that are wrong")));
    }
    Err(Error::InvalidFields(errors))
}

fn refusal(conflicts: &[SyncConflict], rows: &[SyncRow]) -> Error {
    let mut errors: Vec<FieldError> = conflicts
        .iter()
        .map(|SyncConflict { at, why }| match why {
            Shared::AccountWithLine(first) => {
                let message = format!("is given to {} in mappings[{first}] already", rows[*first].email.trim());
                field(*at, "external_id", message)
            }
            Shared::AccountWithPerson(person) => {
                field(*at, "external_id", format!("is the account of {} already", named(person)))
            }
            Shared::PersonWithLine(first) => {
                field(*at, "email", format!("has another account in mappings[{first}] already"))
            }
        })
        .collect();
    if conflicts.len() >= SYNC_CONFLICTS {
        errors.push(FieldError::new("mappings", "may have more conflicts; these are the first"));
    }
    Error::InvalidFields(errors)
}

fn field(at: usize, name: &str, message: String) -> FieldError {
    FieldError::new(format!("mappings[{at}].{name}"), message)
}
