//! How each provider stands, from what lies in the folder, what is offered and what was decided. Pure.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jackfield_core::manifest::Manifest;
use jackfield_sandbox::{
    Component,
    catalog::{Entry, Previous, State, Trust, Version},
    imitation::looks_like,
};
use jackfield_signing::Verdict;
use jackfield_store::{Approval, Decision, Offer};
use semver::Version as Semver;

use super::folder::Look;

/// A file in the plugins' folder, as it was when it was looked at.
#[derive(Debug)]
pub(super) struct Lying {
    pub(super) look: Look,
    pub(super) found: Found,
}

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    Component {
        id: String,
        digest: String,
        /// What its signature comes to; none is looked for where no key is trusted.
        signature: Verdict,
        /// Kept until the database has them.
        bytes: Option<Vec<u8>>,
    },
    Broken {
        digest: Option<String>,
        why: String,
    },
}

/// Components by digest, or why one cannot be used.
pub(super) type Loaded = BTreeMap<String, Result<Component, String>>;

/// Files by the id of the provider that they are taken for.
pub(super) type Owners = BTreeMap<String, String>;

/// What was read from the database at one moment.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) revision: i64,
    pub(super) approvals: Vec<Approval>,
    pub(super) offers: Vec<Offer>,
}

impl Read {
    /// The digests that have to be loaded to tell how things stand.
    pub(super) fn needed(&self) -> BTreeSet<String> {
        let decided = self.approvals.iter().filter(|approval| approval.decision != Some(Decision::Superseded));
        let decided = decided.filter(|approval| approval.decision != Some(Decision::Removed));
        let decided = decided.map(|approval| approval.digest.clone());
        decided.chain(self.offers.iter().map(|offer| offer.digest.clone())).collect()
    }

    /// What was decided about a provider.
    pub(super) fn of<'a, 'b>(&'a self, provider: &'b str) -> impl Iterator<Item = &'a Approval> + use<'a, 'b> {
        self.approvals.iter().filter(move |approval| approval.provider == provider)
    }

    /// The digest that was decided so, the latest where there are several.
    pub(super) fn decided(&self, provider: &str, decision: Decision) -> Option<&Approval> {
        self.of(provider).filter(|approval| approval.decision == Some(decision)).max_by_key(|approval| approval.at)
    }
}

/// Gives each id to one file: to the one whose digest is known for it, else to the one that had it before, else to the
/// first by name. A second file of a used id is a squatter, or the same file twice.
pub(super) fn owners(files: &BTreeMap<String, Lying>, before: &Owners, known: impl Fn(&str, &str) -> bool) -> Owners {
    let mut owners: BTreeMap<String, (bool, bool, String)> = BTreeMap::new();
    for (file, lying) in files {
        let Found::Component { id, digest, .. } = &lying.found else { continue };
        let claim = (known(id, digest), before.get(id) == Some(file), file.clone());
        let stronger = |held: &(bool, bool, String)| (claim.0, claim.1) > (held.0, held.1);
        if owners.get(id).is_none_or(stronger) {
            owners.insert(id.clone(), claim);
        }
    }
    owners.into_iter().map(|(id, (_, _, file))| (id, file)).collect()
}

/// What stands behind the entries.
pub(super) struct Settling<'a> {
    pub(super) files: &'a BTreeMap<String, Lying>,
    pub(super) owners: &'a Owners,
    pub(super) loaded: &'a Loaded,
    pub(super) sent: &'a BTreeMap<String, Verdict>,
    pub(super) read: &'a Read,
    pub(super) trust: &'a Trust,
}

impl Settling<'_> {
    /// Every provider as it stands, and every file that cannot be used.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let decided = self.read.approvals.iter().filter(|approval| approval.decision != Some(Decision::Removed));
        let ids: BTreeSet<&str> = decided
            .map(|approval| approval.provider.as_str())
            .chain(self.read.offers.iter().map(|offer| offer.provider.as_str()))
            .collect();
        let mut entries: Vec<Entry> = ids.into_iter().filter_map(|id| self.provider(id)).collect();
        refuse_imitations(&mut entries);
        entries.extend(self.files.iter().filter_map(|(file, lying)| self.unusable(file, lying)));
        entries
    }

    fn unusable(&self, file: &str, lying: &Lying) -> Option<Entry> {
        let (digest, why) = match &lying.found {
            Found::Broken { digest, why } => (digest.clone(), why.clone()),
            Found::Component { id, digest, .. } => {
                let owner = self.owners.get(id).filter(|owner| *owner != file)?;
                (Some(digest.clone()), format!("`{id}` is already the id of {owner}"))
            }
        };
        Some(Entry::broken(file, Some(file.to_owned()), digest, why))
    }

    fn provider(&self, id: &str) -> Option<Entry> {
        let approved: Vec<&Approval> =
            self.read.of(id).filter(|approval| approval.decision == Some(Decision::Approved)).collect();
        let tampered: Vec<&str> = self
            .read
            .of(id)
            .filter(|approval| approval.decision.is_none())
            .map(|approval| approval.digest.as_str())
            .collect();
        if !tampered.is_empty() || approved.len() > 1 {
            let why = match tampered.first() {
                Some(digest) => format!("its approval in the database was changed by hand, in the row of {digest}"),
                None => "two of its versions are approved in the database, which nobody wrote there".to_owned(),
            };
            return Some(self.unapproved(id, format!("{why}; approve a version anew")));
        }
        let disabled = self.read.decided(id, Decision::Disabled);
        let (decided, state) = match (approved.first(), disabled) {
            (Some(approved), _) => (Some(*approved), State::Approved),
            (None, Some(disabled)) => (Some(disabled), State::Disabled),
            (None, None) => (None, State::Pending),
        };
        if let Some(decided) = decided {
            let mut entry = match self.usable(id, &decided.digest, decided.manifest.as_ref()) {
                Ok(component) => self.entry(id, component, state),
                Err(why) => Entry::broken(id, self.file(&decided.digest), Some(decided.digest.clone()), why),
            };
            entry.waiting = self.waiting(id, Some(&decided.digest));
            entry.previous = self.previous(id);
            return Some(entry);
        }
        let mut waiting = self.waiting(id, None);
        if let Trust::All = self.trust
            && let Some(at) = waiting.iter().position(|version| !self.is_decided(id, &version.component.digest))
        {
            let serving = waiting.remove(at);
            return Some(Entry { waiting, ..self.entry(id, &serving.component, State::Approved) });
        }
        if waiting.is_empty() {
            return self.unreadable(id);
        }
        let first = waiting.remove(0);
        Some(Entry { waiting, previous: self.previous(id), ..self.entry(id, &first.component, State::Pending) })
    }

    /// A provider whose approvals cannot be obeyed: nothing of it runs, all of it can be looked at and approved anew.
    fn unapproved(&self, id: &str, why: String) -> Entry {
        let mut waiting = self.waiting(id, None);
        for approval in self.read.of(id) {
            let known = waiting.iter().any(|version| version.component.digest == approval.digest);
            if !known && let Ok(component) = self.usable(id, &approval.digest, approval.manifest.as_ref()) {
                waiting.push(self.version(component));
            }
        }
        Entry { waiting, ..Entry::broken(id, None, None, why) }
    }

    /// What is said of a provider of which nothing that is offered can be used.
    fn unreadable(&self, id: &str) -> Option<Entry> {
        self.read.offers.iter().filter(|offer| offer.provider == id).find_map(|offer| {
            let why = self.usable(id, &offer.digest, offer.manifest.as_ref()).err()?;
            Some(Entry::broken(id, self.file(&offer.digest), Some(offer.digest.clone()), why))
        })
    }

    /// The versions that wait, the highest first.
    fn waiting(&self, id: &str, serving: Option<&str>) -> Vec<Version> {
        let offered = self.read.offers.iter().filter(|offer| offer.provider == id);
        let offered = offered.map(|offer| (offer.digest.as_str(), offer.manifest.as_ref()));
        let withdrawn = self.read.of(id).filter(|approval| approval.decision == Some(Decision::Withdrawn));
        let withdrawn = withdrawn.map(|approval| (approval.digest.as_str(), approval.manifest.as_ref()));
        let digests: BTreeMap<&str, Option<&Manifest>> =
            offered.chain(withdrawn).filter(|(digest, _)| Some(*digest) != serving).collect();
        let mut versions: Vec<Version> = digests
            .into_iter()
            .filter_map(|(digest, manifest)| Some(self.version(self.usable(id, digest, manifest).ok()?)))
            .collect();
        versions.sort_by(|one, other| by_version(&other.component.manifest, &one.component.manifest));
        versions
    }

    fn previous(&self, id: &str) -> Option<Previous> {
        let approval = self.read.decided(id, Decision::Superseded)?;
        Some(Previous { digest: approval.digest.clone(), version: approval.version.clone() })
    }

    fn is_decided(&self, id: &str, digest: &str) -> bool {
        self.read.of(id).any(|approval| approval.digest == digest)
    }

    fn version(&self, component: &Component) -> Version {
        let (file, signature) = (self.file(&component.digest), self.signature(&component.digest));
        Version { file, signature, component: component.clone() }
    }

    fn entry(&self, id: &str, component: &Component, state: State) -> Entry {
        Entry {
            id: id.to_owned(),
            file: self.file(&component.digest),
            digest: Some(component.digest.clone()),
            state,
            signature: self.signature(&component.digest),
            waiting: Vec::new(),
            previous: None,
            component: Some(component.clone()),
        }
    }

    /// The component of a digest, held to what it said of itself when its bytes were first seen.
    fn usable(&self, id: &str, digest: &str, said: Option<&Manifest>) -> Result<&Component, String> {
        let component = match self.loaded.get(digest) {
            Some(Ok(component)) => component,
            Some(Err(why)) => return Err(why.clone()),
            None => return Err("its bytes are kept no more".to_owned()),
        };
        match said {
            None => Err("what it said of itself the first time cannot be read in the database".to_owned()),
            Some(said) if said != component.manifest.as_ref() || said.id != id => {
                Err("it describes itself otherwise than when these bytes were first seen".to_owned())
            }
            Some(_) => Ok(component),
        }
    }

    /// What the signature of a digest comes to, where keys are trusted.
    fn signature(&self, digest: &str) -> Option<Verdict> {
        let Trust::Signed { .. } = self.trust else { return None };
        let lying = self.files.values().find_map(|lying| match &lying.found {
            Found::Component { digest: lies, signature, .. } if lies == digest => Some(signature),
            Found::Component { .. } | Found::Broken { .. } => None,
        });
        // The one beside the file, unless that says nothing and one was sent in.
        let lying = lying.filter(|signature| **signature != Verdict::Unsigned);
        Some(lying.or_else(|| self.sent.get(digest)).cloned().unwrap_or(Verdict::Unsigned))
    }

    /// The file of this host's folder in which a digest lies.
    fn file(&self, digest: &str) -> Option<String> {
        self.owners.values().find_map(|file| {
            let Found::Component { digest: lies, .. } = &self.files.get(file)?.found else { return None };
            (lies == digest).then(|| file.clone())
        })
    }
}

/// Whether a manifest's version is lower than another's.
#[must_use]
pub fn is_downgrade(from: &Manifest, to: &Manifest) -> bool {
    by_version(to, from) == Ordering::Less
}

fn by_version(one: &Manifest, other: &Manifest) -> Ordering {
    let version = |manifest: &Manifest| Semver::parse(&manifest.version).ok();
    version(one).cmp(&version(other))
}

/// Refuses what waits under an id or a title that looks like that of a provider which somebody approved.
fn refuse_imitations(entries: &mut [Entry]) {
    let settled: Vec<(String, String)> = entries
        .iter()
        .filter(|entry| matches!(entry.state, State::Approved | State::Disabled))
        .filter_map(|entry| Some((entry.id.clone(), entry.manifest()?.title.clone())))
        .collect();
    for entry in entries.iter_mut().filter(|entry| entry.state == State::Pending) {
        let Some(title) = entry.manifest().map(|manifest| manifest.title.clone()) else { continue };
        let what = settled.iter().find_map(|(id, other)| {
            let what = if looks_like(&entry.id, id) {
                "id"
            } else if looks_like(&title, other) {
                "title"
            } else {
                return None;
            };
            Some(format!("its {what} looks like that of `{id}`"))
        });
        if let Some(why) = what {
            entry.state = State::Broken(why);
            entry.waiting.clear();
        }
    }
}
