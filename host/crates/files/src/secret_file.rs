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

/// Why a file is not read. The messages do not contain its path, but the folder or link that others can change.
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
    #[error("can be replaced by others: {who} can change {}, which is on its path", folder.display())]
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

    /// Returns how to make the file readable, or safe to read, as an imperative phrase.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Shared { who, .. } => who.file_remedy(),
            Self::Replaceable { folder, who } => who.folder_remedy(folder),
            Self::Io(_) => "make the file readable for the user of this service or one of its groups".to_owned(),
            Self::Missing | Self::NotAFile | Self::TooLarge | Self::NotText => {
                "correct the path or the file".to_owned()
            }
        }
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
    if let Some(who) = shared.or_else(|| find_access_list(&file, &metadata))
        && !is_acceptable(who, Mount::of(path, &file)?)
    {
        return Err(SecretFileError::shared(who, &metadata));
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

/// The mount of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount {
    Writable,
    /// A read-only root file system, or the folder of Nix. Other users of the machine see it.
    Public,
    /// Any other read-only mount, such as a secret of a container.
    ReadOnly,
}

impl Mount {
    fn of(path: &Path, file: &File) -> io::Result<Self> {
        if !fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Ok(Self::Writable);
        }
        let of_file = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id;
        let of_root = statx(rustix::fs::CWD, c"/", AtFlags::empty(), StatxFlags::MNT_ID)?.stx_mnt_id;
        Ok(Self::of_read_only(of_file == of_root, &path.canonicalize()?))
    }

    fn of_read_only(is_root: bool, path: &Path) -> Self {
        if is_root || path.starts_with(NIX_STORE) { Self::Public } else { Self::ReadOnly }
    }
}

/// Returns whether a secret may be read although these users can read it or change it by its mode.
fn is_acceptable(who: OtherUsers, mount: Mount) -> bool {
    match who {
        // The owner can change the file where it is not mounted read-only.
        OtherUsers::Owner(_) => false,
        OtherUsers::Everybody | OtherUsers::Group(_) | OtherUsers::AccessList => mount == Mount::ReadOnly,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::process_user::{Access, tests::user};

    #[test]
    fn a_secret_for_everybody_is_read_from_a_mount_that_only_the_container_sees() {
        let service = user(4_241, &[4_242]);
        let judge = |owner: u32, group: u32, mode: u32, mount: Mount| {
            let who = service.who_else_can_read(Access { owner, group, mode });
            who.is_none_or(|who| is_acceptable(who, mount))
        };
        let mounts = [Mount::Writable, Mount::Public, Mount::ReadOnly];
        for (owner, group, mode, accepted) in [
            // Docker mounts secrets with the mode and the owner that they have on the machine.
            (0, 0, 0o444, [false, false, true]),
            (4_241, 4_242, 0o444, [false, false, true]),
            // Kubernetes: `defaultMode: 0444` without, and `0440` with `fsGroup`.
            (0, 4_242, 0o444, [false, false, true]),
            (0, 4_242, 0o440, [true; 3]),
            (0, 9_999, 0o440, [false, false, true]),
            (4_241, 4_242, 0o400, [true; 3]),
            (0, 0, 0o440, [true; 3]),
            // Another owner can change the file outside of the mount.
            (4_243, 4_242, 0o444, [false; 3]),
            (4_243, 4_242, 0o400, [false; 3]),
        ] {
            assert_eq!(mounts.map(|mount| judge(owner, group, mode, mount)), accepted, "{owner} {group} {mode:o}");
        }
        assert!(!is_acceptable(OtherUsers::AccessList, Mount::Writable));
        assert!(is_acceptable(OtherUsers::AccessList, Mount::ReadOnly));
    }

    #[test]
    fn a_read_only_root_and_the_folder_of_nix_are_seen_by_others() {
        for (is_root, path, mount) in [
            (true, "/etc/key", Mount::Public),
            (false, "/nix/store/abc-key", Mount::Public),
            (false, "/nix/storage/key", Mount::ReadOnly),
            (false, "/run/secrets/key", Mount::ReadOnly),
        ] {
            assert_eq!(Mount::of_read_only(is_root, Path::new(path)), mount, "{path}");
        }
    }

    #[test]
    fn every_problem_says_what_to_do_about_it() {
        let folder = PathBuf::from("/srv/open");
        let shared = |who| SecretFileError::Shared { who, owner: 0, group: 7, mode: 0o444 };
        let replaceable = |who| SecretFileError::Replaceable { folder: folder.clone(), who };
        for (error, words) in [
            (shared(OtherUsers::Everybody), &["chmod 600", "chown", "defaultMode: 0440", "read-only"][..]),
            (shared(OtherUsers::Group(7)), &["chmod 600", "instead of 7", "fsGroup"]),
            (shared(OtherUsers::Owner(5)), &["chown", "chmod 600"]),
            (shared(OtherUsers::AccessList), &["setfacl -b"]),
            (replaceable(OtherUsers::Everybody), &["chmod o-w /srv/open", "chmod +t /srv/open"]),
            (replaceable(OtherUsers::Group(7)), &["chmod g-w /srv/open"]),
            (replaceable(OtherUsers::Owner(5)), &["chown -h` on /srv/open"]),
        ] {
            for word in words {
                assert!(error.remedy().contains(word), "{word}: {}", error.remedy());
            }
        }
        let error = replaceable(OtherUsers::Everybody).to_string();
        assert!(error.contains("everybody can change /srv/open, which is on its path"), "{error}");
    }

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
