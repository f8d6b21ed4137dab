//! Matches the accounts of a provider to people, links the matched ones, and undoes a match.

mod hash_index;
mod match_job;
mod matcher;

use jackfield_core::{
    Error, User,
    audit::{Action, Actor},
};
use jackfield_store::{ApplyPlanResult, NewAudit, PlannedMapping, UndoPlanResult};

pub(super) use self::match_job::RunningMatches;
pub use self::match_job::{MatchAnswer, RenderPlan};
use self::{
    match_job::{MatchJob, MatchProgress, cancelled},
    matcher::Matcher,
};
use super::{People, display_person, is_id};

/// People read from the database in one query.
const BATCH: u32 = 2_000;

/// Whether a match stores mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchMode {
    /// Only shows the plan.
    DryRun,
    /// Links the people that are matched.
    Apply,
}

/// The result of a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchPlan {
    pub provider: String,
    /// The id by which the match can be undone; `None` for a dry run.
    pub id: Option<String>,
    /// Number of accounts that the provider listed.
    pub accounts: usize,
    /// Number of accounts that match nobody.
    pub unclaimed: usize,
    pub counts: MatchCounts,
    /// All people, including inactive ones.
    pub people: Vec<PlannedPerson>,
}

/// How many people have each [`MatchStatus`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchCounts {
    pub matched: usize,
    pub already_linked: usize,
    pub ambiguous: usize,
    pub missing: usize,
    pub orphaned: usize,
}

/// One person of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPerson {
    pub id: Box<str>,
    pub name: Box<str>,
    pub email: Box<str>,
    /// The email address in the form in which it is compared.
    pub(crate) email_key: Box<str>,
    pub active: bool,
    pub status: MatchStatus,
    /// The person's account: linked already, to be linked, or no longer listed.
    pub external_id: Option<Box<str>>,
    /// Why the person is ambiguous or orphaned.
    pub reason: Option<&'static str>,
    /// The first few accounts that match this person.
    pub accounts: Vec<MatchedAccount>,
    /// How many other accounts match this person.
    pub more_accounts: u32,
}

/// What a match found for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchStatus {
    /// Exactly one account has their email address, or one of several is active; and it matches nobody else.
    Matched,
    /// They are linked to an account that the provider lists.
    AlreadyLinked,
    /// One or more accounts match, but somebody has to decide.
    Ambiguous,
    /// No account matches.
    Missing,
    /// They are linked to an account that the provider does not list.
    Orphaned,
}

/// An account of the provider that matches a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedAccount {
    pub external_id: Box<str>,
    pub name: Box<str>,
    pub email: Option<Box<str>>,
    pub active: bool,
    pub evidence: Evidence,
    /// The first few other people that it matches: indexes into [`MatchPlan::people`].
    pub others: Vec<u32>,
}

/// Why an account matches a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// It is linked to them.
    pub linked: bool,
    /// Its primary email address is theirs.
    pub email: bool,
    /// One of its other email addresses is theirs.
    pub alias: bool,
    /// It is active, and the other accounts with this email address are not.
    pub only_active: bool,
    /// Its name is theirs. A name alone links nobody.
    pub name: bool,
}

impl People {
    /// Reads all users of a provider and matches them to people. In [`MatchMode::Apply`], links the matched ones.
    async fn work_on_match(&self, job: &MatchJob, progress: &MatchProgress) -> Result<MatchPlan, Error> {
        let mut matcher = Matcher::default();
        let mut after: Option<String> = None;
        loop {
            let batch = self.store.match_candidates(&job.provider, after.as_deref(), BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.id.clone());
            batch.into_iter().for_each(|person| matcher.add_person(person));
        }
        matcher.build_indexes();
        let add_page = |users: Vec<User>| {
            progress.add_page(users.len());
            users.iter().for_each(|user| matcher.add_user(user));
        };
        self.connections.read_all_users(job.provider.as_str(), add_page).await?;
        let mut plan = matcher.into_plan(job.provider.as_str());
        if job.mode == MatchMode::Apply {
            let links = plan.links();
            let audit = NewAudit::done(&job.actor, Action::MappingsMatch)
                .with_provider(&job.provider)
                .with_detail(format!("plan {}: {} linked", job.id, links.len()));
            match self.store.apply_plan(&job.id, &job.provider, &links, &job.actor.name, audit).await? {
                ApplyPlanResult::Done => plan.id = Some(job.id.clone()),
                ApplyPlanResult::Cancelled => return Err(cancelled()),
                ApplyPlanResult::Overtaken => {
                    return Err(Error::Conflict(
                        "people or mappings changed while the provider's users were read; nothing was linked, try again"
                            .to_owned(),
                    ));
                }
            }
        }
        Ok(plan)
    }

    /// Removes every mapping that a match made, and returns how many.
    ///
    /// A second call removes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such match. [`Error::Conflict`] if one of its mappings has changed since;
    /// nothing is removed then.
    pub async fn undo_match(&self, provider: &str, plan_id: &str, actor: &Actor) -> Result<u64, Error> {
        self.store.require_unsealed()?;
        let id = self.connections.require_provider(provider)?;
        let unknown = || {
            Error::NotFound(
                "this provider has no match with that id that can be undone; a match can be undone for 90 days"
                    .to_owned(),
            )
        };
        if !is_id(plan_id) {
            return Err(unknown());
        }
        let undone = self.store.undo_plan(&id, plan_id, |links| {
            NewAudit::done(actor, Action::MappingsUndo)
                .with_provider(&id)
                .with_detail(format!("plan {plan_id}: {links} removed"))
        });
        match undone.await? {
            UndoPlanResult::Done(links) => Ok(links),
            UndoPlanResult::Unknown => Err(unknown()),
            UndoPlanResult::Changed { some, count } => {
                let mut people: Vec<String> = some.iter().map(display_person).collect();
                let more = count.saturating_sub(people.len() as u64);
                if more > 0 {
                    people.push(format!("{more} more"));
                }
                Err(Error::Conflict(format!(
                    "mappings of this match have changed since, so nothing was undone: {}",
                    people.join(", ")
                )))
            }
        }
    }
}

impl MatchPlan {
    /// Lists the mappings that the plan adds.
    fn links(&self) -> Vec<PlannedMapping> {
        let matched = self.people.iter().filter(|person| person.status == MatchStatus::Matched);
        matched
            .filter_map(|person| {
                Some(PlannedMapping {
                    person_id: person.id.to_string(),
                    external_id: person.external_id.as_deref()?.to_owned(),
                    email_key: person.email_key.to_string(),
                })
            })
            .collect()
    }
}

impl Evidence {
    /// Returns whether the account has an email address of the person.
    pub(super) fn has_address(self) -> bool {
        self.email || self.alias
    }

    /// Returns the kinds of evidence as the API writes them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [
            ("linked", self.linked),
            ("email", self.email),
            ("alias", self.alias),
            ("only_active", self.only_active),
            ("name", self.name),
        ]
        .into_iter()
        .filter_map(|(name, applies)| applies.then_some(name))
        .collect()
    }
}
