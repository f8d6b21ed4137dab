//! Verifies who signed a component, and whether that key may approve what the component requests. Does no I/O.
//!
//! Keys and signatures have the format of minisign (jedisct1.github.io/minisign), so that the `minisign` tool can
//! create and verify them.

mod key_permissions;
mod signature;
mod signing_key;
mod trusted_keys;

pub use self::{
    signature::{SignatureStatus, Signer, TrustedKey},
    signing_key::SigningKey,
    trusted_keys::TrustedKeys,
};

#[cfg(test)]
mod tests;
