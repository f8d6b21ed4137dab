//! Everybody, found by address, name and account, and what a provider's users say of them. Pure.
//!
//! Grows with the people, never with the users: of each person the first few accounts are kept, and the rest counted.

use std::collections::{HashMap, hash_map::Entry};

use jackfield_core::User;
use jackfield_store::Candidate;

use super::{Account, Evidence, Plan, PlannedPerson, Standing, Tally, lookup::Lookup};
use crate::people::{
    key::{email_key, name_key},
    rules,
};

/// Accounts that are kept of each person.
const ACCOUNTS: usize = 3;

/// Other people that an account names.
const OTHERS: usize = 3;

/// People of one name that are looked at; more of them have an address to be told apart by, or nothing has.
const NAMESAKES: usize = 16;

/// Characters of an account's name that are kept.
const NAME: usize = 100;

const TWO_ACCOUNTS: &str = "more than one account has this address";
const TWO_PEOPLE: &str = "the account points to more than one person";
const NAME_ALONE: &str = "only the name is the same, which alone links nobody";
const GONE: &str = "the provider does not list this account";

/// Everybody, and what was found so far.
#[derive(Debug, Default)]
pub(super) struct Directory {
    people: Vec<PlannedPerson>,
    by_email: Lookup,
    by_name: Lookup,
    by_account: Lookup,
    accounts: usize,
    unclaimed: usize,
}

impl Directory {
    /// Adds a person; all are added before the first user is considered.
    pub(super) fn add(&mut self, person: Candidate) {
        // A place is 32 bits: beyond four thousand million people none is added.
        let Ok(place) = u32::try_from(self.people.len()) else { return };
        self.by_email.add(&person.email_key, place);
        let name = name_key(&person.name);
        if !name.is_empty() {
            self.by_name.add(&name, place);
        }
        if let Some(account) = &person.linked {
            self.by_account.add(account, place);
        }
        self.people.push(PlannedPerson {
            id: person.id.into(),
            name: person.name.into(),
            email: person.email.into(),
            email_key: person.email_key.into(),
            active: person.active,
            standing: Standing::Missing,
            external_id: person.linked.map(Into::into),
            reason: None,
            accounts: Vec::new(),
            more_accounts: 0,
        });
    }

    /// Ends the adding.
    pub(super) fn close(&mut self) {
        self.by_email.close();
        self.by_name.close();
        self.by_account.close();
    }

    /// Looks to whom a user of the provider points.
    pub(super) fn consider(&mut self, user: &User) {
        self.accounts += 1;
        // What could not be stored as anybody's account is nobody's.
        if rules::id(&user.external_id) != Ok(user.external_id.as_str()) {
            self.unclaimed += 1;
            return;
        }
        let mut pointed: Vec<(u32, Evidence)> = Vec::new();
        if let Some(place) = self.owner(&user.external_id) {
            evidence(&mut pointed, place).linked = true;
        }
        if let Some(place) = user.email.as_deref().and_then(|email| self.addressee(email)) {
            evidence(&mut pointed, place).email = true;
        }
        for alias in &user.aliases {
            if let Some(place) = self.addressee(alias) {
                let evidence = evidence(&mut pointed, place);
                // The primary address is often among the others too.
                evidence.alias = !evidence.email;
            }
        }
        let name = name_key(&user.name);
        if pointed.is_empty() {
            // Whose address it has is known better than by the name, so only here does a name point to anybody.
            pointed.extend(self.namesakes(&name).map(|place| (place, Evidence { name: true, ..Evidence::default() })));
        } else {
            for (place, evidence) in &mut pointed {
                evidence.name = !name.is_empty() && name_key(&self.people[*place as usize].name) == name;
            }
        }
        if pointed.is_empty() {
            self.unclaimed += 1;
        }
        for (place, evidence) in &pointed {
            let others = pointed.iter().map(|(other, _)| *other).filter(|other| other != place).take(OTHERS).collect();
            let account = Account {
                external_id: user.external_id.as_str().into(),
                name: user.name.chars().take(NAME).collect::<String>().into(),
                email: user.email.as_deref().map(Into::into),
                active: user.active,
                evidence: *evidence,
                others,
            };
            self.people[*place as usize].take(account);
        }
    }

    /// Who stands how, once every user was considered.
    pub(super) fn plan(mut self, provider: &str) -> Plan {
        for person in &mut self.people {
            person.settle();
        }
        self.part_who_share_an_account();
        let mut tally = Tally::default();
        for person in &self.people {
            *match person.standing {
                Standing::Matched => &mut tally.matched,
                Standing::AlreadyLinked => &mut tally.already_linked,
                Standing::Ambiguous => &mut tally.ambiguous,
                Standing::Missing => &mut tally.missing,
                Standing::Orphaned => &mut tally.orphaned,
            } += 1;
        }
        Plan {
            provider: provider.to_owned(),
            id: None,
            accounts: self.accounts,
            unclaimed: self.unclaimed,
            tally,
            people: self.people,
        }
    }

    fn owner(&self, external_id: &str) -> Option<u32> {
        let is_theirs = |place: &u32| self.people[*place as usize].external_id.as_deref() == Some(external_id);
        self.by_account.places(external_id).find(is_theirs)
    }

    fn addressee(&self, email: &str) -> Option<u32> {
        let key = email_key(email);
        self.by_email.places(&key).find(|place| *self.people[*place as usize].email_key == *key)
    }

    /// The people of a name who have no account yet.
    fn namesakes(&self, name: &str) -> impl Iterator<Item = u32> {
        let is_sought = move |place: &u32| {
            let person = &self.people[*place as usize];
            person.external_id.is_none() && name_key(&person.name) == name
        };
        self.by_name.places(name).take(NAMESAKES).filter(is_sought)
    }

    /// A provider that lists one account under two addresses, in two lines, would have two people share it.
    fn part_who_share_an_account(&mut self) {
        let mut shared: Vec<(u32, u32)> = Vec::new();
        let mut first_by_account: HashMap<&str, u32> = HashMap::new();
        for (place, person) in (0..).zip(&self.people) {
            let account = person.external_id.as_deref().filter(|_| person.standing == Standing::Matched);
            match account.map(|account| first_by_account.entry(account)) {
                Some(Entry::Occupied(first)) => shared.push((*first.get(), place)),
                Some(Entry::Vacant(free)) => drop(free.insert(place)),
                None => {}
            }
        }
        for (a, b) in shared {
            for (place, other) in [(a, b), (b, a)] {
                let person = &mut self.people[place as usize];
                person.leave_open(TWO_PEOPLE);
                for account in person.accounts.iter_mut().filter(|account| account.evidence.address()) {
                    if account.others.len() < OTHERS && !account.others.contains(&other) {
                        account.others.push(other);
                    }
                }
            }
        }
    }
}

impl PlannedPerson {
    /// Keeps an account that points here. Those with an address come before those with a name alone.
    fn take(&mut self, account: Account) {
        if let Some(known) = self.accounts.iter_mut().find(|known| known.external_id == account.external_id) {
            // Listed twice, as when a page moved while it was read.
            known.evidence = known.evidence.and(account.evidence);
            let new: Vec<u32> = account.others.into_iter().filter(|other| !known.others.contains(other)).collect();
            known.others.extend(new);
            known.others.truncate(OTHERS);
            return;
        }
        let strong = |account: &Account| account.evidence.linked || account.evidence.address();
        if self.accounts.len() < ACCOUNTS {
            // One by one: most people have one account, and there are many people.
            self.accounts.reserve_exact(1);
            self.accounts.push(account);
            return;
        }
        self.more_accounts = self.more_accounts.saturating_add(1);
        let linked = account.evidence.linked;
        if let Some(weak) =
            self.accounts.iter_mut().rev().find(|known| linked || !strong(known)).filter(|_| strong(&account))
        {
            *weak = account;
        }
    }

    /// Says how the person stands, from the accounts that point here.
    fn settle(&mut self) {
        if self.external_id.is_some() {
            let listed = self.accounts.iter().any(|account| account.evidence.linked);
            self.standing = if listed { Standing::AlreadyLinked } else { Standing::Orphaned };
            self.reason = (!listed).then_some(GONE);
            return;
        }
        let mut with_address = self.accounts.iter().filter(|account| account.evidence.address());
        match (with_address.next(), with_address.next()) {
            (Some(account), None) if account.others.is_empty() => {
                self.external_id = Some(account.external_id.clone());
                self.standing = Standing::Matched;
            }
            (Some(_), None) => self.leave_open(TWO_PEOPLE),
            (Some(_), Some(_)) => self.leave_open(TWO_ACCOUNTS),
            (None, _) if self.accounts.is_empty() => {}
            (None, _) => self.leave_open(NAME_ALONE),
        }
    }

    fn leave_open(&mut self, reason: &'static str) {
        self.standing = Standing::Ambiguous;
        self.external_id = None;
        self.reason = Some(reason);
    }
}

impl Evidence {
    fn and(self, other: Self) -> Self {
        Self {
            linked: self.linked || other.linked,
            email: self.email || other.email,
            alias: self.alias || other.alias,
            name: self.name || other.name,
        }
    }
}

/// The evidence for a person, among what was found of one user.
fn evidence(pointed: &mut Vec<(u32, Evidence)>, place: u32) -> &mut Evidence {
    let at = pointed.iter().position(|(known, _)| *known == place).unwrap_or_else(|| {
        pointed.push((place, Evidence::default()));
        pointed.len() - 1
    });
    &mut pointed[at].1
}

#[cfg(test)]
mod tests;
