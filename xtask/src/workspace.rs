//! Where things lie in this checkout, and which packages are components. Starts no program.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The checkout, and the folder that everything is built into.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// A package that becomes a component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// The folder's name: a provider's id.
    pub(crate) folder: String,
    /// The package's name, as `cargo -p` takes it.
    pub(crate) name: String,
    /// The stem of the file that is built.
    pub(crate) library: String,
}

impl Workspace {
    /// Finds the checkout that this program belongs to.
    pub(crate) fn find() -> Result<Self> {
        let package = variable("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = package.parent().context("xtask has no folder above it")?.to_owned();
        let target = match variable("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A `cargo` that knows nothing of the one that started this program.
    ///
    /// `cargo run` tells its child about the package `xtask` in `CARGO_…` variables, and build scripts that watch
    /// those would build their crates again, and back again at the next plain `cargo build`. A `JACKFIELD_…` of the
    /// person's own shell, such as the URL of a database, has no business in a build or a test.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        for name in variable_names() {
            let foreign = ["CARGO_MANIFEST_", "CARGO_PKG_", "JACKFIELD_"].iter().any(|prefix| name.starts_with(prefix));
            // A file of egress cases is named to the tests through here.
            if foreign && name != "JACKFIELD_TEST_EGRESS_CASES" {
                cargo.env_remove(name);
            }
        }
        if variable("CARGO_TARGET_DIR").is_some() {
            cargo.env("CARGO_TARGET_DIR", &self.target);
        }
        cargo
    }

    /// The providers: every package under `plugins/` but the SDK.
    pub(crate) fn providers(&self) -> Result<Vec<Package>> {
        let mut packages = packages_in(&self.root.join("plugins"))?;
        packages.retain(|package| package.folder != "sdk");
        Ok(packages)
    }

    /// The components that only tests use.
    pub(crate) fn guests(&self) -> Result<Vec<Package>> {
        packages_in(&self.root.join("tests/guests"))
    }

    /// Where the components are collected, one `<folder>.wasm` each.
    pub(crate) fn components(&self) -> PathBuf {
        self.target.join("components")
    }

    /// What is handed out: the program, and `plugins/` beside it.
    pub(crate) fn dist(&self) -> PathBuf {
        self.target.join("dist")
    }

    /// A path as the person would write it in the checkout.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "the tool's settings are Cargo's own variables")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The names of all variables that are set.
#[expect(clippy::disallowed_methods, reason = "to keep them from the children")]
pub(crate) fn variable_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// The packages in a folder's folders, sorted; none where there is no such folder.
fn packages_in(parent: &Path) -> Result<Vec<Package>> {
    if !parent.is_dir() {
        return Ok(Vec::new());
    }
    let mut packages = Vec::new();
    for entry in fs::read_dir(parent).with_context(|| parent.display().to_string())? {
        let entry = entry?;
        let manifest = entry.path().join("Cargo.toml");
        if manifest.is_file() {
            let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
            let folder = entry.file_name().to_string_lossy().into_owned();
            packages.push(package(folder, &text).with_context(|| manifest.display().to_string())?);
        }
    }
    packages.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(packages)
}

fn package(folder: String, manifest: &str) -> Result<Package> {
    let Some(name) = name_in(manifest, "[package]") else { bail!("has no package name") };
    let library = name_in(manifest, "[lib]").unwrap_or_else(|| name.replace('-', "_"));
    Ok(Package { folder, name, library })
}

/// The `name` in one table of a Cargo.toml, written on a line of its own as `cargo new` does.
fn name_in(manifest: &str, table: &str) -> Option<String> {
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
    let value = lines.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim())
    })?;
    value.strip_prefix('"')?.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_named_after_its_package_unless_it_says_otherwise() {
        let manifest = "[package]\nname = \"jackfield-google-workspace\"\n\n[[bin]]\nname = \"other\"\n";
        let plain = package("google-workspace".to_owned(), manifest).unwrap();
        assert_eq!(plain.name, "jackfield-google-workspace");
        assert_eq!(plain.library, "jackfield_google_workspace");
        let named = package("x".to_owned(), &format!("{manifest}[lib]\nname = \"guest\" # short\n")).unwrap();
        assert_eq!(named.library, "guest");
        assert!(package("x".to_owned(), "[lib]\nname = \"guest\"\n").is_err());
    }
}
