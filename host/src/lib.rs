//! What the program adds to its crates: the settings, the log, and the wiring of a service.
//!
//! `docs/architecture.md` describes the crates.

pub mod app;
pub mod config;
pub mod logging;
pub mod open_files;
pub mod stop_signals;

mod prometheus;
