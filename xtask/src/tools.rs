//! The tools that the other commands need: installs what it can, and names what is missing and how to get it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    checkout::{Checkout, variable},
    process::{read_stdout, run, succeeds},
};

/// The Rust target of components.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip2";

/// The programs of a PostgreSQL server that the tests start.
const POSTGRES_PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "postgres", "pg_dumpall"];

/// The browsers that can run the console's tests; `tests/browser/lib/chromium.js` looks for the same names.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Chromium without its window, a package and program of Debian; `tests/browser/lib/chromium.js` uses it to measure.
const HEADLESS_SHELL: &str = "chromium-headless-shell";

/// The programs of Firefox; `tests/browser/lib/firefox.js` looks for the same names.
const FIREFOX: [&str; 2] = ["firefox-esr", "firefox"];

/// The oldest Node.js that runs the browser tests: the version of Debian 12.
const OLDEST_NODE: u32 = 18;

const SKIP_BROWSER: &str = "or skip the browser tests with `cargo xtask test --no-browser`";

const SKIP_POSTGRES: &str = "or skip PostgreSQL with `cargo xtask test --no-postgres`";

/// A language of the example plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExampleLanguage {
    JavaScript,
    Python,
}

impl fmt::Display for ExampleLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

/// Installs the Rust target of components if it is missing.
pub(crate) fn ensure_wasm_target(checkout: &Checkout) -> Result<()> {
    if sysroot(checkout)?.join("lib/rustlib").join(WASM_TARGET).is_dir() {
        return Ok(());
    }
    if !has_rustup() {
        bail!(
            "the Rust target {WASM_TARGET} is not installed: install rustup from https://rustup.rs, or the standard \
             library of this target from the source of your Rust"
        );
    }
    println!("installing the Rust target {WASM_TARGET}");
    run(Command::new("rustup").args(["target", "add", WASM_TARGET]).current_dir(&checkout.root))
}

/// Installs rustfmt and clippy if they are missing.
pub(crate) fn ensure_linters(checkout: &Checkout) -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if succeeds(checkout.cargo().args([command, "--version"])) {
            continue;
        }
        if !has_rustup() {
            bail!("`cargo {command}` is not installed: install {component} from the source of your Rust");
        }
        println!("installing {component}");
        run(Command::new("rustup").args(["component", "add", component]).current_dir(&checkout.root))?;
    }
    Ok(())
}

/// Checks that `objcopy` is installed, which is a part of every C compiler's binutils.
pub(crate) fn require_objcopy() -> Result<()> {
    if is_on_path("objcopy") {
        return Ok(());
    }
    bail!("objcopy is not installed: install the package binutils, for example `sudo apt-get install binutils`")
}

/// Returns the folder with the programs of the PostgreSQL server, and installs them if they are missing.
pub(crate) fn ensure_postgres() -> Result<PathBuf> {
    if let Some(folder) = find_postgres() {
        return Ok(folder);
    }
    let missing = format!("the programs of the PostgreSQL server ({}) are not installed", POSTGRES_PROGRAMS.join(", "));
    if !can_install() {
        let install = if is_on_path("apt-get") {
            "run `sudo apt-get install postgresql`"
        } else if is_on_path("brew") {
            "run `brew install postgresql`"
        } else if is_on_path("dnf") {
            "run `sudo dnf install postgresql-server`"
        } else {
            "install the PostgreSQL server from the packages of this system"
        };
        bail!("{missing}: {install}, {SKIP_POSTGRES}");
    }
    println!("installing PostgreSQL");
    install(&["postgresql"])?;
    match find_postgres() {
        Some(folder) => Ok(folder),
        None => bail!("{missing}, although the package postgresql is: add them to the PATH, {SKIP_POSTGRES}"),
    }
}

/// Installs the programs of a language if they are missing and this program may install packages.
pub(crate) fn ensure_language(language: ExampleLanguage) -> Result<()> {
    let (packages, programs): (&[&str], _) = match language {
        ExampleLanguage::JavaScript => (&["nodejs", "npm"], "Node.js 20 or later and npm"),
        ExampleLanguage::Python => (&["python3", "python3-pip"], "Python 3.9 or later and pip"),
    };
    if has_language(language) {
        return Ok(());
    }
    if can_install() {
        println!("installing {}", packages.join(" and "));
        // If this fails, the error below says what is missing.
        if install(packages).is_ok() && has_language(language) {
            return Ok(());
        }
    }
    bail!("{programs} are not installed: install {} from the packages of this system", packages.join(" and "))
}

/// Installs Node.js and npm for the browser tests if they are missing.
pub(crate) fn ensure_node() -> Result<()> {
    if has_node(OLDEST_NODE) {
        return Ok(());
    }
    let missing = format!("Node.js {OLDEST_NODE} or later and npm are not installed");
    if !can_install() {
        bail!("{missing}: run `sudo apt-get install nodejs npm` or the equivalent of this system, {SKIP_BROWSER}");
    }
    println!("installing Node.js and npm");
    install(&["nodejs", "npm"])?;
    if !has_node(OLDEST_NODE) {
        bail!("{missing}, although the packages nodejs and npm are: add a newer version to the PATH, {SKIP_BROWSER}");
    }
    Ok(())
}

/// Installs Chromium if there is no browser.
pub(crate) fn ensure_browser() -> Result<()> {
    let has_browser = || variable("JACKFIELD_TEST_BROWSER").is_some() || BROWSERS.iter().any(|name| is_on_path(name));
    if has_browser() {
        return Ok(());
    }
    let missing = format!("no browser ({}) is installed", BROWSERS.join(", "));
    if !can_install() {
        bail!("{missing}: run `sudo apt-get install chromium` or the equivalent of this system, {SKIP_BROWSER}");
    }
    println!("installing Chromium");
    install(&["chromium"])?;
    if !has_browser() {
        bail!("{missing}, although the package chromium is: set JACKFIELD_TEST_BROWSER to its program, {SKIP_BROWSER}");
    }
    Ok(())
}

/// Returns whether Firefox is installed.
pub(crate) fn has_firefox() -> bool {
    variable("JACKFIELD_TEST_FIREFOX").is_some() || FIREFOX.iter().any(|name| is_on_path(name))
}

/// Installs Firefox if possible. Without it, the main flows of the console are tested in Chromium only.
pub(crate) fn install_firefox() {
    if has_firefox() {
        return;
    }
    if can_install() {
        println!("installing Firefox");
        if let Err(error) = install(&["firefox-esr"]) {
            println!("cannot install Firefox: {error:#}");
        }
    }
    if !has_firefox() {
        println!("Firefox is not installed: the console is tested in Chromium only");
    }
}

/// Installs Chromium's headless shell if possible. It measures a page without the work of the browser's own window.
pub(crate) fn install_headless_shell() {
    if variable("JACKFIELD_TEST_BROWSER").is_some() || is_on_path(HEADLESS_SHELL) {
        return;
    }
    if !can_install() || install(&[HEADLESS_SHELL]).is_err() {
        println!("{HEADLESS_SHELL} is not installed: pages are measured in a browser with a window");
    }
}

/// Returns the folder of the compiler and its standard libraries.
pub(crate) fn sysroot(checkout: &Checkout) -> Result<PathBuf> {
    let rustc = variable("RUSTC").unwrap_or_else(|| "rustc".into());
    read_stdout(Command::new(rustc).args(["--print", "sysroot"]).current_dir(&checkout.root)).map(PathBuf::from)
}

fn has_node(oldest: u32) -> bool {
    let check = format!("process.exit(Number(process.versions.node.split('.')[0]) < {oldest} ? 1 : 0)");
    succeeds(Command::new("node").args(["-e", &check])) && succeeds(Command::new("npm").arg("--version"))
}

fn has_language(language: ExampleLanguage) -> bool {
    match language {
        ExampleLanguage::JavaScript => has_node(20),
        ExampleLanguage::Python => succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
    }
}

fn has_rustup() -> bool {
    succeeds(Command::new("rustup").arg("--version"))
}

/// Returns whether this program may install packages: only as root, and only on Debian and its derivatives.
fn can_install() -> bool {
    is_on_path("apt-get") && rustix::process::geteuid().is_root()
}

fn install(packages: &[&str]) -> Result<()> {
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// Looks for PostgreSQL in the PATH, in the folders of Debian's versions (newest first), and where `pg_config` points
/// to.
fn find_postgres() -> Option<PathBuf> {
    let is_complete = |folder: &PathBuf| POSTGRES_PROGRAMS.iter().all(|program| folder.join(program).is_file());
    let linked = path_folders().into_iter().filter_map(|folder| follow_postgres_links(&folder));
    path_folders().into_iter().chain(linked).chain(debian_postgres_folders()).find(is_complete).or_else(|| {
        let folder = read_stdout(Command::new("pg_config").arg("--bindir")).ok()?;
        Some(PathBuf::from(folder)).filter(is_complete)
    })
}

/// Returns the folder of the PostgreSQL program that a link in this folder leads to.
fn follow_postgres_links(folder: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(folder.join(POSTGRES_PROGRAMS[0])).ok()?.parent()?.to_owned())
}

/// Finds PgBouncer, which Debian installs into a folder that only root has on the PATH.
pub(crate) fn find_pgbouncer() -> Option<PathBuf> {
    let folders = path_folders().into_iter().chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

fn debian_postgres_folders() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.iter().map(|version| version.join("bin")).collect()
}

fn is_on_path(program: &str) -> bool {
    path_folders().iter().any(|folder| folder.join(program).is_file())
}

fn path_folders() -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.canonicalize().unwrap_or(folder)).collect()
}
