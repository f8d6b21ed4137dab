//! Finds whose the accounts of a provider are, by what the provider says of them; links, and undoes, as a whole.

mod directory;
mod lookup;

use jackfield_core::{Error, audit::Actor};
use jackfield_store::{Applied, Link, Undone};

use self::directory::Directory;
use super::{People, audit, is_id, named};

/// People that are read from the database at once.
const PEOPLE: u32 = 2_000;

/// Whether a plan is only to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing changes.
    DryRun,
    /// Who is matched is linked.
    Apply,
}

/// What a match came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub provider: String,
    /// By which it is undone; none of a dry run.
    pub id: Option<String>,
    /// Accounts that the provider listed.
    pub accounts: usize,
    /// Accounts in which nothing points to anybody.
    pub unclaimed: usize,
    pub tally: Tally,
    /// Everybody, the inactive too.
    pub people: Vec<PlannedPerson>,
}

/// How many people stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub matched: usize,
    pub already_linked: usize,
    pub ambiguous: usize,
    pub missing: usize,
    pub orphaned: usize,
}

/// One person, how they stand with the provider, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPerson {
    pub id: Box<str>,
    pub name: Box<str>,
    pub email: Box<str>,
    /// The address as it is compared.
    pub(crate) email_key: Box<str>,
    pub active: bool,
    pub standing: Standing,
    /// The account that is theirs, or will be, or was and is gone.
    pub external_id: Option<Box<str>>,
    /// Why it is ambiguous or orphaned, as a sentence.
    pub reason: Option<&'static str>,
    /// The accounts in which something points to this person; the first few.
    pub accounts: Vec<Account>,
    /// How many there are beyond those.
    pub more_accounts: u32,
}

/// How a person stands with a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// One account has their address, and nobody else's.
    Matched,
    /// They have an account, and the provider lists it.
    AlreadyLinked,
    /// Something points to an account, and a person has to decide.
    Ambiguous,
    /// No account points to them.
    Missing,
    /// They have an account that the provider does not list.
    Orphaned,
}

/// An account of the provider, as far as it says whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub external_id: Box<str>,
    pub name: Box<str>,
    pub email: Option<Box<str>>,
    pub active: bool,
    pub evidence: Evidence,
    /// The other people to whom it points, by their place in [`Plan::people`]; the first few.
    pub others: Vec<u32>,
}

/// What points from an account to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// It is linked to them.
    pub linked: bool,
    /// Its primary address is theirs.
    pub email: bool,
    /// One of its further addresses is theirs.
    pub alias: bool,
    /// Its name is theirs, which alone links nobody.
    pub name: bool,
}

impl People {
    /// Reads the provider's users page by page and finds whose they are. Where asked to, links who is matched; that
    /// can be undone as a whole.
    ///
    /// # Errors
    /// Whatever the provider answers; `conflict` where people or mappings changed while it was read. Nothing is then
    /// linked.
    pub async fn match_accounts(&self, provider: &str, mode: Mode, actor: &Actor) -> Result<Plan, Error> {
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        let _place = self.matches.try_acquire().map_err(|_all_taken| Error::Overloaded {
            what: "other matches are under way".to_owned(),
            retry_after: 5,
        })?;
        let mut directory = Directory::default();
        let mut after: Option<String> = None;
        loop {
            let part = self.store.candidates(&id, after.as_deref(), PEOPLE).await?;
            let Some(last) = part.last() else { break };
            after = Some(last.id.clone());
            part.into_iter().for_each(|person| directory.add(person));
        }
        directory.close();
        self.connections
            .walk_users(provider, |users| users.into_iter().for_each(|user| directory.consider(&user)))
            .await?;
        let mut plan = directory.plan(provider);
        if mode == Mode::Apply {
            let links = plan.links();
            let applied = self.store.apply_plan(&id, &links, &actor.name, |plan| {
                audit(actor, "mappings.match", Some(id.clone()), format!("plan {plan}: {} linked", links.len()))
            });
            match applied.await? {
                Applied::Done(id) => plan.id = Some(id),
                Applied::Overtaken => {
                    return Err(Error::Conflict(
                        "people or mappings were changed while the provider was read; nothing was linked, ask again"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(plan)
    }

    /// Takes every mapping of a plan away again; gives how many. A second time changes nothing.
    ///
    /// # Errors
    /// There is no such plan; or mappings of it were changed since, and nothing is undone.
    pub async fn undo_match(&self, provider: &str, plan_id: &str, actor: &Actor) -> Result<u64, Error> {
        self.store.vault()?;
        let id = self.connections.known_provider(provider)?;
        let unknown = || Error::NotFound("there is no such plan of this provider".to_owned());
        if !is_id(plan_id) {
            return Err(unknown());
        }
        let undone = self.store.undo_plan(&id, plan_id, |links| {
            audit(actor, "mappings.undo", Some(id.clone()), format!("plan {plan_id}: {links} taken away"))
        });
        match undone.await? {
            Undone::Done(links) => Ok(links),
            Undone::Unknown => Err(unknown()),
            Undone::Changed { some, count } => {
                let mut people: Vec<String> = some.iter().map(named).collect();
                let more = count.saturating_sub(people.len() as u64);
                if more > 0 {
                    people.push(format!("{more} more"));
                }
                Err(Error::Conflict(format!(
                    "mappings of this plan were changed since, and nothing was undone: {}",
                    people.join(", ")
                )))
            }
        }
    }
}

impl Plan {
    /// The mappings that the plan makes.
    fn links(&self) -> Vec<Link> {
        let matched = self.people.iter().filter(|person| person.standing == Standing::Matched);
        matched
            .filter_map(|person| {
                Some(Link {
                    person_id: person.id.to_string(),
                    external_id: person.external_id.as_deref()?.to_owned(),
                    email_key: person.email_key.to_string(),
                })
            })
            .collect()
    }
}

impl Standing {
    /// The standing as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::AlreadyLinked => "already_linked",
            Self::Ambiguous => "ambiguous",
            Self::Missing => "missing",
            Self::Orphaned => "orphaned",
        }
    }
}

impl Evidence {
    /// Whether an address points to the person.
    pub(super) fn address(self) -> bool {
        self.email || self.alias
    }

    /// What points to the person, as it is shown.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [("linked", self.linked), ("email", self.email), ("alias", self.alias), ("name", self.name)]
            .into_iter()
            .filter_map(|(name, holds)| holds.then_some(name))
            .collect()
    }
}
