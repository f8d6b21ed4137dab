//! The program itself, started as its user starts it, and ended as a power cut ends it.

mod catalog;
mod commands;
mod documents;
mod kill;
mod plugin_lifecycle;
pub(crate) mod program;
mod refresh_kill;
mod signin;
mod traces;
