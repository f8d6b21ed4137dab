//! Reads a file that contains a secret, if nobody else can read, change or replace it.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, OFlags, StatVfsMountFlags, StatxFlags, fgetxattr_query, fstatvfs, statx};
use zeroize::Zeroizing;

use crate::{OtherUsers, ProcessUser, find_replacer};

/// The maximum size of a secret in bytes. A client secret or a database URL has a few hundred.
const MAX_SIZE: usize = 16 << 10;

/// The bits of a mode that are shown in messages.
const PERMISSIONS: u32 = 0o7777;

/// The folder of Nix, which every user of a machine can read, and which is mounted read-only.
const NIX_STORE: &str = "/nix/store";

/// Why a file is not read. The messages do not contain the path.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    #[error("does not exist")]
    Missing,
    #[error("is a folder, a device or a pipe, and not a file")]
    NotAFile,
    /// Others can read the file, or change it. The owner and the group are numbers.
    #[error("can be read or changed by others: {who} can (owner {owner}, group {group}, mode {mode:03o})")]
    Shared { who: OtherUsers, owner: u32, group: u32, mode: u32 },
    /// Others can put another file in its place.
    #[error("can be replaced by others: {who} can change a folder or a link on its path")]
    Replaceable { folder: PathBuf, who: OtherUsers },
    #[error("is larger than {} KiB", MAX_SIZE >> 10)]
    TooLarge,
    #[error("is not UTF-8 text")]
    NotText,
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl SecretFileError {
    /// Describes who can read or change a file.
    #[must_use]
    pub fn shared(who: OtherUsers, metadata: &Metadata) -> Self {
        let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & PERMISSIONS);
        Self::Shared { who, owner, group, mode }
    }

    /// Returns the folder or the link that others can change. The message does not name it.
    #[must_use]
    pub fn replaceable_at(&self) -> Option<&Path> {
        if let Self::Replaceable { folder, .. } = self { Some(folder) } else { None }
    }
}

impl From<io::Error> for SecretFileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

/// Reads a file that only root, this user and a group of its own can read. Links are followed.
///
/// Everybody may read a file in a read-only mount other than the root file system, because containers get their
/// secrets in such mounts, which other users of the machine do not see.
///
/// # Errors
/// See [`SecretFileError`].
pub fn read_secret_file(path: &Path, user: &ProcessUser) -> Result<Zeroizing<String>, SecretFileError> {
    let (file, metadata) = open(path, user)?;
    let shared = user.who_else_can_read(&metadata).or_else(|| user.who_else_can_write(&metadata));
    if let Some(who) = shared.or_else(|| find_access_list(&file, &metadata)) {
        let by_mode = matches!(who, OtherUsers::Everybody | OtherUsers::Group(_) | OtherUsers::AccessList);
        if !(by_mode && is_in_read_only_mount(path, &file)?) {
            return Err(SecretFileError::shared(who, &metadata));
        }
    }
    // Allocated once, because a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE + 1));
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_SIZE {
        return Err(SecretFileError::TooLarge);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_contains_the_secret| SecretFileError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Checks that nobody else can change or replace a file that is not secret, and opens it.
///
/// # Errors
/// See [`SecretFileError`].
pub fn check_trusted_file(path: &Path, user: &ProcessUser) -> Result<File, SecretFileError> {
    let (file, metadata) = open(path, user)?;
    match user.who_else_can_write(&metadata) {
        Some(who) => Err(SecretFileError::shared(who, &metadata)),
        None => Ok(file),
    }
}

/// Opens a file if nobody else can replace it.
fn open(path: &Path, user: &ProcessUser) -> Result<(File, Metadata), SecretFileError> {
    if let Some((folder, who)) = find_replacer(path, user)? {
        return Err(SecretFileError::Replaceable { folder, who });
    }
    // Without blocking, because a named pipe would wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // The opened file is checked, because the path may lead elsewhere by now.
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(SecretFileError::NotAFile) }
}

/// Returns [`OtherUsers::AccessList`] if an access control list can give others access.
///
/// The mask of the list is in the mode's bits of the group.
fn find_access_list(file: &File, metadata: &Metadata) -> Option<OtherUsers> {
    let has_list = fgetxattr_query(file, c"system.posix_acl_access").is_ok_and(|length| length > 0);
    (metadata.mode() & 0o070 != 0 && has_list).then_some(OtherUsers::AccessList)
}

/// Returns whether a file is in a read-only mount other than the root file system and the folder of Nix.
fn is_in_read_only_mount(path: &Path, file: &File) -> io::Result<bool> {
    if !fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(false);
    }
    let of_file = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id;
    let of_root = statx(rustix::fs::CWD, c"/", AtFlags::empty(), StatxFlags::MNT_ID)?.stx_mnt_id;
    Ok(of_file != of_root && !path.canonicalize()?.starts_with(NIX_STORE))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    #[test]
    fn a_secret_is_read_through_the_links_of_kubernetes() {
        let volume = tempfile::tempdir().expect("a folder");
        let data = volume.path().join("..2026_11_30");
        std::fs::create_dir(&data).expect("a folder");
        std::fs::write(data.join("secret"), "hunter2\n").expect("written");
        set_mode(&data.join("secret"), 0o400);
        symlink("..2026_11_30", volume.path().join("..data")).expect("a link");
        symlink("..data/secret", volume.path().join("secret")).expect("a link");
        let text = read_secret_file(&volume.path().join("secret"), &ProcessUser::current()).expect("it is read");
        assert_eq!(text.as_str(), "hunter2\n");
    }

    #[test]
    fn a_file_that_others_can_read_change_or_replace_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2").expect("written");
        let read = || read_secret_file(&path, &ProcessUser::current()).map(|text| text.as_str().to_owned());
        for (mode, is_read) in [(0o600, true), (0o400, true), (0o644, false), (0o604, false), (0o602, false)] {
            set_mode(&path, mode);
            assert_eq!(read().is_ok(), is_read, "{mode:o}");
        }
        set_mode(&path, 0o600);
        set_mode(folder.path(), 0o777);
        assert!(read().is_err_and(|error| matches!(error, SecretFileError::Replaceable { .. })));
    }

    #[test]
    fn only_a_file_of_limited_size_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let read = |path: &Path| read_secret_file(path, &ProcessUser::current()).expect_err("is refused");
        assert!(matches!(read(&path), SecretFileError::Missing));
        assert!(matches!(read(folder.path()), SecretFileError::NotAFile));
        symlink("nowhere", folder.path().join("link")).expect("a link");
        assert!(matches!(read(&folder.path().join("link")), SecretFileError::Missing));
        for (content, why) in [(vec![b'x'; MAX_SIZE + 1], "larger"), (vec![0xff], "UTF-8")] {
            std::fs::write(&path, content).expect("written");
            set_mode(&path, 0o600);
            assert!(read(&path).to_string().contains(why), "{why}");
        }
    }
}
