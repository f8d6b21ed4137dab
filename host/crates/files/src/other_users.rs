//! Other users who have access to a file.

use std::{fmt, path::Path};

/// Who else has access to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherUsers {
    /// The owner, who is neither root nor the user of this process.
    Owner(u32),
    /// The members of a group.
    Group(u32),
    Everybody,
    /// The users in the file's access control list.
    AccessList,
}

impl fmt::Display for OtherUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(id) => write!(f, "its owner, the user with the id {id},"),
            Self::Group(id) => write!(f, "other users in the group with the id {id}"),
            Self::Everybody => f.write_str("everybody"),
            Self::AccessList => f.write_str("users in its access control list"),
        }
    }
}

impl OtherUsers {
    /// Returns how to take the access to a secret file from these users, as an imperative phrase.
    #[must_use]
    pub fn file_remedy(self) -> String {
        match self {
            Self::Owner(_) => {
                "run `chown`, so that the file belongs to root or to the user of this service, and `chmod 600`".to_owned()
            }
            Self::Group(group) => format!(
                "run `chmod 600`; give the file, with mode 0440, a group that only this service has instead of {group}; \
                 or in Kubernetes, mount the secret with `fsGroup` and `defaultMode: 0440`"
            ),
            Self::Everybody => "run `chmod 600`, and `chown` so that the file belongs to the user of this service; in \
                                Kubernetes, mount the secret with `fsGroup` and `defaultMode: 0440`; or in a container, \
                                mount the file read-only"
                .to_owned(),
            Self::AccessList => "run `setfacl -b` and `chmod 600` on the file".to_owned(),
        }
    }

    /// Returns how to take the access to a folder or a link from these users, as an imperative phrase.
    #[must_use]
    pub fn folder_remedy(self, folder: &Path) -> String {
        let shown = folder.display();
        match self {
            Self::Owner(_) => {
                format!("run `chown -h` on {shown}, so that it belongs to root or to the user of this service")
            }
            Self::Group(_) => format!("run `chmod g-w {shown}`"),
            Self::Everybody => format!("run `chmod o-w {shown}`, or `chmod +t {shown}` if others need it"),
            Self::AccessList => format!("run `setfacl -b {shown}`"),
        }
    }
}
