//! Matches a provider's users to people, by account, email address and name. Pure.
//!
//! Memory grows with the number of people and not of users: each person keeps the first few accounts and counts the
//! others.

use std::collections::{HashMap, hash_map::Entry};

use jackfield_core::User;
use jackfield_store::MatchCandidate;

use super::{Evidence, MatchCounts, MatchPlan, MatchStatus, MatchedAccount, PlannedPerson, hash_index::HashIndex};
use crate::people::{
    field_rules::validate_id,
    normalize::{to_email_key, to_name_key},
};

/// Accounts kept for each person.
const MAX_ACCOUNTS: usize = 3;

/// Other people kept for each account.
const MAX_OTHERS: usize = 3;

/// People of the same name that one user is compared with.
const MAX_NAMESAKES: usize = 16;

/// Characters kept of an account's name.
const MAX_NAME: usize = 100;

const TWO_ACCOUNTS: &str = "more than one account has this email address";
const NO_ACTIVE_ACCOUNT: &str = "more than one account has this email address, and none of them is active";
const TWO_PEOPLE: &str = "the account matches more than one person";
const NAME_ALONE: &str = "only the name is the same, and a name alone links nobody";
const NOT_LISTED: &str = "the provider does not list this account";

/// All people, and the accounts that match them so far.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    people: Vec<PlannedPerson>,
    by_email: HashIndex,
    by_name: HashIndex,
    by_account: HashIndex,
    accounts: usize,
    unclaimed: usize,
}

impl Matcher {
    /// Adds a person. All people are added before the first user.
    pub(super) fn add_person(&mut self, person: MatchCandidate) {
        // Positions have 32 bits; people beyond that are not matched.
        let Ok(position) = u32::try_from(self.people.len()) else { return };
        self.by_email.add(&person.email_key, position);
        let name = to_name_key(&person.name);
        if !name.is_empty() {
            self.by_name.add(&name, position);
        }
        if let Some(account) = &person.account {
            self.by_account.add(account, position);
        }
        self.people.push(PlannedPerson {
            id: person.id.into(),
            name: person.name.into(),
            email: person.email.into(),
            email_key: person.email_key.into(),
            active: person.active,
            status: MatchStatus::Missing,
            external_id: person.account.map(Into::into),
            reason: None,
            accounts: Vec::new(),
            more_accounts: 0,
        });
    }

    /// Builds the indexes, once all people are added.
    pub(super) fn build_indexes(&mut self) {
        self.by_email.build();
        self.by_name.build();
        self.by_account.build();
    }

    /// Adds a user of the provider to each person that it matches.
    pub(super) fn add_user(&mut self, user: &User) {
        self.accounts += 1;
        // An id that cannot be stored as a mapping matches nobody.
        if validate_id(&user.external_id) != Ok(user.external_id.as_str()) {
            self.unclaimed += 1;
            return;
        }
        let matches = self.find_matches(user);
        if matches.is_empty() {
            self.unclaimed += 1;
        }
        for (position, evidence) in &matches {
            let others = matches.iter().map(|(other, _)| *other).filter(|other| other != position);
            let account = MatchedAccount {
                external_id: user.external_id.as_str().into(),
                name: user.name.chars().take(MAX_NAME).collect::<String>().into(),
                email: user.email.as_deref().map(Into::into),
                active: user.active,
                evidence: *evidence,
                others: others.take(MAX_OTHERS).collect(),
            };
            self.people[*position as usize].add_account(account);
        }
    }

    /// Finds the people that a user matches, and why.
    fn find_matches(&self, user: &User) -> Vec<(u32, Evidence)> {
        let mut matches: Vec<(u32, Evidence)> = Vec::new();
        if let Some(position) = self.find_linked(&user.external_id) {
            evidence_for(&mut matches, position).linked = true;
        }
        if let Some(position) = user.email.as_deref().and_then(|email| self.find_by_email(email)) {
            evidence_for(&mut matches, position).email = true;
        }
        for alias in &user.aliases {
            if let Some(position) = self.find_by_email(alias) {
                let evidence = evidence_for(&mut matches, position);
                // Many providers list the primary address among the aliases too.
                evidence.alias = !evidence.email;
            }
        }
        let name = to_name_key(&user.name);
        if matches.is_empty() {
            // Only without a match by address, which is stronger evidence.
            let by_name = Evidence { name: true, ..Evidence::default() };
            matches.extend(self.find_by_name(&name).map(|position| (position, by_name)));
        } else {
            for (position, evidence) in &mut matches {
                evidence.name = !name.is_empty() && to_name_key(&self.people[*position as usize].name) == name;
            }
        }
        matches
    }

    /// Decides each person's status, once all users are added.
    pub(super) fn into_plan(mut self, provider: &str) -> MatchPlan {
        for person in &mut self.people {
            person.decide_status();
        }
        self.separate_shared_accounts();
        let mut counts = MatchCounts::default();
        for person in &self.people {
            *match person.status {
                MatchStatus::Matched => &mut counts.matched,
                MatchStatus::AlreadyLinked => &mut counts.already_linked,
                MatchStatus::Ambiguous => &mut counts.ambiguous,
                MatchStatus::Missing => &mut counts.missing,
                MatchStatus::Orphaned => &mut counts.orphaned,
            } += 1;
        }
        MatchPlan {
            provider: provider.to_owned(),
            id: None,
            accounts: self.accounts,
            unclaimed: self.unclaimed,
            counts,
            people: self.people,
        }
    }

    fn find_linked(&self, external_id: &str) -> Option<u32> {
        let is_theirs = |position: &u32| self.people[*position as usize].external_id.as_deref() == Some(external_id);
        self.by_account.positions(external_id).find(is_theirs)
    }

    fn find_by_email(&self, email: &str) -> Option<u32> {
        let key = to_email_key(email);
        self.by_email.positions(&key).find(|position| *self.people[*position as usize].email_key == *key)
    }

    /// Finds people with this name who are not linked.
    fn find_by_name(&self, name: &str) -> impl Iterator<Item = u32> {
        let is_unlinked = move |position: &u32| {
            let person = &self.people[*position as usize];
            person.external_id.is_none() && to_name_key(&person.name) == name
        };
        self.by_name.positions(name).take(MAX_NAMESAKES).filter(is_unlinked)
    }

    /// Marks people who would share an account as ambiguous.
    ///
    /// They would if a provider lists one account twice, under two email addresses.
    fn separate_shared_accounts(&mut self) {
        let mut shared: Vec<(u32, u32)> = Vec::new();
        let mut first_by_account: HashMap<&str, u32> = HashMap::new();
        for (position, person) in (0..).zip(&self.people) {
            let account = person.external_id.as_deref().filter(|_| person.status == MatchStatus::Matched);
            match account.map(|account| first_by_account.entry(account)) {
                Some(Entry::Occupied(first)) => shared.push((*first.get(), position)),
                Some(Entry::Vacant(free)) => drop(free.insert(position)),
                None => {}
            }
        }
        for (a, b) in shared {
            for (position, other) in [(a, b), (b, a)] {
                let person = &mut self.people[position as usize];
                person.set_ambiguous(TWO_PEOPLE);
                for account in person.accounts.iter_mut().filter(|account| account.evidence.has_address()) {
                    if account.others.len() < MAX_OTHERS && !account.others.contains(&other) {
                        account.others.push(other);
                    }
                }
            }
        }
    }
}

impl PlannedPerson {
    /// Keeps an account that matches, or counts it.
    ///
    /// Stronger matches replace weaker ones, so that of two active accounts with the address both are kept.
    fn add_account(&mut self, account: MatchedAccount) {
        if let Some(known) = self.accounts.iter_mut().find(|known| known.external_id == account.external_id) {
            // The provider listed it twice, as happens when users change while the pages are read.
            known.evidence = known.evidence.or(account.evidence);
            let new: Vec<u32> = account.others.into_iter().filter(|other| !known.others.contains(other)).collect();
            known.others.extend(new);
            known.others.truncate(MAX_OTHERS);
            return;
        }
        if self.accounts.len() < MAX_ACCOUNTS {
            // Reserves exactly one, because most people have one account and there are many people.
            self.accounts.reserve_exact(1);
            self.accounts.push(account);
            return;
        }
        self.more_accounts = self.more_accounts.saturating_add(1);
        let weakest = self.accounts.iter_mut().rev().min_by_key(|known| known.strength());
        if let Some(known) = weakest.filter(|known| known.strength() < account.strength()) {
            *known = account;
        }
    }

    /// Decides the status from the accounts that match.
    fn decide_status(&mut self) {
        if self.external_id.is_some() {
            let is_listed = self.accounts.iter().any(|account| account.evidence.linked);
            self.status = if is_listed { MatchStatus::AlreadyLinked } else { MatchStatus::Orphaned };
            self.reason = (!is_listed).then_some(NOT_LISTED);
            return;
        }
        let has_address = |index: &usize| self.accounts[*index].evidence.has_address();
        let mut candidates: Vec<usize> = (0..self.accounts.len()).filter(has_address).collect();
        let count = candidates.len();
        if count > 1 {
            // An account that somebody has left often keeps the address of the one that replaced it.
            candidates.retain(|index| self.accounts[*index].active);
        }
        match candidates.as_slice() {
            [index] if self.accounts[*index].others.is_empty() => {
                let account = &mut self.accounts[*index];
                account.evidence.only_active = count > 1;
                self.external_id = Some(account.external_id.clone());
                self.status = MatchStatus::Matched;
            }
            [_] => self.set_ambiguous(TWO_PEOPLE),
            [_, _, ..] => self.set_ambiguous(TWO_ACCOUNTS),
            [] if count > 1 => self.set_ambiguous(NO_ACTIVE_ACCOUNT),
            [] if self.accounts.is_empty() => {}
            [] => self.set_ambiguous(NAME_ALONE),
        }
    }

    fn set_ambiguous(&mut self, reason: &'static str) {
        self.accounts.iter_mut().for_each(|account| account.evidence.only_active = false);
        self.status = MatchStatus::Ambiguous;
        self.external_id = None;
        self.reason = Some(reason);
    }
}

impl MatchedAccount {
    /// Returns how strongly the account matches, to compare two accounts of one person.
    fn strength(&self) -> u8 {
        match self.evidence {
            Evidence { linked: true, .. } => 3,
            evidence if evidence.has_address() => 1 + u8::from(self.active),
            _ => 0,
        }
    }
}

impl Evidence {
    fn or(self, other: Self) -> Self {
        Self {
            linked: self.linked || other.linked,
            email: self.email || other.email,
            alias: self.alias || other.alias,
            only_active: self.only_active || other.only_active,
            name: self.name || other.name,
        }
    }
}

/// Returns the evidence for the person at `position`, and adds it if there is none.
fn evidence_for(matches: &mut Vec<(u32, Evidence)>, position: u32) -> &mut Evidence {
    let index = matches.iter().position(|(known, _)| *known == position).unwrap_or_else(|| {
        matches.push((position, Evidence::default()));
        matches.len() - 1
    });
    &mut matches[index].1
}

#[cfg(test)]
mod tests;
