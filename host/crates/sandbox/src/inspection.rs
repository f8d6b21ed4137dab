//! Looks a file over as a component: what it is, what it asks for, and all that keeps it from being approved.
//!
//! Runs nothing of it but `describe`, and stores nothing.

use std::path::Path;

use jackfield_core::manifest::Manifest;
use serde::Serialize;
use wasmtime::component::Component as Code;

use super::{
    LoadError, Sandbox, compiled,
    contract::{EXPORT, SERVED},
    describe, file, guest,
    limits::{CORE_INSTANCES, MEMORIES, TABLES},
    review::{self, Finding},
};

/// What was found in one file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Inspection {
    /// SHA-256 of its bytes, which an approval names.
    pub digest: Option<String>,
    pub bytes: usize,
    /// The version of `jackfield:provider` that it was built for.
    pub contract: Option<String>,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// What it says of itself.
    pub manifest: Option<Manifest>,
    /// What keeps it from being approved; nothing where it may be.
    pub findings: Vec<Finding>,
}

impl Inspection {
    /// Looks a file over. Whatever lies there, this answers.
    pub async fn of_file(sandbox: &Sandbox, path: &Path) -> Self {
        match file::read(path, sandbox.0.limits.component_bytes) {
            Ok(bytes) => Self::of(sandbox, bytes).await,
            Err(why) => {
                let cure = "name a regular file, no link, of at most 32 MiB; leave debug information out of the build";
                Self { findings: vec![Finding::new(why, cure)], ..Self::default() }
            }
        }
    }

    /// Looks a component's bytes over.
    pub async fn of(sandbox: &Sandbox, bytes: Vec<u8>) -> Self {
        let mut found = Self { digest: Some(compiled::digest(&bytes)), bytes: bytes.len(), ..Self::default() };
        if let Err(finding) = found.look(sandbox, bytes).await {
            found.findings.push(finding);
        }
        found
    }

    /// Looks as far as it can; what ends the look is the error, and what does not is noted down.
    async fn look(&mut self, sandbox: &Sandbox, bytes: Vec<u8>) -> Result<(), Finding> {
        let code = Self::compile(sandbox, bytes).await?;
        let kind = code.component_type();
        self.imports = kind.imports(&sandbox.0.engine).map(|(name, _)| name.to_owned()).collect();
        self.exports = kind.exports(&sandbox.0.engine).map(|(name, _)| name.to_owned()).collect();
        self.contract = self.exports.iter().find_map(|name| name.strip_prefix(EXPORT)).map(str::to_owned);
        let exports = guest::exports(&sandbox.0.engine, &sandbox.0.linker, &code).map_err(|why| self.unlinked(&why))?;
        let manifest = describe::run(sandbox, &exports.provider).await.map_err(|why| undescribed(&why))?;
        if manifest.capabilities.alerts && exports.alerts.is_none() {
            self.findings.push(Finding::new(
                "it says that it takes alerts, and does not export `alerts`",
                "build it for the world `component-with-alerts` (in Rust `export!(Provider, alerts)`), or leave the \
                 capability out",
            ));
        }
        self.findings.extend(review::judge(&manifest));
        self.manifest = Some(manifest);
        Ok(())
    }

    async fn compile(sandbox: &Sandbox, bytes: Vec<u8>) -> Result<Code, Finding> {
        let cure = match bytes.as_slice() {
            [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => {
                "build it with the tools of `jackfield plugin new`; no language features beyond those of wasm32-wasip2 \
                 are taken"
            }
            [b'\0', b'a', b's', b'm', ..] => {
                "in Rust: `cargo build --target wasm32-wasip2`; from another language: `wasm-tools component new`"
            }
            _ => "name the file that the build made, such as `target/wasm32-wasip2/release/NAME.wasm`",
        };
        let ended = |why: LoadError| Finding::new(why.to_string(), cure);
        compiled::is_component(&bytes).map_err(ended)?;
        let sandbox = sandbox.clone();
        tokio::task::spawn_blocking(move || compiled::compile(&sandbox.0.engine, &bytes))
            .await
            .map_err(|panic| ended(LoadError(format!("the component could not be compiled: {panic}"))))?
            .map_err(ended)
    }

    /// What keeps it from being linked: each import that nobody offers, else the linker's own words.
    fn unlinked(&mut self, why: &LoadError) -> Finding {
        let mut strange: Vec<Finding> = self.imports.iter().filter_map(|import| strange(import)).collect();
        if let Some(last) = strange.pop() {
            self.findings.append(&mut strange);
            return last;
        }
        let cure = match &self.contract {
            Some(version) if !SERVED.contains(&version.as_str()) => format!(
                "it was built for version {version} of the contract; this program serves {}: build it with that WIT",
                SERVED.join(", ")
            ),
            Some(_) => "build it with the unchanged WIT of `jackfield plugin new`".to_owned(),
            None => "implement the world `jackfield:provider/component` and export it; `jackfield plugin new` makes a \
                     component that does"
                .to_owned(),
        };
        Finding::new(why.to_string(), cure)
    }
}

/// Why a component did not come to say what it is.
fn undescribed(why: &LoadError) -> Finding {
    let why = why.to_string();
    let cure = if why.contains("resource limit exceeded") {
        format!(
            "it is made of more than a call may hold ({CORE_INSTANCES} core instances, {TABLES} tables, {MEMORIES} \
             memories): build it without the adapters that it does not need"
        )
    } else {
        "let `describe` only fill in the manifest: there are no requests, one time and one randomness while it runs"
            .to_owned()
    };
    Finding::new(why, cure)
}

/// What is wrong with an import that no component may have.
fn strange(import: &str) -> Option<Finding> {
    let (package, version) = import.rsplit_once('@').unwrap_or((import, ""));
    let cure = match package.split_once('/').map_or(package, |(package, _)| package) {
        // Every version that is served uses the imports of the first.
        "jackfield:provider" if version == SERVED[0] => match package {
            "jackfield:provider/http" | "jackfield:provider/log" | "jackfield:provider/types" => return None,
            _ => "import `http` and `log` alone".to_owned(),
        },
        "jackfield:provider" => format!("build it with the WIT of version {}", SERVED.join(" or ")),
        "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random" | "wasi:sockets"
            if version.starts_with("0.2.") =>
        {
            return None;
        }
        "wasi:http" if version.starts_with("0.2.") => match package {
            "wasi:http/outgoing-handler" | "wasi:http/types" => return None,
            _ => "a component sends requests and takes none: import `outgoing-handler` alone".to_owned(),
        },
        other if other.starts_with("wasi:") => {
            "build it for WASI 0.2: clocks and randomness are all there is".to_owned()
        }
        "env" | "wasi_snapshot_preview1" => "build it for wasm32-wasip2".to_owned(),
        _ => {
            "take out the library that needs it; everything outside is reached by `jackfield:provider/http`".to_owned()
        }
    };
    Some(Finding::new(format!("it imports `{}`, which no component may", super::convert::clean(import, 200)), cure))
}

#[cfg(test)]
mod tests {
    use super::strange;

    #[test]
    fn an_import_is_strange_unless_it_is_linked() {
        for known in [
            "jackfield:provider/http@0.1.0",
            "jackfield:provider/types@0.1.0",
            "wasi:io/streams@0.2.6",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:http/outgoing-handler@0.2.3",
        ] {
            assert!(strange(known).is_none(), "{known}");
        }
        for (unknown, cure) in [
            ("jackfield:provider/http@0.2.0", "version 0.1.0"),
            ("jackfield:provider/vault@0.1.0", "alone"),
            ("wasi:http/incoming-handler@0.2.3", "takes none"),
            ("wasi:clocks/wall-clock@0.3.0", "WASI 0.2"),
            ("wasi:keyvalue/store@0.2.0", "WASI 0.2"),
            ("wasi_snapshot_preview1", "wasip2"),
            ("acme:secrets/read", "library"),
        ] {
            assert!(strange(unknown).is_some_and(|finding| finding.cure.contains(cure)), "{unknown}");
        }
    }
}
