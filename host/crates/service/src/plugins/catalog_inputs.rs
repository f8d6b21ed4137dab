//! What the catalog is derived from: the files of the plugins folder, and the offers and approvals in the database.
//! Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use jackfield_sandbox::{Component, LoadError};
use jackfield_signing::SignatureStatus;
use jackfield_store::{Approval, Decision, Offer};
use jiff::Timestamp;

use super::{folder::PluginStamp, imitation::PluginName};

/// Everything that the catalog is derived from.
#[derive(Debug, Default)]
pub(super) struct CatalogInputs {
    /// The files of the plugins folder by name.
    pub(super) files: BTreeMap<String, PluginFile>,
    pub(super) owners: FileOwners,
    pub(super) loaded: LoadedComponents,
    /// The status of signatures that were uploaded with a component, by digest.
    pub(super) uploaded: BTreeMap<String, SignatureStatus>,
    pub(super) database: DatabaseState,
    /// Whether the catalog shows these inputs. False after a refresh that failed half-way.
    pub(super) is_current: bool,
    /// When components of the database are loaded again that the machine could not check.
    pub(super) reload_at: Option<Instant>,
}

/// Components by digest, or why they cannot be used.
pub(super) type LoadedComponents = BTreeMap<String, Result<Component, LoadProblem>>;

/// Why a component cannot be used.
#[derive(Clone, Debug)]
pub(super) struct LoadProblem {
    pub(super) why: String,
    /// Whether it is loaded again by itself, because the machine was the cause.
    pub(super) is_temporary: bool,
}

impl LoadProblem {
    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_temporary: false }
    }
}

impl From<LoadError> for LoadProblem {
    fn from(error: LoadError) -> Self {
        Self { why: error.to_string(), is_temporary: error.is_temporary() }
    }
}

/// The file that is used for each plugin id.
pub(super) type FileOwners = BTreeMap<String, String>;

/// A file of the plugins folder as it was last read.
#[derive(Debug)]
pub(super) struct PluginFile {
    pub(super) stamp: PluginStamp,
    /// What was read when the file had an earlier stamp, as long as it is not checked with this one.
    pub(super) content: FileContent,
    /// The check of the file with this stamp; nothing if it is done.
    pub(super) check: Option<PendingCheck>,
}

/// A check of a file that has not finished.
#[derive(Debug)]
pub(super) struct PendingCheck {
    /// When the file is checked, or checked again.
    due: Instant,
    /// Why an earlier check did not finish.
    failure: Option<String>,
}

impl PendingCheck {
    /// Creates the first check of a file.
    pub(super) fn first() -> Self {
        Self { due: Instant::now(), failure: None }
    }

    /// Creates the next check, for this time after one that the machine prevented.
    pub(super) fn again(wait: Duration, failure: String) -> Self {
        Self { due: Instant::now() + wait, failure: Some(failure) }
    }

    /// Returns how long to wait before the check.
    pub(super) fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Says why it is not known yet whether the file can be used.
    pub(super) fn describe(&self) -> String {
        match &self.failure {
            None => "it is being checked, which takes a minute on a busy machine".to_owned(),
            Some(why) => format!("{why}; it is checked again by itself"),
        }
    }
}

/// What a file of the plugins folder contains.
#[derive(Debug)]
pub(super) enum FileContent {
    Component {
        id: String,
        digest: String,
        signature: SignatureStatus,
        /// The component's bytes, until they are stored in the database.
        bytes: Option<Vec<u8>>,
    },
    Broken {
        digest: Option<String>,
        why: String,
    },
    /// It was not checked yet.
    Unknown,
}

/// What the database contained at one revision of the catalog.
#[derive(Debug, Default)]
pub(super) struct DatabaseState {
    pub(super) revision: i64,
    pub(super) approvals: Vec<Approval>,
    pub(super) offers: Vec<Offer>,
}

impl CatalogInputs {
    /// Lists the statuses of the signatures of files with this digest.
    pub(super) fn file_signatures(&self, digest: &str) -> impl Iterator<Item = &SignatureStatus> {
        self.files.values().filter_map(move |file| match &file.content {
            FileContent::Component { digest: of_file, signature, .. } if of_file == digest => Some(signature),
            FileContent::Component { .. } | FileContent::Broken { .. } | FileContent::Unknown => None,
        })
    }

    /// Returns the digests of all components that run, wait, or could be restored by a rollback.
    pub(super) fn digests_with_code(&self) -> BTreeSet<String> {
        let files = self.files.values().filter_map(|file| match &file.content {
            FileContent::Component { digest, .. } => Some(digest.clone()),
            FileContent::Broken { digest, .. } => digest.clone(),
            FileContent::Unknown => None,
        });
        let decided = self.database.approvals.iter().filter(|approval| approval.has_bytes);
        let decided = decided.map(|approval| approval.digest.clone());
        files.chain(decided).chain(self.database.needed_digests()).collect()
    }

    /// Returns the component of a digest, if it is loaded and can be used.
    pub(super) fn usable_component(&self, digest: &str) -> Option<&Component> {
        self.loaded.get(digest)?.as_ref().ok()
    }
}

/// The plugin that a command decides about, and the digest of the version if the decision names one.
#[derive(Clone, Debug)]
pub(super) struct DecidedPlugin {
    pub(super) id: String,
    pub(super) digest: Option<String>,
}

impl DatabaseState {
    /// Returns the digests of the components that the catalog needs.
    pub(super) fn needed_digests(&self) -> BTreeSet<String> {
        let approvals = self
            .approvals
            .iter()
            .filter(|approval| !matches!(approval.decision, Some(Decision::Superseded | Decision::Removed)));
        let approved = approvals.map(|approval| approval.digest.clone());
        approved.chain(self.offers.iter().map(|offer| offer.digest.clone())).collect()
    }

    /// Returns the digests of one plugin's components that the catalog needs, or only the one that a decision names.
    pub(super) fn needed_digests_of(&self, only: &DecidedPlugin) -> BTreeSet<String> {
        let is_of = |provider: &str| provider == only.id;
        let approvals = self.approvals.iter().filter(|approval| is_of(&approval.provider));
        let offers = self.offers.iter().filter(|offer| is_of(&offer.provider));
        let known: BTreeSet<&str> = approvals
            .map(|approval| approval.digest.as_str())
            .chain(offers.map(|offer| offer.digest.as_str()))
            .collect();
        let is_asked = |digest: &String| only.digest.as_ref().is_none_or(|asked| asked == digest);
        self.needed_digests().into_iter().filter(|digest| known.contains(digest.as_str()) && is_asked(digest)).collect()
    }

    /// Returns whether the database contains a component, for any plugin.
    pub(super) fn has_component(&self, digest: &str) -> bool {
        self.approvals.iter().any(|approval| approval.digest == digest)
            || self.offers.iter().any(|offer| offer.digest == digest)
    }

    /// Returns the version of a plugin that a rollback restores.
    pub(super) fn previous(&self, plugin: &str) -> Option<&Approval> {
        self.approvals_of(plugin)
            .filter(|approval| approval.decision == Some(Decision::Superseded) && approval.has_bytes)
            .max_by_key(|approval| approval.at)
    }

    /// Lists the decisions about the versions of a plugin.
    pub(super) fn approvals_of<'a, 'b>(&'a self, plugin: &'b str) -> impl Iterator<Item = &'a Approval> + use<'a, 'b> {
        self.approvals.iter().filter(move |approval| approval.provider == plugin)
    }

    /// Returns the latest version of a plugin with this decision.
    pub(super) fn latest(&self, plugin: &str, decision: Decision) -> Option<&Approval> {
        self.approvals_of(plugin)
            .filter(|approval| approval.decision == Some(decision))
            .max_by_key(|approval| approval.at)
    }

    /// Returns when a version was approved; the earliest time if it is not approved.
    pub(super) fn approved_at(&self, component: &Component) -> Timestamp {
        let mut approvals = self.approvals_of(&component.manifest.id);
        let is_own =
            |approval: &&Approval| approval.digest == component.digest && approval.decision == Some(Decision::Approved);
        let at = approvals.find(is_own).and_then(|approval| Timestamp::from_microsecond(approval.at).ok());
        at.unwrap_or(Timestamp::MIN)
    }

    /// Returns whether this version of a plugin was approved before, even if it no longer is.
    pub(super) fn was_approved(&self, plugin: &str, digest: &str) -> bool {
        self.approvals_of(plugin).any(|approval| {
            approval.digest == digest
                && match approval.decision {
                    Some(Decision::Approved | Decision::Disabled | Decision::Superseded | Decision::Withdrawn) => true,
                    Some(Decision::Removed) | None => false,
                }
        })
    }

    /// Lists the names of the plugins that an approval protects against imitations.
    pub(super) fn approved_names(&self) -> Vec<PluginName> {
        let approvals = self.approvals.iter();
        let approved =
            approvals.filter(|approval| matches!(approval.decision, Some(Decision::Approved | Decision::Disabled)));
        let names = approved.filter_map(|approval| {
            let title = approval.manifest.as_ref()?.title.clone();
            Some(PluginName { id: approval.provider.clone(), title })
        });
        names.collect()
    }

    /// Returns whether somebody decided about this version of a plugin.
    pub(super) fn is_decided(&self, plugin: &str, digest: &str) -> bool {
        self.approvals_of(plugin).any(|approval| approval.digest == digest)
    }
}

/// Chooses the file that is used for each id, if several files have the same id.
///
/// A file with a known digest comes first, then the file that was used before, then the first by name.
pub(super) fn choose_owners(
    files: &BTreeMap<String, PluginFile>,
    before: &FileOwners,
    is_known: impl Fn(&str, &str) -> bool,
) -> FileOwners {
    let mut owners: BTreeMap<String, (bool, bool, String)> = BTreeMap::new();
    for (name, file) in files {
        let FileContent::Component { id, digest, .. } = &file.content else { continue };
        let claim = (is_known(id, digest), before.get(id) == Some(name), name.clone());
        let is_stronger = |owner: &(bool, bool, String)| (claim.0, claim.1) > (owner.0, owner.1);
        if owners.get(id).is_none_or(is_stronger) {
            owners.insert(id.clone(), claim);
        }
    }
    owners.into_iter().map(|(id, (_, _, name))| (id, name)).collect()
}
