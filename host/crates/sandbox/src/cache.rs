//! Stores compiled components on disk, by digest and engine. Each file has a MAC; a damaged or foreign file is ignored.
//!
//! Compiled code runs natively, so a file is loaded only if this service wrote it: the folder is accessible
//! only to its user, and the key of the MAC is derived from the master key.

use std::{
    collections::BTreeSet,
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

/// The end of the name of a complete file.
const SUFFIX: &str = ".compiled";

/// The context of the MAC, so that no other MAC of the same key is accepted.
const MAC_CONTEXT: &[u8] = b"compiled component";

/// How many components the cache of the commands contains. An author builds one after another.
const MAX_FILES: usize = 16;

/// A folder of compiled components, or no cache.
#[derive(Clone, Debug)]
pub struct Cache(Option<CacheFolder>);

#[derive(Clone, Debug)]
struct CacheFolder {
    path: PathBuf,
    /// The key of the MACs.
    key: Secret<[u8; 32]>,
    purpose: CachePurpose,
}

/// Who uses a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CachePurpose {
    /// A service, or a command that acts for it. A file is removed when the service no longer needs it.
    Service,
    /// Commands that only read the cache of a service, because it belongs to another user.
    ReadOnly,
    /// The commands of an author. It can contain components that cannot be approved, and the newest [`MAX_FILES`] stay.
    Author,
}

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
        Self(Some(CacheFolder { path: folder, key, purpose: CachePurpose::Service }))
    }

    /// Reads compiled components from `folder`, and stores nothing.
    #[must_use]
    pub fn read_only(folder: PathBuf, key: Secret<[u8; 32]>) -> Self {
        Self(Some(CacheFolder { path: folder, key, purpose: CachePurpose::ReadOnly }))
    }

    /// Stores the compiled components of an author in `folder`, also those that cannot be approved.
    #[must_use]
    pub fn for_author(folder: PathBuf, key: Secret<[u8; 32]>) -> Self {
        Self(Some(CacheFolder { path: folder, key, purpose: CachePurpose::Author }))
    }

    /// Stores nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Returns whether the cache can contain components that cannot be approved.
    pub(crate) fn has_rejected_manifests(&self) -> bool {
        self.0.as_ref().is_some_and(|cache| cache.purpose == CachePurpose::Author)
    }

    /// Reads a component; `None` if it is not stored, damaged or foreign.
    pub(crate) fn read(&self, engine: &Engine, digest: &str) -> Option<(Code, Manifest)> {
        let CacheFolder { path: folder, key, .. } = self.0.as_ref()?;
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

    /// Deletes the files that no component of `used`, a list of digests, needs with this engine.
    ///
    /// Nobody may write to the cache meanwhile, because files that are not complete are deleted too. Returns how many
    /// files were deleted.
    pub(crate) fn delete_unused(&self, engine: &Engine, used: &BTreeSet<String>) -> io::Result<usize> {
        let Some(CacheFolder { path: folder, .. }) = self.0.as_ref() else { return Ok(0) };
        let used: BTreeSet<String> = used.iter().map(|digest| file_name(engine, digest)).collect();
        let files = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            files => files?,
        };
        let mut deleted = 0;
        for file in files {
            let name = file?.file_name();
            let is_unused = name.to_str().is_some_and(|name| is_cache_file(name) && !used.contains(name));
            if is_unused {
                std::fs::remove_file(folder.join(name))?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    fn try_write(&self, engine: &Engine, digest: &str, code: &[u8], manifest: &Manifest) -> io::Result<()> {
        let Some(CacheFolder { path: folder, key, purpose }) = self.0.as_ref() else { return Ok(()) };
        if *purpose == CachePurpose::ReadOnly {
            return Ok(());
        }
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
        })?;
        match purpose {
            CachePurpose::Author => delete_oldest(folder),
            CachePurpose::Service | CachePurpose::ReadOnly => Ok(()),
        }
    }
}

/// Deletes complete files beyond [`MAX_FILES`], the oldest first.
fn delete_oldest(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        if file.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
            files.push((file.metadata()?.modified()?, file.path()));
        }
    }
    files.sort();
    let surplus = files.len().saturating_sub(MAX_FILES);
    files.into_iter().take(surplus).try_for_each(|(_, path)| match std::fs::remove_file(path) {
        // Another command may have deleted it.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
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

/// Returns whether the cache wrote a file of this name, completely or not.
fn is_cache_file(name: &str) -> bool {
    name.ends_with(SUFFIX) || (name.contains(&format!("{SUFFIX}.")) && name.ends_with(".new"))
}

/// Returns the name of a component's file, which depends on wasmtime's version, the target and the engine's settings.
fn file_name(engine: &Engine, digest: &str) -> String {
    // A different hash in another release of the compiler only means that components are compiled again.
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}{SUFFIX}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::new_engine, limits::Limits};

    #[test]
    fn only_files_of_used_components_and_of_others_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().to_owned(), Secret::new([0; 32]));
        let engine = new_engine(&Limits::default()).expect("an engine");
        let (used, unused) = (file_name(&engine, "aa"), file_name(&engine, "bb"));
        let other_engine = "aa-0000000000000000.compiled".to_owned();
        let incomplete = format!("{used}.0123456789abcdef.new");
        for name in [&used, &unused, &other_engine, &incomplete, "notes.txt"] {
            std::fs::write(folder.path().join(name), b"code").expect("written");
        }
        let digests = BTreeSet::from(["aa".to_owned(), "cc".to_owned()]);
        assert_eq!(cache.delete_unused(&engine, &digests).expect("deleted"), 3);
        let left: BTreeSet<String> = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
            .collect();
        assert_eq!(left, BTreeSet::from([used, "notes.txt".to_owned()]));
        assert_eq!(cache.delete_unused(&engine, &digests).expect("deleted"), 0);
        assert_eq!(Cache::none().delete_unused(&engine, &digests).expect("no cache"), 0);
    }

    #[test]
    fn the_cache_of_an_author_keeps_the_newest_components() {
        let folder = tempfile::tempdir().expect("a folder");
        let started = std::time::SystemTime::UNIX_EPOCH;
        for number in 0..20_u64 {
            let file = std::fs::File::create(folder.path().join(format!("{number:02}.compiled"))).expect("created");
            file.set_modified(started + std::time::Duration::from_secs(number)).expect("its time");
        }
        std::fs::write(folder.path().join("cache.key"), b"key").expect("written");
        delete_oldest(folder.path()).expect("deleted");
        let mut left: Vec<String> = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
            .collect();
        left.sort();
        assert_eq!(left.len(), MAX_FILES + 1);
        assert_eq!((left[0].as_str(), left[MAX_FILES].as_str()), ("04.compiled", "cache.key"));
    }

    #[test]
    fn a_folder_that_does_not_exist_yet_has_nothing_to_delete() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().join("compiled"), Secret::new([0; 32]));
        let engine = new_engine(&Limits::default()).expect("an engine");
        assert_eq!(cache.delete_unused(&engine, &BTreeSet::new()).expect("nothing"), 0);
    }
}
