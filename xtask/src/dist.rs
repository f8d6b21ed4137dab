//! `cargo xtask dist`: the files to install, under `target/dist/`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{checkout::Checkout, components, host, process, steps::Steps, tools};

/// Builds `target/dist/jackfield`, its debug information and `target/dist/plugins/*.wasm`.
pub(crate) fn build_dist(checkout: &Checkout, steps: &mut Steps) -> Result<()> {
    tools::ensure_wasm_target(checkout)?;
    tools::require_objcopy()?;
    let digests = steps.run("components", || components::build_plugins(checkout))?;
    let built = steps.run("host", || host::build_production(checkout, &digests))?;

    let dist = checkout.dist();
    let plugins = dist.join("plugins");
    components::copy_plugins(checkout, &digests, &plugins)?;
    let (program, debug) = strip(&built, &dist)?;
    let size = fs::metadata(&program)?.len();
    println!("{} ({} MB)", checkout.display(&program), size / 1_000_000);
    println!("{} (line tables, for backtraces and debuggers)", checkout.display(&debug));
    println!("{}/*.wasm", checkout.display(&plugins));
    Ok(())
}

/// Splits a program into one without symbols and a `.debug` file, which backtraces and debuggers find in the same
/// folder.
fn strip(built: &Path, to: &Path) -> Result<(PathBuf, PathBuf)> {
    let name = built.file_name().context("the program has no name")?;
    let program = to.join(name);
    let debug = program.with_extension("debug");
    replace(&debug, |part| objcopy(built, part, &["--only-keep-debug"]))?;
    fs::set_permissions(&debug, Permissions::from_mode(0o644))?;
    // The link contains the checksum of the debug file, so that file is written first.
    let link = format!("--add-gnu-debuglink={}", debug.display());
    replace(&program, |part| objcopy(built, part, &["--strip-all", &link]))?;
    Ok((program, debug))
}

fn objcopy(from: &Path, to: &Path, options: &[&str]) -> Result<()> {
    process::run(Command::new("objcopy").args(options).arg(from).arg(to))
}

/// Writes a file under another name first, because a program that is running cannot be written to.
fn replace(file: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = file.with_added_extension("part");
    write(&part)?;
    fs::rename(&part, file).with_context(|| format!("cannot replace {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stripped_program_names_the_file_with_its_debug_information() {
        let folder = Checkout::find().unwrap().target.join("dist-test");
        fs::create_dir_all(&folder).unwrap();
        let built = std::env::current_exe().unwrap();
        let (program, debug) = strip(&built, &folder).unwrap();
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(size(&program) < size(&built));
        let name = debug.file_name().unwrap().as_encoded_bytes();
        assert!(fs::read(&program).unwrap().windows(name.len()).any(|bytes| bytes == name));
    }
}
