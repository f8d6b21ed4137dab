//! The use cases: what an administrator or a program can do with connections, people and plugins.

pub mod connections;
pub mod people;
pub mod plugins;

mod retry;
