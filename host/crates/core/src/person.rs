//! A person of the company, and the source of a mapping.

use serde::Serialize;

/// A person of the company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Assigned by Jackfield. It never changes.
    pub id: String,
    pub name: String,
    /// The address as it was entered.
    ///
    /// It is unique, even if case and Unicode normalization are ignored.
    pub email: String,
    /// The id that the company uses for the person.
    pub user_id: Option<String>,
    pub active: bool,
}

/// How a mapping was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingSource {
    /// An administrator set it for one person.
    Manual,
    /// A caller synced a list.
    Sync,
    /// A match found the email address of the person among the users of the provider.
    Match,
}

impl MappingSource {
    /// Returns the source as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Sync => "sync",
            Self::Match => "match",
        }
    }
}
