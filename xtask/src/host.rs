//! Builds the native programs: the host, and the stand-ins for the demo.

use std::path::PathBuf;

use anyhow::Result;

use crate::{build_progress::Build, checkout::Checkout, components::Digests};

/// The profile of the host for `cargo xtask run`.
const LOCAL_PROFILE: &str = "local";

/// The profile of the host that is installed.
const PRODUCTION_PROFILE: &str = "production";

/// The builds of `cargo xtask run`, by their names in the file of build times.
pub(crate) const LOCAL_HOST: &str = "host (profile local)";
pub(crate) const STAND_INS: &str = "stand-ins";

/// Builds the host for `cargo xtask run`, which is faster to build than the one to install, and slower to run.
pub(crate) fn build_local(checkout: &Checkout, digests: &Digests) -> Result<PathBuf> {
    build(checkout, digests, LOCAL_HOST, LOCAL_PROFILE, &["-p", "jackfield"])?;
    Ok(checkout.target.join(LOCAL_PROFILE).join("jackfield"))
}

/// Builds the stand-ins that answer in place of the providers.
pub(crate) fn build_stand_ins(checkout: &Checkout, digests: &Digests) -> Result<PathBuf> {
    let package = ["-p", "jackfield-test-support", "--bin", "jackfield-stand-ins"];
    build(checkout, digests, STAND_INS, LOCAL_PROFILE, &package)?;
    Ok(checkout.target.join(LOCAL_PROFILE).join("jackfield-stand-ins"))
}

/// Builds the host to install and to measure, with its debug information.
pub(crate) fn build_production(checkout: &Checkout, digests: &Digests) -> Result<PathBuf> {
    build(checkout, digests, "host (profile production)", PRODUCTION_PROFILE, &["-p", "jackfield"])?;
    Ok(checkout.target.join(PRODUCTION_PROFILE).join("jackfield"))
}

fn build(checkout: &Checkout, digests: &Digests, name: &'static str, profile: &str, packages: &[&str]) -> Result<()> {
    let mut build = Build::start(checkout, name);
    build.run(None, digests.cargo(checkout).args(["build", "--profile", profile]).args(packages))?;
    build.finish()
}
