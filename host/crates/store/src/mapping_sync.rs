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

/// The maximum number of conflicts that a rejected list reports.
pub const MAX_SYNC_CONFLICTS: usize = 100;

/// A line of the list to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEntry {
    /// The email address in the form that is compared.
    pub email_key: String,
    pub external_id: String,
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
        let mut lines = Vec::new();
        for (part, entries) in entries.chunks(batch::ROWS).enumerate() {
            lines.extend(find_people(&mut transaction, provider, entries, part * batch::ROWS).await?);
        }
        lines.sort_unstable_by_key(|line| line.index);
        let conflicts = self.conflicts(&mut transaction, entries, &lines).await?;
        if !conflicts.is_empty() {
            return Ok(SyncOutcome::Refused(conflicts));
        }
        let mut found = vec![false; entries.len()];
        let mut added: Vec<(&str, &str)> = Vec::new();
        let mut removed: Vec<(&str, &str)> = Vec::new();
        let mut seen = HashSet::new();
        for line in &lines {
            found[line.index] = true;
            let external_id = entries[line.index].external_id.as_str();
            if line.current_account.as_deref() != Some(external_id) && seen.insert(line.person_id.as_str()) {
                added.push((&line.person_id, external_id));
                removed.extend(line.current_account.as_ref().map(|_| (line.person_id.as_str(), provider.as_str())));
            }
        }
        // Everything is removed before anything is added, because two people may swap their accounts.
        for part in removed.chunks(batch::ROWS) {
            sqlx::query(
                // The provider is part of each row, because PostgreSQL estimates the rows of a separate parameter from
                // statistics that may be outdated.
                "delete from mappings where (person_id, provider) in \
                 (select e.value ->> 0, e.value ->> 1 from json_each($1) as e)",
            )
            .persistent(false)
            .bind(batch::to_parameter(part)?)
            .execute(&mut *transaction)
            .await?;
        }
        for part in added.chunks(batch::ROWS) {
            self.insert_mappings(&mut transaction, provider, batch::to_parameter(part)?, MappingSource::Sync).await?;
        }
        let changed = added.len();
        self.analyze_if_large(&mut transaction, Table::Mappings, changed).await?;
        let matched = found.iter().filter(|found| **found).count();
        self.append_audit(&mut transaction, head, audit(matched, changed)).await?;
        transaction.commit().await?;
        Ok(SyncOutcome::Done { found, changed })
    }

    /// Returns the conflicts of a list.
    async fn conflicts(
        &self,
        transaction: &mut WriteTransaction,
        entries: &[SyncEntry],
        lines: &[MatchedLine],
    ) -> Result<Vec<SyncConflict>, StoreError> {
        let mut conflicts = Vec::new();
        let mut by_person: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
        let mut by_account: HashMap<&str, &MatchedLine> = HashMap::with_capacity(lines.len());
        for line in lines {
            if conflicts.len() >= MAX_SYNC_CONFLICTS {
                break;
            }
            let external_id = entries[line.index].external_id.as_str();
            let first = *by_person.entry(&line.person_id).or_insert(line.index);
            if entries[first].external_id != external_id {
                conflicts.push(SyncConflict { line: line.index, reason: SyncConflictReason::PersonWithLine(first) });
                continue;
            }
            let first = by_account.entry(external_id).or_insert(line);
            if first.person_id != line.person_id {
                conflicts
                    .push(SyncConflict { line: line.index, reason: SyncConflictReason::AccountWithLine(first.index) });
            }
        }
        // An owner who is in the list gets another account, or the loop above has already found the conflict.
        let keeps = |owner: &&str, line: &MatchedLine| *owner != line.person_id && !by_person.contains_key(owner);
        for line in lines {
            let Some(owner) = line.account_owner.as_deref().filter(|owner| keeps(owner, line)) else { continue };
            if conflicts.len() >= MAX_SYNC_CONFLICTS {
                break;
            }
            if let Some(person) = people::find_by_id(transaction, owner).await? {
                conflicts
                    .push(SyncConflict { line: line.index, reason: SyncConflictReason::AccountWithPerson(person) });
            }
        }
        conflicts.sort_by_key(|conflict| conflict.line);
        Ok(conflicts)
    }
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
                current_account: row.try_get(2)?,
                account_owner: row.try_get(3)?,
            })
        })
        .collect()
}
