//! `jackfield plugin check`: everything that the host would say of a file, each with what its author does about it.

mod conformance;

use std::path::PathBuf;

use clap::Args;
use jackfield_sandbox::Inspection;
use serde_json::json;

use super::{sandbox, say, try_out};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, as it was built
    file: PathBuf,
    /// Run every operation against an upstream that fails in every way, and say what broke
    #[arg(long)]
    conformance: bool,
    /// With --conformance: recorded exchanges (*.http), from which good and half good answers are made
    #[arg(long, value_name = "FOLDER", requires = "conformance")]
    fixtures: Option<PathBuf>,
    /// With --conformance: the account that was chosen, where one credential opens several
    #[arg(long, value_name = "ID", requires = "conformance")]
    account: Option<String>,
    /// With --conformance: a field's value, in place of a made-up one
    #[arg(long, value_name = "NAME=VALUE", requires = "conformance")]
    field: Vec<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.conformance {
        let fields = try_out::fields(&arguments.field)?;
        let Arguments { file, fixtures, account, json, .. } = arguments;
        return match conformance::run(conformance::Kit { file, fixtures, fields, account, json }).await? {
            true => Ok(()),
            false => anyhow::bail!("it does not stand what an upstream may do"),
        };
    }
    check(&arguments).await
}

async fn check(arguments: &Arguments) -> anyhow::Result<()> {
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
        (1, _) => anyhow::bail!("{shown} cannot be approved: there is one finding"),
        (number, _) => anyhow::bail!("{shown} cannot be approved: there are {number} findings"),
    }
}
