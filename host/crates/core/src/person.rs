//! One person of the company, and how a person came to an account of a provider.

use serde::Serialize;

/// One person of the company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Ours, and the same for as long as the person is there.
    pub id: String,
    pub name: String,
    /// As it was written; no two people have one that is the same but for case and Unicode's form.
    pub email: String,
    /// The company's own id of the person.
    pub user_id: Option<String>,
    pub active: bool,
}

/// How a person came to an account of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody chose it for this one person.
    Manual,
    /// It came with a list of the caller's.
    Sync,
    /// The provider's own list agreed with the person's address.
    Match,
}

impl Source {
    /// The source as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Sync => "sync",
            Self::Match => "match",
        }
    }
}
