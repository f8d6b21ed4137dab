//! Reads and checks the file of the master key, or creates it on the first start.

use std::path::Path;

use aes_gcm::{
    Aes256Gcm,
    aead::{Generate, Key},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jackfield_core::Secret;
use jackfield_files::{PrivateFileError, ProcessUser, SecretFileError, create_private_file, read_secret_file};
use zeroize::Zeroizing;

use super::KeyBytes;

/// Why the master key cannot be used, and what to do about it.
///
/// The messages do not contain the path of the file, because errors of the API show them. The log contains it. They name
/// a folder that others can change, because whoever repairs it must know which one it is.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no file, and this is not the first start.
    #[error("the master key file is missing; restore it from a backup, or set JACKFIELD_MASTER_KEY to the key")]
    Missing,
    /// Others can read, change or replace the file.
    #[error(
        "the master key file {0}. Do one of these: {remedy}; move it to a folder that only the user of this service and \
         root can change, and name it in JACKFIELD_MASTER_KEY_FILE; or set JACKFIELD_MASTER_KEY to the key instead",
        remedy = .0.remedy()
    )]
    Shared(SecretFileError),
    /// The file cannot be read for another reason. The text describes the user of this process.
    #[error(
        "the master key file {0}; this service runs as {1}. Make the file readable for that user or one of its groups, \
         name another file in JACKFIELD_MASTER_KEY_FILE, or set JACKFIELD_MASTER_KEY to the key instead"
    )]
    Unreadable(SecretFileError, String),
    /// The content is not a key.
    #[error("the master key is not 32 bytes in base64")]
    NotAKey,
    /// A new key would not be safe, so there is none.
    #[error(
        "no master key was created: {0}. Do one of these: {remedy}; name a file in another folder in \
         JACKFIELD_MASTER_KEY_FILE; or set JACKFIELD_MASTER_KEY to a key, such as the output of \
         `openssl rand -base64 32`",
        remedy = .0.remedy()
    )]
    NotCreated(PrivateFileError),
}

/// Reads the key file, or creates one with mode 0600 if there is none and `may_create` allows it.
///
/// # Errors
/// See [`KeyFileError`].
pub fn load_or_create(
    path: &Path,
    may_create: MayCreate,
    user: &ProcessUser,
) -> Result<Secret<KeyBytes>, KeyFileError> {
    match read_secret_file(path, user) {
        Ok(text) => parse_base64(&text),
        // A link to a missing file is not replaced.
        Err(SecretFileError::Missing) if path.is_symlink() => Err(KeyFileError::Missing),
        Err(SecretFileError::Missing) => match may_create {
            MayCreate::Yes => create(path, user),
            MayCreate::No => Err(KeyFileError::Missing),
        },
        // On the first start, there is nothing to replace yet.
        Err(error @ SecretFileError::Replaceable { .. }) if may_create == MayCreate::Yes && !exists(path) => {
            Err(KeyFileError::NotCreated(PrivateFileError::Replaceable(error)))
        }
        Err(error @ (SecretFileError::Shared { .. } | SecretFileError::Replaceable { .. })) => {
            Err(KeyFileError::Shared(error))
        }
        Err(SecretFileError::TooLarge | SecretFileError::NotText) => Err(KeyFileError::NotAKey),
        Err(error) => Err(KeyFileError::Unreadable(error, user.to_string())),
    }
}

/// Returns whether there is a file or a link.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
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

fn create(path: &Path, user: &ProcessUser) -> Result<Secret<KeyBytes>, KeyFileError> {
    let key = Secret::new(KeyBytes::from(Key::<Aes256Gcm>::generate()));
    let mut text = Zeroizing::new(STANDARD.encode(key.expose()));
    text.push('\n');
    create_private_file(path, text.as_bytes(), user).map_err(KeyFileError::NotCreated)?;
    // Read back with the checks of the next start, so that no value is sealed with a key that it would reject.
    if let Err(error) = read_secret_file(path, user) {
        // Best effort: the key was not used.
        let _left = std::fs::remove_file(path);
        return Err(KeyFileError::NotCreated(PrivateFileError::NotKept(error)));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn load(path: &Path, may_create: MayCreate) -> Result<Secret<KeyBytes>, KeyFileError> {
        load_or_create(path, may_create, &ProcessUser::current())
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    #[test]
    fn a_first_start_creates_a_key_that_only_its_owner_can_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        assert!(matches!(load(&path, MayCreate::No), Err(KeyFileError::Missing)));
        let created = load(&path, MayCreate::Yes).expect("it is created");
        assert_eq!(std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&path, MayCreate::No).expect("it is read").expose(), created.expose());
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_file_that_waits_at_the_temporary_name_does_not_receive_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, waiting) = (folder.path().join("master.key"), folder.path().join("master.new"));
        std::fs::write(&waiting, "").expect("written");
        set_mode(&waiting, 0o666);
        load(&path, MayCreate::Yes).expect("it is created");
        assert_eq!(std::fs::read(&waiting).expect("read"), b"");
        assert_eq!(std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_rejected_with_every_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        load(&path, MayCreate::Yes).expect("it is created");
        set_mode(&path, 0o644);
        let error = load(&path, MayCreate::Yes).expect_err("it is rejected").to_string();
        for words in ["everybody", "mode 644", "chmod 600", "fsGroup", "MASTER_KEY_FILE", "set JACKFIELD_MASTER_KEY to"]
        {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(!error.contains(&folder.path().display().to_string()), "the path is not shown to everybody: {error}");
    }

    #[test]
    fn a_key_is_read_through_a_link_and_a_link_to_nothing_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("master.key"), folder.path().join("link"));
        symlink(&path, &link).expect("a link");
        assert!(matches!(load(&link, MayCreate::Yes), Err(KeyFileError::Missing)));
        assert!(!path.exists());
        let created = load(&path, MayCreate::Yes).expect("it is created");
        assert_eq!(load(&link, MayCreate::No).expect("it is read").expose(), created.expose());
    }

    #[test]
    fn no_key_is_created_in_a_folder_that_others_can_write_to() {
        let folder = tempfile::tempdir().expect("a folder");
        set_mode(folder.path(), 0o777);
        let error = load(&folder.path().join("master.key"), MayCreate::Yes).expect_err("it is rejected");
        assert!(matches!(error, KeyFileError::NotCreated(_)), "{error:?}");
        let shown = folder.path().display();
        for words in [&format!("everybody can change {shown}"), &format!("chmod o-w {shown}"), "MASTER_KEY_FILE"] {
            assert!(error.to_string().contains(words), "{words}: {error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0, "nothing was created");
    }

    #[test]
    fn other_content_is_rejected() {
        for text in ["", "abc", "AAAA", &STANDARD.encode([0; 31])] {
            assert!(matches!(parse_base64(text), Err(KeyFileError::NotAKey)), "{text}");
        }
    }
}
