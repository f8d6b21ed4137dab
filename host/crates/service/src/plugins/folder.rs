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

/// Why a folder has no list of files.
#[derive(Debug)]
pub(super) struct ListingError {
    pub(super) why: String,
    /// The system lacked a resource, such as open files. The folder itself may be as it was.
    pub(super) is_temporary: bool,
}

/// The permission bit that lets everybody write.
const OTHERS_WRITE: u32 = 0o002;

/// Lists every `*.wasm` of a folder.
///
/// # Errors
/// The folder cannot be read, or everybody may write to it.
pub(super) fn list(folder: &Path) -> Result<FolderListing, ListingError> {
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
    match read() {
        Ok(listed) => listed.map_err(|why| ListingError { why, is_temporary: false }),
        Err(error) => Err(ListingError {
            why: format!("cannot read the folder: {error}"),
            is_temporary: !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ),
        }),
    }
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
        let names: Vec<String> = list(folder.path()).expect("a list").into_keys().collect();
        assert_eq!(names, ["a.wasm"]);
        set(0o777);
        assert!(list(folder.path()).is_err_and(|error| error.why.contains("everybody") && !error.is_temporary));
        assert!(
            list(&folder.path().join("none"))
                .is_err_and(|error| error.why.contains("cannot read") && !error.is_temporary)
        );
    }

    #[test]
    fn a_file_that_was_changed_has_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"one").expect("written");
        let listed = || list(folder.path()).expect("a list");
        let before = listed();
        assert_eq!(before, listed());
        std::fs::write(&file, b"three").expect("written");
        let unsigned = listed();
        assert_ne!(before, unsigned);
        std::fs::write(signature_path(&file), b"signature").expect("written");
        assert_ne!(unsigned, listed(), "a signature that is added later is noticed");
    }
}
