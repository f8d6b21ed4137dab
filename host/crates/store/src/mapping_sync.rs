//! Sync: sets mappings from a list of email addresses and accounts, all or none.

use std::collections::{HashMap, HashSet};

use jackfield_core::{MappingSource, Person, ProviderId};
use sqlx::Row;

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    batch::{self, Table},
    database::transaction::WriteTransaction,
    people,
};

/// The maximum number of conflicts of each kind that are looked for in a list.
const MAX_CONFLICTS: usize = 200;

/// A line of the list to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEntry {
    /// The email address in the form that is compared.
    pub email_key: String,
    pub external_id: String,
    /// Looks the person up, and sets nothing.
    pub is_skipped: bool,
}

/// What a list would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPreview {
    lines: Vec<PreviewedLine>,
    /// Why the list would be refused.
    pub conflicts: Vec<SyncConflict>,
}

/// What a line would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PreviewedLine {
    /// Its email address belongs to nobody.
    Unmatched,
    /// The person has this account already.
    Stored,
    /// It sets the account of a person.
    Change,
    /// It changes nothing, because it is skipped or repeats an earlier line.
    NoChange,
}

impl SyncPreview {
    /// Returns whether the person of a line has its account already.
    #[must_use]
    pub fn is_stored(&self, line: usize) -> bool {
        self.lines.get(line) == Some(&PreviewedLine::Stored)
    }

    /// Lists the lines that would set an account.
    pub fn changes(&self) -> impl Iterator<Item = usize> {
        self.lines.iter().enumerate().filter(|(_, line)| **line == PreviewedLine::Change).map(|(index, _)| index)
    }

    /// Returns the outcome that the sync would have.
    #[must_use]
    pub fn into_outcome(self) -> SyncOutcome {
        if !self.conflicts.is_empty() {
            return SyncOutcome::Refused(self.conflicts);
        }
        let changed = self.changes().count();
        SyncOutcome::Done { found: self.lines.iter().map(|line| *line != PreviewedLine::Unmatched).collect(), changed }
    }
}

/// A line that conflicts with another line or with a stored mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncConflict {
    /// The index of the line, from 0.
    pub line: usize,
    pub reason: SyncConflictReason,
}

/// Why a line cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncConflictReason {
    /// The earlier line with this index assigns the same account to another person.
    AccountWithLine(usize),
    /// The account belongs to this person, who keeps it.
    AccountWithPerson(Person),
    /// The earlier line with this index assigns another account to the same person.
    PersonWithLine(usize),
}

/// The result of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// The list was applied. `found` says which lines matched a person, `changed` how many mappings changed.
    Done { found: Vec<bool>, changed: usize },
    /// The list has conflicts; nothing was changed.
    Refused(Vec<SyncConflict>),
}

/// A line whose email address belongs to a person.
struct MatchedLine {
    index: usize,
    person_id: String,
    /// The current account of the person.
    current_account: Option<String>,
    /// The person who currently has the account of the line.
    account_owner: Option<String>,
}

impl Store {
    /// Returns what a list would change, and changes nothing.
    pub async fn preview_sync(&self, provider: &ProviderId, entries: &[SyncEntry]) -> Result<SyncPreview, StoreError> {
        let mut transaction = self.begin().await?;
        let lines = find_all_people(&mut transaction, provider, entries).await?;
        let conflicts = find_conflicts(&mut transaction, entries, &lines).await?;
        let mut preview = vec![PreviewedLine::Unmatched; entries.len()];
        let mut seen = HashSet::new();
        for line in &lines {
            let entry = &entries[line.index];
            preview[line.index] = if line.current_account.as_ref() == Some(&entry.external_id) {
                PreviewedLine::Stored
            } else if !entry.is_skipped && seen.insert(line.person_id.as_str()) {
                PreviewedLine::Change
            } else {
                PreviewedLine::NoChange
            };
        }
        Ok(SyncPreview { lines: preview, conflicts })
    }

    /// Applies a list. A line whose email address belongs to nobody is skipped.
    ///
    /// `audit` receives the numbers of matched lines and of changed mappings.
    pub async fn sync_mappings(
        &self,
        provider: &ProviderId,
        entries: &[SyncEntry],
        audit: impl FnOnce(usize, usize) -> NewAudit,
    ) -> Result<SyncOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let lines = find_all_people(&mut transaction, provider, entries).await?;
        let conflicts = find_conflicts(&mut transaction, entries, &lines).await?;
        if !conflicts.is_empty() {
            return Ok(SyncOutcome::Refused(conflicts));
        }
        let mut found = vec![false; entries.len()];
        let mut added: Vec<(&str, &str)> = Vec::new();
        let mut removed: Vec<(&str, &str)> = Vec::new();
        let mut seen = HashSet::new();
        for line in &lines {
            found[line.index] = true;
            let SyncEntry { external_id, is_skipped, .. } = &entries[line.index];
            let is_change = line.current_account.as_ref() != Some(external_id) && !is_skipped;
            if is_change && seen.insert(line.person_id.as_str()) {
                added.push((&line.person_id, external_id));
                removed.extend(line.current_account.as_ref().map(|_| (line.person_id.as_str(), provider.as_str())));
            }
        }
        self.replace_mappings(&mut transaction, provider, &removed, &added).await?;
        let changed = added.len();
        let matched = found.iter().filter(|found| **found).count();
        self.append_audit(&mut transaction, head, audit(matched, changed)).await?;
        transaction.commit().await?;
        Ok(SyncOutcome::Done { found, changed })
    }

    /// Removes mappings, each a person and a provider, and adds others, each a person and an account.
    ///
    /// Everything is removed before anything is added, because two people may swap their accounts.
    async fn replace_mappings(
        &self,
        transaction: &mut WriteTransaction,
        provider: &ProviderId,
        removed: &[(&str, &str)],
        added: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        for part in removed.chunks(batch::ROWS) {
            sqlx::query(
                // The provider is part of each row, because PostgreSQL estimates the rows of a separate parameter from
                // statistics that may be outdated.
                "delete from mappings where (person_id, provider) in \
                 (select e.value ->> 0, e.value ->> 1 from json_each($1) as e)",
            )
            .persistent(false)
            .bind(batch::to_parameter(part)?)
            .execute(&mut **transaction)
            .await?;
        }
        for part in added.chunks(batch::ROWS) {
            self.insert_mappings(transaction, provider, batch::to_parameter(part)?, MappingSource::Sync).await?;
        }
        self.analyze_if_large(transaction, Table::Mappings, added.len()).await
    }
}

/// Returns the conflicts of a list, at most [`MAX_CONFLICTS`] of each kind.
async fn find_conflicts(
    transaction: &mut WriteTransaction,
    entries: &[SyncEntry],
    lines: &[MatchedLine],
) -> Result<Vec<SyncConflict>, StoreError> {
    let lines: Vec<&MatchedLine> = lines.iter().filter(|line| !entries[line.index].is_skipped).collect();
    let (mut of_person, mut of_account, mut of_owner) = (Vec::new(), Vec::new(), Vec::new());
    let mut by_person: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
    let mut by_account: HashMap<&str, &MatchedLine> = HashMap::with_capacity(lines.len());
    for line in &lines {
        let external_id = entries[line.index].external_id.as_str();
        let first = *by_person.entry(&line.person_id).or_insert(line.index);
        if entries[first].external_id != external_id {
            of_person.push(SyncConflict { line: line.index, reason: SyncConflictReason::PersonWithLine(first) });
            continue;
        }
        let first = by_account.entry(external_id).or_insert(line);
        if first.person_id != line.person_id {
            of_account
                .push(SyncConflict { line: line.index, reason: SyncConflictReason::AccountWithLine(first.index) });
        }
    }
    // An owner who is in the list gets another account, or the loop above has already found the conflict.
    let keeps = |owner: &&str, line: &MatchedLine| *owner != line.person_id && !by_person.contains_key(owner);
    for line in &lines {
        let Some(owner) = line.account_owner.as_deref().filter(|owner| keeps(owner, line)) else { continue };
        if of_owner.len() >= MAX_CONFLICTS {
            break;
        }
        if let Some(person) = people::find_by_id(transaction, owner).await? {
            of_owner.push(SyncConflict { line: line.index, reason: SyncConflictReason::AccountWithPerson(person) });
        }
    }
    of_person.truncate(MAX_CONFLICTS);
    of_account.truncate(MAX_CONFLICTS);
    let mut conflicts = [of_person, of_account, of_owner].concat();
    conflicts.sort_by_key(|conflict| conflict.line);
    Ok(conflicts)
}

/// Finds the person of each line, in the order of the lines.
async fn find_all_people(
    transaction: &mut WriteTransaction,
    provider: &ProviderId,
    entries: &[SyncEntry],
) -> Result<Vec<MatchedLine>, StoreError> {
    let mut lines = Vec::new();
    for (part, entries) in entries.chunks(batch::ROWS).enumerate() {
        lines.extend(find_people(transaction, provider, entries, part * batch::ROWS).await?);
    }
    lines.sort_unstable_by_key(|line| line.index);
    Ok(lines)
}

/// Finds the person of each line, their current account, and the owner of the new one.
async fn find_people(
    transaction: &mut WriteTransaction,
    provider: &ProviderId,
    entries: &[SyncEntry],
    offset: usize,
) -> Result<Vec<MatchedLine>, StoreError> {
    let keys: Vec<(&str, &str, usize)> =
        entries.iter().zip(offset..).map(|(entry, at)| (&*entry.email_key, &*entry.external_id, at)).collect();
    let rows = sqlx::query(
        "select cast(e.value ->> 2 as bigint), p.id, \
         (select own.external_id from mappings own where own.person_id = p.id and own.provider = $2), \
         (select other.person_id from mappings other where other.provider = $2 and other.external_id = (e.value ->> 1)) \
         from json_each($1) as e join people p on p.email_key = (e.value ->> 0)",
    )
    .persistent(false)
    .bind(batch::to_parameter(&keys)?)
    .bind(provider.to_string())
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter()
        .map(|row| {
            let index: i64 = row.try_get(0)?;
            Ok(MatchedLine {
                index: usize::try_from(index).map_err(|_| StoreError::Corrupt("the index of a line"))?,
                person_id: row.try_get(1)?,
                // An account that cannot be read is replaced, and an owner that cannot be read is somebody else.
                current_account: row.try_get(2).unwrap_or_else(|_| Some(String::new())),
                account_owner: row.try_get(3).unwrap_or_else(|_| Some(String::new())),
            })
        })
        .collect()
}
