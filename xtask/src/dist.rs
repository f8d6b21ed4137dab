//! `cargo xtask dist`: the program in release and the shipped components, side by side under `target/dist/`.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    children,
    components::{self, Digests, write_if_changed},
    steps::Steps,
    tools,
    workspace::Workspace,
};

/// Builds `target/dist/jackfield` and `target/dist/plugins/*.wasm`.
pub(crate) fn dist(workspace: &Workspace, steps: &mut Steps) -> Result<Digests> {
    tools::wasm_target(workspace)?;
    let digests = steps.take("components", || components::providers(workspace))?;
    steps.take("host", || children::run(digests.cargo(workspace).args(["build", "--release", "-p", "jackfield"])))?;

    let dist = workspace.dist();
    let plugins = dist.join("plugins");
    fs::create_dir_all(&plugins).with_context(|| plugins.display().to_string())?;
    for id in digests.ids() {
        let file = format!("{id}.wasm");
        write_if_changed(&plugins.join(&file), &fs::read(workspace.components().join(&file))?)?;
    }
    let built = workspace.target.join("release/jackfield");
    // A copy over a program that runs is refused; one beside it, renamed, is not.
    let unfinished = dist.join("jackfield.part");
    fs::copy(&built, &unfinished).with_context(|| built.display().to_string())?;
    fs::rename(&unfinished, dist.join("jackfield"))?;
    println!("{} and {}/*.wasm are ready", workspace.shown(&dist.join("jackfield")), workspace.shown(&plugins));
    Ok(digests)
}
