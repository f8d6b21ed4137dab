//! The terminal: its width, and the colors of Cargo where its output is read before it is shown.

use std::{
    io::{self, IsTerminal},
    process::Command,
};

use crate::checkout::variable;

/// The width that is assumed when the terminal does not report one.
const DEFAULT_COLUMNS: usize = 80;

/// The columns of the terminal; `None` where standard error is not a terminal that can redraw a line.
pub(crate) fn columns() -> Option<usize> {
    let stderr = io::stderr();
    if !stderr.is_terminal() || variable("TERM").is_some_and(|name| name == "dumb") {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stderr).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { DEFAULT_COLUMNS } else { columns })
}

/// Keeps Cargo's colors where its output is read here before it is shown on a terminal.
pub(crate) fn keep_colors(cargo: &mut Command) {
    let is_chosen = ["CARGO_TERM_COLOR", "NO_COLOR"].iter().any(|name| variable(name).is_some());
    if io::stderr().is_terminal() && !is_chosen {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
}

/// Removes the color sequences `ESC [ … m`.
pub(crate) fn remove_colors(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    plain
}
