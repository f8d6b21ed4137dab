//! Creates files that nobody else can read, and finds file systems on which that is not possible.

use std::{
    fs::{File, Metadata, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, OFlags, RenameFlags, renameat_with},
    io::Errno,
};

use crate::{OtherUsers, ProcessUser, SecretFileError, find_replacer};

/// The mode of private files.
const PRIVATE: u32 = 0o600;

/// The permissions of the group and of others.
const SHARED: u32 = 0o077;

/// Why a private file was not created.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The file system gave the new file another mode or owner. The file was removed.
    #[error("the file system does not keep the modes of files: a new file {0}")]
    NotKept(SecretFileError),
    /// Others can change the folder.
    #[error("the new file {0}")]
    Replaceable(SecretFileError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl PrivateFileError {
    /// Returns what makes it possible to create the file, as an imperative phrase.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NotKept(_) => {
                "mount the volume so that files belong to the user of this service and have mode 0600, \
                                 for example with `uid=` and `umask=077`"
                    .to_owned()
            }
            Self::Replaceable(error) => error.remedy(),
            Self::Io(_) => "make the folder writable for the user of this service".to_owned(),
        }
    }
}

/// Creates a file with mode 0600 and this content. An existing file is not replaced, and links are not followed.
///
/// The content is written to a temporary file, synced and renamed, so that a crash leaves a complete file or none.
///
/// # Errors
/// The file exists, the folder cannot be written to, or others could read or replace the file.
pub fn create_private_file(path: &Path, content: &[u8], user: &ProcessUser) -> Result<(), PrivateFileError> {
    if let Some((folder, who)) = find_replacer(path, user)? {
        return Err(PrivateFileError::Replaceable(SecretFileError::Replaceable { folder, who }));
    }
    let (mut file, temporary) = create_probe(path, user)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| publish(&temporary, path));
    if let Err(error) = written {
        // The error is more useful than another one about the cleanup.
        let _left = std::fs::remove_file(&temporary);
        return Err(error.into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Creates an empty private file next to `path`, with an unpredictable name, and checks that nobody else can read it.
///
/// # Errors
/// It cannot be created, or others could read it. It is removed then.
pub fn create_probe(path: &Path, user: &ProcessUser) -> Result<(File, PathBuf), PrivateFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.new", RandomState::new().build_hasher().finish()));
    let temporary = path.with_file_name(name);
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).custom_flags(flags).open(&temporary)?;
    let metadata = file.metadata()?;
    let shared = user.who_else_can_read(&metadata).or_else(|| user.who_else_can_write(&metadata));
    if let Some(who) = shared {
        // Best effort: the file is empty.
        let _left = std::fs::remove_file(&temporary);
        return Err(PrivateFileError::NotKept(SecretFileError::shared(who, &metadata)));
    }
    Ok((file, temporary))
}

/// Gives a file the mode 0600, as far as the file system allows. Returns who can still read or write it.
///
/// # Errors
/// The file's metadata cannot be read.
pub fn make_private(file: &File, user: &ProcessUser) -> io::Result<Option<OtherUsers>> {
    let is_private = |metadata: &Metadata| metadata.mode() & SHARED == 0;
    if !is_private(&file.metadata()?) {
        // A file of another owner cannot be changed, and some file systems ignore the change. The result is checked.
        let _unchanged = file.set_permissions(std::fs::Permissions::from_mode(PRIVATE));
    }
    let metadata = file.metadata()?;
    Ok(user.who_else_can_read(&metadata).or_else(|| user.who_else_can_write(&metadata)))
}

/// Renames a complete file to its name. An existing file stays if the file system supports that.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => std::fs::rename(temporary, path),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_new_file_is_private_and_replaces_neither_a_file_nor_the_target_of_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, user) = (folder.path().join("secret"), ProcessUser::current());
        create_private_file(&path, b"one", &user).expect("it is created");
        assert_eq!(path.metadata().expect("metadata").mode() & 0o777, 0o600);
        assert!(create_private_file(&path, b"two", &user).is_err(), "it exists");
        assert_eq!(std::fs::read(&path).expect("read"), b"one");
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        symlink(&target, &link).expect("a link");
        assert!(create_private_file(&link, b"two", &user).is_err(), "a link exists");
        assert!(!target.exists());
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 2, "nothing else is left");
    }

    #[test]
    fn no_private_file_is_created_where_others_can_replace_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("the mode is set");
        let error = create_private_file(&folder.path().join("secret"), b"x", &ProcessUser::current());
        assert!(matches!(error, Err(PrivateFileError::Replaceable(_))), "{error:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0);
    }

    #[test]
    fn a_file_is_made_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"x").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("the mode is set");
        let file = File::open(&path).expect("opened");
        assert_eq!(make_private(&file, &ProcessUser::current()).expect("changed"), None);
        assert_eq!(path.metadata().expect("metadata").mode() & 0o777, 0o600);
    }
}
