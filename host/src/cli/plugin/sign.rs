//! `jackfield plugin sign`: signs a component with a minisign key, and writes the signature next to it.

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

use super::print_line;

#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    /// Component to sign
    file: PathBuf,
    /// Secret key, made by `minisign -G`; asks for its password, or reads it from standard input
    #[arg(long, value_name = "SECRETKEYFILE")]
    key: PathBuf,
}

pub(super) fn run(arguments: &SignArguments) -> anyhow::Result<()> {
    let SignArguments { file, key } = arguments;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key_text = std::fs::read_to_string(key).with_context(|| format!("cannot read {}", key.display()))?;
    let key = SigningKey::open(&key_text, read_password)
        .map_err(|why| anyhow::anyhow!("cannot use {} as a key: {why}", key.display()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let now = Clock::system().now().as_second();
    let text = key.sign(&bytes, &name, now).map_err(|why| anyhow::anyhow!("cannot sign the component: {why}"))?;
    let to = signature_path(file);
    write(&to, &text).with_context(|| format!("cannot write {}", to.display()))?;
    print_line(&to.display().to_string());
    Ok(())
}

/// Asks for the password at the terminal.
///
/// If standard input is not a terminal, reads the password from there.
fn read_password() -> std::io::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password of the key: ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes a temporary file and renames it, so that a running service never reads half a signature.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".{}.part", std::process::id()));
    let mut file = std::fs::File::create(&temporary)?;
    // Everybody may read a signature, although this program creates private files otherwise.
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(temporary, path)
}
