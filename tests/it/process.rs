//! The program itself, started as its user starts it, and ended as a power cut ends it.

mod catalog;
mod commands;
mod conformance;
mod documents;
mod dropped_in;
mod guide;
mod kill;
mod new;
mod plugins;
mod program;
mod refresh_kill;
mod signin;
mod traces;
