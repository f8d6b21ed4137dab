//! `cargo xtask run`: builds and starts the service; with `--demo` against local stand-ins, on data of its own.

mod demo;

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{
    children::{self, quoted},
    components::Digests,
    dist,
    steps::Steps,
    workspace::{Workspace, variable, variable_names},
};

/// What the service talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The providers themselves.
    Plain,
    /// Stand-ins on this machine.
    Demo,
}

/// The settings that may be changed in a demo; any other could point it at data that is not a demo's.
const DEMO_SETTINGS: [&str; 3] = ["JACKFIELD_LISTEN", "JACKFIELD_LOG", "JACKFIELD_LOG_FORMAT"];

/// Builds everything, starts the service and waits for its end.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, mode: Mode) -> Result<()> {
    match mode {
        Mode::Plain => {
            dist::dist(workspace, steps)?;
            plain(workspace)
        }
        Mode::Demo => {
            refuse_foreign_settings()?;
            let digests = dist::dist(workspace, steps)?;
            steps.take("stand-ins", || build_stand_ins(workspace, &digests))?;
            demo::demo(workspace)
        }
    }
}

/// Builds the providers' stand-ins in release.
pub(crate) fn build_stand_ins(workspace: &Workspace, digests: &Digests) -> Result<()> {
    let mut cargo = digests.cargo(workspace);
    children::run(cargo.args(["build", "--release", "-p", "jackfield-test-support", "--bin", "jackfield-stand-ins"]))
}

/// Starts the service in the checkout with the settings of a person who starts it there by hand: `./jackfield.toml`,
/// the environment, and the defaults, which are `./data` and the plugins beside the program. So the line for a token
/// needs no setting either to find the same data.
fn plain(workspace: &Workspace) -> Result<()> {
    let program = workspace.dist().join("jackfield");
    println!("\nJackfield comes up at http://{}; Ctrl-C ends it.", listen());
    println!("The first start prints a link to sign in with. For another one, or for a token, in another terminal,");
    println!("in {}:\n", workspace.root.display());
    println!("  {} signin-link", typed(workspace, &program));
    println!("  {} token create --name admin --level executive\n", typed(workspace, &program));
    println!(
        "They must find the same data folder: give it the JACKFIELD_… variables that this terminal has, if any.\n"
    );
    children::serve(Command::new(program).arg("serve").current_dir(&workspace.root))
}

fn refuse_foreign_settings() -> Result<()> {
    let mut foreign = variable_names();
    foreign.retain(|name| name.starts_with("JACKFIELD_") && !DEMO_SETTINGS.contains(&name.as_str()));
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    bail!("a demo brings its own settings: run `unset {}` and try again", foreign.join(" "))
}

fn listen() -> String {
    variable("JACKFIELD_LISTEN").map_or_else(|| "127.0.0.1:7420".into(), |text| text.to_string_lossy().into_owned())
}

/// A program as it is typed in the checkout.
fn typed(workspace: &Workspace, program: &Path) -> String {
    let shown = workspace.shown(program).to_string();
    if Path::new(&shown).is_absolute() { quoted(&shown) } else { quoted(&format!("./{shown}")) }
}
