//! The master key's file: read with care, made on the first start. Does not know what the key opens.

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

/// Longer than any 32 bytes in base64 with blanks around; more is no key file.
const LONGEST: u64 = 256;

/// Why there is no master key; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no file, and this is not the first start.
    #[error("the master key file {0} is missing; put it back, or restore it from where it was kept")]
    Missing(PathBuf),
    /// Someone else could read or change it.
    #[error("the master key file {path} is readable or writable by others (mode {mode:o}); run `chmod 600 {path}`", path = path.display())]
    ReadableByOthers { path: PathBuf, mode: u32 },
    /// It is a link, a folder, a device.
    #[error("the master key file {0} is not a regular file")]
    NotAFile(PathBuf),
    /// It does not hold a key.
    #[error("the master key is not 32 bytes in base64")]
    NotAKey,
    /// The system refused.
    #[error("the master key file {path} could not be read or made", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Reads the key file, or makes one with mode 0600 where there is none and `may_create` says so.
///
/// # Errors
/// See [`KeyFileError`].
pub fn load_or_create(path: &Path, may_create: MayCreate) -> Result<Secret<KeyBytes>, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
    let found = std::fs::symlink_metadata(path);
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match may_create {
            MayCreate::Yes => create(path).map_err(io_error),
            MayCreate::No => Err(KeyFileError::Missing(path.to_owned())),
        },
        Err(error) => Err(io_error(error)),
        Ok(metadata) if !metadata.is_file() => Err(KeyFileError::NotAFile(path.to_owned())),
        Ok(_) => read(path),
    }
}

/// Whether a missing key file is made: only where nothing was ever sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayCreate {
    Yes,
    No,
}

/// Reads a key from base64.
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
    // Asked of the open file, so that it is the file that is read.
    let mode = file.metadata().map_err(io_error)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::ReadableByOthers { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST).read_to_string(&mut text).map_err(io_error)?;
    parse_base64(&text)
}

fn create(path: &Path) -> io::Result<Secret<KeyBytes>> {
    let key = Secret::new(KeyBytes::from(Key::<Aes256Gcm>::generate()));
    // Written beside and renamed, so that a crash leaves a whole key or none.
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let text = Zeroizing::new(STANDARD.encode(key.expose()));
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
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
    fn a_first_start_makes_a_key_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        assert!(matches!(load_or_create(&path, MayCreate::No), Err(KeyFileError::Missing(_))));
        let made = load_or_create(&path, MayCreate::Yes).expect("made");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_create(&path, MayCreate::No).expect("read").expose(), made.expose());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        load_or_create(&path, MayCreate::Yes).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        let refused = load_or_create(&path, MayCreate::Yes).expect_err("refused");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "abc", "AAAA", &STANDARD.encode([0; 31])] {
            assert!(matches!(parse_base64(text), Err(KeyFileError::NotAKey)), "{text}");
        }
    }
}
