//! Derives the catalog from the plugins folder and the database.

use std::{collections::btree_map::Entry, time::Instant};

use jackfield_core::Error;
use jackfield_sandbox::Component;

use super::{
    Plugins,
    catalog_entries::CatalogEntries,
    catalog_inputs::{CatalogInputs, DatabaseState, LoadProblem, choose_owners},
};
use crate::connections::restore_pauses;

impl Plugins {
    /// Brings the database and the catalog up to date with the inputs.
    pub(super) async fn refresh(&self, inputs: &mut CatalogInputs) -> Result<(), Error> {
        inputs.is_current = false;
        if !self.is_sealed() {
            // Read first, because the owners of files depend on the approvals.
            inputs.database.approvals = self.0.setup.store.approvals().await?;
        }
        let is_known = |id: &str, digest: &str| {
            self.auto_approver(inputs, id, digest).is_some() || inputs.database.is_decided(id, digest)
        };
        inputs.owners = choose_owners(&inputs.files, &inputs.owners, is_known);
        if self.is_sealed() {
            // Without the master key, approvals cannot be authenticated, and nothing is written.
            inputs.database = DatabaseState { offers: self.folder_offers(inputs), ..DatabaseState::default() };
        } else {
            self.store_folder_offers(inputs).await?;
            self.read_database(inputs).await?;
            // A command that decides about one plugin leaves the others to the service.
            if self.0.only.is_none() && self.auto_approve(inputs).await? {
                self.read_database(inputs).await?;
            }
        }
        let loaded = inputs.loaded.values().filter_map(|component| component.as_ref().ok());
        let with_approval = loaded.map(|component| (component, inputs.database.approved_at(component)));
        restore_pauses(&self.0.setup.store, with_approval).await?;
        let mut entries = CatalogEntries { inputs, trust: &self.0.setup.trust }.build();
        if self.is_sealed() {
            self.approve_shipped(inputs, &mut entries);
        }
        self.0.setup.catalog.replace(entries);
        inputs.is_current = true;
        Ok(())
    }

    /// Deletes compiled code that neither a file of the folder, an offer, nor a decision needs.
    ///
    /// The cache must belong to this service alone.
    pub async fn delete_unused_code(&self) {
        let used = {
            let inputs = self.0.inputs.lock().await;
            if self.is_sealed() || !inputs.is_current {
                return;
            }
            inputs.digests_with_code()
        };
        let plugins = self.clone();
        let deleted = tokio::task::spawn_blocking(move || plugins.0.setup.sandbox.delete_unused_code(&used)).await;
        if let Err(panic) = deleted {
            tracing::error!(%panic, "compiled components that are not used were not removed");
        }
    }

    /// Reads the database, and loads the components that are needed.
    async fn read_database(&self, inputs: &mut CatalogInputs) -> Result<(), Error> {
        let store = &self.0.setup.store;
        // The revision is read first, so that a change in between is read again and not missed.
        let revision = store.catalog_revision().await?;
        inputs.database =
            DatabaseState { revision, approvals: store.approvals().await?, offers: store.offers().await? };
        let needed = match &self.0.only {
            None => inputs.database.needed_digests(),
            Some(only) => inputs.database.needed_digests_of(only),
        };
        inputs.loaded.retain(|digest, _| needed.contains(digest));
        for digest in needed {
            if let Entry::Vacant(entry) = inputs.loaded.entry(digest) {
                let loaded = self.load_stored(entry.key()).await?;
                if loaded.as_ref().is_err_and(|problem| problem.is_temporary) {
                    inputs.reload_at = Some(Instant::now() + self.0.setup.sandbox.check_retry());
                    self.0.checks.notify_one();
                }
                entry.insert(loaded);
            }
        }
        Ok(())
    }

    /// Loads a component from the database, or says why it cannot be used.
    async fn load_stored(&self, digest: &str) -> Result<Result<Component, LoadProblem>, Error> {
        let Some(bytes) = self.0.setup.store.component_bytes(digest).await? else {
            return Ok(Err(LoadProblem::lasting("the bytes of this version are no longer stored")));
        };
        // The database is not trusted: somebody who can write to it must not be able to replace a component.
        if jackfield_sandbox::digest(&bytes) != digest {
            let why = format!("its bytes in the database were changed: they do not have the digest {digest}");
            return Ok(Err(LoadProblem::lasting(why)));
        }
        Ok(self.0.setup.sandbox.load(bytes).await.map_err(LoadProblem::from))
    }
}
