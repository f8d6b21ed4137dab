//! Runs the workspace's tests, by cargo-nextest where it is there and by `cargo test` where not, and counts them.

use std::{
    io,
    io::IsTerminal,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::{children, components::Digests, workspace::Workspace};

/// The test that searches what all others left behind, and so runs after them, alone.
const SCAN: &str = "sinks::no_marked_secret_reaches_a_sink";

/// The modules of the binary `it` whose tests run once: what they show depends on no database. All others run on each.
///
/// `http::catalog::checked` is about the child that checks, `http::hostile` about the sandbox.
const WITHOUT_DATABASE: [&str; 6] = ["author", "examples", "http::catalog::checked", "http::hostile", "pure", "tidy"];

/// Which tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every test of every package.
    All,
    /// The integration tests that touch a database.
    Database,
    /// The search through what the others left behind; its variables are those of the run that left it.
    Scan,
}

/// The tests of this workspace, built and ready to run.
#[derive(Debug)]
pub(crate) struct Suite<'a> {
    workspace: &'a Workspace,
    digests: &'a Digests,
    runner: Runner,
    /// Every run selects the same packages: with others, shared dependencies would have other features and be built
    /// once more.
    packages: Vec<String>,
    /// Only tests whose names hold one of these run; all where there is none.
    filter: &'a [String],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Nextest,
    Cargo,
}

impl<'a> Suite<'a> {
    /// Chooses the runner and the packages: all but the guests, which only link for wasm.
    pub(crate) fn new(workspace: &'a Workspace, digests: &'a Digests, filter: &'a [String]) -> Result<Self> {
        let nextest = children::succeeds(workspace.cargo().args(["nextest", "--version"]));
        let runner = if nextest { Runner::Nextest } else { Runner::Cargo };
        Ok(Self { workspace, digests, runner, packages: native_packages(workspace)?, filter })
    }

    /// Builds every test and every program in one go.
    pub(crate) fn build(&self) -> Result<()> {
        let mut cargo = self.digests.cargo(self.workspace);
        children::run(cargo.arg("build").args(&self.packages).args(["--bins", "--tests"]))
    }

    /// Runs some of the tests with these variables, and says how many passed.
    pub(crate) fn run(&self, selection: Selection, environment: &[(&str, String)]) -> Result<usize> {
        let mut cargo = self.digests.cargo(self.workspace);
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        if selection == Selection::Scan {
            cargo.env("JACKFIELD_TEST_SCAN", "1");
        }
        match self.runner {
            Runner::Nextest => {
                self.nextest(&mut cargo, selection);
                let mut passed = 0;
                let take = |child: &mut std::process::Child| child.stderr.take();
                children::run_and_read(cargo.stderr(Stdio::piped()), take, io::stderr(), |line| {
                    passed += passed_in_nextest(line).unwrap_or_default();
                })?;
                let documented = if selection == Selection::All { self.doctests(environment)? } else { 0 };
                Ok(passed + documented)
            }
            Runner::Cargo => {
                self.cargo_test(&mut cargo, selection);
                let passed = run_libtest(&mut cargo)?;
                if selection == Selection::Scan && passed != 1 {
                    bail!("the test {SCAN} was not found");
                }
                Ok(passed)
            }
        }
    }

    fn nextest(&self, cargo: &mut Command, selection: Selection) {
        cargo.args(["nextest", "run", "--no-fail-fast"]).args(&self.packages);
        if io::stderr().is_terminal() {
            cargo.env("CARGO_TERM_COLOR", "always");
        }
        match selection {
            Selection::All => {
                cargo.args(["-E", &format!("not test(={SCAN})"), &self.without_tests()]).args(self.filter)
            }
            Selection::Database => {
                let without = WITHOUT_DATABASE.join("|");
                cargo.args(["--test", "it", "-E", &format!("not test(/^({without})::/) - test(={SCAN})")]);
                cargo.arg(self.without_tests()).args(self.filter)
            }
            Selection::Scan => cargo.args(["--test", "it", "-E", &format!("test(={SCAN})")]),
        };
    }

    /// A filter that names only tests of the browser, or only tests without a database, leaves none here.
    fn without_tests(&self) -> String {
        format!("--no-tests={}", if self.filter.is_empty() { "fail" } else { "pass" })
    }

    fn cargo_test(&self, cargo: &mut Command, selection: Selection) {
        cargo.args(["test", "--no-fail-fast"]).args(&self.packages);
        match selection {
            Selection::All => cargo.args(["--", "--skip", SCAN]).args(self.filter),
            Selection::Database => {
                cargo.args(["--test", "it", "--", "--skip", SCAN]);
                for module in WITHOUT_DATABASE {
                    cargo.args(["--skip", &format!("{module}::")]);
                }
                cargo.args(self.filter)
            }
            Selection::Scan => cargo.args(["--test", "it", "--", "--exact", SCAN]),
        };
    }

    /// Runs the examples of the documentation, which nextest leaves out.
    fn doctests(&self, environment: &[(&str, String)]) -> Result<usize> {
        let mut cargo = self.digests.cargo(self.workspace);
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        run_libtest(cargo.args(["test", "--doc"]).args(&self.packages).arg("--").args(self.filter))
    }
}

/// Every package of the workspace but the guests, as arguments of `cargo`.
pub(crate) fn native_packages(workspace: &Workspace) -> Result<Vec<String>> {
    let mut arguments = vec!["--workspace".to_owned()];
    for guest in workspace.guests()? {
        arguments.extend(["--exclude".to_owned(), guest.name]);
    }
    Ok(arguments)
}

fn run_libtest(cargo: &mut Command) -> Result<usize> {
    let mut passed = 0;
    let take = |child: &mut std::process::Child| child.stdout.take();
    children::run_and_read(cargo.stdout(Stdio::piped()), take, io::stdout(), |line| {
        passed += passed_in_libtest(line).unwrap_or_default();
    })?;
    Ok(passed)
}

/// The count in `Summary [ 0.1s] 12 tests run: 11 passed, 1 failed, 0 skipped`.
fn passed_in_nextest(line: &str) -> Option<usize> {
    let line = without_colours(line);
    let (_, counts) = line.trim_start().strip_prefix("Summary ")?.split_once("run: ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

/// The count in `test result: ok. 11 passed; 0 failed; …`.
fn passed_in_libtest(line: &str) -> Option<usize> {
    let line = without_colours(line);
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

/// Takes out the sequences `ESC [ … m`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_counted() {
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.2s] \u{1b}[1m12\u{1b}[0m tests run: \
                        \u{1b}[1m11\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m (1 slow), 1 failed, 3 skipped";
        assert_eq!(passed_in_nextest(coloured), Some(11));
        assert_eq!(passed_in_nextest("        PASS [   0.2s] a b"), None);
        assert_eq!(passed_in_libtest("test result: ok. 7 passed; 0 failed; 0 ignored"), Some(7));
        assert_eq!(passed_in_libtest("test tests::x ... ok"), None);
    }
}
