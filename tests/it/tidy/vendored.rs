//! Checks that the console's libraries match their manifest byte for byte, with no other files.

use std::{collections::BTreeSet, fs};

use jackfield_test_support::app::digest;
use serde_json::Value;

use super::root;

/// Our own files: the manifest, its description, and the file that binds the libraries together.
const OURS: [&str; 3] = ["README.md", "manifest.json", "preact.js"];

#[test]
fn vendored_console_files_match_their_manifest() {
    let folder = root().join("host/crates/console/web/vendor");
    let manifest = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let mut named: BTreeSet<String> = OURS.map(str::to_owned).into();
    for package in manifest["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        assert!(package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")), "{name}");
        let files = package["files"].as_array().expect("files");
        let licence = |file: &&Value| file["from"].as_str().is_some_and(|from| from.starts_with("LICENSE"));
        assert_eq!(files.iter().filter(licence).count(), 1, "{name} has its licence file");
        for file in files {
            let to = file["to"].as_str().expect("a name");
            let bytes = fs::read(folder.join(to)).expect("every file in the manifest exists");
            assert_eq!(digest(&bytes), file["sha256"], "{to} was changed: `cargo xtask vendor` restores it");
            named.insert(to.to_owned());
        }
    }
    let there = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let there: BTreeSet<String> = there.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(there, named, "every file is in the manifest");
}
