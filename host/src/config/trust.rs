//! Which components run without an Executive's word: the setting, and the file of keys that it may need.

use std::{os::unix::fs::MetadataExt, path::Path};

use jackfield_sandbox::catalog::Trust;
use jackfield_signing::TrustedKeys;

use super::{Dev, shipped_digests, source::Settings};

/// The setting that names the file of keys.
const KEYS: &str = "PLUGINS_TRUSTED_KEYS";

/// Reads both settings. The keys are read under any trust, so that a wrong file is told before it is needed.
pub(super) fn parse(settings: &mut Settings, dev: Dev) -> (Option<Trust>, Option<TrustedKeys>) {
    let trust = settings.text("PLUGINS_TRUST", "approve");
    let file = settings.optional(KEYS);
    let keys = file.as_ref().and_then(|path| settings.check(KEYS, trusted_keys(Path::new(path))));
    let judged = match (trust.as_str(), &keys) {
        ("approve", _) => Ok(Trust::Shipped(shipped_digests())),
        ("all", _) if dev == Dev::No => Err("`all` is for development only and needs --dev".to_owned()),
        ("all", _) => Ok(Trust::All),
        ("signed", Some(keys)) => Ok(Trust::Signed { shipped: shipped_digests(), keys: keys.clone() }),
        ("signed", None) => Err(format!("`signed` needs a file of keys that can be used: JACKFIELD_{KEYS}")),
        _ => Err("must be `approve`, `signed` or `all`".to_owned()),
    };
    (settings.check("PLUGINS_TRUST", judged), keys)
}

/// Reads a file of trusted keys, which nobody else may be able to write.
fn trusted_keys(path: &Path) -> Result<TrustedKeys, String> {
    let shown = path.display();
    let metadata = path.metadata().map_err(|error| format!("{shown}: {error}"))?;
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("{shown} can be written by others; `chmod go-w` it"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    TrustedKeys::parse(&text).map_err(|why| format!("{shown} {why}"))
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
    fn trust_by_signature_needs_keys_that_nobody_else_can_write() {
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
        assert!(parse(&[keys]).expect_err("open to all").contains("chmod go-w"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        std::fs::write(&path, "[[keys]]").expect("written");
        assert!(parse(&[keys]).expect_err("no keys in it").contains("JACKFIELD_PLUGINS_TRUSTED_KEYS"));
    }
}
