//! The line that shows how far a build is: redrawn on a terminal, and elsewhere printed every 30 seconds.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::steps::format_duration;

/// How often a line is printed where it cannot be redrawn: a build of ten minutes prints twenty.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// The line that shows how far a build is.
#[derive(Debug)]
pub(crate) struct ProgressLine<W> {
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
    pub(crate) fn new(label: String, columns: Option<usize>, to: W, started: Instant) -> Self {
        Self { label, columns, to, started, progress: String::new(), last_printed: started, is_drawn: false }
    }

    /// Replaces the text and shows it.
    pub(crate) fn update(&mut self, progress: String, now: Instant) -> Result<()> {
        self.progress = progress;
        self.redraw(now)
    }

    /// Shows the line again, because the time has advanced.
    pub(crate) fn redraw(&mut self, now: Instant) -> Result<()> {
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
    pub(crate) fn pass_on(&mut self, message: &[u8]) -> Result<()> {
        self.clear()?;
        self.to.write_all(message)?;
        Ok(self.to.flush()?)
    }

    /// Removes the line from the terminal.
    pub(crate) fn clear(&mut self) -> Result<()> {
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
        let expected = "host: 30 s, 30 of 99 crates\nhost: 1 min 0 s, 60 of 99 crates\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
