//! The program: its arguments, and what each command does. Exit status 0 done, 1 failed, 2 wrong use.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    close_doors();
    let arguments = cli::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&error.into()),
    };
    match runtime.block_on(cli::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail(&error),
    }
}

/// What is made is its owner's alone, and a crash leaves no memory behind for others to read.
fn close_doors() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    // Where the system refuses, nothing was promised less than before.
    let _refused = setrlimit(Resource::Core, no_core);
    let _refused = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
