//! `cargo xtask test`: every check, and every test on every database; the last line summarizes what ran.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    browser::BrowserTests,
    checkout::Checkout,
    components::{self, Digests},
    examples::{self, SkippedExample},
    postgres::PostgresServer,
    process,
    sinks::{self, SinksFolder},
    small_disk::SmallDisk,
    steps::Steps,
    suite::{self, Selection, Suite, select_native_packages},
    tools,
};

/// The arguments of `cargo xtask test`.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct TestArguments {
    /// Skip the tests on PostgreSQL
    #[arg(long)]
    no_postgres: bool,
    /// Skip the console's tests in a browser
    #[arg(long)]
    no_browser: bool,
    /// Run only tests whose name contains one of these, without the checks
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

/// Environment variables for the tests.
type TestEnvironment = Vec<(&'static str, String)>;

/// Runs the checks and the tests, and prints what ran even if something fails.
pub(crate) fn run_tests(checkout: &Checkout, arguments: &TestArguments) -> Result<()> {
    let sinks = SinksFolder::create(&checkout.target.join("test-sinks"))?;
    let (passed, skipped, secrets) = (Vec::new(), Vec::new(), None);
    let mut run =
        TestRun { checkout, arguments, sinks, steps: Steps::default(), passed, secrets, skipped, has_small_disk: true };
    let result = run.run();
    if result.is_err() {
        println!("the logs and databases of this run are in {}", run.sinks.keep().display());
    }
    println!("\n{}: {}", if result.is_ok() { "passed" } else { "FAILED" }, run.summary());
    result
}

/// One run of the checks and tests, and what it has done so far.
#[derive(Debug)]
struct TestRun<'a> {
    checkout: &'a Checkout,
    arguments: &'a TestArguments,
    /// Where the tests leave what the scan searches.
    sinks: SinksFolder,
    steps: Steps,
    /// How many tests passed, by group.
    passed: Vec<(&'static str, usize)>,
    /// How many secrets the scan searched for, if it ran.
    secrets: Option<usize>,
    skipped: Vec<SkippedExample>,
    /// Whether the tests of a full disk have one, or did not get that far.
    has_small_disk: bool,
}

impl TestRun<'_> {
    fn run(&mut self) -> Result<()> {
        let (checkout, filters) = (self.checkout, &self.arguments.filters);
        let is_complete = filters.is_empty();
        tools::ensure_wasm_target(checkout)?;
        if is_complete {
            tools::ensure_linters(checkout)?;
        }
        let postgres = if self.arguments.no_postgres { None } else { Some(tools::ensure_postgres()?) };
        let browser = self.prepare_browser()?;

        if is_complete {
            self.steps.run("fmt", || process::run(checkout.cargo().args(["fmt", "--all", "--check"])))?;
        }
        let digests = self.steps.run("components", || components::build_plugins(checkout))?;
        self.steps.run("guests", || components::build_test_guests(checkout))?;
        self.skipped = self.steps.run("examples", || examples::build_examples(checkout))?;
        if is_complete {
            self.steps.run("clippy", || run_clippy(checkout, &digests))?;
        }
        let suite = Suite::new(checkout, &digests, filters)?;
        self.steps.run("build", || suite.build())?;

        let mut sqlite = self.environment("sqlite")?;
        let small_disk = self.mount_small_disk();
        let path = small_disk.as_ref().map(|disk| disk.path().display().to_string());
        sqlite.extend(path.map(|path| (suite::SMALL_DISK_VARIABLE, path)));
        let passed = self.steps.run("sqlite", || suite.run(Selection::All, &sqlite))?;
        drop(small_disk);
        self.passed.push(("sqlite", passed));
        if let Some(browser) = browser {
            let passed = self.steps.run("browser", || browser.run(&sqlite))?;
            self.passed.push(("browser", passed));
        }
        let mut environments = vec![sqlite];
        // The server is kept until the end of the scan, because dropping it removes its files.
        let mut server = None;
        if let Some(programs) = postgres {
            let (started, environment) = self.run_on_postgres(&suite, &programs)?;
            server = Some(started);
            environments.push(environment);
        }
        if !is_complete && self.passed.iter().all(|(_, passed)| *passed == 0) {
            bail!("no test has a name that contains {}", filters.join(" or "));
        }
        self.scan(&environments)?;
        drop(server);
        Ok(())
    }

    /// Mounts a disk for the tests that fill one; `None` if that is not possible.
    fn mount_small_disk(&mut self) -> Option<SmallDisk> {
        match SmallDisk::mount() {
            Ok(disk) => Some(disk),
            Err(error) => {
                println!("the tests of a full disk do not run: {error:#}");
                self.has_small_disk = false;
                None
            }
        }
    }

    /// Searches what the tests have left behind for the secrets that they marked.
    fn scan(&mut self, environments: &[TestEnvironment]) -> Result<()> {
        let program = self.checkout.target.join("debug/jackfield-scan-sinks");
        let is_complete = self.arguments.filters.is_empty();
        let scans = || {
            let scans = environments.iter().map(|environment| {
                let others: Vec<PathBuf> = find_path(environment, "JACKFIELD_TEST_POSTGRES_DATA").into_iter().collect();
                sinks::scan(&program, &sinks_folder(environment)?, &others, is_complete)
            });
            scans.sum()
        };
        self.secrets = Some(self.steps.run("scan", scans)?);
        Ok(())
    }

    /// Installs what the browser tests need; `None` if they are skipped or the filters select none of them.
    fn prepare_browser(&self) -> Result<Option<BrowserTests>> {
        if self.arguments.no_browser {
            return Ok(None);
        }
        let mut tests = BrowserTests::find(self.checkout, &self.arguments.filters)?;
        if tests.is_empty() {
            return Ok(None);
        }
        tests.prepare()?;
        tests.prepare_firefox();
        Ok(Some(tests))
    }

    /// Runs the tests that use a database on a new server, and returns the stopped server and their environment.
    fn run_on_postgres(&mut self, suite: &Suite<'_>, programs: &Path) -> Result<(PostgresServer, TestEnvironment)> {
        let mut server = self.steps.run("postgres server", || PostgresServer::start(programs))?;
        let mut environment = self.environment("postgres")?;
        environment.push(("JACKFIELD_TEST_POSTGRES_URL", server.url()));
        environment.push(("JACKFIELD_TEST_POSTGRES_DATA", server.data().display().to_string()));
        environment
            .extend(tools::find_pgbouncer().map(|program| (suite::PGBOUNCER_VARIABLE, program.display().to_string())));
        let run = || {
            let hint = "tests on PostgreSQL failed; the server has stopped, so repeat one with `cargo xtask test NAME`";
            suite.run(Selection::Database, &environment).context(hint)
        };
        let passed = self.steps.run("postgres", run)?;
        self.passed.push(("postgres", passed));
        // The server's files can contain compressed values, which a dump does not.
        let dump = sinks_folder(&environment)?.join("dump.sql");
        self.steps.run("postgres dump", || server.dump(&dump))?;
        // The scan reads the server's files, and they are complete only after a shutdown.
        server.stop()?;
        Ok((server, environment))
    }

    /// Returns the variables of the tests on one database, and creates the folder for what the scan searches.
    fn environment(&self, database: &str) -> Result<TestEnvironment> {
        let sinks = self.sinks.create_for(database)?;
        Ok(vec![
            ("JACKFIELD_BIN", self.checkout.target.join("debug/jackfield").display().to_string()),
            ("JACKFIELD_TEST_COMPONENTS", self.checkout.components().display().to_string()),
            ("JACKFIELD_TEST_DATABASE", database.to_owned()),
            ("JACKFIELD_TEST_SINKS", sinks.display().to_string()),
            ("JACKFIELD_TEST_SKIPPED", self.skipped.iter().map(|example| example.id).collect::<Vec<_>>().join(",")),
        ])
    }

    /// Describes what passed, how long each step took, and what was skipped.
    fn summary(&self) -> String {
        let total: usize = self.passed.iter().map(|(_, passed)| passed).sum();
        let groups: String = self.passed.iter().map(|(group, passed)| format!(", {group} {passed}")).collect();
        let secrets = self.secrets.map(|secrets| format!("; scan for {secrets} secrets")).unwrap_or_default();
        let available = Available {
            pgbouncer: tools::find_pgbouncer().is_some(),
            small_disk: self.has_small_disk,
            firefox: tools::has_firefox(),
        };
        let skipped = describe_skipped(self.arguments, self.secrets, &self.skipped, available);
        format!("{total} tests{groups}{secrets}; {}{skipped}", self.steps.summary())
    }
}

/// Returns where the tests with these variables leave what the scan searches.
fn sinks_folder(environment: &TestEnvironment) -> Result<PathBuf> {
    find_path(environment, "JACKFIELD_TEST_SINKS").context("the tests had no sinks folder")
}

fn find_path(environment: &TestEnvironment, name: &str) -> Option<PathBuf> {
    environment.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
}

/// What some tests need and not every machine has.
#[derive(Clone, Copy, Debug)]
struct Available {
    pgbouncer: bool,
    small_disk: bool,
    firefox: bool,
}

/// Describes what did not run. `secrets` is how many secrets the scan searched for, if it ran.
fn describe_skipped(
    arguments: &TestArguments,
    secrets: Option<usize>,
    examples: &[SkippedExample],
    available: Available,
) -> String {
    let mut skipped = Vec::new();
    if arguments.no_postgres {
        skipped.push("PostgreSQL (--no-postgres)".to_owned());
    } else if !available.pgbouncer {
        skipped.push("PgBouncer (not installed: `sudo apt-get install pgbouncer`)".to_owned());
    }
    if !available.small_disk {
        skipped.push("a full disk (mounting a small one needs root)".to_owned());
    }
    if arguments.no_browser {
        skipped.push("the browser (--no-browser)".to_owned());
    } else if !available.firefox {
        skipped.push("the tests in Firefox (not installed: `sudo apt-get install firefox-esr`)".to_owned());
    }
    if !arguments.filters.is_empty() {
        skipped.push("the checks and the tests that the filter does not match".to_owned());
    }
    match secrets {
        None => skipped.push("the scan, because the run did not get there".to_owned()),
        Some(0) => skipped.push("the scan, because no test that ran marked a secret".to_owned()),
        Some(_) => {}
    }
    skipped.extend(examples.iter().map(SkippedExample::to_string));
    skipped.iter().map(|what| format!("; SKIPPED: {what}")).collect()
}

/// Lints all native code, and then the code that only compiles for wasm: the guests and the exports of the plugins.
fn run_clippy(checkout: &Checkout, digests: &Digests) -> Result<()> {
    let mut native = digests.cargo(checkout);
    native.arg("clippy").args(select_native_packages(checkout)?).args(["--all-targets", "--", "-D", "warnings"]);
    process::run(&mut native)?;

    let mut wasm = checkout.cargo();
    wasm.args(["clippy", "--target", tools::WASM_TARGET]);
    for package in checkout.plugins()?.into_iter().chain(checkout.test_guests()?) {
        wasm.args(["-p", &package.name]);
    }
    process::run(wasm.args(["--", "-D", "warnings"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_lists_what_was_skipped() {
        let all = Available { pgbouncer: true, small_disk: true, firefox: true };
        assert_eq!(describe_skipped(&TestArguments::default(), Some(9), &[], all), "");
        let nothing = Available { pgbouncer: false, small_disk: false, firefox: false };
        assert_eq!(
            describe_skipped(&TestArguments::default(), Some(9), &[], nothing),
            "; SKIPPED: PgBouncer (not installed: `sudo apt-get install pgbouncer`); SKIPPED: a full disk (mounting a \
             small one needs root); SKIPPED: the tests in Firefox (not installed: `sudo apt-get install firefox-esr`)"
        );
        let arguments = TestArguments { no_postgres: true, no_browser: true, filters: vec!["slack".to_owned()] };
        let without = "; SKIPPED: PostgreSQL (--no-postgres); SKIPPED: the browser (--no-browser); \
                       SKIPPED: the checks and the tests that the filter does not match";
        assert_eq!(describe_skipped(&arguments, Some(9), &[], all), without);
        let nothing = describe_skipped(&arguments, Some(0), &[], all);
        assert_eq!(nothing, format!("{without}; SKIPPED: the scan, because no test that ran marked a secret"));
        let failed = describe_skipped(&arguments, None, &[], all);
        assert_eq!(failed, format!("{without}; SKIPPED: the scan, because the run did not get there"));
    }
}
