//! `cargo xtask test`: every check, and every test on every database; one line at the end tells what ran.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    browser, children,
    components::{self, Digests},
    examples::{self, LeftOut},
    postgres::Cluster,
    steps::Steps,
    suite::{Selection, Suite, native_packages},
    tools,
    workspace::Workspace,
};

/// What `cargo xtask test` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) postgres: Postgres,
    pub(crate) browser: Browser,
    /// Only tests whose names hold one of these, without the checks; everything where there is none.
    pub(crate) filter: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Postgres {
    Included,
    LeftOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    Included,
    LeftOut,
}

impl Options {
    /// Reads `[--no-postgres] [--no-browser] [-- FILTER…]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { postgres: Postgres::Included, browser: Browser::Included, filter: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--no-postgres" => options.postgres = Postgres::LeftOut,
                "--no-browser" => options.browser = Browser::LeftOut,
                "--" => options.filter.extend(rest.by_ref().cloned()),
                other => return Err(format!("`test` does not take `{other}`; a filter comes after `--`")),
            }
        }
        Ok(options)
    }
}

/// Runs the checks and the tests and says what ran, also when one of them fails.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    let mut counts = Vec::new();
    let mut examples = Vec::new();
    let result = perform(workspace, options, &mut steps, &mut counts, &mut examples);

    let outcome = if result.is_ok() { "passed" } else { "FAILED" };
    let sum: usize = counts.iter().map(|(_, count)| count).sum();
    let parts: String = counts.iter().map(|(name, count)| format!(", {name} {count}")).collect();
    println!("\n{outcome}: {sum} tests{parts}; {}{}", steps.summary(), left_out(options, &examples));
    result
}

fn left_out(options: &Options, examples: &[LeftOut]) -> String {
    let mut left_out = String::new();
    if options.postgres == Postgres::LeftOut {
        left_out.push_str("; LEFT OUT: PostgreSQL (--no-postgres)");
    }
    if options.browser == Browser::LeftOut {
        left_out.push_str("; LEFT OUT: the browser (--no-browser)");
    }
    if !options.filter.is_empty() {
        left_out.push_str("; LEFT OUT: the checks, the scan and the tests that the filter does not name");
    }
    for example in examples {
        left_out.push_str(&format!("; LEFT OUT: {example}"));
    }
    left_out
}

fn perform(
    workspace: &Workspace,
    options: &Options,
    steps: &mut Steps,
    counts: &mut Vec<(&'static str, usize)>,
    left_out: &mut Vec<LeftOut>,
) -> Result<()> {
    let whole = options.filter.is_empty();
    tools::wasm_target(workspace)?;
    if whole {
        tools::checkers(workspace)?;
    }
    let programs = match options.postgres {
        Postgres::Included => Some(tools::postgres_programs()?),
        Postgres::LeftOut => None,
    };
    let flows = match options.browser {
        Browser::Included => {
            Some(browser::Browser::find(workspace, &options.filter)?).filter(|flows| !flows.is_empty())
        }
        Browser::LeftOut => None,
    };
    if let Some(flows) = &flows {
        flows.prepare()?;
    }

    if whole {
        steps.take("fmt", || children::run(workspace.cargo().args(["fmt", "--all", "--check"])))?;
    }
    let digests = steps.take("components", || components::providers(workspace))?;
    steps.take("guests", || components::guests(workspace))?;
    *left_out = steps.take("examples", || examples::build(workspace))?;
    if whole {
        steps.take("clippy", || clippy(workspace, &digests))?;
    }
    let suite = Suite::new(workspace, &digests, &options.filter)?;
    steps.take("build", || suite.build())?;

    let sinks = workspace.target.join("test-sinks");
    empty(&sinks)?;
    let sqlite = environment(workspace, &sinks, "sqlite", left_out)?;
    let passed = steps.take("sqlite", || suite.run(Selection::All, &sqlite))?;
    counts.push(("sqlite", passed));
    if let Some(flows) = flows {
        let passed = steps.take("browser", || flows.run(&sqlite))?;
        counts.push(("browser", passed));
    }
    let mut scans = vec![sqlite];

    // Lives until the scan is over: dropping it removes its files.
    let mut cluster = None;
    if let Some(programs) = programs {
        let cluster = cluster.insert(steps.take("postgres server", || Cluster::start(&programs))?);
        let mut postgres = environment(workspace, &sinks, "postgres", left_out)?;
        postgres.push(("JACKFIELD_TEST_POSTGRES_URL", cluster.url()));
        postgres.push(("JACKFIELD_TEST_POSTGRES_DATA", cluster.data().display().to_string()));
        let run = || {
            let hint = "this server is gone by then: `cargo xtask test -- NAME` starts another";
            suite.run(Selection::Database, &postgres).context(hint)
        };
        let passed = steps.take("postgres", run)?;
        counts.push(("postgres", passed));
        // So that all it holds is in its files.
        cluster.stop()?;
        scans.push(postgres);
    }
    if !whole && counts.iter().all(|(_, count)| *count == 0) {
        bail!("no test's name holds {}", options.filter.join(" or "));
    }
    if whole {
        let scan = || scans.iter().map(|environment| suite.run(Selection::Scan, environment)).sum();
        let passed = steps.take("scan", scan)?;
        counts.push(("scan", passed));
    }
    Ok(())
}

/// The variables of the tests on one database. What they leave behind goes into a folder of its own.
fn environment(
    workspace: &Workspace,
    sinks: &Path,
    database: &str,
    left_out: &[LeftOut],
) -> Result<Vec<(&'static str, String)>> {
    let sinks = sinks.join(database);
    fs::create_dir(&sinks).with_context(|| sinks.display().to_string())?;
    Ok(vec![
        ("JACKFIELD_BIN", workspace.target.join("debug/jackfield").display().to_string()),
        ("JACKFIELD_TEST_COMPONENTS", workspace.components().display().to_string()),
        ("JACKFIELD_TEST_DATABASE", database.to_owned()),
        ("JACKFIELD_TEST_SINKS", sinks.display().to_string()),
        ("JACKFIELD_TEST_LEFT_OUT", left_out.iter().map(|example| example.id).collect::<Vec<_>>().join(",")),
    ])
}

/// Lints everything that is native, then what only compiles for wasm: the guests, and the components' own exports.
fn clippy(workspace: &Workspace, digests: &Digests) -> Result<()> {
    let mut native = digests.cargo(workspace);
    native.arg("clippy").args(native_packages(workspace)?).args(["--all-targets", "--", "-D", "warnings"]);
    children::run(&mut native)?;

    let components: Vec<_> = workspace.providers()?.into_iter().chain(workspace.guests()?).collect();
    if components.is_empty() {
        return Ok(());
    }
    let mut wasm = workspace.cargo();
    wasm.args(["clippy", "--target", tools::WASM_TARGET]);
    for package in &components {
        wasm.args(["-p", &package.name]);
    }
    children::run(wasm.args(["--", "-D", "warnings"]))
}

/// Makes a folder that holds nothing.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
