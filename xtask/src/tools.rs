//! Gets what the other commands need, silent about what is there; names what is missing together with its cure.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    children::{printed_by, run, succeeds},
    workspace::{Workspace, variable},
};

/// What components are compiled for.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip2";

/// The programs of a PostgreSQL server that the tests start.
const POSTGRES_PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The names of browsers that the console is tested in; `tests/browser/lib/chromium.js` looks for the same.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The engine alone, as Debian names its package and its program; `tests/browser/lib/chromium.js` prefers it for timing.
const WINDOWLESS: &str = "chromium-headless-shell";

/// The oldest Node.js that the browser's tests run on: that of Debian 12.
const NODE: u32 = 18;

/// A language that an example is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

/// Sees to it that components can be compiled.
pub(crate) fn wasm_target(workspace: &Workspace) -> Result<()> {
    if sysroot(workspace)?.join("lib/rustlib").join(WASM_TARGET).is_dir() {
        return Ok(());
    }
    if !has_rustup() {
        bail!(
            "the Rust target {WASM_TARGET} is missing, and so is rustup, which gets it: install rustup from \
             https://rustup.rs, or the target's standard library from where this Rust came from"
        );
    }
    println!("getting the Rust target {WASM_TARGET}");
    run(Command::new("rustup").args(["target", "add", WASM_TARGET]).current_dir(&workspace.root))
}

/// Sees to it that rustfmt and clippy are there.
pub(crate) fn checkers(workspace: &Workspace) -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if succeeds(workspace.cargo().args([command, "--version"])) {
            continue;
        }
        if !has_rustup() {
            bail!("`cargo {command}` is missing: install {component} from where this Rust came from");
        }
        println!("getting {component}");
        run(Command::new("rustup").args(["component", "add", component]).current_dir(&workspace.root))?;
    }
    Ok(())
}

/// The folder that holds PostgreSQL's server programs.
pub(crate) fn postgres_programs() -> Result<PathBuf> {
    if let Some(folder) = find_postgres() {
        return Ok(folder);
    }
    let missing = format!("PostgreSQL's server programs ({}) are missing", POSTGRES_PROGRAMS.join(", "));
    let way_out = "or leave PostgreSQL out with `cargo xtask test --no-postgres`";
    if !on_path("apt-get") {
        let cure = if on_path("brew") {
            "run `brew install postgresql`"
        } else if on_path("dnf") {
            "run `sudo dnf install postgresql-server`"
        } else {
            "install the PostgreSQL server with this system's packages"
        };
        bail!("{missing}: {cure}, {way_out}");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("{missing}: run `sudo apt-get install postgresql`, {way_out}");
    }
    println!("getting PostgreSQL");
    from_apt(&["postgresql"])?;
    match find_postgres() {
        Some(folder) => Ok(folder),
        None => bail!("{missing}, although the package postgresql is installed: put them on the PATH, {way_out}"),
    }
}

/// Sees to it that the programs of a language are there, from the system's packages where this may be done.
pub(crate) fn language(language: Language) -> Result<()> {
    let (packages, needs): (&[&str], _) = match language {
        Language::JavaScript => (&["nodejs", "npm"], "Node.js 20 or later and npm"),
        Language::Python => (&["python3", "python3-pip"], "Python 3.9 or later and pip"),
    };
    if speaks(language) {
        return Ok(());
    }
    if on_path("apt-get") && rustix::process::geteuid().is_root() {
        println!("getting {}", packages.join(" and "));
        // What goes wrong here is told below, in words of what is missing.
        if from_apt(packages).is_ok() && speaks(language) {
            return Ok(());
        }
    }
    bail!("{needs} are missing: install {} with this system's packages", packages.join(" and "))
}

/// Sees to it that Node.js and npm are there, for the browser's tests.
pub(crate) fn node() -> Result<()> {
    if has_node(NODE) {
        return Ok(());
    }
    let missing = format!("Node.js {NODE} or later and npm are missing");
    if !on_path("apt-get") || !rustix::process::geteuid().is_root() {
        bail!("{missing}: run `sudo apt-get install nodejs npm`, or what this system has instead, {WITHOUT_BROWSER}");
    }
    println!("getting Node.js and npm");
    from_apt(&["nodejs", "npm"])?;
    if !has_node(NODE) {
        bail!(
            "{missing}, although the packages nodejs and npm are installed: put a newer one on the PATH, {WITHOUT_BROWSER}"
        );
    }
    Ok(())
}

/// Sees to it that a browser is there.
pub(crate) fn browser() -> Result<()> {
    let is_there = || variable("JACKFIELD_TEST_BROWSER").is_some() || BROWSERS.iter().any(|name| on_path(name));
    if is_there() {
        return Ok(());
    }
    let missing = format!("a browser ({}) is missing", BROWSERS.join(", "));
    if !on_path("apt-get") || !rustix::process::geteuid().is_root() {
        bail!("{missing}: run `sudo apt-get install chromium`, or what this system has instead, {WITHOUT_BROWSER}");
    }
    println!("getting Chromium");
    from_apt(&["chromium"])?;
    if !is_there() {
        bail!(
            "{missing}, although the package chromium is installed: name it in JACKFIELD_TEST_BROWSER, {WITHOUT_BROWSER}"
        );
    }
    Ok(())
}

/// Gets the browser's engine without a window where this may be done, which times a page without the window's own work.
pub(crate) fn windowless_browser() {
    let may_get = on_path("apt-get") && rustix::process::geteuid().is_root();
    if variable("JACKFIELD_TEST_BROWSER").is_some() || on_path(WINDOWLESS) {
        return;
    }
    if !may_get || from_apt(&[WINDOWLESS]).is_err() {
        println!("{WINDOWLESS} is missing: pages are timed in a whole browser");
    }
}

const WITHOUT_BROWSER: &str = "or leave the browser out with `cargo xtask test --no-browser`";

fn has_node(oldest: u32) -> bool {
    let recent = format!("process.exit(Number(process.versions.node.split('.')[0]) < {oldest} ? 1 : 0)");
    succeeds(Command::new("node").args(["-e", &recent])) && succeeds(Command::new("npm").arg("--version"))
}

fn speaks(language: Language) -> bool {
    match language {
        Language::JavaScript => has_node(20),
        Language::Python => succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
    }
}

fn from_apt(packages: &[&str]) -> Result<()> {
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// Looks on the PATH, where Debian keeps its versions (the newest first), then asks `pg_config`.
fn find_postgres() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| POSTGRES_PROGRAMS.iter().all(|program| folder.join(program).is_file());
    path_folders().into_iter().chain(debian_versions()).find(complete).or_else(|| {
        let folder = printed_by(Command::new("pg_config").arg("--bindir")).ok()?;
        Some(PathBuf::from(folder)).filter(complete)
    })
}

fn debian_versions() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.iter().map(|version| version.join("bin")).collect()
}

/// Where the compiler's own files lie.
pub(crate) fn sysroot(workspace: &Workspace) -> Result<PathBuf> {
    let rustc = variable("RUSTC").unwrap_or_else(|| "rustc".into());
    printed_by(Command::new(rustc).args(["--print", "sysroot"]).current_dir(&workspace.root)).map(PathBuf::from)
}

fn has_rustup() -> bool {
    succeeds(Command::new("rustup").arg("--version"))
}

fn on_path(program: &str) -> bool {
    path_folders().iter().any(|folder| folder.join(program).is_file())
}

fn path_folders() -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| resolved(&folder)).collect()
}

fn resolved(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
