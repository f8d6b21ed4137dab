//! Lists the files of the plugins folder, but ignores a folder or a file that other users can change.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use jackfield_files::{OtherUsers, ProcessUser};
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

/// Lists every `*.wasm` of a folder.
///
/// # Errors
/// The folder cannot be read, or other users can change it.
pub(super) fn list(folder: &Path, user: &ProcessUser) -> Result<FolderListing, ListingError> {
    let read = || -> io::Result<Result<FolderListing, String>> {
        if let Some(who) = user.who_else_can_write(&std::fs::metadata(folder)?) {
            return Ok(Err(describe_writers(who, "folder", user)));
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

/// Checks that other users cannot change a file and its signature.
///
/// # Errors
/// They can. The error says who, and what to do.
pub(super) fn check_owner(component: &Path, user: &ProcessUser) -> Result<(), String> {
    let signature: PathBuf = signature_path(component);
    for (path, what) in [(component, "file"), (&signature, "signature")] {
        // A missing file is reported when it is read. A link is rejected then.
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if metadata.is_file()
            && let Some(who) = user.who_else_can_write(&metadata)
        {
            return Err(describe_writers(who, what, user));
        }
    }
    Ok(())
}

fn describe_writers(who: OtherUsers, what: &str, user: &ProcessUser) -> String {
    match who {
        OtherUsers::Everybody => format!("everybody can write to the {what}; run `chmod o-w` on it"),
        OtherUsers::Group(group) => {
            format!("other users in group {group} can write to the {what}; run `chmod g-w` on it")
        }
        OtherUsers::Owner(owner) => format!(
            "the {what} belongs to user {owner}, who can write to it; run `chown` so that it belongs to root or to the \
             user of this service ({user})"
        ),
        OtherUsers::AccessList => {
            format!("users in the access control list of the {what} can write to it; run `setfacl -b` on it")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
    }

    #[test]
    fn a_folder_or_a_file_that_others_can_change_is_ignored() {
        let (folder, user) = (tempfile::tempdir().expect("a folder"), ProcessUser::current());
        for name in ["a.wasm", "b.txt"] {
            std::fs::write(folder.path().join(name), b"x").expect("written");
        }
        set_mode(folder.path(), 0o755);
        let names = |folder: &Path| list(folder, &user).map(|listing| listing.into_keys().collect::<Vec<_>>());
        assert_eq!(names(folder.path()).expect("a list"), ["a.wasm"]);
        set_mode(folder.path(), 0o777);
        assert!(names(folder.path()).is_err_and(|error| error.why.contains("chmod o-w") && !error.is_temporary));
        assert!(
            names(&folder.path().join("none"))
                .is_err_and(|error| error.why.contains("cannot read") && !error.is_temporary)
        );
        let (component, signature) = (folder.path().join("a.wasm"), folder.path().join("a.wasm.minisig"));
        set_mode(&component, 0o644);
        assert_eq!(check_owner(&component, &user), Ok(()));
        std::fs::write(&signature, b"x").expect("written");
        set_mode(&signature, 0o666);
        assert!(check_owner(&component, &user).is_err_and(|why| why.contains("signature")));
        set_mode(&component, 0o666);
        assert!(check_owner(&component, &user).is_err_and(|why| why.contains("can write to the file")));
        // Only root can create a file of another owner.
        if std::os::unix::fs::chown(&component, Some(4_241), Some(4_241)).is_ok() {
            set_mode(&component, 0o644);
            assert!(check_owner(&component, &user).is_err_and(|why| why.contains("belongs to user 4241")));
        }
    }

    #[test]
    fn a_file_that_was_changed_has_another_stamp() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"one").expect("written");
        let listed = || list(folder.path(), &ProcessUser::current()).expect("a list");
        let before = listed();
        assert_eq!(before, listed());
        std::fs::write(&file, b"three").expect("written");
        let unsigned = listed();
        assert_ne!(before, unsigned);
        std::fs::write(signature_path(&file), b"signature").expect("written");
        assert_ne!(unsigned, listed(), "a signature that is added later is noticed");
    }
}
