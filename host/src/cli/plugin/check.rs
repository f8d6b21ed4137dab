//! `jackfield plugin check`: everything that the host would say of a file, each with what its author does about it.

use std::path::PathBuf;

use clap::Args;
use jackfield::sandbox::Inspection;
use serde_json::json;

use super::{sandbox, say};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, as it was built
    file: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let found = Inspection::of_file(&sandbox()?, &arguments.file).await;
    let shown = arguments.file.display();
    if arguments.json {
        let manifest = found.manifest.as_ref();
        let view = json!({
            "ok": found.findings.is_empty(),
            "digest": found.digest,
            "bytes": found.bytes,
            "contract": found.contract,
            "id": manifest.map(|manifest| &manifest.id),
            "version": manifest.map(|manifest| &manifest.version),
            "imports": found.imports,
            "findings": found.findings,
        });
        say(&serde_json::to_string_pretty(&view)?);
    } else {
        for finding in &found.findings {
            say(&format!("✗ {}\n  → {}", finding.what, finding.cure));
        }
    }
    match (found.findings.len(), &found.manifest) {
        (0, Some(manifest)) => {
            if !arguments.json {
                let digest = found.digest.as_deref().unwrap_or_default();
                say(&format!("✓ {} {} can be approved, as {digest}", manifest.id, manifest.version));
            }
            Ok(())
        }
        (1, _) => anyhow::bail!("{shown} can not be approved: there is one finding"),
        (number, _) => anyhow::bail!("{shown} can not be approved: there are {number} findings"),
    }
}
