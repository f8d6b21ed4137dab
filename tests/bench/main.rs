//! The benchmarks of `cargo xtask bench`: each is measured, compared with its target, and written to `report.json`.
//!
//! Arguments select benchmarks by their first word (`sandbox users start memory overhead flight refresh providers
//! people catalog computing console scale scrub`). The report is written only if all of them ran. Each number is
//! explained where it is measured, and in the printed notes.

mod calls;
mod catalog;
mod computing;
mod console;
mod http_connection;
mod languages;
mod native;
mod people;
mod program;
mod providers;
mod refresh;
mod report;
mod samples;
mod sandboxed;
mod scale;
mod scrubber;
mod service;
mod slack_thread;

use std::{env, path::PathBuf};

use self::{report::Report, slack_thread::SlackThread};

fn main() -> std::io::Result<()> {
    // The native client needs a TLS provider. This fails if one is already selected, which is fine.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    // Cargo adds its own `--bench` argument.
    let chosen: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);

    let slack = SlackThread::start();
    let mut report = Report::default();
    if is_chosen("sandbox") || is_chosen("users") {
        let sides = calls::Sides::start(&slack);
        if is_chosen("sandbox") {
            sides.fresh_call(&mut report);
            sides.tax(&mut report);
            languages::fresh_calls(&mut report);
        }
        if is_chosen("users") {
            sides.users(&mut report);
        }
    }
    if is_chosen("start") {
        service::start(&slack, &mut report);
    }
    if is_chosen("memory") || is_chosen("flight") {
        service::flight(&slack, &mut report);
    }
    if is_chosen("overhead") {
        service::overhead(&slack, &mut report);
    }
    if is_chosen("refresh") {
        refresh::requests(&mut report);
    }
    if is_chosen("providers") {
        providers::load_warm(&mut report);
        providers::tax(&mut report);
    }
    if is_chosen("people") || is_chosen("sync") || is_chosen("match") || is_chosen("list") {
        people::all(&mut report);
    }
    if is_chosen("catalog") {
        catalog::all(&slack, &mut report);
    }
    if is_chosen("computing") {
        computing::all(&slack, &mut report);
    }
    if is_chosen("console") {
        console::all(&slack, &mut report);
    }
    if is_chosen("scrub") {
        scrubber::all(&mut report);
    }
    if is_chosen("scale") {
        scale::hundred(&slack, &mut report);
    }
    report.print()?;
    if chosen.is_empty() {
        let folder = env::var_os("JACKFIELD_BENCH_REPORT")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench")), PathBuf::from);
        report.write(&folder)?;
    }
    Ok(())
}
