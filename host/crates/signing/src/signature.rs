//! Who signed a component, and whether the key may approve its manifest.

use jackfield_core::manifest::Manifest;
use minisign_verify::PublicKey;

use crate::key_permissions::KeyPermissions;

/// A trusted public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The operator's name for it.
    pub name: String,
    pub(crate) public: PublicKey,
    pub(crate) permissions: KeyPermissions,
}

/// Who signed a component's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A trusted key.
    Trusted(TrustedKey),
    /// A key that is not trusted, so the signature cannot be verified.
    UnknownKey,
    /// There is no signature.
    Nobody,
}

/// Whether a trusted key signed a component, and may approve its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureStatus {
    /// A trusted key signed the component, and may approve everything that the manifest requests.
    WithinPermissions { key: String },
    /// A trusted key signed the component, but the manifest requests more than the key may approve.
    ExceedsPermissions {
        key: String,
        /// What the key may not approve, for people.
        beyond: Vec<String>,
    },
    /// No trusted key signed the component.
    UnknownKey,
    /// The signature is invalid, for this reason. The component is rejected.
    Invalid(String),
    /// There is no signature.
    Unsigned,
}

impl Signer {
    /// Compares what a manifest requests with what the signing key may approve.
    #[must_use]
    pub fn status(&self, manifest: &Manifest) -> SignatureStatus {
        let signing_key = match self {
            Self::Trusted(key) => key,
            Self::UnknownKey => return SignatureStatus::UnknownKey,
            Self::Nobody => return SignatureStatus::Unsigned,
        };
        let (key, beyond) = (signing_key.name.clone(), signing_key.permissions.find_excess(manifest));
        if beyond.is_empty() {
            SignatureStatus::WithinPermissions { key }
        } else {
            SignatureStatus::ExceedsPermissions { key, beyond }
        }
    }
}
