//! The plugins' folder as it lies there: which files, and whether it is one that may be trusted at all.

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jackfield_sandbox::{beside, file::Stamp};

/// What tells whether a component was dropped in, changed, signed or taken away.
pub(super) type Stamps = BTreeMap<String, Look>;

/// A component's file and the signature beside it, as they lay there when they were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    component: Stamp,
    signature: Option<Stamp>,
}

/// The folder's permission that lets anybody write.
const OTHERS_WRITE: u32 = 0o002;

/// Lists every `*.wasm` of a folder.
///
/// # Errors
/// In words: it cannot be read, or anybody may write to it.
pub(super) fn list(folder: &Path) -> Result<Stamps, String> {
    let look = || -> io::Result<Result<Stamps, String>> {
        if std::fs::metadata(folder)?.mode() & OTHERS_WRITE != 0 {
            return Ok(Err("anybody may write to it; nothing in it is looked at until `chmod o-w`".to_owned()));
        }
        let mut found = Stamps::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            // One that is gone by now is not there.
            if let Ok(component) = Stamp::of(&path) {
                found.insert(name, Look { component, signature: Stamp::of(&beside(&path)).ok() });
            }
        }
        Ok(Ok(found))
    };
    look().unwrap_or_else(|error| Err(format!("it cannot be read: {error}")))
}

/// Where a file of the folder is.
pub(super) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_anybody_may_write_to_is_not_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.wasm", "b.txt"] {
            std::fs::write(folder.path().join(name), b"x").expect("written");
        }
        let set = |mode: u32| {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("its mode is set");
        };
        set(0o755);
        assert_eq!(list(folder.path()).map(|found| found.into_keys().collect()), Ok(vec!["a.wasm".to_owned()]));
        set(0o777);
        assert!(list(folder.path()).is_err_and(|why| why.contains("anybody")));
        assert!(list(&folder.path().join("none")).is_err_and(|why| why.contains("cannot be read")));
    }

    #[test]
    fn a_file_that_was_written_to_has_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"one").expect("written");
        let before = list(folder.path());
        assert_eq!(before, list(folder.path()));
        std::fs::write(&file, b"three").expect("written");
        let unsigned = list(folder.path());
        assert_ne!(before, unsigned);
        std::fs::write(beside(&file), b"signature").expect("written");
        assert_ne!(unsigned, list(folder.path()), "a signature that comes later is seen");
    }
}
