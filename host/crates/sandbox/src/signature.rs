//! Reads the signature that lies beside a component. What it says is judged in `signing`.

use std::path::{Path, PathBuf};

use jackfield_signing::Signer;

use super::{catalog::Trust, file};

/// Bytes of a signature's text; minisign's own take 300, a long comment included.
pub(crate) const LONGEST: u64 = 4 << 10;

/// Where the signature of a file lies: `acme.wasm.minisig`.
#[must_use]
pub fn beside(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Tells who signed a component's bytes, where this trust asks for it.
pub fn signer<'a>(component: &Path, bytes: &[u8], trust: &'a Trust) -> Signer<'a> {
    let Trust::Signed { keys, .. } = trust else { return Signer::Nobody };
    let path = beside(component);
    // A link or a folder of that name is something, and what is there must hold.
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Signer::Nobody;
    }
    let text =
        file::read(&path, LONGEST).and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned()));
    match text {
        Ok(text) => keys.signer(bytes, Some(&text)),
        Err(why) => Signer::Broken(format!("its signature cannot be read: {why}")),
    }
}
