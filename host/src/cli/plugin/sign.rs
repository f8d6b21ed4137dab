//! `jackfield plugin sign`: signs a component with a secret key of minisign, and writes the signature beside it.

use std::{
    io::{IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use jackfield_core::Clock;
use jackfield_sandbox::signature_path;
use jackfield_signing::SigningKey;

use super::say;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, as it was built
    file: PathBuf,
    /// The secret key, as `minisign -G` wrote it; its password is asked for, or read from standard input
    #[arg(long, value_name = "SECRETKEYFILE")]
    key: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { file, key } = arguments;
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let sealed = std::fs::read_to_string(key).with_context(|| format!("{} cannot be read", key.display()))?;
    let key = SigningKey::open(&sealed, password)
        .map_err(|why| anyhow::anyhow!("{} cannot be used as a key: {why}", key.display()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let now = Clock::system().now().as_second();
    let text = key.sign(&bytes, &name, now).map_err(|why| anyhow::anyhow!("it could not be signed: {why}"))?;
    let to = signature_path(file);
    write(&to, &text).with_context(|| format!("{} cannot be written", to.display()))?;
    say(&to.display().to_string());
    Ok(())
}

/// Asks for the password at the terminal, or reads it from standard input where that is none.
fn password() -> std::io::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password of the key: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes beside and renames, so that a running service sees the whole signature or none.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = folder.join(format!(".{}.part", std::process::id()));
    let mut file = std::fs::File::create(&beside)?;
    // A signature is for everybody to read, whatever this program's mask says.
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
