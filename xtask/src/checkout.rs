//! The checkout: its folders, the packages that become components, and the `cargo` that builds them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The folder with the console's web files, from the root of the checkout.
pub(crate) const CONSOLE_WEB: &str = "host/crates/console/web";

/// The checkout that this program was built from, and the folder that Cargo builds into.
#[derive(Debug)]
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// A workspace package that is compiled to a component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ComponentPackage {
    /// The name of its folder. For a shipped plugin this is the provider's id.
    pub(crate) id: String,
    /// The package name that `cargo -p` takes.
    pub(crate) name: String,
    /// The name of its library target, and so of the `.wasm` file that Cargo writes.
    pub(crate) library: String,
}

impl Checkout {
    /// Finds the checkout from the location of this package.
    pub(crate) fn find() -> Result<Self> {
        let package = variable("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = package.parent().context("the package xtask is not in a subfolder of a checkout")?.to_owned();
        let target = match variable("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Creates a `cargo` command without the variables that `cargo run` set for this program.
    ///
    /// `cargo run` describes the package `xtask` in `CARGO_…` variables. Build scripts that watch them would rebuild
    /// their crates here, and again in the next plain `cargo build`. The shell's own `JACKFIELD_…` variables, such as a
    /// database URL, must not influence a build or a test either.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        for name in variable_names() {
            let foreign = ["CARGO_MANIFEST_", "CARGO_PKG_", "JACKFIELD_"].iter().any(|prefix| name.starts_with(prefix));
            // The tests read an additional file of egress cases from this variable.
            if foreign && name != "JACKFIELD_TEST_EGRESS_CASES" {
                cargo.env_remove(name);
            }
        }
        if variable("CARGO_TARGET_DIR").is_some() {
            cargo.env("CARGO_TARGET_DIR", &self.target);
        }
        cargo
    }

    /// Lists the plugins that are shipped: the packages under `plugins/` that build a `cdylib`.
    pub(crate) fn plugins(&self) -> Result<Vec<ComponentPackage>> {
        self.component_packages("plugins")
    }

    /// Lists the components that only tests use.
    pub(crate) fn test_guests(&self) -> Result<Vec<ComponentPackage>> {
        self.component_packages("tests/guests")
    }

    fn component_packages(&self, parent: &str) -> Result<Vec<ComponentPackage>> {
        let metadata = process::read_stdout(self.cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        component_packages_in(&serde_json::from_str(&metadata)?, &self.root.join(parent))
    }

    /// Returns the folder with the built components, one `<id>.wasm` per package.
    pub(crate) fn components(&self) -> PathBuf {
        self.target.join("components")
    }

    /// Returns the folder with the files to install: the program, and the components in `plugins/`.
    pub(crate) fn dist(&self) -> PathBuf {
        self.target.join("dist")
    }

    /// Displays a path relative to the checkout where it is inside.
    pub(crate) fn display<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Reads an environment variable; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "these are Cargo's variables, not settings of the service")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Lists the names of all environment variables.
#[expect(clippy::disallowed_methods, reason = "the names are used to remove variables from child processes")]
pub(crate) fn variable_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Reads from `cargo metadata` which packages in a subfolder of `parent` build a `cdylib`, sorted by id.
fn component_packages_in(metadata: &Value, parent: &Path) -> Result<Vec<ComponentPackage>> {
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().context("`cargo metadata` lists no packages")? {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("`cargo metadata` leaves out a name");
        let manifest = text(&package["manifest_path"])?;
        let Some(folder) = Path::new(&manifest).parent().filter(|folder| folder.parent() == Some(parent)) else {
            continue;
        };
        let is_cdylib = |target: &&Value| {
            target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
        };
        if let Some(library) = package["targets"].as_array().into_iter().flatten().find(is_cdylib) {
            packages.push(ComponentPackage {
                id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                name: text(&package["name"])?,
                library: text(&library["name"])?,
            });
        }
    }
    packages.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn components_are_the_packages_with_a_cdylib_in_the_folder() {
        let package = |folder: &str, name: &str, library: &str, kind: &str| {
            json!({
                "name": name,
                "manifest_path": format!("/checkout/{folder}/Cargo.toml"),
                "targets": [{"name": "fixture", "crate_types": ["bin"]}, {"name": library, "crate_types": [kind, "rlib"]}],
            })
        };
        let metadata = json!({"packages": [
            package("plugins/xero", "jackfield-xero", "jackfield_xero", "cdylib"),
            package("plugins/sdk", "jackfield-sdk", "jackfield_sdk", "lib"),
            package("plugins/slack", "jackfield-slack", "slack", "cdylib"),
            package("plugins/slack/inner", "inner", "inner", "cdylib"),
            package("tests/guests/example", "example", "example", "cdylib"),
        ]});
        let expected = [("slack", "jackfield-slack", "slack"), ("xero", "jackfield-xero", "jackfield_xero")]
            .map(|(id, name, library)| ComponentPackage { id: id.into(), name: name.into(), library: library.into() });
        assert_eq!(component_packages_in(&metadata, Path::new("/checkout/plugins")).unwrap(), expected);
        assert!(component_packages_in(&json!({}), Path::new("/checkout/plugins")).is_err());
    }
}
