//! `jackfield plugin verify`: tells whether a component is signed by a key, and whether that key may ask for all of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use jackfield_sandbox::{Inspection, signature_path};
use jackfield_signing::{SignatureStatus, Signer, TrustedKeys};

use super::{sandbox, say, settings};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, with its signature beside it
    file: PathBuf,
    /// A public key of minisign: the key itself, or the file that holds it
    #[arg(long, value_name = "PUBLICKEY", required_unless_present = "trusted", conflicts_with = "trusted")]
    key: Option<String>,
    /// Judge by the trusted keys and their grants, as the service does
    #[arg(long)]
    trusted: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let signature = signature(file)?;
    if let Some(key) = &arguments.key {
        let text = if Path::new(key).exists() { std::fs::read_to_string(key)? } else { key.clone() };
        let keys =
            TrustedKeys::single("the key", &text).map_err(|why| anyhow::anyhow!("that is not a public key: {why}"))?;
        return match keys.find_signer(&bytes, Some(&signature)) {
            Ok(Signer::Trusted(_)) => {
                say("signed by the key");
                Ok(())
            }
            Ok(Signer::UnknownKey | Signer::Nobody) => bail!("signed by another key"),
            Err(why) => bail!("{why}"),
        };
    }
    let keys = settings()?.trusted_keys.context("JACKFIELD_PLUGINS_TRUSTED_KEYS names no file")?;
    // Broken signatures are told before the component is looked at.
    if let Err(why) = keys.find_signer(&bytes, Some(&signature)) {
        bail!("{why}");
    }
    let found = Inspection::of(&sandbox()?, bytes.clone()).await;
    let Some(manifest) = found.manifest.filter(|_| found.findings.is_empty()) else {
        bail!("it cannot be approved, whoever signed it; `jackfield plugin check` says why");
    };
    match keys.signature_status(&bytes, Some(&signature), &manifest) {
        SignatureStatus::WithinPermissions { key } => {
            say(&format!("signed by `{key}`, and within its grant"));
            Ok(())
        }
        SignatureStatus::ExceedsPermissions { key, beyond } => {
            bail!("signed by `{key}`, and asks for more than that key's grant: {}", beyond.join(", "))
        }
        SignatureStatus::UnknownKey | SignatureStatus::Unsigned => bail!("signed by no trusted key"),
        SignatureStatus::Invalid(why) => bail!("{why}"),
    }
}

fn signature(file: &Path) -> anyhow::Result<String> {
    let path = signature_path(file);
    std::fs::read_to_string(&path).with_context(|| format!("there is no signature to read: {}", path.display()))
}
