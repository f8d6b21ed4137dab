//! Builds, runs and counts the workspace's tests, with cargo-nextest if it is installed and `cargo test` otherwise.

use std::{
    io,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::{build_progress::Build, checkout::Checkout, components::Digests, process, terminal};

/// The modules of the binary `it` that do not depend on the database. They run once, and all others once per database.
///
/// `http::catalog::check_process` tests the child process that checks components, `http::hostile` tests the sandbox,
/// `full_disk` is about the disk of SQLite.
const WITHOUT_DATABASE: [&str; 7] =
    ["author", "examples", SMALL_DISK_ONLY, "http::catalog::check_process", "http::hostile", "pure", "tidy"];

/// The module of the binary `it` that needs a PostgreSQL server.
const POSTGRES_ONLY: &str = "postgres";

/// Its part that also needs PgBouncer, and the variable that names the program.
const PGBOUNCER_ONLY: &str = "postgres::pgbouncer";
pub(crate) const PGBOUNCER_VARIABLE: &str = "JACKFIELD_TEST_PGBOUNCER";

/// The module of the binary `it` whose tests create files of several users, and run programs as them.
const ROOT_ONLY: &str = "process::several_users";

/// The module of the binary `it` that needs a small disk, and the variable that names its folder.
const SMALL_DISK_ONLY: &str = "full_disk";
pub(crate) const SMALL_DISK_VARIABLE: &str = "JACKFIELD_TEST_SMALL_DISK";

/// Which tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every test of every package, except those that need a PostgreSQL server.
    All,
    /// The integration tests that use a database, on a PostgreSQL server.
    Database,
}

/// The tests of this workspace.
#[derive(Debug)]
pub(crate) struct Suite<'a> {
    checkout: &'a Checkout,
    digests: &'a Digests,
    runner: TestRunner,
    /// The arguments that select the packages. They are the same in every run: a different selection would change the
    /// features of shared dependencies, and build them again.
    packages: Vec<String>,
    /// Parts of test names: only tests whose name contains one of them run. If it is empty, all tests run.
    filters: &'a [String],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TestRunner {
    Nextest,
    Cargo,
}

impl<'a> Suite<'a> {
    /// Chooses the runner, and selects the packages with [`select_native_packages`].
    pub(crate) fn new(checkout: &'a Checkout, digests: &'a Digests, filters: &'a [String]) -> Result<Self> {
        let has_nextest = process::succeeds(checkout.cargo().args(["nextest", "--version"]));
        let runner = if has_nextest { TestRunner::Nextest } else { TestRunner::Cargo };
        Ok(Self { checkout, digests, runner, packages: select_native_packages(checkout)?, filters })
    }

    /// Builds every test and every program.
    pub(crate) fn build(&self) -> Result<()> {
        let mut cargo = self.digests.cargo(self.checkout);
        let mut build = Build::start(self.checkout, "tests");
        build.run(None, cargo.arg("build").args(&self.packages).args(["--bins", "--tests"]))?;
        build.finish()
    }

    /// Runs the selected tests with these variables, and returns how many passed.
    pub(crate) fn run(&self, selection: Selection, environment: &[(&str, String)]) -> Result<usize> {
        let mut cargo = self.digests.cargo(self.checkout);
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        if !is_root() {
            eprintln!("not run: {ROOT_ONLY}, which only root can run");
        }
        match self.runner {
            TestRunner::Nextest => {
                self.add_nextest_arguments(&mut cargo, selection, environment);
                let mut passed = 0;
                process::run_with_output(
                    cargo.stderr(Stdio::piped()),
                    |child| child.stderr.take(),
                    |output| {
                        process::copy_lines(output, io::stderr(), |line| {
                            passed += parse_nextest_passed(line).unwrap_or_default();
                        })
                    },
                )?;
                let doctests = if selection == Selection::All { self.run_doctests(environment)? } else { 0 };
                Ok(passed + doctests)
            }
            TestRunner::Cargo => {
                self.add_libtest_arguments(&mut cargo, selection, environment);
                run_libtest(&mut cargo)
            }
        }
    }

    fn add_nextest_arguments(&self, cargo: &mut Command, selection: Selection, environment: &[(&str, String)]) {
        let excluded = excluded_modules(selection, environment).join("|");
        let selected = format!("not test(/^({excluded})::/)");
        cargo.args(["nextest", "run", "--no-fail-fast"]).args(&self.packages);
        terminal::keep_colors(cargo);
        match selection {
            Selection::All => cargo.args(["-E", &selected, &self.no_tests_argument()]).args(self.filters),
            Selection::Database => {
                cargo.args(["--test", "it", "-E", &selected]);
                cargo.arg(self.no_tests_argument()).args(self.filters)
            }
        };
    }

    /// A run without tests is only an error if there is no filter: a filter may select only browser tests.
    fn no_tests_argument(&self) -> String {
        format!("--no-tests={}", if self.filters.is_empty() { "fail" } else { "pass" })
    }

    fn add_libtest_arguments(&self, cargo: &mut Command, selection: Selection, environment: &[(&str, String)]) {
        cargo.args(["test", "--no-fail-fast"]).args(&self.packages);
        match selection {
            Selection::All => cargo.arg("--").args(self.filters),
            Selection::Database => cargo.args(["--test", "it", "--"]).args(self.filters),
        };
        for module in excluded_modules(selection, environment) {
            cargo.args(["--skip", &format!("{module}::")]);
        }
    }

    /// Runs the examples in doc comments, which nextest does not support.
    fn run_doctests(&self, environment: &[(&str, String)]) -> Result<usize> {
        let mut cargo = self.digests.cargo(self.checkout);
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        run_libtest(cargo.args(["test", "--doc"]).args(&self.packages).arg("--").args(self.filters))
    }
}

/// Returns the modules of the binary `it` that a run leaves out.
fn excluded_modules(selection: Selection, environment: &[(&str, String)]) -> Vec<&'static str> {
    let has = |variable| environment.iter().any(|(name, _)| *name == variable);
    let mut modules = match selection {
        Selection::All if has(SMALL_DISK_VARIABLE) => vec![POSTGRES_ONLY],
        Selection::All => vec![POSTGRES_ONLY, SMALL_DISK_ONLY],
        Selection::Database if has(PGBOUNCER_VARIABLE) => WITHOUT_DATABASE.to_vec(),
        Selection::Database => WITHOUT_DATABASE.into_iter().chain([PGBOUNCER_ONLY]).collect(),
    };
    modules.extend((!is_root()).then_some(ROOT_ONLY));
    modules
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the arguments of `cargo` that select all packages except the test guests, which only link for wasm.
pub(crate) fn select_native_packages(checkout: &Checkout) -> Result<Vec<String>> {
    let mut arguments = vec!["--workspace".to_owned()];
    for guest in checkout.test_guests()? {
        arguments.extend(["--exclude".to_owned(), guest.name]);
    }
    Ok(arguments)
}

fn run_libtest(cargo: &mut Command) -> Result<usize> {
    let mut passed = 0;
    process::run_with_output(
        cargo.stdout(Stdio::piped()),
        |child| child.stdout.take(),
        |output| {
            process::copy_lines(output, io::stdout(), |line| passed += parse_libtest_passed(line).unwrap_or_default())
        },
    )?;
    Ok(passed)
}

/// Parses the count in `Summary [ 0.1s] 12 tests run: 11 passed, 1 failed, 0 skipped`.
fn parse_nextest_passed(line: &str) -> Option<usize> {
    let line = terminal::remove_colors(line);
    let (_, counts) = line.trim_start().strip_prefix("Summary ")?.split_once("run: ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

/// Parses the count in `test result: ok. 11 passed; 0 failed; …`.
fn parse_libtest_passed(line: &str) -> Option<usize> {
    let line = terminal::remove_colors(line);
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_counted() {
        let colored = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.2s] \u{1b}[1m12\u{1b}[0m tests run: \
                        \u{1b}[1m11\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m (1 slow), 1 failed, 3 skipped";
        assert_eq!(parse_nextest_passed(colored), Some(11));
        assert_eq!(parse_nextest_passed("        PASS [   0.2s] a b"), None);
        assert_eq!(parse_libtest_passed("test result: ok. 7 passed; 0 failed; 0 ignored"), Some(7));
        assert_eq!(parse_libtest_passed("test tests::x ... ok"), None);
    }
}
