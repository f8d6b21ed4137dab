//! The settings of automatic approval: which plugins run without an Executive's approval, and the trusted keys.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt, path::Path};

use jackfield_sandbox::Trust;
use jackfield_signing::TrustedKeys;

use super::{Dev, settings::Settings};

/// Digests of the plugins that were built with this program, `id=sha256,…`.
///
/// `cargo xtask` sets it.
const BUILD_DIGESTS: Option<&str> = option_env!("JACKFIELD_BUILD_DIGESTS");

/// The setting that names the file of trusted keys.
const KEYS: &str = "PLUGINS_TRUSTED_KEYS";

/// Reads both settings.
///
/// The keys are always read, so that a problem shows before they are needed.
pub(super) fn read_plugins_trust(settings: &mut Settings, dev: Dev) -> (Option<Trust>, Option<TrustedKeys>) {
    let trust = settings.text("PLUGINS_TRUST", "approve");
    let file = settings.optional(KEYS);
    let keys = file.as_ref().and_then(|path| settings.check(KEYS, read_keys(Path::new(path))));
    let parsed = match (trust.as_str(), &keys) {
        ("approve", _) => Ok(Trust::Shipped(shipped_digests())),
        ("all", _) if dev == Dev::No => Err("is `all`, which is for development only and requires --dev".to_owned()),
        ("all", _) => Ok(Trust::All),
        ("signed", Some(keys)) => Ok(Trust::Signed { shipped: shipped_digests(), keys: keys.clone() }),
        ("signed", None) => Err(format!("is `signed`, which requires a valid file of keys in JACKFIELD_{KEYS}")),
        _ => Err("must be `approve`, `signed` or `all`".to_owned()),
    };
    (settings.check("PLUGINS_TRUST", parsed), keys)
}

/// Returns the plugins that were built with this program, as digests by id.
fn shipped_digests() -> BTreeMap<String, String> {
    BUILD_DIGESTS
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(id, digest)| (id.to_owned(), digest.to_owned()))
        .collect()
}

/// Reads a file of trusted keys, which no other user may be able to write.
fn read_keys(path: &Path) -> Result<TrustedKeys, String> {
    let shown = path.display();
    let metadata = path.metadata().map_err(|error| format!("names {shown}, which cannot be read: {error}"))?;
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("names {shown}, which other users can write to; run `chmod go-w` on it"));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("names {shown}, which cannot be read: {error}"))?;
    TrustedKeys::parse(&text).map_err(|why| format!("names {shown}, which {why}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Config;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn parse(settings: &[(&str, &str)]) -> Result<Config, String> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(None, settings, Dev::No).map_err(|error| error.to_string())
    }

    #[test]
    fn trusted_keys_come_from_a_file_that_only_its_owner_can_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.toml");
        std::fs::write(&path, format!("[[key]]\nname = 'acme'\npublic_key = '{KEY}'")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        let shown = path.display().to_string();
        let signed = ("JACKFIELD_PLUGINS_TRUST", "signed");
        let keys = ("JACKFIELD_PLUGINS_TRUSTED_KEYS", shown.as_str());
        assert!(matches!(parse(&[signed, keys]).expect("parses").plugins_trust, Trust::Signed { .. }));
        assert!(parse(&[keys]).expect("parses").trusted_keys.is_some());
        assert!(parse(&[signed]).expect_err("no keys").contains("PLUGINS_TRUSTED_KEYS"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("set");
        assert!(parse(&[keys]).expect_err("a file that others can write").contains("chmod go-w"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        std::fs::write(&path, "[[keys]]").expect("written");
        assert!(parse(&[keys]).expect_err("a file without keys").contains("JACKFIELD_PLUGINS_TRUSTED_KEYS"));
    }
}
