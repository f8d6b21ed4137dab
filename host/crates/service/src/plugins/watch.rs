//! Notices changes of the plugins folder and of the database, and refreshes the catalog.

use std::{sync::PoisonError, time::Duration};

use jackfield_core::Error;
use tokio::time::MissedTickBehavior;

use super::{
    Plugins,
    catalog_inputs::{CatalogInputs, FileContent, PendingCheck, PluginFile},
    folder::{self, FolderListing, ListingError},
};

/// How often the folder is scanned.
///
/// A new file must look the same in two scans, so it is found within half a second.
const SCAN_INTERVAL: Duration = Duration::from_millis(250);

/// Scans of the folder for each query for changes in the database.
const SCANS_PER_QUERY: u32 = 4;

impl Plugins {
    /// Scans the folder, checks its files and queries the database until the future is dropped.
    pub async fn watch(self) {
        tokio::join!(self.check_files(), self.scan());
    }

    async fn scan(&self) {
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

    /// Notices files that are new or changed, which are then checked, and forgets files that are gone.
    ///
    /// A file is checked once it looks the same in two scans, so that a file that is still being written is not read.
    async fn scan_folder(&self, before: &mut FolderListing) -> Result<(), Error> {
        let Some(now) = self.list_folder().await else { return Ok(()) };
        let mut inputs = self.0.inputs.lock().await;
        let mut has_changes = inputs.files.keys().any(|name| !now.contains_key(name));
        inputs.files.retain(|name, _| now.contains_key(name));
        for (name, stamp) in &now {
            let is_stable = before.get(name) == Some(stamp);
            if !is_stable || inputs.files.get(name).is_some_and(|file| file.stamp == *stamp) {
                continue;
            }
            has_changes = true;
            let check = Some(PendingCheck::first());
            match inputs.files.get_mut(name) {
                Some(file) => (file.stamp, file.check) = (*stamp, check),
                None => {
                    let file = PluginFile { stamp: *stamp, content: FileContent::Unknown, check };
                    inputs.files.insert(name.clone(), file);
                }
            }
        }
        *before = now;
        if !has_changes {
            return Ok(());
        }
        self.0.checks.notify_one();
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
}
