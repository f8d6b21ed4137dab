//! The settings of automatic approval: which plugins run without an Executive's approval, and the trusted keys.

use std::{collections::BTreeMap, io::Read, path::Path};

use jackfield_files::{ProcessUser, SecretFileError, check_trusted_file};
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
pub(super) fn read_plugins_trust(
    settings: &mut Settings,
    dev: Dev,
    user: &ProcessUser,
) -> (Option<Trust>, Option<TrustedKeys>) {
    let trust = settings.text("PLUGINS_TRUST", "approve");
    let file = settings.optional(KEYS);
    let keys = file.as_ref().and_then(|path| settings.check(KEYS, read_keys(Path::new(path), user)));
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

/// Reads a file of trusted keys, which no other user may be able to change or replace.
fn read_keys(path: &Path, user: &ProcessUser) -> Result<TrustedKeys, String> {
    let shown = path.display();
    let mut file = check_trusted_file(path, user).map_err(|error| describe_problem(path, &error, user))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| format!("names {shown}, which cannot be read: {error}"))?;
    TrustedKeys::parse(text.trim_start_matches('\u{feff}')).map_err(|why| format!("names {shown}, which {why}"))
}

fn describe_problem(path: &Path, error: &SecretFileError, user: &ProcessUser) -> String {
    let shown = path.display();
    match error {
        SecretFileError::Shared { who, owner, group, mode } => format!(
            "names {shown}, which {who} can write to (owner {owner}, group {group}, mode {mode:03o}; this service runs \
             as {user}); run `chmod go-w` on it, and `chown` so that it belongs to root or to the user of this service"
        ),
        SecretFileError::Replaceable { folder, who } => format!(
            "names {shown}, which others can replace: {who} can change {}; {}, or move the file to another folder",
            folder.display(),
            who.folder_remedy(folder)
        ),
        SecretFileError::Missing
        | SecretFileError::NotAFile
        | SecretFileError::TooLarge
        | SecretFileError::NotText
        | SecretFileError::Io(_) => format!("names {shown}, which {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Config;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn parse(settings: &[(&str, &str)]) -> Result<Config, String> {
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
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
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("set");
        assert!(parse(&[keys]).expect_err("a folder that others can write to").contains("others can replace"));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("set");
        std::fs::write(&path, "[[keys]]").expect("written");
        assert!(parse(&[keys]).expect_err("a file without keys").contains("JACKFIELD_PLUGINS_TRUSTED_KEYS"));
    }
}
