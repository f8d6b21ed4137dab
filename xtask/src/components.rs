//! Builds the components: the shipped plugins, with the digests that are compiled into the host, and the test guests.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    atomic_write::write_if_changed,
    build_progress::Build,
    checkout::{Checkout, ComponentPackage, variable},
    tools::{WASM_TARGET, sysroot},
};

/// The name of the build of the shipped plugins in the file of build times.
pub(crate) const PLUGINS: &str = "components";

/// The SHA-256 digests of the shipped plugins, in hex, by id.
#[derive(Debug, Default)]
pub(crate) struct Digests(BTreeMap<String, String>);

impl Digests {
    /// Creates a `cargo` command that compiles these digests into the host, which approves them automatically.
    ///
    /// Every build of the host uses them. A build without them would compile the host again.
    pub(crate) fn cargo(&self, checkout: &Checkout) -> Command {
        let mut cargo = checkout.cargo();
        cargo.env("JACKFIELD_BUILD_DIGESTS", self.to_string());
        cargo
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

/// Builds every shipped plugin into `target/components/`.
pub(crate) fn build_plugins(checkout: &Checkout) -> Result<Digests> {
    let packages = checkout.plugins()?;
    build(checkout, PLUGINS, &packages)?;
    let mut digests = Digests::default();
    for (id, bytes) in collect(checkout, &packages, &checkout.components())? {
        digests.0.insert(id, to_hex(&Sha256::digest(&bytes)));
    }
    Ok(digests)
}

/// Builds the test guests into `target/components/guests/`.
pub(crate) fn build_test_guests(checkout: &Checkout) -> Result<()> {
    let packages = checkout.test_guests()?;
    build(checkout, "guests", &packages)?;
    collect(checkout, &packages, &checkout.components().join("guests")).map(drop)
}

/// Copies the shipped plugins into `folder`.
pub(crate) fn copy_plugins(checkout: &Checkout, digests: &Digests, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for id in digests.0.keys() {
        let file = format!("{id}.wasm");
        write_if_changed(&folder.join(&file), &fs::read(checkout.components().join(&file))?)?;
    }
    Ok(())
}

/// Builds packages one at a time. Built together, they would share the features of their dependencies, so that a new
/// plugin would change the digests of the others.
fn build(checkout: &Checkout, name: &'static str, packages: &[ComponentPackage]) -> Result<()> {
    let flags = reproducible_flags(checkout)?;
    let mut build = Build::start(checkout, name);
    for (index, package) in packages.iter().enumerate() {
        let mut cargo = checkout.cargo();
        cargo.args(["rustc", "--profile", "component", "--target", WASM_TARGET, "--lib", "-p", &package.name]);
        // Together with an `rlib`, the component would be built without link-time optimization, and a quarter larger.
        cargo.args(["--crate-type", "cdylib"]);
        // These flags differ from those of other builds for this target, which would replace the results.
        cargo.arg("--target-dir").arg(build_folder(checkout)).env("CARGO_ENCODED_RUSTFLAGS", &flags);
        build.run(Some(&format!("{} ({} of {})", package.id, index + 1, packages.len())), &mut cargo)?;
    }
    build.finish()
}

/// Returns compiler flags that make the bytes independent of the paths of the checkout, Cargo's home and the compiler.
fn reproducible_flags(checkout: &Checkout) -> Result<String> {
    let cargo_home = match variable("CARGO_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir().context("neither CARGO_HOME nor HOME is set")?.join(".cargo"),
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let flags = [
        "-Ctarget-feature=+simd128".to_owned(),
        remap(&checkout.root, "/jackfield"),
        remap(&cargo_home, "/cargo"),
        remap(&sysroot(checkout)?, "/rust"),
    ];
    Ok(flags.join("\u{1f}"))
}

/// Copies the built components to `<id>.wasm`, removes other components, and returns the bytes by id.
fn collect(checkout: &Checkout, packages: &[ComponentPackage], to: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        let is_built = packages.iter().any(|package| path.file_stem().is_some_and(|stem| *stem == *package.id));
        if path.extension().is_some_and(|extension| extension == "wasm") && !is_built {
            fs::remove_file(path)?;
        }
    }
    let built = build_folder(checkout).join(WASM_TARGET).join("component");
    let mut components = Vec::new();
    for package in packages {
        let file = built.join(format!("{}.wasm", package.library));
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", checkout.display(&file)))?;
        write_if_changed(&to.join(format!("{}.wasm", package.id)), &bytes)?;
        components.push((package.id.clone(), bytes));
    }
    Ok(components)
}

fn build_folder(checkout: &Checkout) -> PathBuf {
    checkout.target.join("components-build")
}

/// Formats bytes as hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
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
        assert_eq!(to_hex(&[0, 10, 255]), "000aff");
    }
}
