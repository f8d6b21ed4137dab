//! `jackfield plugin check`: shows why a plugin cannot be approved, and how to fix it.

mod conformance;

use std::path::PathBuf;

use clap::Args;
use jackfield_egress::EgressConfig;
use jackfield_sandbox::{Inspection, Limits};
use serde_json::json;

use super::{author_sandbox, format_risk, print_line, try_out};

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Component to check
    file: PathBuf,
    /// Run every operation against a provider that fails in many ways, and show what broke
    #[arg(long)]
    conformance: bool,
    /// With --conformance: folder of recorded exchanges (*.http) to use as good responses
    #[arg(long, value_name = "FOLDER", requires = "conformance")]
    fixtures: Option<PathBuf>,
    /// With --conformance: id of the selected account, if one credential belongs to several
    #[arg(long, value_name = "ID", requires = "conformance")]
    account: Option<String>,
    /// With --conformance: value of a field, instead of a made-up one
    #[arg(long, value_name = "NAME=VALUE", requires = "conformance")]
    field: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: CheckArguments) -> anyhow::Result<()> {
    if arguments.conformance {
        let fields = try_out::parse_fields(&arguments.field)?;
        let CheckArguments { file, fixtures, account, json, .. } = arguments;
        let options = conformance::ConformanceOptions { file, fixtures, fields, account, json };
        return match conformance::run(options).await? {
            (0, _) => Ok(()),
            (broken, cases) => anyhow::bail!("{broken} of {cases} cases failed"),
        };
    }
    check(&arguments).await
}

async fn check(arguments: &CheckArguments) -> anyhow::Result<()> {
    let inspection =
        Inspection::of_file(&author_sandbox(EgressConfig::default(), &Limits::default())?, &arguments.file).await;
    let shown = arguments.file.display();
    if arguments.json {
        let manifest = inspection.manifest.as_ref();
        let view = json!({
            "ok": inspection.findings.is_empty(),
            "digest": inspection.digest,
            "bytes": inspection.bytes,
            "contract": inspection.contract,
            "id": manifest.map(|manifest| &manifest.id),
            "version": manifest.map(|manifest| &manifest.version),
            "imports": inspection.imports,
            "findings": inspection.findings,
            "risks": inspection.risks,
            "warnings": inspection.warnings,
        });
        print_line(&serde_json::to_string_pretty(&view)?);
    } else {
        for finding in &inspection.findings {
            print_line(&format!("✗ {}\n  → {}", finding.what, finding.cure));
        }
        for warning in &inspection.warnings {
            print_line(&format!("! {}\n  → {}", warning.what, warning.cure));
        }
        for risk in &inspection.risks {
            print_line(&format!("! {}", format_risk(risk)));
        }
    }
    match (inspection.findings.len(), &inspection.manifest) {
        (0, Some(manifest)) => {
            if !arguments.json {
                let digest = inspection.digest.as_deref().unwrap_or_default();
                print_line(&format!("✓ {} {} can be approved: sha256 {digest}", manifest.id, manifest.version));
            }
            Ok(())
        }
        (1, _) => anyhow::bail!("{shown} cannot be approved: 1 problem"),
        (number, _) => anyhow::bail!("{shown} cannot be approved: {number} problems"),
    }
}
