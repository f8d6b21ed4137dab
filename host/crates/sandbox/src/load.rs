//! Loads a component from the cache; if it is not there, compiles it, gets its manifest and reviews that.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use jackfield_core::manifest::Manifest;

use crate::{
    child_check,
    compile::{check_is_component, compile, deserialize_from_child, digest},
    component_file,
    contract::Exports,
    describe::describe,
    error::LoadError,
    manifest_review::review,
    sandbox::{Checker, Component, Sandbox},
};

impl Sandbox {
    /// Loads a component from its bytes. If the cache contains it, it is not compiled again.
    ///
    /// # Errors
    /// The bytes are not a component, it imports something that is not allowed, or its manifest cannot be approved.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<Component, LoadError> {
        let (digest, bytes) = (digest(&bytes), Arc::new(bytes));
        let _permit = self.compiling().acquire().await.map_err(|_closed| LoadError("shutting down".to_owned()))?;
        let cached = {
            let (sandbox, digest) = (self.clone(), digest.clone());
            spawn_blocking(move || Ok(sandbox.cache().read(sandbox.engine(), &digest))).await?
        };
        if let Some((code, manifest)) = cached {
            let exports = self.resolve(&code)?;
            return Ok(self.new_component(digest, manifest, exports));
        }
        check_is_component(&bytes)?;
        match self.checker().clone() {
            Checker::InProcess => self.load_in_process(digest, bytes).await,
            Checker::Child(program) => {
                let checked = child_check::check_in_child(program, bytes).await?;
                self.load_checked(digest, checked).await
            }
        }
    }

    /// Deletes compiled components from the cache, except those of `used`, a list of digests. Blocks.
    ///
    /// Does nothing while a component is loaded, and deletes them the next time.
    pub fn delete_unused_code(&self, used: &BTreeSet<String>) {
        let Ok(_permit) = self.compiling().try_acquire() else { return };
        match self.cache().delete_unused(self.engine(), used) {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "compiled components that are not used were removed"),
            Err(error) => tracing::warn!(%error, "compiled components that are not used were not removed"),
        }
    }

    /// Loads a component from a file, for command-line tools.
    ///
    /// # Errors
    /// As [`load`](Self::load), or the file is not a regular file or too large.
    pub async fn load_file(&self, path: &Path) -> Result<Component, LoadError> {
        let bytes = component_file::read(path, self.component_bytes()).map_err(LoadError)?;
        self.load(bytes).await
    }

    async fn load_in_process(&self, digest: String, bytes: Arc<Vec<u8>>) -> Result<Component, LoadError> {
        let sandbox = self.clone();
        let code = spawn_blocking(move || compile(sandbox.engine(), &bytes)).await?;
        let exports = self.resolve(&code)?;
        let manifest = require_approvable(describe(self, &exports).await?, &exports)?;
        let serialized =
            code.serialize().map_err(|error| LoadError(format!("its code cannot be serialized: {error:#}")))?;
        self.cache().write(self.engine(), &digest, &serialized, &manifest);
        Ok(self.new_component(digest, manifest, exports))
    }

    async fn load_checked(
        &self,
        digest: String,
        checked: child_check::CheckedComponent,
    ) -> Result<Component, LoadError> {
        let sandbox = self.clone();
        spawn_blocking(move || {
            let code = deserialize_from_child(sandbox.engine(), &checked.code)?;
            let exports = sandbox.resolve(&code)?;
            let manifest = require_approvable(checked.manifest, &exports)?;
            sandbox.cache().write(sandbox.engine(), &digest, &checked.code, &manifest);
            Ok(sandbox.new_component(digest, manifest, exports))
        })
        .await
    }
}

/// Runs work that keeps a thread busy outside the threads that serve requests.
async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| LoadError(format!("the component could not be compiled: {panic}")))?
}

/// Returns a manifest that has no findings.
fn require_approvable(manifest: Manifest, exports: &Exports) -> Result<Manifest, LoadError> {
    let problems: Vec<String> =
        review(&manifest, exports.has_alerts()).into_iter().map(|finding| finding.what).collect();
    if problems.is_empty() {
        return Ok(manifest);
    }
    Err(LoadError(format!("its manifest cannot be approved: {}", problems.join("; "))))
}
