//! The program itself, started as users start it, and killed as by a power failure.

mod catalog;
mod commands;
mod disconnect_kill;
mod documents;
mod files;
mod kill;
mod plugin_lifecycle;
pub(crate) mod program;
mod refresh_kill;
mod several_users;
mod signin;
mod stop;
mod traces;
mod xorshift;
