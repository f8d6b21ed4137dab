//! The commands of the repository, `cargo xtask …`: parses the arguments and calls one module per command.

#![expect(clippy::print_stdout, reason = "the output is for the person who runs a command")]

mod atomic_write;
mod bench;
mod browser;
mod build_progress;
mod build_times;
mod cargo_output;
mod checkout;
mod components;
mod dist;
mod examples;
mod host;
mod postgres;
mod process;
mod progress_line;
mod run;
mod sinks;
mod small_disk;
mod steps;
mod suite;
mod terminal;
mod test;
mod tools;
mod vendor;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{checkout::Checkout, run::RunArguments, steps::Steps, test::TestArguments};

/// Build, run and test Jackfield
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Task {
    /// Build and start the service
    Run(RunArguments),
    /// Run every check and every test
    Test(TestArguments),
    /// Build the files to install: target/dist/jackfield and target/dist/plugins/*.wasm
    Dist,
    /// Run the benchmarks and write their report under target/bench/
    Bench {
        /// Arguments of the benchmarks, such as the names of those to run
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the plugins, the test guests and the example plugins under target/components/
    Components,
    /// Download the console's libraries in the versions that their manifest pins
    Vendor,
    /// Take a screenshot of each page of the console, under docs/img/
    Screenshots,
    /// Install what the other commands need
    Tools,
}

fn main() -> ExitCode {
    match Xtask::parse().task.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Task {
    fn perform(self) -> Result<()> {
        process::forward_signals()?;
        let checkout = Checkout::find()?;
        let mut steps = Steps::default();
        match self {
            Self::Run(arguments) => run::run(&checkout, &mut steps, arguments),
            Self::Test(arguments) => test::run_tests(&checkout, &arguments),
            Self::Dist => dist::build_dist(&checkout, &mut steps),
            Self::Bench { arguments } => bench::run_benchmarks(&checkout, &mut steps, &arguments),
            Self::Components => {
                tools::ensure_wasm_target(&checkout)?;
                steps.run("components", || components::build_plugins(&checkout))?;
                steps.run("guests", || components::build_test_guests(&checkout))?;
                steps.run("examples", || examples::build_examples(&checkout)).map(drop)
            }
            Self::Vendor => vendor::vendor(&checkout),
            Self::Screenshots => {
                tools::ensure_wasm_target(&checkout)?;
                let digests = steps.run("components", || components::build_plugins(&checkout))?;
                steps.run("screenshots", || browser::take_screenshots(&checkout, &digests))
            }
            Self::Tools => {
                tools::ensure_wasm_target(&checkout)?;
                tools::ensure_linters(&checkout)?;
                tools::require_objcopy()?;
                tools::ensure_node()?;
                tools::ensure_browser()?;
                tools::ensure_postgres().map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, clap::Error> {
        Xtask::try_parse_from(["cargo xtask"].into_iter().chain(line.split_whitespace())).map(|xtask| xtask.task)
    }

    #[test]
    fn the_command_line_is_valid() {
        use clap::CommandFactory;
        Xtask::command().debug_assert();
    }

    #[test]
    fn a_filter_may_follow_dashes() {
        let with_dashes = parse("test --no-postgres --no-browser -- slack").unwrap();
        assert_eq!(parse("test --no-postgres --no-browser slack").unwrap(), with_dashes);
        assert_ne!(parse("test --no-postgres --no-browser").unwrap(), with_dashes);
    }

    #[test]
    fn arguments_of_the_benchmarks_are_passed_on() {
        let expected = Task::Bench { arguments: vec!["sandbox".to_owned(), "--quick".to_owned()] };
        assert_eq!(parse("bench sandbox --quick").unwrap(), expected);
        assert_eq!(parse("bench -- sandbox --quick").unwrap(), expected);
    }

    #[test]
    fn wrong_use_exits_with_2() {
        for line in ["", "dance", "run --fast", "dist it", "test --no-such-flag"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
