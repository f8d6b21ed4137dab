//! Writes lines to the operator's log. On the native target they are discarded.

use crate::bindings::component::jackfield::provider::log::Level;

/// Writes a line for developers.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a line for information.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a line about something unexpected that did not fail.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Writes a line about something that failed.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(target_family = "wasm")]
use crate::bindings::component::jackfield::provider::log::log as write;

#[cfg(not(target_family = "wasm"))]
fn write(_: Level, _: &str) {}
