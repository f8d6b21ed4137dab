//! `jackfield plugin verify`: checks the signature of a component, and whether the key permits what it requests.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use jackfield_egress::EgressConfig;
use jackfield_sandbox::{Inspection, Limits, signature_path};
use jackfield_signing::{SignatureStatus, Signer, TrustedKeys};

use super::{author_sandbox, load_settings, print_line};

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Component, with its signature in the same folder
    file: PathBuf,
    /// Public minisign key, or the file that contains it
    #[arg(long, value_name = "PUBLICKEY", required_unless_present = "trusted", conflicts_with = "trusted")]
    key: Option<String>,
    /// Check against the trusted keys and their permissions, as the service does
    #[arg(long)]
    trusted: bool,
}

pub(super) async fn run(arguments: &VerifyArguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let signature = read_signature(file)?;
    if let Some(key) = &arguments.key {
        let text = if Path::new(key).exists() { std::fs::read_to_string(key)? } else { key.clone() };
        let keys =
            TrustedKeys::single("the key", &text).map_err(|why| anyhow::anyhow!("--key is not a public key: {why}"))?;
        return match keys.find_signer(&bytes, Some(&signature)) {
            Ok(Signer::Trusted(_)) => {
                print_line("signed by the key");
                Ok(())
            }
            Ok(Signer::UnknownKey | Signer::Nobody) => bail!("signed by another key"),
            Err(why) => bail!("{why}"),
        };
    }
    let keys =
        load_settings()?.trusted_keys.context("--trusted needs JACKFIELD_PLUGINS_TRUSTED_KEYS, which is not set")?;
    // A component with an invalid signature is not loaded.
    if let Err(why) = keys.find_signer(&bytes, Some(&signature)) {
        bail!("{why}");
    }
    let found = Inspection::of(&author_sandbox(EgressConfig::default(), &Limits::default())?, bytes.clone()).await;
    let Some(manifest) = found.manifest.filter(|_| found.findings.is_empty()) else {
        bail!("the plugin cannot be approved; `jackfield plugin check` shows why");
    };
    match keys.signature_status(&bytes, Some(&signature), &manifest) {
        SignatureStatus::WithinPermissions { key } => {
            print_line(&format!("signed by `{key}`, which permits everything that the plugin requests"));
            Ok(())
        }
        SignatureStatus::ExceedsPermissions { key, beyond } => {
            bail!("signed by `{key}`, which does not permit everything that the plugin requests: {}", beyond.join(", "))
        }
        SignatureStatus::UnknownKey | SignatureStatus::Unsigned => bail!("not signed by a trusted key"),
        SignatureStatus::Invalid(why) => bail!("{why}"),
    }
}

fn read_signature(file: &Path) -> anyhow::Result<String> {
    let path = signature_path(file);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read the signature {}", path.display()))
}
