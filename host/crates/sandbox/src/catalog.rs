//! The plugins of this host: for each provider the version that serves calls, and the versions that wait for approval.
//!
//! The catalog makes no decisions; `service` makes them and stores the result here. A call keeps the component that it
//! got from the catalog until its end, even if the catalog changes meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use jackfield_core::{Error, manifest::Manifest};
use jackfield_signing::SignatureStatus;
use serde::Serialize;

use crate::{
    manifest_review::{Finding, join_findings},
    sandbox::Component,
};

/// All plugins by provider, and the files that cannot be used by name.
#[derive(Debug, Default)]
pub struct Catalog {
    plugins: RwLock<BTreeMap<String, Arc<PluginEntry>>>,
}

/// The plugin of one provider, or one file that cannot be used.
#[derive(Clone, Debug)]
pub struct PluginEntry {
    /// The provider's id, or the name of a file that is not a component.
    pub id: String,
    /// The file in this host's plugins folder; `None` if it was uploaded or is no longer there.
    pub file: Option<String>,
    /// The digest of the component; `None` if the file cannot be read.
    pub digest: Option<String>,
    /// Whether it may run.
    pub state: PluginState,
    /// The status of its signature; `None` if no keys are trusted.
    pub signature: Option<SignatureStatus>,
    /// Other versions, which cannot run before they are approved.
    pub waiting: Vec<WaitingVersion>,
    /// The version that a rollback would restore.
    pub previous: Option<PreviousVersion>,
    /// The loaded component, even if it must not run; `None` if it cannot be loaded.
    pub component: Option<Component>,
}

/// A version of a plugin that waits for approval.
#[derive(Clone, Debug)]
pub struct WaitingVersion {
    /// The file in this host's plugins folder; `None` if it was uploaded or is no longer there.
    pub file: Option<String>,
    /// The status of its signature; `None` if no keys are trusted.
    pub signature: Option<SignatureStatus>,
    /// Why it cannot be approved. Empty if it can.
    pub objections: Vec<Finding>,
    /// What it requests beyond the approved version, if that is why a permitted signature does not approve it.
    pub exceeds: Vec<String>,
    /// The loaded component, which does not run yet.
    pub component: Component,
}

/// A version that was approved before the current one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviousVersion {
    /// The digest of its component.
    pub digest: String,
    /// The version in its manifest.
    pub version: String,
}

/// Whether a plugin may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum PluginState {
    /// It serves calls.
    Approved,
    /// Not approved yet.
    Pending,
    /// An Executive disabled it.
    Disabled,
    /// It cannot be used, for this reason.
    Broken(String),
    /// It is not known yet whether it can be used, for this reason. It is checked by itself.
    Checking(String),
}

impl WaitingVersion {
    /// Returns why it cannot be approved and how its author can fix that, as one text; `None` if it can be approved.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        join_findings(&self.objections)
    }
}

impl PluginEntry {
    /// Creates the entry of a file that cannot be used.
    pub fn broken(id: &str, file: Option<String>, digest: Option<String>, why: String) -> Self {
        Self::without_component(id, file, digest, PluginState::Broken(why))
    }

    /// Creates the entry of a file whose check has not finished.
    pub fn checking(id: &str, file: Option<String>, digest: Option<String>, why: String) -> Self {
        Self::without_component(id, file, digest, PluginState::Checking(why))
    }

    fn without_component(id: &str, file: Option<String>, digest: Option<String>, state: PluginState) -> Self {
        let id = id.to_owned();
        Self { id, file, digest, state, signature: None, waiting: Vec::new(), previous: None, component: None }
    }

    /// Returns the manifest of the component, if there is a component.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.component.as_ref().map(|component| component.manifest.as_ref())
    }
}

impl Catalog {
    /// Returns all entries in the order of their ids.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<PluginEntry>> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns the entry with this id.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<Arc<PluginEntry>> {
        self.plugins.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Returns the component that serves a provider's calls.
    ///
    /// # Errors
    /// There is no plugin for the provider, or it is pending, disabled or broken.
    pub fn component(&self, provider: &str) -> Result<Component, Error> {
        let plugins = self.plugins.read().unwrap_or_else(PoisonError::into_inner);
        let plugin = plugins.get(provider).ok_or_else(|| Error::UnknownProvider(provider.to_owned()))?;
        match (&plugin.state, &plugin.component) {
            (PluginState::Approved, Some(component)) => Ok(component.clone()),
            (PluginState::Pending, _) => Err(Error::PluginNotApproved(provider.to_owned())),
            (PluginState::Disabled, _) => Err(Error::PluginDisabled(provider.to_owned())),
            (PluginState::Broken(why), _) => {
                Err(Error::PluginFault { provider: provider.to_owned(), fault: why.clone() })
            }
            (PluginState::Checking(why), _) => {
                Err(Error::Overloaded { what: format!("the plugin `{provider}` is not ready: {why}"), retry_after: 60 })
            }
            (PluginState::Approved, None) => Err(Error::UnknownProvider(provider.to_owned())),
        }
    }

    /// Replaces all entries in one step, and logs each change.
    pub fn replace(&self, entries: Vec<PluginEntry>) {
        let entries: BTreeMap<String, Arc<PluginEntry>> =
            entries.into_iter().map(|entry| (entry.id.clone(), Arc::new(entry))).collect();
        let before = {
            let mut plugins = self.plugins.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *plugins, entries.clone())
        };
        for (id, entry) in &entries {
            let is_unchanged =
                before.get(id).is_some_and(|before| before.state == entry.state && before.digest == entry.digest);
            if !is_unchanged {
                entry.log_state();
            }
        }
    }
}

impl PluginEntry {
    fn log_state(&self) {
        let (provider, digest) = (self.id.as_str(), self.digest.as_deref().unwrap_or_default());
        match &self.state {
            PluginState::Broken(why) => tracing::warn!(provider, digest, why, "plugin cannot be used"),
            PluginState::Checking(why) => tracing::info!(provider, digest, why, "plugin is not checked yet"),
            state @ (PluginState::Approved | PluginState::Pending | PluginState::Disabled) => {
                tracing::info!(provider, digest, ?state, "plugin state changed");
            }
        }
    }
}
