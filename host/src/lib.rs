//! Jackfield: a company's connections to outside services, each provider a sandboxed WebAssembly component.
//!
//! Read it from the top down: `app` wires, `api` answers, `people`, `connections` and `providers` decide, `sandbox` runs components,
//! `egress` is the way out, `store` and `vault` keep. `docs/architecture.md` has the picture.

pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod connections;
pub mod egress;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod people;
pub mod providers;
pub mod sandbox;
pub mod secret;
pub mod signing;
pub mod store;
pub mod vault;

mod mac;
mod table;
