//! `cargo xtask bench`: runs the benchmarks against the production build and writes their report under `target/bench/`.

use anyhow::Result;

use crate::{
    browser::BrowserTests,
    checkout::{Checkout, variable},
    components, examples, host,
    postgres::PostgresServer,
    process,
    steps::Steps,
    tools,
};

/// Builds what the benchmarks measure and runs them with these arguments.
pub(crate) fn run_benchmarks(checkout: &Checkout, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    tools::ensure_wasm_target(checkout)?;
    let digests = steps.run("components", || components::build_plugins(checkout))?;
    steps.run("guests", || components::build_test_guests(checkout))?;
    // The report marks examples that could not be built as skipped.
    steps.run("examples", || examples::build_examples(checkout))?;
    let program = steps.run("host", || host::build_production(checkout, &digests))?;

    let server = match tools::ensure_postgres() {
        Ok(programs) => Some(steps.run("postgres server", || PostgresServer::start(&programs))?),
        Err(error) => {
            println!("skipped the benchmarks on PostgreSQL: {error:#}");
            None
        }
    };
    let has_browser = match BrowserTests::find(checkout, &[])?.prepare() {
        Ok(()) => {
            tools::install_headless_shell();
            true
        }
        Err(error) => {
            println!("skipped the benchmarks in a browser: {error:#}");
            false
        }
    };
    let report = checkout.target.join("bench");
    steps.run("bench", || {
        let mut cargo = digests.cargo(checkout);
        cargo.args(["bench", "-p", "jackfield-tests", "--bench", "bench", "--"]).args(arguments);
        cargo.env("JACKFIELD_BIN", &program);
        cargo.env("JACKFIELD_TEST_COMPONENTS", checkout.components());
        cargo.env("JACKFIELD_BENCH_REPORT", &report);
        if has_browser {
            cargo.env("JACKFIELD_BENCH_BROWSER", "1");
            cargo.envs(variable("JACKFIELD_TEST_BROWSER").map(|program| ("JACKFIELD_TEST_BROWSER", program)));
        }
        cargo.envs(server.as_ref().map(|server| ("JACKFIELD_BENCH_POSTGRES_URL", server.url())));
        process::run(&mut cargo)
    })?;
    println!("the report is in {}/", checkout.display(&report));
    Ok(())
}
