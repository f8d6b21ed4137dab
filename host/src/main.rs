//! The program `jackfield`. Its exit status is 0 for success, 1 for a failure, 2 for wrong arguments or settings.

mod cli;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

fn main() -> ExitCode {
    protect_files_and_memory();
    jackfield::open_files::raise_limit();
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::print_error(&error.into()),
    };
    let ended = runtime.block_on(cli::run(cli));
    // After a second signal, a call may still be computing.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::print_error(&error),
    }
}

/// Closes new files to other users, and prevents core dumps and debuggers.
///
/// A core dump or a debugger could reveal secrets.
fn protect_files_and_memory() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    // Best effort: a system that does not allow this is as safe as before.
    let _not_allowed = setrlimit(Resource::Core, no_core);
    let _not_allowed = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
