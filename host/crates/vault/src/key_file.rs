//! Reads and checks the file of the master key, or creates it on the first start.

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aes_gcm::{
    Aes256Gcm,
    aead::{Generate, Key},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jackfield_core::Secret;
use zeroize::Zeroizing;

use super::KeyBytes;

/// The maximum number of bytes to read. A valid file is shorter.
const MAX_SIZE: u64 = 256;

/// Why the master key cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no file, and this is not the first start.
    #[error("the master key file {0} is missing; restore it from a backup")]
    Missing(PathBuf),
    /// Other users can read or change the file.
    #[error(
        "the master key file {path} is readable or writable by others (mode {mode:o}); run `chmod 600 {path}`",
        path = path.display()
    )]
    ReadableByOthers { path: PathBuf, mode: u32 },
    /// The path is a link, a folder or a device.
    #[error("the master key file {0} is not a regular file")]
    NotAFile(PathBuf),
    /// The content is not a key.
    #[error("the master key is not 32 bytes in base64")]
    NotAKey,
    /// The operating system reported an error.
    #[error("cannot read or create the master key file {path}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Reads the key file, or creates one with mode 0600 if there is none and `may_create` allows it.
///
/// # Errors
/// See [`KeyFileError`].
pub fn load_or_create(path: &Path, may_create: MayCreate) -> Result<Secret<KeyBytes>, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match may_create {
            MayCreate::Yes => create(path).map_err(io_error),
            MayCreate::No => Err(KeyFileError::Missing(path.to_owned())),
        },
        Err(error) => Err(io_error(error)),
        Ok(metadata) if !metadata.is_file() => Err(KeyFileError::NotAFile(path.to_owned())),
        Ok(_) => read(path),
    }
}

/// Whether a missing key file may be created.
///
/// Pass `Yes` only if nothing was ever sealed, because a new key cannot open existing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayCreate {
    Yes,
    No,
}

/// Decodes a key from base64.
///
/// # Errors
/// [`KeyFileError::NotAKey`].
pub fn parse_base64(text: &str) -> Result<Secret<KeyBytes>, KeyFileError> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_not_base64| KeyFileError::NotAKey)?);
    KeyBytes::try_from(bytes.as_slice()).map(Secret::new).map_err(|_wrong_length| KeyFileError::NotAKey)
}

fn read(path: &Path) -> Result<Secret<KeyBytes>, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).open(path).map_err(io_error)?;
    // The mode of the opened file, because the path may have been replaced.
    let mode = file.metadata().map_err(io_error)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::ReadableByOthers { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_SIZE).read_to_string(&mut text).map_err(io_error)?;
    parse_base64(&text)
}

fn create(path: &Path) -> io::Result<Secret<KeyBytes>> {
    let key = Secret::new(KeyBytes::from(Key::<Aes256Gcm>::generate()));
    // Written to a temporary file and renamed, so that a crash leaves a complete key or none.
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let text = Zeroizing::new(STANDARD.encode(key.expose()));
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_first_start_creates_a_key_that_only_its_owner_can_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        assert!(matches!(load_or_create(&path, MayCreate::No), Err(KeyFileError::Missing(_))));
        let created = load_or_create(&path, MayCreate::Yes).expect("it is created");
        assert_eq!(std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_create(&path, MayCreate::No).expect("it is read").expose(), created.expose());
    }

    #[test]
    fn a_key_that_others_can_read_is_rejected_with_the_command_that_fixes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        load_or_create(&path, MayCreate::Yes).expect("it is created");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("the mode is set");
        let error = load_or_create(&path, MayCreate::Yes).expect_err("it is rejected");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn other_content_is_rejected() {
        for text in ["", "abc", "AAAA", &STANDARD.encode([0; 31])] {
            assert!(matches!(parse_base64(text), Err(KeyFileError::NotAKey)), "{text}");
        }
    }
}
