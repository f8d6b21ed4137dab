//! Derives the catalog's entries, each a plugin with its state, from the inputs. Pure.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use jackfield_core::manifest::Manifest;
use jackfield_sandbox::{Component, Finding, PluginEntry, PluginState, PreviousVersion, Trust, WaitingVersion};
use jackfield_signing::SignatureStatus;
use jackfield_store::{Approval, Decision};
use semver::Version;

use super::{
    catalog_inputs::{CatalogInputs, FileContent, LoadProblem, PluginFile},
    imitation::PluginName,
    manifest_excess::find_excess,
};

/// Derives the entries from the inputs.
pub(super) struct CatalogEntries<'a> {
    pub(super) inputs: &'a CatalogInputs,
    pub(super) trust: &'a Trust,
}

impl CatalogEntries<'_> {
    /// Returns an entry for each plugin, and one for each file that cannot be used.
    pub(super) fn build(&self) -> Vec<PluginEntry> {
        let database = &self.inputs.database;
        let decided = database.approvals.iter().filter(|approval| approval.decision != Some(Decision::Removed));
        let ids: BTreeSet<&str> = decided
            .map(|approval| approval.provider.as_str())
            .chain(database.offers.iter().map(|offer| offer.provider.as_str()))
            .collect();
        let mut entries: Vec<PluginEntry> = ids.into_iter().filter_map(|id| self.plugin(id)).collect();
        reject_imitations(&mut entries, database.approved_names());
        entries.extend(self.inputs.files.iter().filter_map(|(name, file)| self.file_entry(name, file)));
        entries
    }

    /// Makes the entry of a file that is not checked yet or cannot be used.
    fn file_entry(&self, name: &str, file: &PluginFile) -> Option<PluginEntry> {
        if let Some(check) = &file.check {
            return Some(PluginEntry::checking(name, Some(name.to_owned()), None, check.describe()));
        }
        let (digest, why) = match &file.content {
            FileContent::Unknown => return None,
            FileContent::Broken { digest, why } => (digest.clone(), why.clone()),
            FileContent::Component { id, digest, .. } => {
                let owner = self.inputs.owners.get(id).filter(|owner| *owner != name)?;
                (Some(digest.clone()), format!("{owner} already has the id `{id}`"))
            }
        };
        Some(PluginEntry::broken(name, Some(name.to_owned()), digest, why))
    }

    fn plugin(&self, id: &str) -> Option<PluginEntry> {
        if let Some(why) = self.approvals_problem(id) {
            return Some(self.without_approvals(id, format!("{why}; approve a version again")));
        }
        let database = &self.inputs.database;
        let decided = match database.latest(id, Decision::Approved) {
            Some(approved) => Some((approved, PluginState::Approved)),
            None => database.latest(id, Decision::Disabled).map(|disabled| (disabled, PluginState::Disabled)),
        };
        if let Some((approval, state)) = decided {
            let mut entry = match self.usable(id, &approval.digest, approval.manifest.as_ref()) {
                Ok(component) => self.entry(id, component, state),
                Err(problem) => self.unusable_entry(id, &approval.digest, problem),
            };
            entry.waiting = self.waiting(id, Some(&approval.digest));
            if let Some(approved) = &approval.manifest {
                entry.waiting.iter_mut().for_each(|version| explain_signed_upgrade(version, approved));
            }
            entry.previous = self.previous(id);
            return Some(entry);
        }
        let mut waiting = self.waiting(id, None);
        if let Trust::All = self.trust
            && let Some(at) = waiting.iter().position(|version| {
                version.objections.is_empty() && !database.is_decided(id, &version.component.digest)
            })
        {
            let running = waiting.remove(at);
            return Some(PluginEntry { waiting, ..self.entry(id, &running.component, PluginState::Approved) });
        }
        if waiting.is_empty() {
            return self.unusable_offer(id);
        }
        let first = waiting.remove(0);
        let state = match first.objection() {
            Some(why) => PluginState::Broken(why),
            None => PluginState::Pending,
        };
        Some(PluginEntry { waiting, previous: self.previous(id), ..self.entry(id, &first.component, state) })
    }

    /// Returns why the stored approvals of a plugin are not valid, if they are not.
    fn approvals_problem(&self, id: &str) -> Option<String> {
        let database = &self.inputs.database;
        if let Some(approval) = database.approvals_of(id).find(|approval| approval.decision.is_none()) {
            return Some(format!(
                "its approval in the database was changed by hand, in the row of {}",
                approval.digest
            ));
        }
        let approved = database.approvals_of(id).filter(|approval| approval.decision == Some(Decision::Approved));
        // Jackfield never approves a second version without superseding the first.
        (approved.count() > 1).then(|| "the database was changed by hand: two versions are approved".to_owned())
    }

    /// Makes the entry of a plugin whose stored approvals are not valid.
    ///
    /// No version runs, and every version can be approved.
    fn without_approvals(&self, id: &str, why: String) -> PluginEntry {
        let mut waiting = self.waiting(id, None);
        for approval in self.inputs.database.approvals_of(id) {
            let is_listed = waiting.iter().any(|version| version.component.digest == approval.digest);
            if !is_listed && let Ok(component) = self.usable(id, &approval.digest, approval.manifest.as_ref()) {
                waiting.push(self.version(id, component));
            }
        }
        PluginEntry { waiting, ..PluginEntry::broken(id, None, None, why) }
    }

    /// Makes the entry of a plugin with offers that cannot be used.
    fn unusable_offer(&self, id: &str) -> Option<PluginEntry> {
        self.inputs.database.offers.iter().filter(|offer| offer.provider == id).find_map(|offer| {
            let problem = self.usable(id, &offer.digest, offer.manifest.as_ref()).err()?;
            Some(self.unusable_entry(id, &offer.digest, problem))
        })
    }

    fn unusable_entry(&self, id: &str, digest: &str, problem: LoadProblem) -> PluginEntry {
        let (file, digest) = (self.file(digest), Some(digest.to_owned()));
        match problem.is_temporary {
            true => PluginEntry::checking(id, file, digest, format!("{}; it is checked again by itself", problem.why)),
            false => PluginEntry::broken(id, file, digest, problem.why),
        }
    }

    /// Lists the versions that wait for approval: those that can be approved before the others, the highest first.
    fn waiting(&self, id: &str, running: Option<&str>) -> Vec<WaitingVersion> {
        let database = &self.inputs.database;
        let offered = database.offers.iter().filter(|offer| offer.provider == id);
        let offered = offered.map(|offer| (offer.digest.as_str(), offer.manifest.as_ref()));
        let withdrawn = database.approvals_of(id).filter(|approval| approval.decision == Some(Decision::Withdrawn));
        let withdrawn = withdrawn.map(|approval| (approval.digest.as_str(), approval.manifest.as_ref()));
        let digests: BTreeMap<&str, Option<&Manifest>> =
            offered.chain(withdrawn).filter(|(digest, _)| Some(*digest) != running).collect();
        let mut versions: Vec<WaitingVersion> = digests
            .into_iter()
            .filter_map(|(digest, manifest)| Some(self.version(id, self.usable(id, digest, manifest).ok()?)))
            .collect();
        versions.sort_by(|one, other| {
            let by_objections = one.objections.is_empty().cmp(&other.objections.is_empty()).reverse();
            by_objections.then_with(|| compare_versions(&other.component.manifest, &one.component.manifest))
        });
        versions
    }

    fn previous(&self, id: &str) -> Option<PreviousVersion> {
        let approval: &Approval = self.inputs.database.previous(id)?;
        Some(PreviousVersion { digest: approval.digest.clone(), version: approval.version.clone() })
    }

    fn version(&self, id: &str, component: &Component) -> WaitingVersion {
        let (file, signature) = (self.file(&component.digest), self.signature(&component.digest));
        // A version that was approved before can be approved again, even if it breaks a rule that was added later.
        let objections = match self.inputs.database.was_approved(id, &component.digest) {
            true => Vec::new(),
            false => component.objections.to_vec(),
        };
        WaitingVersion { file, signature, objections, exceeds: Vec::new(), component: component.clone() }
    }

    fn entry(&self, id: &str, component: &Component, state: PluginState) -> PluginEntry {
        PluginEntry {
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

    /// Returns the component of a digest, if it can be used.
    ///
    /// Its manifest must be the one that was recorded for the digest.
    fn usable(&self, id: &str, digest: &str, recorded: Option<&Manifest>) -> Result<&Component, LoadProblem> {
        let component = match self.inputs.loaded.get(digest) {
            Some(Ok(component)) => component,
            Some(Err(problem)) => return Err(problem.clone()),
            None => return Err(LoadProblem::lasting("the bytes of this version are no longer stored")),
        };
        match recorded {
            None => Err(LoadProblem::lasting("the manifest recorded for this digest cannot be read from the database")),
            Some(recorded) if recorded != component.manifest.as_ref() || recorded.id != id => {
                Err(LoadProblem::lasting("its manifest differs from the one recorded for the same digest"))
            }
            Some(_) => Ok(component),
        }
    }

    /// Returns the status of the signature of a digest, if keys are trusted.
    fn signature(&self, digest: &str) -> Option<SignatureStatus> {
        let Trust::Signed { .. } = self.trust else { return None };
        // The signature of the file counts first, unless there is none and one was uploaded.
        let of_file = self.inputs.file_signatures(digest).next().filter(|status| **status != SignatureStatus::Unsigned);
        Some(of_file.or_else(|| self.inputs.uploaded.get(digest)).cloned().unwrap_or(SignatureStatus::Unsigned))
    }

    /// Returns the file of this host's folder that has a digest, if one has.
    fn file(&self, digest: &str) -> Option<String> {
        self.inputs.owners.values().find_map(|name| {
            let FileContent::Component { digest: of_file, .. } = &self.inputs.files.get(name)?.content else {
                return None;
            };
            (of_file == digest).then(|| name.clone())
        })
    }
}

/// Returns whether the version of `to` is lower than that of `from`.
#[must_use]
pub fn is_downgrade(from: &Manifest, to: &Manifest) -> bool {
    compare_versions(to, from) == Ordering::Less
}

fn compare_versions(one: &Manifest, other: &Manifest) -> Ordering {
    let version = |manifest: &Manifest| Version::parse(&manifest.version).ok();
    version(one).cmp(&version(other))
}

/// Says what a version that a trusted key signed requests beyond the approved one, if the key permits it.
fn explain_signed_upgrade(version: &mut WaitingVersion, approved: &Manifest) {
    if let Some(SignatureStatus::WithinPermissions { .. }) = version.signature {
        version.exceeds = find_excess(approved, &version.component.manifest);
    }
}

/// Rejects waiting plugins and waiting versions that look like another approved plugin, by id or title.
///
/// `approved` are the names of approved plugins in the database, also of those that are not loaded.
fn reject_imitations(entries: &mut [PluginEntry], mut approved: Vec<PluginName>) {
    let name = |id: &str, manifest: &Manifest| PluginName { id: id.to_owned(), title: manifest.title.clone() };
    let running = entries.iter().filter(|entry| matches!(entry.state, PluginState::Approved | PluginState::Disabled));
    approved.extend(running.filter_map(|entry| Some(name(&entry.id, entry.manifest()?))));
    for entry in entries.iter_mut() {
        for version in &mut entry.waiting {
            let why = name(&entry.id, &version.component.manifest).find_imitation(&approved);
            let cure = "choose a name that no other plugin has";
            version.objections.extend(why.map(|what| Finding { what, cure: cure.to_owned() }));
        }
        if entry.state == PluginState::Pending
            && let Some(why) = entry.manifest().and_then(|manifest| name(&entry.id, manifest).find_imitation(&approved))
        {
            entry.state = PluginState::Broken(why);
            entry.waiting.clear();
        }
    }
}
