//! The program's parts that are not in a crate of their own: the settings, the log, and the wiring.
//!
//! `docs/architecture.md` shows the crates.

pub mod app;
pub mod config;
pub mod logging;
mod prometheus;
