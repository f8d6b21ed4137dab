//! Inspects a file for its author: its imports, exports and manifest, and everything that prevents an approval.
//!
//! Runs only `describe`, and stores nothing.

use std::path::Path;

use jackfield_core::manifest::Manifest;
use serde::Serialize;

use crate::{
    compile::digest,
    component_file,
    contract::{CONTRACT_VERSIONS, EXPORT},
    error::LoadError,
    frozen_values::{AuthorWarning, contains_interpreter, find_frozen_values},
    limits::{CORE_INSTANCES, MEMORIES, TABLES},
    manifest_review::{
        Finding, Risk, find_lints, find_risks, review, review_new_version, to_displayable, to_displayable_text,
    },
    rejected_imports::review_import,
    sandbox::Sandbox,
};

/// The result of an inspection.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inspection {
    /// The SHA-256 of its bytes. An approval refers to it.
    pub digest: Option<String>,
    /// The size of the file.
    pub bytes: usize,
    /// The version of `jackfield:provider` that it was built for.
    pub contract: Option<String>,
    /// The names of its imports, such as `jackfield:provider/http@0.1.0`.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// What `describe` returned, with every text made safe for a terminal.
    pub manifest: Option<Manifest>,
    /// What an Executive has to notice before the approval.
    pub risks: Vec<Risk>,
    /// The reasons why it cannot be approved. Empty if it can be approved.
    pub findings: Vec<Finding>,
    /// What the author should fix, although it does not prevent an approval.
    pub warnings: Vec<AuthorWarning>,
}

impl Inspection {
    /// Inspects a file. If it cannot be read, that is a finding.
    pub async fn of_file(sandbox: &Sandbox, path: &Path) -> Self {
        match component_file::read(path, sandbox.component_bytes()) {
            Ok(bytes) => Self::of(sandbox, bytes).await,
            Err(why) => {
                let cure = match path.symlink_metadata() {
                    Err(_) => "pass the path of the file that the build created",
                    Ok(_) => "use a regular file, not a link, of at most 32 MiB; build without debug information",
                };
                Self { findings: vec![Finding::new(why, cure)], ..Self::default() }
            }
        }
    }

    /// Inspects the bytes of a component.
    pub async fn of(sandbox: &Sandbox, bytes: Vec<u8>) -> Self {
        let mut inspection = Self { digest: Some(digest(&bytes)), bytes: bytes.len(), ..Self::default() };
        if let Err(finding) = inspection.inspect(sandbox, bytes).await {
            inspection.findings.push(finding);
        }
        inspection
    }

    /// Inspects as much as possible. The error is the finding that ends the inspection.
    async fn inspect(&mut self, sandbox: &Sandbox, bytes: Vec<u8>) -> Result<(), Finding> {
        let cure = cure_for_bytes(&bytes);
        let digest = self.digest.clone().unwrap_or_default();
        let has_interpreter = contains_interpreter(&bytes);
        let compiled = sandbox.compile_once(&digest, bytes).await;
        let compiled = compiled.map_err(|error| Finding::new(error.to_string(), cure))?;
        let component = compiled.code.component_type();
        let to_name = |name: &str| to_displayable_text(name).into_owned();
        self.imports = component.imports(sandbox.engine()).map(|(name, _)| to_name(name)).collect();
        self.exports = component.exports(sandbox.engine()).map(|(name, _)| to_name(name)).collect();
        if has_interpreter {
            self.warnings = find_frozen_values(&self.imports);
        }
        self.contract = self.exports.iter().find_map(|name| name.strip_prefix(EXPORT)).map(str::to_owned);
        let exports = sandbox.resolve(&compiled.code).map_err(|error| self.explain_link_error(&error))?;
        let manifest = compiled.manifest.clone().map_err(|error| explain_describe_error(&error))?;
        sandbox.store_compiled(&digest, compiled).await;
        self.findings.extend(review(&manifest, exports.has_alerts()));
        for finding in review_new_version(&manifest) {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        let manifest = to_displayable(&manifest).into_owned();
        if self.findings.is_empty() {
            self.risks = find_risks(&manifest);
            self.warnings.extend(find_lints(&manifest));
        }
        self.manifest = Some(manifest);
        Ok(())
    }

    /// Returns a finding for a component that cannot be linked.
    ///
    /// If imports are not allowed, it adds a finding for each of them but the last, and returns the last.
    fn explain_link_error(&mut self, error: &LoadError) -> Finding {
        let mut not_allowed: Vec<Finding> = self.imports.iter().filter_map(|import| review_import(import)).collect();
        if let Some(last) = not_allowed.pop() {
            self.findings.append(&mut not_allowed);
            return last;
        }
        let cure = match &self.contract {
            Some(version) if !CONTRACT_VERSIONS.contains(&version.as_str()) => format!(
                "it was built for version {version} of the contract; build it with the WIT of a supported version: {}",
                CONTRACT_VERSIONS.join(", ")
            ),
            Some(_) => "build it with the unchanged WIT of `jackfield plugin new`".to_owned(),
            None => {
                "implement and export the world `jackfield:provider/component`, as a component of `jackfield plugin \
                     new` does"
                    .to_owned()
            }
        };
        Finding::new(error.to_string(), cure)
    }
}

/// Returns what the author can do if the bytes of a file cannot be compiled.
fn cure_for_bytes(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => {
            "build it with the tools of `jackfield plugin new`; language features beyond those of wasm32-wasip2 are not \
             supported"
        }
        [b'\0', b'a', b's', b'm', ..] => {
            "in Rust: `cargo build --target wasm32-wasip2`; from another language: `wasm-tools component new`"
        }
        _ => "use the file that the build created, such as `target/wasm32-wasip2/release/NAME.wasm`",
    }
}

/// Returns the finding for a component that has no manifest.
fn explain_describe_error(error: &LoadError) -> Finding {
    let what = error.to_string();
    let cure = if what.contains("resource limit exceeded") {
        format!(
            "it has more parts than a call may use ({CORE_INSTANCES} core instances, {TABLES} tables, {MEMORIES} \
             memories); build it without adapters that it does not need"
        )
    } else {
        "return the manifest from `describe` and do nothing else: it has no requests, and the clock and random numbers \
         are fixed"
            .to_owned()
    };
    Finding::new(what, cure)
}
