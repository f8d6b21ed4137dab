//! Tests `plugin new`: the generated folder builds and passes its own test and the check, without network access.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jackfield_test_support::slack::SlackStandIn;

use crate::process::program::{Installation, output_text};

/// Runs Cargo as an author would, but offline and with a build folder that later runs reuse.
fn cargo(folder: &Path, target: &BuildFolder, arguments: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(arguments).arg("--offline").current_dir(folder).env("CARGO_TARGET_DIR", &target.folder);
    // Variables of the test run would affect the author's build.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    command.output().expect("Cargo runs")
}

/// The build folder for generated plugins, for one test at a time: Cargo names the files of two such crates alike, so
/// that one test's build would replace files that another test is about to run.
pub(super) struct BuildFolder {
    pub(super) folder: PathBuf,
    _alone: File,
}

impl BuildFolder {
    /// Waits until no other test builds there.
    pub(super) fn alone() -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")), PathBuf::from);
        let folder = target.join("plugin-new");
        fs::create_dir_all(&folder).expect("a build folder");
        let alone = File::create(folder.join("test.lock")).expect("a lock file");
        alone.lock().expect("the lock");
        Self { folder, _alone: alone }
    }
}

#[tokio::test]
async fn a_new_rust_plugin_builds_and_passes_its_test_and_the_check() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let made = place.run(&["plugin", "new", "acme-people"]);
    assert!(made.status.success(), "{}", output_text(&made));
    let folder = place.folder.path().join("acme-people");
    for file in ["Cargo.toml", "README.md", ".gitignore", "src/lib.rs", "sdk/Cargo.toml", "wit/provider.wit"] {
        assert!(folder.join(file).is_file(), "{file} is missing");
    }
    let target = BuildFolder::alone();
    let tested = cargo(&folder, &target, &["test"]);
    assert!(tested.status.success(), "{}", output_text(&tested));
    assert!(output_text(&tested).contains("4 passed"), "{}", output_text(&tested));
    assert!(!output_text(&tested).contains("warning"), "{}", output_text(&tested));
    let built = cargo(&folder, &target, &["build", "--release", "--target", "wasm32-wasip2"]);
    assert!(built.status.success(), "{}", output_text(&built));
    let component = target.folder.join("wasm32-wasip2/release/acme_people_provider.wasm").display().to_string();
    let checked = place.run(&["plugin", "check", &component]);
    assert!(checked.status.success(), "{}", output_text(&checked));
    assert!(output_text(&checked).contains("acme-people 0.1.0 can be approved"), "{}", output_text(&checked));

    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).expect("its metadata").permissions()) & 0o777
    };
    assert_eq!((mode(&folder), mode(&folder.join("src")), mode(&folder.join("src/lib.rs"))), (0o755, 0o755, 0o644));
    let again = place.run(&["plugin", "new", "acme-people"]);
    assert_eq!(again.status.code(), Some(1), "existing files are not overwritten");
}

#[tokio::test]
async fn a_name_that_is_not_a_valid_provider_id_is_rejected() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    for name in ["Acme", "../acme", "a", "acme_hr", "user-mappings"] {
        let refused = place.run(&["plugin", "new", name]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(!place.folder.path().join(name).join("Cargo.toml").exists());
    }
}

#[tokio::test]
async fn a_new_javascript_or_python_plugin_builds_where_its_tools_are_installed() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let in_python = ["-d", "wit", "-w", "component", "componentize", "app", "-o", "acme-py.wasm"];
    let in_js = ["src/component.js", "-w", "wit", "-n", "component", "-d", "http", "fetch-event", "-o", "acme-js.wasm"];
    for (name, language, tool, arguments) in
        [("acme-js", "js", "componentize-js", in_js.as_slice()), ("acme-py", "python", "componentize-py", &in_python)]
    {
        let made = place.run(&["plugin", "new", name, "--lang", language]);
        assert!(made.status.success(), "{}", output_text(&made));
        let folder = place.folder.path().join(name);
        let readme = std::fs::read_to_string(folder.join("README.md")).expect("a README");
        assert!(readme.contains(tool) || language == "js", "{readme}");
        let Ok(built) = Command::new(tool).args(arguments).current_dir(&folder).output() else {
            eprintln!("SKIPPED: the template for {language} was not built, because `{tool}` is not in the PATH");
            continue;
        };
        assert!(built.status.success(), "{}", output_text(&built));
        let component = folder.join(format!("{name}.wasm")).display().to_string();
        let checked = place.run(&["plugin", "check", &component]);
        assert!(output_text(&checked).contains(&format!("{name} 0.1.0 can be approved")), "{}", output_text(&checked));
    }
}

#[tokio::test]
async fn the_test_of_a_new_javascript_provider_passes_where_node_is_installed() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let made = place.run(&["plugin", "new", "acme-js", "--lang", "js"]);
    assert!(made.status.success(), "{}", output_text(&made));
    let folder = place.folder.path().join("acme-js");
    match Command::new("node").args(["--test", "test/"]).current_dir(folder).output() {
        Ok(tested) => {
            assert!(tested.status.success() && output_text(&tested).contains("pass 4"), "{}", output_text(&tested))
        }
        Err(_) => eprintln!("SKIPPED: the template's own test was not run, because `node` is not in the PATH"),
    }
}
