//! What may run: for each provider the version that serves and those that wait, as they stand at this moment.
//!
//! It is told how things stand and decides nothing; `providers` does. A call takes its component from here and ends on
//! it, whatever is put in its place meanwhile.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use jackfield_core::{Error, manifest::Manifest};
use jackfield_signing::{TrustedKeys, Verdict};
use serde::Serialize;

use super::{Component, LoadError, Sandbox, file, review};

/// Every provider, and every file that cannot be used, by what it is called.
#[derive(Debug, Default)]
pub struct Catalog {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
}

/// One provider as it stands, or one file that cannot be used.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The provider's id, or the file's name where the file is not a component.
    pub id: String,
    /// The file in the plugins' folder of this host; none where it was sent in, or is gone from there.
    pub file: Option<String>,
    pub digest: Option<String>,
    pub state: State,
    /// What its signature came to; none where no key is trusted.
    pub signature: Option<Verdict>,
    /// Further versions, which run only when they are approved.
    pub waiting: Vec<Version>,
    /// What a rollback would go back to.
    pub previous: Option<Previous>,
    pub component: Option<Component>,
}

/// A version of a provider that waits for approval.
#[derive(Clone, Debug)]
pub struct Version {
    pub file: Option<String>,
    /// What its signature came to; none where no key is trusted.
    pub signature: Option<Verdict>,
    pub component: Component,
}

/// A version that was approved before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Previous {
    pub digest: String,
    pub version: String,
}

/// Whether a component may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum State {
    Approved,
    /// Dropped in, not approved yet.
    Pending,
    /// Somebody took it out of use.
    Disabled,
    /// It cannot be used; says why.
    Broken(String),
}

/// Which components run without an Executive's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those whose digest was compiled into this program.
    Shipped(BTreeMap<String, String>),
    /// Those, and what a trusted key signed within its grant.
    Signed { shipped: BTreeMap<String, String>, keys: TrustedKeys },
    /// All. For development only.
    All,
}

impl Entry {
    /// What the component said of itself, where it is one.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.component.as_ref().map(|component| component.manifest.as_ref())
    }

    /// The component, whether or not it may run.
    #[must_use]
    pub fn component(&self) -> Option<&Component> {
        self.component.as_ref()
    }

    pub fn broken(id: &str, file: Option<String>, digest: Option<String>, why: String) -> Self {
        let (id, state) = (id.to_owned(), State::Broken(why));
        Self { id, file, digest, state, signature: None, waiting: Vec::new(), previous: None, component: None }
    }
}

impl Catalog {
    /// Every entry, by id.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The entry of this name.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The component of a provider that may run.
    ///
    /// # Errors
    /// There is none, or it is not approved, or it is broken.
    pub fn component(&self, provider: &str) -> Result<Component, Error> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(provider).ok_or_else(|| Error::UnknownProvider(provider.to_owned()))?;
        match (&entry.state, &entry.component) {
            (State::Approved, Some(component)) => Ok(component.clone()),
            (State::Pending, _) => Err(Error::PluginNotApproved(provider.to_owned())),
            (State::Disabled, _) => Err(Error::PluginDisabled(provider.to_owned())),
            (State::Broken(why), _) => Err(Error::PluginFault { provider: provider.to_owned(), fault: why.clone() }),
            (State::Approved, None) => Err(Error::UnknownProvider(provider.to_owned())),
        }
    }

    /// Puts these entries in the place of all others, in one step, and says in the log what changed.
    pub fn replace(&self, entries: Vec<Entry>) {
        let entries: BTreeMap<String, Arc<Entry>> =
            entries.into_iter().map(|entry| (entry.id.clone(), Arc::new(entry))).collect();
        let before = {
            let mut held = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *held, entries.clone())
        };
        for (id, entry) in &entries {
            let same = |other: &&Arc<Entry>| other.state == entry.state && other.digest == entry.digest;
            if before.get(id).filter(same).is_some() {
                continue;
            }
            let digest = entry.digest.as_deref().unwrap_or_default();
            match &entry.state {
                State::Broken(why) => tracing::warn!(provider = id, digest, why, "a component cannot be used"),
                state @ (State::Approved | State::Pending | State::Disabled) => {
                    tracing::info!(provider = id, digest, ?state, "a component stands otherwise than before");
                }
            }
        }
    }
}

/// Reads one file as a component would be read, for a look at it from outside the service.
///
/// # Errors
/// It is no regular file, too large, or no component that could be approved.
pub async fn inspect(sandbox: &Sandbox, path: &Path) -> Result<Component, LoadError> {
    let bytes = file::read(path, sandbox.0.limits.component_bytes).map_err(LoadError)?;
    sandbox.load(bytes).await
}

/// The endpoints that a manifest asks for, each as a line that a person reads.
#[must_use]
pub fn endpoint_lines(manifest: &Manifest) -> Vec<String> {
    manifest.endpoints.iter().map(review::line).collect()
}
