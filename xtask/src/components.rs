//! Builds the components: the providers that are shipped, whose digests the host is built with, and the tests' guests.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    children,
    tools::{WASM_TARGET, sysroot},
    workspace::{Package, Workspace, variable},
};

/// The shipped components by id, each with the SHA-256 of its bytes in hex.
#[derive(Debug, Default)]
pub(crate) struct Digests(BTreeMap<String, String>);

impl Digests {
    /// A `cargo` that builds the host with these digests, which it approves from the start.
    ///
    /// Every build of the host is given them: one without would compile the host again.
    pub(crate) fn cargo(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        cargo.env("JACKFIELD_BUILD_DIGESTS", self.to_string());
        cargo
    }

    /// The ids, sorted.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (id, digest)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{id}={digest}")?;
        }
        Ok(())
    }
}

/// Builds every provider into `target/components/`.
///
/// One at a time: built together, they would share the features of their dependencies, and one more provider would
/// change the digest of another.
pub(crate) fn providers(workspace: &Workspace) -> Result<Digests> {
    let packages = workspace.providers()?;
    for package in &packages {
        build(workspace, package)?;
    }
    let mut digests = Digests::default();
    for (id, bytes) in collect(workspace, &packages, &workspace.components())? {
        digests.0.insert(id, hex(&Sha256::digest(&bytes)));
    }
    Ok(digests)
}

/// Builds the guests of the tests into `target/components/guests/`.
pub(crate) fn guests(workspace: &Workspace) -> Result<()> {
    let packages = workspace.guests()?;
    for package in &packages {
        build(workspace, package)?;
    }
    collect(workspace, &packages, &workspace.components().join("guests")).map(drop)
}

fn build(workspace: &Workspace, package: &Package) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["rustc", "--profile", "component", "--target", WASM_TARGET, "--lib", "-p", &package.name]);
    // The component alone: beside an `rlib` it would be built without link-time optimization, a quarter larger.
    cargo.args(["--crate-type", "cdylib"]);
    // A folder of its own, since the flags differ from those of any other build for this target.
    cargo.arg("--target-dir").arg(build_folder(workspace));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace)?);
    children::run(&mut cargo)
}

/// Flags that make the bytes the same wherever the checkout, Cargo's home and the compiler lie.
fn flags(workspace: &Workspace) -> Result<String> {
    let cargo_home = match variable("CARGO_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir().context("neither CARGO_HOME nor HOME is set")?.join(".cargo"),
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let flags = [
        "-Ctarget-feature=+simd128".to_owned(),
        remap(&workspace.root, "/jackfield"),
        remap(&cargo_home, "/cargo"),
        remap(&sysroot(workspace)?, "/rust"),
    ];
    Ok(flags.join("\u{1f}"))
}

/// Copies what was built to `<folder>.wasm`, takes away what is no longer built, and gives the bytes by folder.
fn collect(workspace: &Workspace, packages: &[Package], to: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        let built = packages.iter().any(|package| path.file_stem().is_some_and(|stem| *stem == *package.folder));
        if path.extension().is_some_and(|extension| extension == "wasm") && !built {
            fs::remove_file(path)?;
        }
    }
    let built = build_folder(workspace).join(WASM_TARGET).join("component");
    let mut components = Vec::new();
    for package in packages {
        let file = built.join(format!("{}.wasm", package.library));
        let bytes = fs::read(&file).with_context(|| {
            format!("{}: is `crate-type` of {} a \"cdylib\"?", workspace.shown(&file), package.name)
        })?;
        write_if_changed(&to.join(format!("{}.wasm", package.folder)), &bytes)?;
        components.push((package.folder.clone(), bytes));
    }
    Ok(components)
}

/// Writes a file as a whole, and not at all where it holds these bytes already: a running service may watch it.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let unfinished = path.with_extension("part");
    fs::write(&unfinished, bytes).with_context(|| unfinished.display().to_string())?;
    fs::rename(&unfinished, path).with_context(|| path.display().to_string())
}

fn build_folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("components-build")
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sorted_and_separated_by_commas() {
        let entries = [("xero", "02"), ("slack", "01")].map(|(id, digest)| (id.to_owned(), digest.to_owned()));
        assert_eq!(Digests(BTreeMap::from(entries)).to_string(), "slack=01,xero=02");
    }

    #[test]
    fn hex_keeps_leading_zeros() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
