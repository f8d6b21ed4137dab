//! The user and the groups of this process, and the checks of modes and owners.

use std::{
    collections::BTreeSet,
    fmt,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::{getegid, geteuid, getgroups};

use crate::{OtherUsers, accounts::Accounts};

/// The PID namespace of the machine itself. The kernel gives it this number on every machine
/// (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
const MACHINE_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Read and write bits of a mode.
const GROUP_READ: u32 = 0o040;
const GROUP_WRITE: u32 = 0o020;
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The owner, the group and the mode of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub(crate) owner: u32,
    pub(crate) group: u32,
    pub(crate) mode: u32,
}

impl From<&Metadata> for Access {
    fn from(metadata: &Metadata) -> Self {
        Self { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() }
    }
}

/// The user and the groups of this process, and whom it shares the groups with.
#[derive(Clone, Debug)]
pub struct ProcessUser {
    id: u32,
    groups: BTreeSet<u32>,
    /// Other owners whose files are trusted.
    trusted: BTreeSet<u32>,
    accounts: Accounts,
    is_in_container: bool,
}

impl ProcessUser {
    /// Looks up the user of this process.
    #[must_use]
    pub fn current() -> Self {
        let mut groups: BTreeSet<u32> =
            getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.insert(getegid().as_raw());
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            id: geteuid().as_raw(),
            groups,
            trusted: BTreeSet::new(),
            accounts: Accounts::read(),
            is_in_container: !namespace.as_os_str().is_empty() && namespace != Path::new(MACHINE_PID_NAMESPACE),
        }
    }

    /// Lets root trust the owner of a folder.
    ///
    /// For example, `sudo jackfield token create` uses the data folder and the key of the service's user.
    #[must_use]
    pub fn trusting_owner_of(mut self, folder: &Path) -> Self {
        if self.id == 0
            && let Ok(metadata) = folder.metadata()
        {
            self.trusted.insert(metadata.uid());
        }
        self
    }

    /// Returns who else can write to a file or a folder, or give themselves that permission.
    #[must_use]
    pub fn who_else_can_write(&self, access: impl Into<Access>) -> Option<OtherUsers> {
        self.who_else(access.into(), GROUP_WRITE, OTHERS_WRITE)
    }

    /// Returns who else can read a file, or give themselves that permission.
    #[must_use]
    pub fn who_else_can_read(&self, access: impl Into<Access>) -> Option<OtherUsers> {
        let access = access.into();
        // Root needs no group to read a file, so a file that its group can read was not meant for root alone.
        if self.id == 0 && access.group == 0 && access.mode & GROUP_READ != 0 && self.trusts(access.owner) {
            let everybody = access.mode & OTHERS_READ != 0;
            return Some(if everybody { OtherUsers::Everybody } else { OtherUsers::Group(0) });
        }
        self.who_else(access, GROUP_READ, OTHERS_READ)
    }

    /// Returns who else can replace the entries of a folder.
    pub(crate) fn who_else_can_replace_in(&self, folder: impl Into<Access>) -> Option<OtherUsers> {
        let folder = folder.into();
        let by_mode = self.who_else_by_mode(folder, GROUP_WRITE, OTHERS_WRITE);
        let by_mode = by_mode.filter(|_| folder.mode & STICKY == 0);
        // Root chooses its own paths. In a container, the owners of an image's folders run no programs.
        let is_owner_other = self.id != 0 && !self.is_in_container && !self.trusts(folder.owner);
        by_mode.or_else(|| is_owner_other.then_some(OtherUsers::Owner(folder.owner)))
    }

    /// Returns whether files of this owner are trusted.
    pub(crate) fn trusts(&self, owner: u32) -> bool {
        owner == self.id || owner == 0 || self.trusted.contains(&owner)
    }

    fn who_else(&self, access: Access, group_bit: u32, others_bit: u32) -> Option<OtherUsers> {
        if self.trusts(access.owner) {
            self.who_else_by_mode(access, group_bit, others_bit)
        } else {
            Some(OtherUsers::Owner(access.owner))
        }
    }

    fn who_else_by_mode(&self, access: Access, group_bit: u32, others_bit: u32) -> Option<OtherUsers> {
        if access.mode & others_bit != 0 {
            return Some(OtherUsers::Everybody);
        }
        let is_shared = access.mode & group_bit != 0 && !self.is_own_group(access.group);
        is_shared.then_some(OtherUsers::Group(access.group))
    }

    /// Returns whether nobody else is in a group. Root's group counts as root.
    fn is_own_group(&self, group: u32) -> bool {
        group == 0 || (self.groups.contains(&group) && !self.accounts.has_other_member(group, self.id))
    }
}

impl fmt::Display for ProcessUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        write!(f, "uid {}, groups {}", self.id, groups.join(" "))
    }
}

/// Makes a path absolute without resolving its links. An empty path is unchanged.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_empty| path.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A user of a machine on which nobody else is in the groups.
    pub(crate) fn user(id: u32, groups: &[u32]) -> ProcessUser {
        ProcessUser {
            id,
            groups: groups.iter().copied().collect(),
            trusted: BTreeSet::new(),
            accounts: Accounts::default(),
            is_in_container: false,
        }
    }

    /// Returns the metadata of a new file with this mode, and its owner and group.
    fn file(mode: u32) -> (Metadata, u32, u32) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"x").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
        let metadata = path.metadata().expect("metadata");
        let (owner, group) = (metadata.uid(), metadata.gid());
        (metadata, owner, group)
    }

    #[test]
    fn a_group_of_ones_own_is_private_and_a_shared_or_foreign_one_is_not() {
        let (metadata, owner, group) = file(0o640);
        let mut reader = user(owner, &[group]);
        if owner != 0 {
            assert_eq!(reader.who_else_can_read(&metadata), None);
        }
        assert_eq!(reader.who_else_can_write(&metadata), None);
        if group != 0 {
            reader.accounts = Accounts::parse(&format!("bob:x:77:{group}::/:/bin/sh"), "");
            assert_eq!(reader.who_else_can_read(&metadata), Some(OtherUsers::Group(group)));
            reader.accounts = Accounts::default();
            reader.groups.clear();
            assert_eq!(reader.who_else_can_read(&metadata), Some(OtherUsers::Group(group)));
        }
    }

    #[test]
    fn a_data_folder_of_kubernetes_is_private_and_one_that_others_can_change_is_not() {
        let service = user(4_241, &[4_242]);
        let can_change = |owner, group, mode| service.who_else_can_write(Access { owner, group, mode });
        for (owner, group, mode) in [(0, 4_242, 0o2775), (0, 4_242, 0o2770), (0, 0, 0o770), (4_241, 9, 0o755)] {
            assert_eq!(can_change(owner, group, mode), None, "{owner} {group} {mode:o}");
        }
        for (owner, group, mode, who) in [
            (0, 4_242, 0o2777, OtherUsers::Everybody),
            (0, 0, 0o1777, OtherUsers::Everybody),
            (0, 9, 0o770, OtherUsers::Group(9)),
            (4_243, 4_242, 0o770, OtherUsers::Owner(4_243)),
            (4_243, 4_242, 0o700, OtherUsers::Owner(4_243)),
        ] {
            assert_eq!(can_change(owner, group, mode), Some(who), "{owner} {group} {mode:o}");
        }
        let root = user(0, &[0]);
        assert_eq!(root.who_else_can_read(Access { owner: 0, group: 0, mode: 0o640 }), Some(OtherUsers::Group(0)));
        assert_eq!(root.who_else_can_read(Access { owner: 0, group: 0, mode: 0o604 }), Some(OtherUsers::Everybody));
        assert_eq!(
            root.who_else_can_read(Access { owner: 4_241, group: 4_242, mode: 0o600 }),
            Some(OtherUsers::Owner(4_241))
        );
    }

    #[test]
    fn the_entries_of_a_sticky_folder_are_replaced_by_its_owner_only() {
        let service = user(4_241, &[4_242]);
        let can_replace = |owner, mode| service.who_else_can_replace_in(Access { owner, group: 9, mode });
        assert_eq!(can_replace(0, 0o777), Some(OtherUsers::Everybody));
        assert_eq!(can_replace(0, 0o775), Some(OtherUsers::Group(9)));
        assert_eq!((can_replace(0, 0o1777), can_replace(0, 0o755), can_replace(4_241, 0o1777)), (None, None, None));
        assert_eq!(can_replace(4_243, 0o1755), Some(OtherUsers::Owner(4_243)));
        let container = ProcessUser { is_in_container: true, ..user(4_241, &[]) };
        assert_eq!(container.who_else_can_replace_in(Access { owner: 4_243, group: 9, mode: 0o755 }), None);
    }

    #[test]
    fn a_mode_for_everybody_and_an_unknown_owner_are_named() {
        let (metadata, owner, group) = file(0o644);
        let reader = user(owner, &[group]);
        assert_eq!(reader.who_else_can_read(&metadata), Some(OtherUsers::Everybody));
        assert_eq!(reader.who_else_can_write(&metadata), None);
        if owner != 0 {
            assert_eq!(user(owner + 1, &[group]).who_else_can_read(&metadata), Some(OtherUsers::Owner(owner)));
        }
    }
}
