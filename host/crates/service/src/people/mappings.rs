//! Which account of a provider belongs to which person: listed, set and removed by hand, and synced from a list.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use jackfield_core::{
    Error, MappingSource, Person, ProviderId,
    audit::{Action, Actor},
};
use jackfield_store::{NewAudit, PeopleFilter, PersonWithAccounts, RemoveMappingResult, SetMappingResult, SyncOutcome};

use super::{
    Page, People,
    account_list::{AccountList, SyncRow},
    display_person,
    field_rules::validate_id,
    mappings_csv,
    people_csv::MAX_ROWS,
    require_person_id, unknown_person,
};

/// The result of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncResult {
    /// Rows with the email address of a person.
    pub matched: usize,
    /// All rows.
    pub total: usize,
    /// Mappings that were added or changed.
    pub changed: usize,
    /// The email addresses that belong to nobody, as the caller wrote them.
    pub unmatched: Vec<String>,
    /// The rows that were not set, because the provider does not list their accounts.
    pub unlisted: Vec<SyncRow>,
    /// Why the accounts were not compared with the provider's users, if that was tried.
    pub unchecked: Option<String>,
}

/// How to sync a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// Returns what the sync would do, and changes nothing.
    pub is_dry_run: bool,
    /// Also sets accounts that the provider does not list.
    pub sets_unlisted: bool,
}

impl People {
    /// Lists active people with their accounts, after the id `after`.
    ///
    /// They are in the order in which they were added.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list_mapped(&self, after: Option<&str>, limit: u32) -> Result<Page<PersonWithAccounts>, Error> {
        let items = self.store.people_with_accounts(after, PeopleFilter::Active, limit.saturating_add(1)).await?;
        Ok(Page::from_items(items, limit, |mapped| &mapped.person.id))
    }

    /// Maps a person to an account of a provider, and replaces a previous mapping.
    ///
    /// # Errors
    /// [`Error::UnknownPerson`], [`Error::UnknownProvider`]; [`Error::InvalidFields`] if the id is not valid or the
    /// account is another person's.
    pub async fn set_mapping(
        &self,
        person_id: &str,
        provider: &str,
        external_id: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        self.store.require_unsealed()?;
        let id = self.connections.require_provider(provider)?;
        require_person_id(person_id)?;
        let invalid = |message: String| Error::field("external_id", message);
        let external_id = validate_id(external_id).map_err(invalid)?;
        let set = self.store.set_mapping(person_id, &id, external_id, MappingSource::Manual, |before| {
            let detail = match before {
                Some(before) => format!("{person_id}: {external_id} in place of {before}"),
                None => format!("{person_id}: {external_id}"),
            };
            NewAudit::done(actor, Action::MappingSet).with_provider(&id).with_detail(detail)
        });
        match set.await? {
            SetMappingResult::Done => Ok(()),
            SetMappingResult::UnknownPerson => Err(unknown_person(person_id)),
            SetMappingResult::Taken(other) => {
                Err(invalid(format!("is already the account of {}", display_person(&other))))
            }
        }
    }

    /// Removes a person's mapping at a provider, if there is one.
    ///
    /// # Errors
    /// [`Error::UnknownPerson`]; [`Error::UnknownProvider`] if there is neither such a provider nor such a mapping.
    pub async fn remove_mapping(&self, person_id: &str, provider: &str, actor: &Actor) -> Result<(), Error> {
        self.store.require_unsealed()?;
        require_person_id(person_id)?;
        // A provider that was removed can have left mappings behind, so its id need not be known.
        let id = ProviderId::parse(provider).or_else(|_invalid| self.connections.require_provider(provider))?;
        let removed = self.store.remove_mapping(person_id, &id, |before| {
            NewAudit::done(actor, Action::MappingRemove)
                .with_provider(&id)
                .with_detail(format!("{person_id}: {before}"))
        });
        match removed.await? {
            RemoveMappingResult::Done => Ok(()),
            RemoveMappingResult::NotMapped => self.connections.require_provider(provider).map(drop),
            RemoveMappingResult::UnknownPerson => Err(unknown_person(person_id)),
        }
    }

    /// Sets mappings from a list of accounts by email address: all of its rows, or none.
    ///
    /// People who are not in the list keep their mappings. Accounts that the provider does not list are skipped, as far as
    /// its users can be read.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`]; [`Error::InvalidFields`] if rows are not valid, or if two people would share an
    /// account or one person would have two.
    pub async fn sync(
        &self,
        provider: &str,
        rows: Vec<SyncRow>,
        options: SyncOptions,
        actor: &Actor,
    ) -> Result<SyncResult, Error> {
        if rows.len() > MAX_ROWS {
            let message = format!("has more than {MAX_ROWS} rows; split it into several requests");
            return Err(Error::field("mappings", message));
        }
        self.sync_list(provider, AccountList { rows, lines: None }, options, actor).await
    }

    /// Sets mappings from a CSV file, like [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Error::UnknownProvider`]; [`Error::InvalidRows`] with the line of each problem.
    pub async fn sync_file(
        &self,
        provider: &str,
        file: Bytes,
        options: SyncOptions,
        actor: &Actor,
    ) -> Result<SyncResult, Error> {
        self.store.require_unsealed()?;
        let id = self.connections.require_provider(provider)?;
        let parsed = tokio::task::spawn_blocking(move || mappings_csv::parse(&file, id.as_str()));
        self.sync_list(provider, parsed.await.map_err(Error::internal)??, options, actor).await
    }

    async fn sync_list(
        &self,
        provider: &str,
        list: AccountList,
        options: SyncOptions,
        actor: &Actor,
    ) -> Result<SyncResult, Error> {
        self.store.require_unsealed()?;
        let id = self.connections.require_provider(provider)?;
        let mut entries = list.validate()?;
        let preview = self.store.preview_sync(&id, &entries).await?;
        list.require_applicable(&entries, &preview)?;
        let new: HashSet<String> = preview
            .changes()
            .map(|index| entries[index].external_id.clone())
            .filter(|_| !options.sets_unlisted)
            .collect();
        let check = self.connections.find_unlisted(provider, new).await;
        for index in preview.changes() {
            entries[index].is_skipped = check.unlisted.contains(&entries[index].external_id);
        }
        let skipped = entries.iter().filter(|entry| entry.is_skipped).count();
        let total = list.rows.len();
        let outcome = if options.is_dry_run {
            self.store.preview_sync(&id, &entries).await?.into_outcome()
        } else {
            let audit = |matched: usize, changed: usize| {
                let unlisted = if skipped > 0 { format!(", {skipped} not listed") } else { String::new() };
                NewAudit::done(actor, Action::MappingsSync)
                    .with_provider(&id)
                    .with_detail(format!("{matched} of {total} matched, {changed} changed{unlisted}"))
            };
            self.store.sync_mappings(&id, &entries, audit).await?
        };
        let (found, changed) = match outcome {
            SyncOutcome::Done { found, changed } => (found, changed),
            SyncOutcome::Refused(conflicts) => {
                list.require_no_conflict(&conflicts)?;
                return Err(Error::internal("a sync was refused without a conflict"));
            }
        };
        let (mut unmatched, mut unlisted) = (Vec::new(), Vec::new());
        for ((row, entry), found) in list.rows.into_iter().zip(entries).zip(found) {
            if !found {
                unmatched.push(row.email);
            } else if entry.is_skipped {
                unlisted.push(row);
            }
        }
        Ok(SyncResult {
            matched: total - unmatched.len(),
            total,
            changed,
            unmatched,
            unlisted,
            unchecked: check.unchecked,
        })
    }

    /// Lists the providers that have a plugin or a mapping.
    ///
    /// A table of mappings has a column for each of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn mapped_providers(&self) -> Result<Vec<String>, Error> {
        let mut providers = self.connections.provider_ids();
        providers.extend(self.store.mapped_providers().await?);
        Ok(providers.into_iter().collect())
    }

    /// Finds the people that some accounts of a provider belong to, by account.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], or the database fails.
    pub async fn people_by_account(&self, provider: &str, accounts: &[&str]) -> Result<HashMap<String, Person>, Error> {
        let id = self.connections.require_provider(provider)?;
        Ok(self.store.people_by_account(&id, accounts).await?)
    }
}
