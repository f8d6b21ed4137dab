//! Reads what Cargo prints to standard error: its progress bar, its statuses, and messages.
//!
//! Cargo prints the bar into a pipe if `CARGO_TERM_PROGRESS_WHEN` is `always`. A piece that is not recognized counts as
//! a message, so that no error or warning is lost.

use std::{
    io::{self, BufRead, BufReader, Read},
    sync::mpsc::Sender,
};

use crate::terminal;

/// Reads output up to each carriage return or newline.
pub(crate) fn send_pieces(output: impl Read, sender: &Sender<io::Result<Vec<u8>>>) {
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
pub(crate) enum CargoOutput<'a> {
    /// The state of the progress bar: how far the build is and what is being compiled.
    Progress(String),
    /// A package starts to be compiled.
    Compiling,
    /// A line that the progress replaces.
    Routine,
    /// Anything else, such as an error of the compiler.
    Message(&'a [u8]),
}

impl<'a> CargoOutput<'a> {
    /// Recognizes a piece that ends with a carriage return or newline.
    pub(crate) fn parse(piece: &'a [u8]) -> Self {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
}
