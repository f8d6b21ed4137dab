//! A caller's list of accounts by address: taken whole or not at all, whatever it is compared with.

use std::collections::{HashMap, HashSet};

use jackfield_core::{Person, ProviderId, Source};
use sqlx::{Any, Row, Transaction};

use super::{
    NewAudit, Store, StoreError,
    audit::hold_head,
    batch::{self, Table},
    people,
};

/// Conflicts of a list that are told; whoever has mended these is told of the next.
pub const SYNC_CONFLICTS: usize = 100;

/// One line of a caller's list, found by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEntry {
    /// The address as it is compared.
    pub email_key: String,
    pub external_id: String,
}

/// A line of a list that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncConflict {
    /// Which line, from 0.
    pub at: usize,
    pub why: Shared,
}

/// What two lines, or a line and the table, would share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// This earlier line gives the same account to somebody else.
    AccountWithLine(usize),
    /// The account is this person's, and the list does not give them another.
    AccountWithPerson(Person),
    /// This earlier line gives the same person another account.
    PersonWithLine(usize),
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// It was taken: whether there is such a person, for each line, and how many mappings changed.
    Done { found: Vec<bool>, changed: usize },
    /// Nothing was taken.
    Refused(Vec<SyncConflict>),
}

/// A line whose address is somebody's.
struct Found {
    at: usize,
    person_id: String,
    /// The account that is theirs so far.
    linked: Option<String>,
    /// Whose the account of this line is so far.
    holder: Option<String>,
}

impl Store {
    /// Takes a list in, with one audit row, or nothing of it. A line whose address is nobody's is passed over.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sync_mappings(
        &self,
        provider: &ProviderId,
        entries: &[SyncEntry],
        audit: impl FnOnce(usize, usize) -> NewAudit,
    ) -> Result<SyncOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let mut lines = Vec::new();
        for (part, entries) in entries.chunks(batch::ROWS).enumerate() {
            lines.extend(find(&mut transaction, provider, entries, part * batch::ROWS).await?);
        }
        lines.sort_unstable_by_key(|line| line.at);
        let conflicts = self.conflicts(&mut transaction, entries, &lines).await?;
        if !conflicts.is_empty() {
            return Ok(SyncOutcome::Refused(conflicts));
        }
        let mut found = vec![false; entries.len()];
        let mut given: Vec<(&str, &str)> = Vec::new();
        let mut taken: Vec<(&str, &str)> = Vec::new();
        let mut seen = HashSet::new();
        for line in &lines {
            found[line.at] = true;
            let external_id = entries[line.at].external_id.as_str();
            if line.linked.as_deref() != Some(external_id) && seen.insert(line.person_id.as_str()) {
                given.push((&line.person_id, external_id));
                taken.extend(line.linked.as_ref().map(|_| (line.person_id.as_str(), provider.as_str())));
            }
        }
        // All that goes before all that comes, or two people who swap accounts would meet for a moment.
        for part in taken.chunks(batch::ROWS) {
            sqlx::query(
                // The provider comes with each row: as a parameter of its own it would have PostgreSQL guess how many
                // rows it leaves, and that guess may be of a smaller day.
                "delete from mappings where (person_id, provider) in \
                 (select e.value ->> 0, e.value ->> 1 from json_each($1) as e)",
            )
            .persistent(false)
            .bind(batch::parameter(part)?)
            .execute(&mut *transaction)
            .await?;
        }
        for part in given.chunks(batch::ROWS) {
            self.insert_mappings(&mut transaction, provider, batch::parameter(part)?, Source::Sync).await?;
        }
        let changed = given.len();
        self.took(&mut transaction, Table::Mappings, changed).await?;
        let matched = found.iter().filter(|found| **found).count();
        self.append_audit(&mut transaction, head, audit(matched, changed)).await?;
        transaction.commit().await?;
        Ok(SyncOutcome::Done { found, changed })
    }

    /// What stands in the way of a list.
    async fn conflicts(
        &self,
        transaction: &mut Transaction<'static, Any>,
        entries: &[SyncEntry],
        lines: &[Found],
    ) -> Result<Vec<SyncConflict>, StoreError> {
        let mut conflicts = Vec::new();
        let mut by_person: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
        let mut by_account: HashMap<&str, &Found> = HashMap::with_capacity(lines.len());
        for line in lines {
            if conflicts.len() >= SYNC_CONFLICTS {
                break;
            }
            let external_id = entries[line.at].external_id.as_str();
            let first = *by_person.entry(&line.person_id).or_insert(line.at);
            if entries[first].external_id != external_id {
                conflicts.push(SyncConflict { at: line.at, why: Shared::PersonWithLine(first) });
                continue;
            }
            let first = by_account.entry(external_id).or_insert(line);
            if first.person_id != line.person_id {
                conflicts.push(SyncConflict { at: line.at, why: Shared::AccountWithLine(first.at) });
            }
        }
        // A holder to whom the list gives another account makes room; one who keeps it met this line above.
        let stays = |holder: &&str, line: &Found| *holder != line.person_id && !by_person.contains_key(holder);
        for line in lines {
            let Some(holder) = line.holder.as_deref().filter(|holder| stays(holder, line)) else { continue };
            if conflicts.len() >= SYNC_CONFLICTS {
                break;
            }
            if let Some(person) = people::by_id(transaction, holder).await? {
                conflicts.push(SyncConflict { at: line.at, why: Shared::AccountWithPerson(person) });
            }
        }
        conflicts.sort_by_key(|conflict| conflict.at);
        Ok(conflicts)
    }
}

/// Finds whose address each line has, what they have so far, and who has what the line gives them.
async fn find(
    transaction: &mut Transaction<'static, Any>,
    provider: &ProviderId,
    entries: &[SyncEntry],
    offset: usize,
) -> Result<Vec<Found>, StoreError> {
    let sought: Vec<(&str, &str, usize)> =
        entries.iter().zip(offset..).map(|(entry, at)| (&*entry.email_key, &*entry.external_id, at)).collect();
    let rows = sqlx::query(
        "select cast(e.value ->> 2 as bigint), p.id, \
         (select own.external_id from mappings own where own.person_id = p.id and own.provider = $2), \
         (select other.person_id from mappings other where other.provider = $2 and other.external_id = (e.value ->> 1)) \
         from json_each($1) as e join people p on p.email_key = (e.value ->> 0)",
    )
    .persistent(false)
    .bind(batch::parameter(&sought)?)
    .bind(provider.to_string())
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter()
        .map(|row| {
            let at: i64 = row.try_get(0)?;
            Ok(Found {
                at: usize::try_from(at).map_err(|_| StoreError::Corrupt("a position"))?,
                person_id: row.try_get(1)?,
                linked: row.try_get(2)?,
                holder: row.try_get(3)?,
            })
        })
        .collect()
}
