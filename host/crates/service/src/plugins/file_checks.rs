//! Checks the files of the plugins folder, one at a time: reads them, and loads their components.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jackfield_core::Error;
use jackfield_sandbox::{Component, LoadError, Trust, find_signer, read_component_file};
use jackfield_signing::{SignatureStatus, Signer};

use super::{
    FirstChecks, Plugins,
    catalog_inputs::{CatalogInputs, FileContent, LoadedComponents, PendingCheck, PluginFile},
    folder::{self, FolderListing},
};

/// The size in bytes up to which a new component is checked before the start. That takes half a second. An interpreter is
/// larger, and takes ten seconds.
const QUICK_BYTES: usize = 2 << 20;

/// A file and its signature, as they were read.
struct ReadFile {
    digest: String,
    bytes: Vec<u8>,
    signer: Result<Signer, String>,
}

/// What the next check is about.
enum NextCheck {
    /// This file.
    File(String),
    /// The components of the database that the machine could not check.
    Stored,
    /// Nothing before this time has passed.
    After(Duration),
}

impl Plugins {
    /// Reads the files of the folder for the first time. Those that need no check before the start are left to
    /// [`check_files`](Self::check_files).
    pub(super) async fn read_first(&self, listing: FolderListing, inputs: &mut CatalogInputs) -> Result<(), Error> {
        let setup = &self.0.setup;
        let approvals = if self.is_sealed() { Vec::new() } else { setup.store.approvals().await? };
        for (name, stamp) in listing {
            let (content, check) = match self.read_file(&name).await {
                Err(why) => (FileContent::Broken { digest: None, why }, None),
                Ok(read) => {
                    let may_run = match &setup.trust {
                        Trust::All => true,
                        Trust::Shipped(shipped) | Trust::Signed { shipped, .. } => {
                            shipped.values().any(|digest| *digest == read.digest)
                                || approvals.iter().any(|approval| approval.digest == read.digest)
                        }
                    };
                    let is_quick = !setup.sandbox.checks_in_child() || read.bytes.len() <= QUICK_BYTES;
                    let waits = setup.first_checks == FirstChecks::All || is_quick || may_run;
                    self.load_first(read, waits, &mut inputs.loaded).await
                }
            };
            inputs.files.insert(name, PluginFile { stamp, content, check });
        }
        Ok(())
    }

    /// Reads the file of the folder that has a digest, unless the database contains the component.
    pub(super) async fn read_file_with_digest(&self, digest: &str, inputs: &mut CatalogInputs) -> Result<(), Error> {
        let store = &self.0.setup.store;
        inputs.database.approvals = store.approvals().await?;
        inputs.database.offers = store.offers().await?;
        if inputs.database.has_component(digest) {
            return Ok(());
        }
        for (name, stamp) in self.list_folder().await.unwrap_or_default() {
            let Ok(read) = self.read_file(&name).await else { continue };
            if read.digest == digest {
                let (content, check) = self.load_first(read, true, &mut inputs.loaded).await;
                inputs.files.insert(name, PluginFile { stamp, content, check });
                break;
            }
        }
        Ok(())
    }

    /// Checks the files that wait for it, and those again whose check the machine prevented, until the future is
    /// dropped.
    pub(super) async fn check_files(&self) {
        loop {
            let next = self.next_check().await;
            let checked = match next {
                NextCheck::File(name) => self.check_file(&name).await,
                NextCheck::Stored => self.load_stored_again().await,
                NextCheck::After(wait) => {
                    // Whether a new file or the time ends the wait makes no difference.
                    let _elapsed = tokio::time::timeout(wait, self.0.checks.notified()).await;
                    Ok(())
                }
            };
            if let Err(error) = checked {
                // The scan of the folder logs this too, and refreshes the catalog when the database answers again.
                tracing::debug!(%error, "plugin catalog was not updated after a check");
            }
        }
    }

    async fn next_check(&self) -> NextCheck {
        let inputs = self.0.inputs.lock().await;
        let waits = inputs.files.iter().filter_map(|(name, file)| Some((file.check.as_ref()?.wait(), name)));
        let reload = inputs.reload_at.map(|at| at.saturating_duration_since(Instant::now()));
        match (waits.min(), reload) {
            (Some((wait, name)), _) if wait.is_zero() => NextCheck::File(name.clone()),
            (_, Some(wait)) if wait.is_zero() => NextCheck::Stored,
            (file, reload) => {
                let waits = file.map(|(wait, _)| wait).into_iter().chain(reload);
                NextCheck::After(waits.min().unwrap_or(Duration::MAX))
            }
        }
    }

    async fn check_file(&self, name: &str) -> Result<(), Error> {
        let Some(stamp) = self.0.inputs.lock().await.files.get(name).map(|file| file.stamp) else { return Ok(()) };
        // The lock is not held here, because compiling is slow and must not delay an approval.
        let mut loaded = LoadedComponents::new();
        let (content, check) = match self.read_file(name).await {
            Err(why) => (FileContent::Broken { digest: None, why }, None),
            Ok(read) => self.load_read(read, &mut loaded).await,
        };
        let mut inputs = self.0.inputs.lock().await;
        let Some(file) = inputs.files.get_mut(name) else { return Ok(()) };
        if file.stamp != stamp {
            // It was replaced meanwhile, and is checked again.
            return Ok(());
        }
        match check {
            // What was read before stays until there is a result.
            Some(check) => file.check = Some(check),
            None => (file.content, file.check) = (content, None),
        }
        for (digest, component) in loaded {
            // A component that is already loaded keeps its count of running calls and its record of faults.
            if inputs.usable_component(&digest).is_none() {
                inputs.loaded.insert(digest, component);
            }
        }
        self.refresh(&mut inputs).await
    }

    async fn load_stored_again(&self) -> Result<(), Error> {
        let mut inputs = self.0.inputs.lock().await;
        inputs.reload_at = None;
        inputs.loaded.retain(|_, loaded| !loaded.as_ref().is_err_and(|problem| problem.is_temporary));
        self.refresh(&mut inputs).await
    }

    /// Reads a file and its signature.
    async fn read_file(&self, name: &str) -> Result<ReadFile, String> {
        let (path, max_bytes) = (self.0.setup.folder.join(name), self.0.setup.sandbox.component_bytes());
        let plugins = self.clone();
        let read = tokio::task::spawn_blocking(move || plugins.read_path(&path, max_bytes));
        read.await.unwrap_or_else(|panic| Err(panic.to_string()))
    }

    fn read_path(&self, path: &Path, max_bytes: u64) -> Result<ReadFile, String> {
        folder::check_owner(path, &self.0.setup.user)?;
        let bytes = read_component_file(path, max_bytes)?;
        let signer = find_signer(path, &bytes, &self.0.setup.trust);
        Ok(ReadFile { digest: jackfield_sandbox::digest(&bytes), bytes, signer })
    }

    /// Loads the component of a file, or only from the cache unless the start `waits` for its check.
    async fn load_first(
        &self,
        read: ReadFile,
        waits: bool,
        loaded: &mut LoadedComponents,
    ) -> (FileContent, Option<PendingCheck>) {
        if waits || read.signer.is_err() {
            return self.load_read(read, loaded).await;
        }
        match self.0.setup.sandbox.load_cached(&read.digest).await {
            Some(component) => self.to_content(read, Ok(component), loaded),
            None => (FileContent::Unknown, Some(PendingCheck::first())),
        }
    }

    /// Loads the component from the bytes that were read.
    async fn load_read(&self, read: ReadFile, loaded: &mut LoadedComponents) -> (FileContent, Option<PendingCheck>) {
        // An invalid signature is found before the component is compiled.
        let component = match &read.signer {
            Ok(_) => self.0.setup.sandbox.load(read.bytes.clone()).await,
            Err(why) => return (FileContent::Broken { digest: Some(read.digest), why: why.clone() }, None),
        };
        self.to_content(read, component, loaded)
    }

    /// Returns what a file contains, or when its check is done again.
    fn to_content(
        &self,
        read: ReadFile,
        component: Result<Component, LoadError>,
        loaded: &mut LoadedComponents,
    ) -> (FileContent, Option<PendingCheck>) {
        let ReadFile { digest, bytes, signer } = read;
        let signer = match signer {
            Ok(signer) => signer,
            // An invalid signature is not treated like a missing one, because somebody meant the file to be signed.
            Err(why) => return (FileContent::Broken { digest: Some(digest), why }, None),
        };
        match component {
            Err(error) if error.is_temporary() => (FileContent::Unknown, Some(self.check_again(&error))),
            Err(error) => (FileContent::Broken { digest: Some(digest), why: error.to_string() }, None),
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
                (FileContent::Component { id, digest, signature, bytes: Some(bytes) }, None)
            }
        }
    }

    fn check_again(&self, error: &LoadError) -> PendingCheck {
        PendingCheck::again(self.0.setup.sandbox.check_retry(), error.to_string())
    }
}
