//! Reads the signature file of a component and verifies it with the trusted keys.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jackfield_signing::Signer;

use crate::{component_file, trust::Trust};

/// Maximum number of bytes of a signature file. Those of minisign have 300, including a long comment.
const MAX_BYTES: u64 = 4 << 10;

/// Returns the path of a component's signature file: `acme.wasm.minisig` for `acme.wasm`.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Verifies the signature file of a component, if `trust` has keys. Without keys the component counts as unsigned.
///
/// # Errors
/// The signature is invalid or cannot be read. The error says why.
pub fn find_signer(component: &Path, bytes: &[u8], trust: &Trust) -> Result<Signer, String> {
    let Trust::Signed { keys, .. } = trust else { return Ok(Signer::Nobody) };
    let path = signature_path(component);
    // Only a missing file means unsigned. A link or a folder of that name counts as an invalid signature.
    if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(Signer::Nobody);
    }
    let text = component_file::read(&path, MAX_BYTES)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()))
        .map_err(|why| format!("its signature cannot be read: {why}"))?;
    keys.find_signer(bytes, Some(&text))
}
