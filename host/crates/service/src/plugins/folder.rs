//! Lists the files of the plugins folder, but ignores a folder that everybody may write to.

use std::{collections::BTreeMap, io, os::unix::fs::MetadataExt, path::Path};

use jackfield_sandbox::{FileStamp, signature_path};

/// The files of the plugins folder by name.
pub(super) type FolderListing = BTreeMap<String, PluginStamp>;

/// Identifies the state of a component file and its signature. It changes when either is written, replaced or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PluginStamp {
    component: FileStamp,
    signature: Option<FileStamp>,
}

/// The permission bit that lets everybody write.
const OTHERS_WRITE: u32 = 0o002;

/// Lists every `*.wasm` of a folder.
///
/// # Errors
/// The folder cannot be read, or everybody may write to it.
pub(super) fn list(folder: &Path) -> Result<FolderListing, String> {
    let read = || -> io::Result<Result<FolderListing, String>> {
        if std::fs::metadata(folder)?.mode() & OTHERS_WRITE != 0 {
            return Ok(Err("everybody may write to the folder; run `chmod o-w` on it".to_owned()));
        }
        let mut listing = FolderListing::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            // A file that was removed meanwhile is left out.
            if let Ok(component) = FileStamp::read(&path) {
                listing
                    .insert(name, PluginStamp { component, signature: FileStamp::read(&signature_path(&path)).ok() });
            }
        }
        Ok(Ok(listing))
    };
    read().unwrap_or_else(|error| Err(format!("cannot read the folder: {error}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_everybody_may_write_to_is_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.wasm", "b.txt"] {
            std::fs::write(folder.path().join(name), b"x").expect("written");
        }
        let set = |mode: u32| {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("its mode is set");
        };
        set(0o755);
        assert_eq!(list(folder.path()).map(|listing| listing.into_keys().collect()), Ok(vec!["a.wasm".to_owned()]));
        set(0o777);
        assert!(list(folder.path()).is_err_and(|why| why.contains("everybody")));
        assert!(list(&folder.path().join("none")).is_err_and(|why| why.contains("cannot read")));
    }

    #[test]
    fn a_file_that_was_changed_has_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"one").expect("written");
        let before = list(folder.path());
        assert_eq!(before, list(folder.path()));
        std::fs::write(&file, b"three").expect("written");
        let unsigned = list(folder.path());
        assert_ne!(before, unsigned);
        std::fs::write(signature_path(&file), b"signature").expect("written");
        assert_ne!(unsigned, list(folder.path()), "a signature that is added later is noticed");
    }
}
