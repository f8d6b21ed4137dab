//! Runs `cargo build` and shows its progress in place of one line per crate.

use std::{
    io::{self, Write},
    process::{ChildStderr, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    build_times::{BuildTime, BuildTimes},
    cargo_output::{CargoOutput, send_pieces},
    checkout::Checkout,
    process,
    progress_line::ProgressLine,
    terminal,
};

/// How often the line is redrawn on a terminal while Cargo reports nothing, so that the time advances.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The width of Cargo's progress bar. It must leave space for the names of the crates after the bar.
const CARGO_PROGRESS_WIDTH: &str = "160";

/// A build that consists of one or more runs of Cargo.
#[derive(Debug)]
pub(crate) struct Build {
    name: &'static str,
    times: BuildTimes,
    started: Instant,
    /// The packages that were compiled, without those that were up to date.
    compiled: u64,
}

impl Build {
    /// Starts a build, and says how long it took last time.
    pub(crate) fn start(checkout: &Checkout, name: &'static str) -> Self {
        let times = BuildTimes::load(checkout);
        if let Some(time) = times.get(name) {
            println!("{name}: {}", time.describe());
        }
        Self { name, times, started: Instant::now(), compiled: 0 }
    }

    /// Runs one `cargo build` and shows its progress. `part` names what it builds if the build has several parts.
    ///
    /// # Errors
    /// Cargo fails. Its messages have been shown.
    pub(crate) fn run(&mut self, part: Option<&str>, cargo: &mut Command) -> Result<()> {
        cargo.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", CARGO_PROGRESS_WIDTH);
        terminal::keep_colors(cargo);
        let label = part.map_or_else(|| self.name.to_owned(), |part| format!("{}: {part}", self.name));
        process::run_with_output(
            cargo.stderr(Stdio::piped()),
            |child| child.stderr.take(),
            |stderr| {
                let mut line = ProgressLine::new(label, terminal::columns(), io::stderr(), self.started);
                self.show(stderr, &mut line)
            },
        )
    }

    /// Ends the build and stores how long it took.
    pub(crate) fn finish(mut self) -> Result<()> {
        let time = BuildTime { packages: self.compiled, seconds: self.started.elapsed().as_secs() };
        self.times.record(self.name, time)
    }

    fn show(&mut self, stderr: ChildStderr, line: &mut ProgressLine<impl Write>) -> Result<()> {
        thread::scope(|scope| {
            let (sender, pieces) = mpsc::channel();
            scope.spawn(move || send_pieces(stderr, &sender));
            loop {
                match pieces.recv_timeout(REDRAW_INTERVAL) {
                    Ok(piece) => match CargoOutput::parse(&piece?) {
                        CargoOutput::Progress(progress) => line.update(progress, Instant::now())?,
                        CargoOutput::Compiling => self.compiled += 1,
                        CargoOutput::Routine => {}
                        CargoOutput::Message(message) => line.pass_on(message)?,
                    },
                    Err(RecvTimeoutError::Timeout) => line.redraw(Instant::now())?,
                    Err(RecvTimeoutError::Disconnected) => return line.clear(),
                }
            }
        })
    }
}
