//! `cargo xtask run`: builds and starts the service; with `--demo` against local stand-ins, with fresh data.

mod demo;

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{
    build_times::BuildTimes,
    checkout::{Checkout, variable, variable_names},
    components, host,
    process::{self, quote_for_shell},
    steps::Steps,
    tools,
};

/// The arguments of `cargo xtask run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct RunArguments {
    /// Start stand-ins on this machine in place of the providers, and use fresh data
    #[arg(long)]
    demo: bool,
}

/// How many minutes the first `cargo xtask run --demo` takes on two cores, measured by
/// `rm -rf target && time cargo xtask run --demo` with all dependencies downloaded.
const FIRST_BUILD_MINUTES: u32 = 5;

/// The settings that a demo accepts from the environment. Any other could make it use data that is not its own.
const DEMO_SETTINGS: [&str; 3] = ["JACKFIELD_LISTEN", "JACKFIELD_LOG", "JACKFIELD_LOG_FORMAT"];

/// Builds everything, starts the service and waits until it ends.
pub(crate) fn run(checkout: &Checkout, steps: &mut Steps, arguments: RunArguments) -> Result<()> {
    if arguments.demo {
        reject_foreign_settings()?;
    }
    tools::ensure_wasm_target(checkout)?;
    print_build_time(checkout);
    let digests = steps.run("components", || components::build_plugins(checkout))?;
    let programs = steps.run(host::LOCAL_PROGRAMS, || host::build_local(checkout, &digests))?;
    // By default the service loads the plugins from the folder `plugins` next to the program.
    components::copy_plugins(checkout, &digests, &programs.host.with_file_name("plugins"))?;
    if arguments.demo { demo::run(checkout, &programs) } else { serve(checkout, &programs.host) }
}

/// Prints how long the build will take: the time of the last complete build, or else a typical time.
fn print_build_time(checkout: &Checkout) {
    match BuildTimes::load(checkout).total(&[components::PLUGINS, host::LOCAL_PROGRAMS]) {
        Some(time) => println!("Building Jackfield: {}; after a small change it takes less.", time.describe()),
        None => println!("Building Jackfield: the first build takes about {FIRST_BUILD_MINUTES} minutes on two cores."),
    }
}

/// Starts the service in the checkout with the settings that it would have if it were started there by hand:
/// `./jackfield.toml`, the environment, and the defaults. The printed commands then find the same data without further
/// settings.
fn serve(checkout: &Checkout, program: &Path) -> Result<()> {
    let typed = to_typed(checkout, program);
    println!("\nListening on http://{}. Press Ctrl-C to stop.", listen_address());
    println!("The first start prints a sign-in link. For another link, or for a token, open another terminal");
    println!("in {} and run:\n", checkout.root.display());
    println!("  {typed} signin-link");
    println!("  {typed} token create --name admin --level executive\n");
    println!("If JACKFIELD_… variables are set in this terminal, set them there too.\n");
    process::run_until_interrupted(Command::new(program).arg("serve").current_dir(&checkout.root))
}

fn reject_foreign_settings() -> Result<()> {
    let mut foreign = variable_names();
    foreign.retain(|name| name.starts_with("JACKFIELD_") && !DEMO_SETTINGS.contains(&name.as_str()));
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    bail!("cannot start the demo with settings from the environment: run `unset {}` and try again", foreign.join(" "))
}

fn listen_address() -> String {
    variable("JACKFIELD_LISTEN").map_or_else(|| "127.0.0.1:7420".into(), |text| text.to_string_lossy().into_owned())
}

/// Formats the path of a program as a person types it in the checkout.
fn to_typed(checkout: &Checkout, program: &Path) -> String {
    let path = checkout.display(program).to_string();
    if Path::new(&path).is_absolute() { quote_for_shell(&path) } else { quote_for_shell(&format!("./{path}")) }
}
