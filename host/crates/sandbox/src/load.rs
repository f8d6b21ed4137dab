//! Loads a component from the cache; if it is not there, compiles it, gets its manifest and reviews that.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use jackfield_core::manifest::Manifest;
use wasmtime::component::Component as Code;

use crate::{
    child_check::{CheckOptions, check_in_child},
    compile::{check_is_component, compile, deserialize_from_child, digest},
    component_file,
    contract::Exports,
    describe::describe,
    error::LoadError,
    manifest_review::review,
    sandbox::{Checker, Component, Sandbox},
};

/// A compiled component, and what `describe` returned.
pub(crate) struct CompiledComponent {
    pub(crate) code: Code,
    /// The manifest before any review, or why there is none.
    pub(crate) manifest: Result<Manifest, LoadError>,
    /// The code as the cache stores it; nothing if it came from there.
    serialized: Option<Vec<u8>>,
}

impl Sandbox {
    /// Loads a component from its bytes. If the cache contains it, it is not compiled again.
    ///
    /// # Errors
    /// The bytes are not a component, it imports something that is not allowed, or its manifest cannot be approved. The
    /// error is temporary if the machine could not check the component.
    pub async fn load(&self, bytes: Vec<u8>) -> Result<Component, LoadError> {
        let digest = digest(&bytes);
        let compiled = self.compile_once(&digest, bytes).await?;
        let exports = self.resolve(&compiled.code)?;
        let manifest = compiled.manifest.clone()?;
        if compiled.serialized.is_some() || self.cache().has_rejected_manifests() {
            require_approvable(&manifest, &exports)?;
        }
        self.store_compiled(&digest, compiled).await;
        Ok(self.new_component(digest, manifest, exports))
    }

    /// Loads a component that the cache contains; `None` if it does not, or if it cannot be used.
    pub async fn load_cached(&self, digest: &str) -> Option<Component> {
        let compiled = self.read_compiled(digest).await.ok()??;
        let exports = self.resolve(&compiled.code).ok()?;
        let manifest = compiled.manifest.ok()?;
        if self.cache().has_rejected_manifests() {
            require_approvable(&manifest, &exports).ok()?;
        }
        Some(self.new_component(digest.to_owned(), manifest, exports))
    }

    /// Returns whether a check can take long, because a child process does it.
    #[must_use]
    pub fn checks_in_child(&self) -> bool {
        match self.checker() {
            Checker::Child(_) | Checker::Foreground(_) => true,
            Checker::InProcess => false,
        }
    }

    /// Deletes compiled components from the cache, except those of `used`, a list of digests. Blocks.
    ///
    /// Does nothing while a component is checked, and deletes them the next time.
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
        let bytes = component_file::read(path, self.component_bytes()).map_err(LoadError::new)?;
        self.load(bytes).await
    }

    /// Reads a component from the cache. If it is not there, compiles it and gets its manifest, one component at a time.
    ///
    /// # Errors
    /// The bytes are not a component, it cannot be compiled, or the machine could not check it.
    pub(crate) async fn compile_once(&self, digest: &str, bytes: Vec<u8>) -> Result<CompiledComponent, LoadError> {
        // Without waiting for a check that may run.
        if let Some(compiled) = self.read_compiled(digest).await? {
            return Ok(compiled);
        }
        let _permit = self.compiling().acquire().await.map_err(|_closed| LoadError::temporary("shutting down"))?;
        if let Some(compiled) = self.read_compiled(digest).await? {
            return Ok(compiled);
        }
        check_is_component(&bytes)?;
        let bytes = Arc::new(bytes);
        match self.checker().clone() {
            Checker::InProcess => self.compile_in_process(bytes).await,
            Checker::Child(program) => self.compile_in_child(program, bytes, false).await,
            Checker::Foreground(program) => self.compile_in_child(program, bytes, true).await,
        }
    }

    /// Writes a component to the cache, unless it came from there.
    pub(crate) async fn store_compiled(&self, digest: &str, compiled: CompiledComponent) {
        let (Some(serialized), Ok(manifest)) = (compiled.serialized, compiled.manifest) else { return };
        let (sandbox, digest) = (self.clone(), digest.to_owned());
        let write = move || {
            sandbox.cache().write(sandbox.engine(), &digest, &serialized, &manifest);
            Ok(())
        };
        if let Err(error) = spawn_blocking(write).await {
            tracing::warn!(%error, "a compiled component was not stored");
        }
    }

    async fn read_compiled(&self, digest: &str) -> Result<Option<CompiledComponent>, LoadError> {
        let (sandbox, digest) = (self.clone(), digest.to_owned());
        let cached = spawn_blocking(move || Ok(sandbox.cache().read(sandbox.engine(), &digest))).await?;
        Ok(cached.map(|(code, manifest)| CompiledComponent { code, manifest: Ok(manifest), serialized: None }))
    }

    async fn compile_in_process(&self, bytes: Arc<Vec<u8>>) -> Result<CompiledComponent, LoadError> {
        let sandbox = self.clone();
        let (code, serialized) = spawn_blocking(move || {
            let code = compile(sandbox.engine(), &bytes)?;
            // Before the first instruction of the guest runs.
            let serialized = code
                .serialize()
                .map_err(|error| LoadError::new(format!("its code cannot be serialized: {error:#}")))?;
            Ok((code, serialized))
        })
        .await?;
        let manifest = match self.resolve(&code) {
            Ok(exports) => describe(self, &exports).await,
            Err(error) => Err(error),
        };
        Ok(CompiledComponent { code, manifest, serialized: Some(serialized) })
    }

    async fn compile_in_child(
        &self,
        program: std::path::PathBuf,
        bytes: Arc<Vec<u8>>,
        foreground: bool,
    ) -> Result<CompiledComponent, LoadError> {
        let options = CheckOptions { count_fuel: self.limits().counts_fuel, foreground };
        let checked = check_in_child(program, options, bytes).await?;
        let sandbox = self.clone();
        spawn_blocking(move || {
            let code = deserialize_from_child(sandbox.engine(), &checked.code)?;
            Ok(CompiledComponent { code, manifest: checked.manifest, serialized: Some(checked.code) })
        })
        .await
    }
}

/// Runs work that keeps a thread busy outside the threads that serve requests.
async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_panic| LoadError::new("this program failed while it compiled the component"))?
}

/// Checks that a manifest has no findings.
fn require_approvable(manifest: &Manifest, exports: &Exports) -> Result<(), LoadError> {
    let problems: Vec<String> =
        review(manifest, exports.has_alerts()).into_iter().map(|finding| finding.what).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(LoadError::new(format!("its manifest cannot be approved: {}", problems.join("; ")))),
    }
}
