//! Compiled components on disk, by digest and engine, each under a MAC: what is damaged or foreign is built anew.
//!
//! Loading compiled code runs it as native code, so a file is loaded only when this service wrote it: the folder is
//! its owner's alone, and the MAC's key derives from the master key.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use jackfield_core::{
    Secret,
    mac::{mac, mac_holds},
    manifest::Manifest,
};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component as Code};

use super::{LoadError, convert};

/// Length of a MAC.
const MAC: usize = 32;

/// Where compiled components are kept; nowhere while there is no key to authenticate them with.
#[derive(Clone, Debug)]
pub struct Cache(Option<(PathBuf, Secret<[u8; 32]>)>);

impl Cache {
    /// Keeps them in a folder, under MACs of this key.
    #[must_use]
    pub fn new(folder: PathBuf, key: Secret<[u8; 32]>) -> Self {
        Self(Some((folder, key)))
    }

    /// Keeps none.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Takes a component from the cache; none when it is not there, damaged or foreign.
    pub(super) fn take(&self, engine: &Engine, digest: &str) -> Option<(Code, Manifest)> {
        let (folder, key) = self.0.as_ref()?;
        let path = folder.join(file_name(engine, digest));
        let bytes = std::fs::read(&path).ok()?;
        let parts = split(&bytes).filter(|(mac, manifest, code)| {
            mac_holds(key, &[b"compiled component", file_name(engine, digest).as_bytes(), manifest, code], mac)
        });
        let Some((_, manifest, code)) = parts else {
            tracing::warn!(digest, "a compiled component in the cache was damaged or foreign; it is built anew");
            return None;
        };
        let manifest = serde_json::from_slice(manifest).ok()?;
        match deserialize(engine, code) {
            Ok(code) => Some((code, manifest)),
            Err(error) => {
                tracing::warn!(digest, %error, "a compiled component in the cache does not load; it is built anew");
                None
            }
        }
    }

    /// Puts a component into the cache. That it could not be kept costs only time at the next start.
    pub(super) fn put(&self, engine: &Engine, digest: &str, code: &[u8], manifest: &Manifest) {
        let Some((folder, key)) = self.0.as_ref() else { return };
        let kept = serde_json::to_vec(manifest).map_err(std::io::Error::other).and_then(|manifest| {
            let name = file_name(engine, digest);
            let mac = mac(key, &[b"compiled component", name.as_bytes(), &manifest, code]);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
            // Written beside and renamed: a reader sees a whole file or none.
            let beside = folder.join(format!("{name}.{}", std::process::id()));
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&mac)?;
            file.write_all(&u32::try_from(manifest.len()).map_err(std::io::Error::other)?.to_be_bytes())?;
            file.write_all(&manifest)?;
            file.write_all(code)?;
            file.sync_all()?;
            std::fs::rename(&beside, folder.join(name))
        });
        if let Err(error) = kept {
            tracing::warn!(digest, %error, "a compiled component could not be kept");
        }
    }
}

/// Whether bytes begin as a component does. Told by the eighth byte, the layer: 0 is a core module, 1 a component.
///
/// # Errors
/// They do not; says what they are instead.
pub(super) fn is_component(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', ..] => {
            Err(LoadError("it is a core module, not a component; build it for wasm32-wasip2".to_owned()))
        }
        _ => Err(LoadError("it is not a WebAssembly component".to_owned())),
    }
}

/// Compiles a component. What that takes is the component's to choose: see `check`.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Code, LoadError> {
    is_component(bytes)?;
    Code::from_binary(engine, bytes).map_err(|error| {
        LoadError(format!("it is not a component that can be used: {}", convert::clean(&format!("{error:#}"), 500)))
    })
}

/// Takes the code that a child of this program compiled.
pub(super) fn from_child(engine: &Engine, code: &[u8]) -> Result<Code, LoadError> {
    deserialize(engine, code).map_err(|error| {
        LoadError(format!("its compiled code cannot be used: {}", convert::clean(&format!("{error:#}"), 500)))
    })
}

/// The digest that names a component: SHA-256 of its bytes, in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn file_name(engine: &Engine, digest: &str) -> String {
    // Everything that makes compiled code fit this engine: version, target, settings.
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.compiled", hasher.finish())
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (mac, rest) = bytes.split_at_checked(MAC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (manifest, code) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((mac, manifest, code))
}

#[expect(unsafe_code, reason = "the only way to load compiled code; where its bytes come from is said below")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Code> {
    // SAFETY: the bytes came out of `Component::serialize` of this program. Either a MAC over them and over the engine's
    // compatibility hash held, and they are the very bytes that the MAC was checked on, not a file read again. Or they
    // came through a pipe from a child of this program, which had run nothing of the component when it wrote them.
    unsafe { Code::deserialize(engine, code) }
}
