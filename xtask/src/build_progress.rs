//! Runs `cargo build` and shows its progress: a line that is redrawn on a terminal, elsewhere a line every 30 seconds.
//!
//! Cargo prints its progress bar into a pipe when it is told to. What is not recognized there is passed on unchanged, so
//! that no error or warning is lost.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{ChildStderr, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    build_times::{BuildTime, BuildTimes},
    checkout::Checkout,
    process,
    steps::format_duration,
    terminal,
};

/// How often a line is printed where it cannot be redrawn: a build of ten minutes prints twenty.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

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

/// Reads output up to each carriage return or newline.
fn send_pieces(output: impl Read, sender: &Sender<io::Result<Vec<u8>>>) {
    let mut reader = BufReader::new(output);
    loop {
        let piece = read_piece(&mut reader);
        let (is_end, is_error) = (piece.as_ref().is_ok_and(Vec::is_empty), piece.is_err());
        if is_end || sender.send(piece).is_err() || is_error {
            return;
        }
    }
}

fn read_piece(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(piece);
        }
        let end = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let length = end.map_or(buffer.len(), |index| index + 1);
        piece.extend_from_slice(&buffer[..length]);
        reader.consume(length);
        if end.is_some() {
            return Ok(piece);
        }
    }
}

/// What one piece of Cargo's standard error says.
#[derive(Debug, PartialEq, Eq)]
enum CargoOutput<'a> {
    /// The state of the progress bar: how far it is and what runs at the moment.
    Progress(String),
    /// A package starts to be compiled.
    Compiling,
    /// A line that the progress replaces.
    Routine,
    /// Anything else, such as an error of the compiler.
    Message(&'a [u8]),
}

impl<'a> CargoOutput<'a> {
    fn parse(piece: &'a [u8]) -> Self {
        let text = terminal::remove_colors(&String::from_utf8_lossy(piece));
        // Cargo aligns its statuses to the right of 12 columns, and clears the bar by spaces.
        let is_status = |name: &str| text.starts_with(&format!("{name:>12} "));
        if piece.ends_with(b"\r") {
            let text = text.trim();
            return if text.is_empty() { Self::Routine } else { Self::Progress(describe_bar(text)) };
        }
        if is_status("Compiling") {
            Self::Compiling
        } else if is_status("Downloaded") || is_status("Finished") {
            Self::Routine
        } else {
            Self::Message(piece)
        }
    }
}

/// Turns `Building [==> ] 12/43: serde, syn(build)` into `12 of 43 crates: serde, syn(build)`.
fn describe_bar(text: &str) -> String {
    let parts = || {
        let (_, state) = text.strip_prefix("Building [")?.split_once(']')?;
        let (count, names) = state.split_once(':').unwrap_or((state, ""));
        let (done, total) = count.trim().split_once('/')?;
        let separator = if names.is_empty() { "" } else { ":" };
        Some(format!("{done} of {total} crates{separator}{names}"))
    };
    parts().unwrap_or_else(|| text.to_owned())
}

/// The line that shows how far a build is.
#[derive(Debug)]
struct ProgressLine<W> {
    label: String,
    /// The columns of the terminal; `None` where a line cannot be redrawn.
    columns: Option<usize>,
    to: W,
    started: Instant,
    progress: String,
    last_printed: Instant,
    is_drawn: bool,
}

impl<W: Write> ProgressLine<W> {
    fn new(label: String, columns: Option<usize>, to: W, started: Instant) -> Self {
        Self { label, columns, to, started, progress: String::new(), last_printed: started, is_drawn: false }
    }

    fn update(&mut self, progress: String, now: Instant) -> Result<()> {
        self.progress = progress;
        self.redraw(now)
    }

    fn redraw(&mut self, now: Instant) -> Result<()> {
        if self.progress.is_empty() {
            return Ok(());
        }
        let text = format!("{}: {}, {}", self.label, format_duration(now - self.started), self.progress);
        match self.columns {
            Some(columns) => {
                // A line as wide as the terminal would wrap, and could not be cleared.
                let text: String = text.chars().take(columns.saturating_sub(1)).collect();
                write!(self.to, "\r\u{1b}[K{text}")?;
                self.is_drawn = true;
            }
            None if now - self.last_printed >= LINE_INTERVAL => {
                writeln!(self.to, "{text}")?;
                self.last_printed = now;
            }
            None => {}
        }
        Ok(self.to.flush()?)
    }

    /// Writes a message of Cargo above the line.
    fn pass_on(&mut self, message: &[u8]) -> Result<()> {
        self.clear()?;
        self.to.write_all(message)?;
        Ok(self.to.flush()?)
    }

    fn clear(&mut self) -> Result<()> {
        if self.is_drawn {
            write!(self.to, "\r\u{1b}[K")?;
            self.to.flush()?;
            self.is_drawn = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_output_is_recognized() {
        let bar = b"\x1b[1m\x1b[96m    Building\x1b[0m [=>       ] 4/37: libc, serde_core(build.rs)    \r";
        let progress = CargoOutput::Progress("4 of 37 crates: libc, serde_core(build.rs)".to_owned());
        assert_eq!(CargoOutput::parse(bar), progress);
        assert_eq!(CargoOutput::parse(b"\x1b[1m\x1b[92m   Compiling\x1b[0m libc v0.2.1\n"), CargoOutput::Compiling);
        assert_eq!(CargoOutput::parse(b"    Finished `dev` profile\n"), CargoOutput::Routine);
        assert_eq!(CargoOutput::parse(b"        \r"), CargoOutput::Routine);
        for message in ["error[E0308]: mismatched types\n", "    Blocking waiting for file lock\n", "\n", "   |\n"] {
            assert_eq!(CargoOutput::parse(message.as_bytes()), CargoOutput::Message(message.as_bytes()));
        }
        let download = CargoOutput::Progress("Downloading 3 crates, remaining bytes: 1.2MB".to_owned());
        assert_eq!(CargoOutput::parse(b" Downloading 3 crates, remaining bytes: 1.2MB   \r"), download);
    }

    #[test]
    fn output_is_split_at_carriage_returns_and_newlines() {
        let (sender, pieces) = mpsc::channel();
        send_pieces(&b"a\rb\n\nc"[..], &sender);
        drop(sender);
        let pieces: Vec<Vec<u8>> = pieces.into_iter().map(Result::unwrap).collect();
        assert_eq!(pieces, [&b"a\r"[..], b"b\n", b"\n", b"c"]);
    }

    #[test]
    fn a_terminal_redraws_one_line() {
        let start = Instant::now();
        let mut output = Vec::new();
        let mut line = ProgressLine::new("host".to_owned(), Some(20), &mut output, start);
        line.update("1 of 2 crates: libc".to_owned(), start).unwrap();
        line.pass_on(b"warning: unused\n").unwrap();
        line.clear().unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "\r\u{1b}[Khost: 0.0 s, 1 of 2\r\u{1b}[Kwarning: unused\n");
    }

    #[test]
    fn a_log_gets_a_line_every_30_seconds() {
        let start = Instant::now();
        let mut output = Vec::new();
        let mut line = ProgressLine::new("host".to_owned(), None, &mut output, start);
        for second in 0..61 {
            line.update(format!("{second} of 99 crates"), start + Duration::from_secs(second)).unwrap();
        }
        line.clear().unwrap();
        let expected = "host: 30.0 s, 30 of 99 crates\nhost: 1 min 0 s, 60 of 99 crates\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
