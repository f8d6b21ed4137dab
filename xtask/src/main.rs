//! The repository's own commands, `cargo xtask …`: reads the arguments and hands over to one file per command.

#![expect(clippy::print_stdout, reason = "what it prints is for the person who ran it")]

mod bench;
mod browser;
mod children;
mod components;
mod dist;
mod examples;
mod postgres;
mod run;
mod steps;
mod suite;
mod test;
mod tools;
mod vendor;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::{run::Mode, steps::Steps, workspace::Workspace};

const USAGE: &str = "\
usage: cargo xtask <command>

  run [--demo]                         build and start the service; --demo: against local stand-ins, with fresh data
  test [--no-postgres] [--no-browser] [-- FILTER…]
                                       every check and every test; FILTER: only the tests whose names hold one of them
  dist                                 target/dist/jackfield and target/dist/plugins/*.wasm
  bench [ARGUMENT…]                    the benchmarks, their report under target/bench/
  components                           the providers, the test guests and the examples, under target/components/
  vendor                               the console's libraries in their pinned versions, into host/src/console/vendor/
  screenshots                          a picture of each of the console's pages, under docs/img/
  tools                                get what the other commands need";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Help,
    Run(Mode),
    Test(test::Options),
    Dist,
    Bench(Vec<String>),
    Components,
    Vendor,
    Screenshots,
    Tools,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = match Task::parse(&arguments) {
        Ok(task) => task,
        Err(mistake) => {
            eprintln!("{mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match task.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Task {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((command, rest)) = arguments.split_first() else { return Err("which command?".to_owned()) };
        let rest_text: Vec<&str> = rest.iter().map(String::as_str).collect();
        match (command.as_str(), rest_text.as_slice()) {
            ("help" | "-h" | "--help", _) | (_, ["-h" | "--help"]) => Ok(Self::Help),
            ("run", []) => Ok(Self::Run(Mode::Plain)),
            ("run", ["--demo"]) => Ok(Self::Run(Mode::Demo)),
            ("test", _) => test::Options::parse(rest).map(Self::Test),
            ("dist", []) => Ok(Self::Dist),
            ("bench", ["--", ..]) => Ok(Self::Bench(rest[1..].to_vec())),
            ("bench", _) => Ok(Self::Bench(rest.to_vec())),
            ("components", []) => Ok(Self::Components),
            ("vendor", []) => Ok(Self::Vendor),
            ("screenshots", []) => Ok(Self::Screenshots),
            ("tools", []) => Ok(Self::Tools),
            ("run" | "dist" | "components" | "vendor" | "screenshots" | "tools", _) => {
                Err(format!("`{command}` does not take `{}`", rest.join(" ")))
            }
            _ => Err(format!("there is no command `{command}`")),
        }
    }

    fn perform(self) -> Result<()> {
        if self == Self::Help {
            println!("{USAGE}");
            return Ok(());
        }
        children::watch_signals()?;
        let workspace = Workspace::find()?;
        let mut steps = Steps::default();
        match self {
            Self::Help => Ok(()),
            Self::Run(mode) => run::run(&workspace, &mut steps, mode),
            Self::Test(options) => test::test(&workspace, &options),
            Self::Dist => dist::dist(&workspace, &mut steps).map(drop),
            Self::Bench(arguments) => bench::bench(&workspace, &mut steps, &arguments),
            Self::Components => {
                tools::wasm_target(&workspace)?;
                steps.take("components", || components::providers(&workspace))?;
                steps.take("guests", || components::guests(&workspace))?;
                steps.take("examples", || examples::build(&workspace)).map(drop)
            }
            Self::Vendor => vendor::vendor(&workspace),
            Self::Screenshots => {
                tools::wasm_target(&workspace)?;
                let digests = steps.take("components", || components::providers(&workspace))?;
                steps.take("screenshots", || browser::screenshots(&workspace, &digests))
            }
            Self::Tools => {
                tools::wasm_target(&workspace)?;
                tools::checkers(&workspace)?;
                tools::node()?;
                tools::browser()?;
                tools::postgres_programs().map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, String> {
        Task::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_follows_the_dashes_is_a_filter() {
        let options = test::Options {
            postgres: test::Postgres::LeftOut,
            browser: test::Browser::Included,
            filter: vec!["slack".to_owned()],
        };
        assert_eq!(parse("test --no-postgres -- slack"), Ok(Task::Test(options)));
    }

    #[test]
    fn an_argument_that_nobody_takes_is_a_mistake() {
        for line in ["", "dance", "run --fast", "dist it", "test slack"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
