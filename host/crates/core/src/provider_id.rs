//! The id of a provider.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a provider: the same in URLs, the manifest of its plugin, and every table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(String);

impl ProviderId {
    /// Words that no provider id may be, because a path of the REST API has them in the place of a provider id:
    /// `/api/admin/connections/user-mappings`.
    pub const RESERVED: [&str; 1] = ["user-mappings"];

    /// The maximum length in bytes.
    const MAX_LENGTH: usize = 40;

    /// Parses an id of the form `[a-z][a-z0-9]*(-[a-z0-9]+)*` with 2 to 40 characters.
    ///
    /// # Errors
    /// The text does not have this form.
    pub fn parse(text: &str) -> Result<Self, InvalidProviderId> {
        let words_are_valid = text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        let starts_with_letter = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if words_are_valid && starts_with_letter && (2..=Self::MAX_LENGTH).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProviderId)
        }
    }

    /// Returns whether an id is part of a path of the REST API, so that no provider can have it.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.0.as_str())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The error for a text that is not a provider id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a provider id is 2 to 40 characters of a-z, 0-9 and single hyphens, starting with a letter")]
pub struct InvalidProviderId;

#[cfg(test)]
mod tests {
    use super::ProviderId;

    #[test]
    fn only_the_documented_form_is_accepted() {
        for good in ["acme", "acme-people", "a1"] {
            assert!(ProviderId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "Acme", "1a", "-a", "a-", "a--b", "a_b", "ä1", "../x", &"a".repeat(41)] {
            assert!(ProviderId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_word_of_a_path_is_reserved() {
        assert!(ProviderId::parse("user-mappings").expect("a valid form").is_reserved());
        assert!(!ProviderId::parse("user-mapping").expect("a valid form").is_reserved());
    }
}
