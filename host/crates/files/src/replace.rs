//! Finds who else could replace a file by changing a folder or a link on its path.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::{OtherUsers, ProcessUser, process_user::absolute};

/// The maximum number of links on a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// Finds a folder or a link on a path, and on the paths of its links, that another user can change.
///
/// Of the folders above the one that contains the file or a link, only those that everybody can change count: their
/// owners and groups often administer a part of the machine. The last component of the path may be missing. Who can
/// change the file itself is not part of this.
///
/// # Errors
/// A part of the path cannot be read.
pub fn find_replacer(path: &Path, user: &ProcessUser) -> io::Result<Option<(PathBuf, OtherUsers)>> {
    let mut at = PathBuf::from("/");
    let mut pending: Vec<OsString> = names(&absolute(path));
    let mut links = 0;
    while let Some(name) = pending.pop() {
        if let Some(who) = replacer_in(&at, user)?.filter(|who| *who == OtherUsers::Everybody) {
            return Ok(Some((at, who)));
        }
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(name);
        let metadata = match next.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && pending.is_empty() => break,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            at = next;
            continue;
        }
        if let Some(who) = replacer_in(&at, user)? {
            return Ok(Some((at, who)));
        }
        if !metadata.is_symlink() {
            return Ok(None);
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::other("too many symbolic links"));
        }
        // In a folder such as `/tmp`, where the folder's mode does not prevent it, anybody can create a link.
        if !user.trusts(metadata.uid()) {
            return Ok(Some((next, OtherUsers::Owner(metadata.uid()))));
        }
        let target = next.read_link()?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        pending.extend(names(&target));
    }
    Ok(replacer_in(&at, user)?.map(|who| (at, who)))
}

/// Returns who else can replace the entries of a folder. Nobody can in a read-only mount.
fn replacer_in(folder: &Path, user: &ProcessUser) -> io::Result<Option<OtherUsers>> {
    let Some(who) = user.who_else_can_replace_in(&folder.metadata()?) else { return Ok(None) };
    let is_read_only = statvfs(folder)?.f_flag.contains(StatVfsMountFlags::RDONLY);
    Ok((!is_read_only).then_some(who))
}

/// Returns the names of a path's components, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().rev().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    #[test]
    fn a_folder_that_everybody_can_write_to_is_found_behind_links_too() {
        let root = tempfile::tempdir().expect("a folder");
        let (open, closed) = (root.path().join("open"), root.path().join("closed"));
        std::fs::create_dir_all(&open).expect("a folder");
        std::fs::create_dir_all(&closed).expect("a folder");
        std::fs::write(open.join("key"), b"x").expect("written");
        symlink("../open/key", closed.join("relative")).expect("a link");
        symlink(open.join("key"), closed.join("absolute")).expect("a link");
        symlink("../open", closed.join("folder")).expect("a link");
        let user = ProcessUser::current();
        let paths = [open.join("key"), closed.join("relative"), closed.join("absolute"), closed.join("folder/key")];
        for (mode, found) in [(0o755, None), (0o777, Some(OtherUsers::Everybody)), (0o1777, None)] {
            set_mode(&open, mode);
            for path in &paths {
                let who = find_replacer(path, &user).expect("the path is read").map(|(_, who)| who);
                assert_eq!(who, found, "{mode:o} {}", path.display());
            }
        }
    }

    #[test]
    fn links_in_a_circle_end() {
        let root = tempfile::tempdir().expect("a folder");
        symlink("b", root.path().join("a")).expect("a link");
        symlink("a", root.path().join("b")).expect("a link");
        assert!(find_replacer(&root.path().join("a"), &ProcessUser::current()).is_err());
        let missing = root.path().join("missing");
        assert_eq!(find_replacer(&missing, &ProcessUser::current()).expect("the path is read"), None);
    }
}
