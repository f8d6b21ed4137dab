//! Stores compiled components on disk, by digest and engine. Each file has a MAC; a damaged or foreign file is ignored.
//!
//! Compiled code runs natively, so a file is loaded only if this service wrote it: the folder is accessible
//! only to its user, and the key of the MAC is derived from the master key.

use std::{
    fs::{DirBuilder, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jackfield_core::{Secret, mac, manifest::Manifest};
use jackfield_files::{ProcessUser, create_probe};
use wasmtime::{Engine, component::Component as Code};

use crate::compile::deserialize;

/// The length of a MAC in bytes.
const MAC: usize = 32;

/// The context of the MAC, so that no other MAC of the same key is accepted.
const MAC_CONTEXT: &[u8] = b"compiled component";

/// The folder of the compiled components and the key of their MACs, or no cache.
#[derive(Clone, Debug)]
pub struct Cache(Option<(PathBuf, Secret<[u8; 32]>)>);

/// The parts of a file in the cache.
struct CacheFile<'a> {
    mac: &'a [u8],
    manifest: &'a [u8],
    code: &'a [u8],
}

impl Cache {
    /// Stores compiled components in `folder`, with MACs of `key`.
    #[must_use]
    pub fn new(folder: PathBuf, key: Secret<[u8; 32]>) -> Self {
        Self(Some((folder, key)))
    }

    /// Stores nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Reads a component; `None` if it is not stored, damaged or foreign.
    pub(crate) fn read(&self, engine: &Engine, digest: &str) -> Option<(Code, Manifest)> {
        let (folder, key) = self.0.as_ref()?;
        let name = file_name(engine, digest);
        let bytes = std::fs::read(folder.join(&name)).ok()?;
        let file = CacheFile::parse(&bytes)
            .filter(|file| mac::verify(key, &[MAC_CONTEXT, name.as_bytes(), file.manifest, file.code], file.mac));
        let Some(file) = file else {
            tracing::warn!(digest, "a compiled component in the cache is damaged or foreign; compiling it again");
            return None;
        };
        let manifest = serde_json::from_slice(file.manifest).ok()?;
        match deserialize(engine, file.code) {
            Ok(code) => Some((code, manifest)),
            Err(error) => {
                tracing::warn!(digest, %error, "a compiled component in the cache cannot be loaded; compiling it again");
                None
            }
        }
    }

    /// Writes a component. A failure is only logged, because it costs nothing but time at the next start.
    pub(crate) fn write(&self, engine: &Engine, digest: &str, code: &[u8], manifest: &Manifest) {
        if let Err(error) = self.try_write(engine, digest, code, manifest) {
            tracing::warn!(digest, %error, "cannot write a compiled component to the cache");
        }
    }

    fn try_write(&self, engine: &Engine, digest: &str, code: &[u8], manifest: &Manifest) -> io::Result<()> {
        let Some((folder, key)) = self.0.as_ref() else { return Ok(()) };
        let manifest = serde_json::to_vec(manifest).map_err(io::Error::other)?;
        let name = file_name(engine, digest);
        let mac = mac::compute(key, &[MAC_CONTEXT, name.as_bytes(), &manifest, code]);
        let user = ProcessUser::current();
        prepare_folder(folder, &user)?;
        // Renamed when complete, so that a reader finds the whole file or none.
        let (mut file, temporary) = create_probe(&folder.join(&name), &user).map_err(io::Error::other)?;
        let length = u32::try_from(manifest.len()).map_err(io::Error::other)?.to_be_bytes();
        let write = || {
            for part in [&mac[..], &length, &manifest, code] {
                file.write_all(part)?;
            }
            file.sync_all()?;
            std::fs::rename(&temporary, folder.join(name))
        };
        write().inspect_err(|_| {
            // Best effort: a file that is left behind only takes space.
            let _left = std::fs::remove_file(&temporary);
        })
    }
}

/// Creates the folder with mode 0700, or checks that nobody else can change an existing one.
fn prepare_folder(folder: &Path, user: &ProcessUser) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A folder of root that is shared with a group of this process cannot be changed. The result is checked.
    let _unchanged = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    match user.who_else_can_write(&folder.metadata()?) {
        None => Ok(()),
        Some(who) => Err(io::Error::other(format!("{who} can change {}", folder.display()))),
    }
}

impl<'a> CacheFile<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (mac, bytes) = bytes.split_at_checked(MAC)?;
        let (length, bytes) = bytes.split_first_chunk::<4>()?;
        let (manifest, code) = bytes.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        Some(Self { mac, manifest, code })
    }
}

/// Returns the name of a component's file, which depends on wasmtime's version, the target and the engine's settings.
fn file_name(engine: &Engine, digest: &str) -> String {
    // A different hash in another release of the compiler only means that components are compiled again.
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.compiled", hasher.finish())
}
