//! Notices changes of the plugins folder and of the database, and refreshes the catalog.

use std::{sync::PoisonError, time::Duration};

use jackfield_core::Error;
use jackfield_sandbox::{find_signer, read_component_file};
use jackfield_signing::SignatureStatus;
use tokio::time::MissedTickBehavior;

use super::{
    Plugins,
    catalog_inputs::{CatalogInputs, FileContent, LoadedComponents, PluginFile},
    folder::{self, FolderListing, ListingError},
};

/// How often the folder is scanned.
///
/// A new file must look the same in two scans, so it is found within half a second.
const SCAN_INTERVAL: Duration = Duration::from_millis(250);

/// Scans of the folder for each query for changes in the database.
const SCANS_PER_QUERY: u32 = 4;

impl Plugins {
    /// Scans the folder and queries the database until the future is dropped.
    pub async fn watch(self) {
        let mut interval = tokio::time::interval(SCAN_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.list_folder().await.unwrap_or_default();
        let (mut since_query, mut is_failing) = (0, false);
        loop {
            interval.tick().await;
            let scanned = self.scan_folder(&mut before).await;
            since_query += 1;
            let queried = if since_query < SCANS_PER_QUERY {
                Ok(())
            } else {
                since_query = 0;
                self.query_database().await
            };
            match scanned.and(queried) {
                Err(error) if !is_failing => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "plugin catalog was not updated; retrying until the database answers");
                    is_failing = true;
                }
                Err(_) => {}
                // A scan without a query does not show that the database answers again.
                Ok(()) => is_failing &= since_query != 0,
            }
        }
    }

    /// Reads files that are new or changed, and forgets files that are gone.
    ///
    /// A file is read once it looks the same in two scans, so that a file that is still being written is not read.
    async fn scan_folder(&self, before: &mut FolderListing) -> Result<(), Error> {
        let Some(now) = self.list_folder().await else { return Ok(()) };
        let (changed, has_removed) = {
            let inputs = self.0.inputs.lock().await;
            let is_changed = |name: &str, stamp| inputs.files.get(name).is_none_or(|file| file.stamp != stamp);
            let changed: Vec<_> = now
                .iter()
                .filter(|(name, stamp)| before.get(*name) == Some(*stamp) && is_changed(name, **stamp))
                .map(|(name, stamp)| (name.clone(), *stamp))
                .collect();
            (changed, inputs.files.keys().any(|name| !now.contains_key(name)))
        };
        *before = now;
        if changed.is_empty() && !has_removed {
            return Ok(());
        }
        // The lock is not held here, because compiling is slow and must not delay an approval.
        let mut loaded = LoadedComponents::new();
        let mut files = Vec::new();
        for (name, stamp) in changed {
            let content = self.read_file(&name, &mut loaded).await;
            files.push((name, PluginFile { stamp, content }));
        }
        let mut inputs = self.0.inputs.lock().await;
        inputs.files.retain(|name, _| before.contains_key(name));
        inputs.files.extend(files);
        for (digest, component) in loaded {
            // A component that is already loaded keeps its count of running calls and its record of faults.
            if inputs.usable_component(&digest).is_none() {
                inputs.loaded.insert(digest, component);
            }
        }
        self.refresh(&mut inputs).await
    }

    /// Refreshes the catalog if another host, or a command, changed the database.
    async fn query_database(&self) -> Result<(), Error> {
        let mut inputs = self.0.inputs.lock().await;
        if self.is_sealed() {
            return Ok(());
        }
        let CatalogInputs { is_current, database, .. } = &*inputs;
        if *is_current && self.0.setup.store.catalog_revision().await? == database.revision {
            return Ok(());
        }
        self.refresh(&mut inputs).await
    }

    /// Lists the folder.
    ///
    /// If the folder cannot be used, the list is empty, and the problem is logged once and kept. `None` if only the
    /// system lacks a resource: the plugins of the folder must not disappear because too many files are open.
    pub(super) async fn list_folder(&self) -> Option<FolderListing> {
        let plugins = self.clone();
        let list = move || folder::list(&plugins.0.setup.folder, &plugins.0.setup.user);
        let listed = tokio::task::spawn_blocking(list).await;
        let listed = listed.unwrap_or_else(|panic| Err(ListingError { why: panic.to_string(), is_temporary: true }));
        let mut problem = self.0.folder_problem.write().unwrap_or_else(PoisonError::into_inner);
        let why = listed.as_ref().err().map(|error| error.why.clone());
        if *problem != why {
            if let Some(why) = &why {
                tracing::error!(folder = %self.0.setup.folder.display(), why, "plugins folder was ignored");
            }
            *problem = why;
        }
        match listed {
            Err(error) if error.is_temporary => None,
            listed => Some(listed.unwrap_or_default()),
        }
    }

    /// Reads a file and its signature, and loads the component from those bytes.
    pub(super) async fn read_file(&self, name: &str, loaded: &mut LoadedComponents) -> FileContent {
        let (path, max_bytes) = (self.0.setup.folder.join(name), self.0.setup.sandbox.component_bytes());
        let plugins = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            folder::check_owner(&path, &plugins.0.setup.user)?;
            let bytes = read_component_file(&path, max_bytes)?;
            let signer = find_signer(&path, &bytes, &plugins.0.setup.trust);
            Ok((jackfield_sandbox::digest(&bytes), bytes, signer))
        });
        let (digest, bytes, signer) = match read.await.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(read) => read,
            Err(why) => return FileContent::Broken { digest: None, why },
        };
        let signer = match signer {
            Ok(signer) => signer,
            // An invalid signature is not treated like a missing one, because somebody meant the file to be signed.
            Err(why) => return FileContent::Broken { digest: Some(digest), why },
        };
        match self.0.setup.sandbox.load(bytes.clone()).await {
            Err(error) => FileContent::Broken { digest: Some(digest), why: error.to_string() },
            Ok(component) => {
                let id = component.manifest.id.clone();
                let signature = signer.status(&component.manifest);
                if let SignatureStatus::ExceedsPermissions { key, beyond } = &signature {
                    tracing::info!(
                        provider = id,
                        key,
                        ?beyond,
                        "plugin exceeded the permissions of the key that signed it"
                    );
                }
                loaded.insert(digest.clone(), Ok(component));
                FileContent::Component { id, digest, signature, bytes: Some(bytes) }
            }
        }
    }
}
