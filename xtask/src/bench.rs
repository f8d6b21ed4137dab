//! `cargo xtask bench`: runs the benchmarks against the program in release, their report under `target/bench/`.

use anyhow::Result;

use crate::{
    browser::Browser,
    children, components, examples,
    postgres::Cluster,
    steps::Steps,
    tools,
    workspace::{Workspace, variable},
};

/// Builds what the benchmarks measure and runs them; the arguments are theirs.
pub(crate) fn bench(workspace: &Workspace, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    tools::wasm_target(workspace)?;
    let digests = steps.take("components", || components::providers(workspace))?;
    // One that is not built is told beside the numbers as left out.
    steps.take("examples", || examples::build(workspace))?;
    steps.take("host", || children::run(digests.cargo(workspace).args(["build", "--release", "-p", "jackfield"])))?;

    // Without its programs, what is measured on PostgreSQL too is measured on SQLite alone.
    let cluster = match tools::postgres_programs() {
        Ok(programs) => Some(steps.take("postgres server", || Cluster::start(&programs))?),
        Err(missing) => {
            println!("PostgreSQL is left out: {missing:#}");
            None
        }
    };
    // Without a browser, what is seen of the console is left out.
    let browser = Browser::find(workspace, &[])?;
    let has_browser = match browser.prepare() {
        Ok(()) => {
            tools::windowless_browser();
            true
        }
        Err(missing) => {
            println!("the browser is left out: {missing:#}");
            false
        }
    };
    let report = workspace.target.join("bench");
    steps.take("bench", || {
        let mut cargo = digests.cargo(workspace);
        cargo.args(["bench", "-p", "jackfield-tests", "--bench", "bench", "--"]).args(arguments);
        cargo.env("JACKFIELD_BIN", workspace.target.join("release/jackfield"));
        cargo.env("JACKFIELD_TEST_COMPONENTS", workspace.components());
        cargo.env("JACKFIELD_BENCH_REPORT", &report);
        if has_browser {
            cargo.env("JACKFIELD_BENCH_BROWSER", "1");
            cargo.envs(variable("JACKFIELD_TEST_BROWSER").map(|program| ("JACKFIELD_TEST_BROWSER", program)));
        }
        cargo.envs(cluster.as_ref().map(|cluster| ("JACKFIELD_BENCH_POSTGRES_URL", cluster.url())));
        children::run(&mut cargo)
    })?;
    println!("the report is under {}/", workspace.shown(&report));
    Ok(())
}
