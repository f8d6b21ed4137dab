//! Builds the native programs: the host, and the stand-ins for the demo.

use std::path::PathBuf;

use anyhow::Result;

use crate::{build_progress::Build, checkout::Checkout, components::Digests};

/// The profile of the programs for `cargo xtask run`.
const LOCAL_PROFILE: &str = "local";

/// The profile of the host that is installed.
const PRODUCTION_PROFILE: &str = "production";

/// The name of the build of [`build_local`] in the file of build times.
pub(crate) const LOCAL_PROGRAMS: &str = "host and stand-ins";

/// The programs of `cargo xtask run`.
#[derive(Debug)]
pub(crate) struct LocalPrograms {
    pub(crate) host: PathBuf,
    /// The program that answers in place of the providers.
    pub(crate) stand_ins: PathBuf,
}

/// Builds the programs of `cargo xtask run`. They are faster to build than the host that is installed, and slower to
/// run.
///
/// They are built together, with or without `--demo`. Built separately, their common dependencies would have different
/// features and be compiled twice.
pub(crate) fn build_local(checkout: &Checkout, digests: &Digests) -> Result<LocalPrograms> {
    let packages = ["-p", "jackfield", "-p", "jackfield-test-support", "--bins"];
    build(checkout, digests, LOCAL_PROGRAMS, LOCAL_PROFILE, &packages)?;
    let folder = checkout.target.join(LOCAL_PROFILE);
    Ok(LocalPrograms { host: folder.join("jackfield"), stand_ins: folder.join("jackfield-stand-ins") })
}

/// Builds the host to install and to measure, with its debug information.
pub(crate) fn build_production(checkout: &Checkout, digests: &Digests) -> Result<PathBuf> {
    build(checkout, digests, "host", PRODUCTION_PROFILE, &["-p", "jackfield"])?;
    Ok(checkout.target.join(PRODUCTION_PROFILE).join("jackfield"))
}

fn build(checkout: &Checkout, digests: &Digests, name: &'static str, profile: &str, packages: &[&str]) -> Result<()> {
    let mut build = Build::start(checkout, name);
    build.run(None, digests.cargo(checkout).args(["build", "--profile", profile]).args(packages))?;
    build.finish()
}
