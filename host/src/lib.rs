//! What the program adds to its crates: the settings, the log, and the wiring of a service.
//!
//! `docs/architecture.md` describes the crates.

pub mod app;
pub mod config;
pub mod logging;

mod prometheus;
