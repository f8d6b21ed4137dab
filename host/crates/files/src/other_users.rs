//! Other users who have access to a file.

use std::fmt;

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
