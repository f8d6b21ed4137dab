//! The components that lie in the plugins' folder: which there are, what each asks for, which may run.
//!
//! A file is read once; what is hashed is what is compiled and kept. Whatever lies there, the service starts.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use serde::Serialize;

use super::{Component, LoadError, Sandbox, compiled, review, signature};
use crate::{
    model::{Error, manifest::Manifest},
    signing::{Signer, TrustedKeys},
};

/// Every component that was found, by what it is called.
#[derive(Debug, Default)]
pub struct Catalog {
    entries: RwLock<BTreeMap<String, Arc<Entry>>>,
}

/// One component as it was found.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The provider's id, or the file's name where the file is no component.
    pub id: String,
    pub file: String,
    pub digest: Option<String>,
    pub state: State,
    component: Option<Component>,
}

/// Whether a component may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum State {
    Approved,
    /// Dropped in, not approved yet.
    Pending,
    /// It can not be used; says why.
    Broken(String),
}

/// Which components run without an Executive's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those whose digest was compiled into this program.
    Shipped(BTreeMap<String, String>),
    /// Those, and what a trusted key signed within its grant.
    Signed { shipped: BTreeMap<String, String>, keys: TrustedKeys },
    /// All. For development only.
    All,
}

impl Entry {
    /// What the component said of itself, where it is one.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.component.as_ref().map(|component| component.manifest.as_ref())
    }

    fn broken(file: &str, digest: Option<String>, why: String) -> Self {
        tracing::warn!(file, why, "a component can not be used");
        Self { id: file.to_owned(), file: file.to_owned(), digest, state: State::Broken(why), component: None }
    }
}

impl Catalog {
    /// Loads every `*.wasm` of a folder, in the order of their names. A folder that is missing is an empty one.
    pub async fn scan(sandbox: &Sandbox, folder: &Path, trust: &Trust) -> Self {
        let catalog = Self::default();
        for path in candidates(folder) {
            let entry = examine(sandbox, &path, trust).await;
            catalog.insert(entry);
        }
        catalog
    }

    /// Every entry, by id.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The component of a provider that may run.
    ///
    /// # Errors
    /// There is none, or it is not approved, or it is broken.
    pub fn component(&self, provider: &str) -> Result<Component, Error> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(provider).ok_or_else(|| Error::UnknownProvider(provider.to_owned()))?;
        match (&entry.state, &entry.component) {
            (State::Approved, Some(component)) => Ok(component.clone()),
            (State::Pending, _) => Err(Error::PluginNotApproved(provider.to_owned())),
            (State::Broken(why), _) => Err(Error::PluginFault { provider: provider.to_owned(), fault: why.clone() }),
            (State::Approved, None) => Err(Error::UnknownProvider(provider.to_owned())),
        }
    }

    /// Takes a component out of use, saying why.
    pub fn set_broken(&self, id: &str, why: &str) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(id) {
            tracing::warn!(provider = id, why, "a component was taken out of use");
            *entry = Arc::new(Entry { state: State::Broken(why.to_owned()), ..Entry::clone(entry) });
        }
    }

    /// Puts an entry in. An id belongs to the approved component of it, else to the first file; any other file that
    /// claims it is shown under its own name.
    fn insert(&self, entry: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let (owner, other) = match entries.remove(&entry.id) {
            None => (entry, None),
            Some(first) if entry.state == State::Approved && first.state != State::Approved => {
                (entry, Some(Entry::clone(&first)))
            }
            Some(first) => (Entry::clone(&first), Some(entry)),
        };
        if let Some(other) = other {
            let why = format!("`{}` is already the id of {}", owner.id, owner.file);
            let other = Entry::broken(&other.file, other.digest, why);
            entries.insert(other.id.clone(), Arc::new(other));
        }
        entries.insert(owner.id.clone(), Arc::new(owner));
    }
}

/// Reads one file as a component would be read, for a look at it from outside the service.
///
/// # Errors
/// It is no regular file, too large, or no component that could be approved.
pub async fn inspect(sandbox: &Sandbox, path: &Path) -> Result<Component, LoadError> {
    let bytes = read(path, sandbox.0.limits.component_bytes).map_err(LoadError)?;
    sandbox.load(bytes).await
}

/// The endpoints that a manifest asks for, each as a line that a person reads.
#[must_use]
pub fn endpoint_lines(manifest: &Manifest) -> Vec<String> {
    manifest.endpoints.iter().map(review::line).collect()
}

fn candidates(folder: &Path) -> Vec<PathBuf> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the plugins' folder can not be read; there are none");
            return Vec::new();
        }
    };
    let mut found: Vec<PathBuf> = files
        .filter_map(Result::ok)
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    found.sort();
    found
}

async fn examine(sandbox: &Sandbox, path: &Path, trust: &Trust) -> Entry {
    let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let bytes = match read(path, sandbox.0.limits.component_bytes) {
        Ok(bytes) => bytes,
        Err(why) => return Entry::broken(&file, None, why),
    };
    let digest = compiled::digest(&bytes);
    let signer = signature::signer(path, &bytes, trust);
    if let Signer::Broken(why) = signer {
        return Entry::broken(&file, Some(digest), why);
    }
    match sandbox.load(bytes).await {
        Err(why) => Entry::broken(&file, Some(digest), why.to_string()),
        Ok(component) => {
            let id = component.manifest.id.clone();
            let approved = match trust {
                Trust::All => true,
                Trust::Shipped(digests) => digests.get(&id) == Some(&digest),
                Trust::Signed { shipped, .. } => {
                    shipped.get(&id) == Some(&digest) || signer.grants(&component.manifest)
                }
            };
            let state = if approved { State::Approved } else { State::Pending };
            Entry { id, file, digest: Some(digest), state, component: Some(component) }
        }
    }
}

/// Reads a regular file that is no link and not too large.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let open = || -> io::Result<(File, std::fs::Metadata)> {
        // Not blocking, so that a named pipe does not hold the start up; following no link.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    let (file, metadata) = open().map_err(|error| format!("it can not be opened: {error}"))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| format!("it can not be read: {error}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {} MiB", most >> 20));
    }
    Ok(bytes)
}
