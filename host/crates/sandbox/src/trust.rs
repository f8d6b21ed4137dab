//! Which plugins run without an Executive's approval.

use std::collections::BTreeMap;

use jackfield_signing::TrustedKeys;

/// The plugins that are approved automatically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that are part of this program: the digest of each, by provider.
    Shipped(BTreeMap<String, String>),
    /// Those of this program, and every plugin that a trusted key signed and may approve.
    Signed {
        /// The digest of each plugin that is part of this program, by provider.
        shipped: BTreeMap<String, String>,
        /// The trusted keys.
        keys: TrustedKeys,
    },
    /// All. For development only.
    All,
}
