//! The SDK for plugins: one trait, one macro, and plain HTTP requests.
//!
//! ```
//! use jackfield_sdk::{ConnectOutcome, Connected, Connection, Error, Field, Manifest, Provider, Report, Text};
//! use jackfield_sdk::{endpoint, http};
//!
//! pub struct Acme;
//!
//! #[derive(serde::Deserialize)]
//! struct Whoami<'a> {
//!     #[serde(borrow)]
//!     company: Text<'a>,
//! }
//!
//! impl Provider for Acme {
//!     fn describe() -> Manifest {
//!         Manifest::new("acme", "Acme", env!("CARGO_PKG_VERSION"))
//!             .field(Field::secret("api_key", "API key").help("Settings, then API."))
//!             .endpoint(endpoint::get("api.acme.test/v1/whoami").bearer("api_key"))
//!     }
//!
//!     fn connect(_: &Connection) -> Result<ConnectOutcome, Error> {
//!         let response = http::get("https://api.acme.test/v1/whoami").send()?;
//!         let whoami: Whoami<'_> = response.json()?;
//!         Ok(Connected::new().org_name(&*whoami.company).into())
//!     }
//!
//!     fn health(_: &Connection) -> Result<Vec<Report>, Error> {
//!         http::get("https://api.acme.test/v1/whoami").send()?;
//!         Ok(Vec::new())
//!     }
//! }
//!
//! jackfield_sdk::export!(Acme);
//! ```
//!
//! The plugin never sees the credential: the manifest declares its placement, and the host adds it to the requests. On
//! the native target nothing is exported and requests go to the transport of [`testkit`], so that a plugin can be
//! tested like any crate.

mod provider;

pub mod clock;
pub mod date;
pub mod endpoint;
pub mod http;
pub mod log;

mod connection;
mod encode;
mod error;
mod fit;
mod json;
mod json_value;
mod manifest;
mod page;
mod repair;
mod retry;
mod signing;
mod transport;
mod types;
mod user_rows;

#[cfg(target_family = "wasm")]
mod heap;
#[cfg(target_family = "wasm")]
mod libc;

#[cfg(not(target_family = "wasm"))]
pub mod testkit;

#[doc(hidden)]
pub mod bindings;

pub use encode::percent_encode;
pub use error::is_quota;
pub use json::{Text, first_filled};
pub use json_value::{JsonObject, JsonValue};
pub use page::PageNumber;
#[doc(hidden)]
pub use provider::ComponentExports;
pub use provider::{Alerts, Provider};
pub use retry::Unit;
pub use types::*;
pub use user_rows::UserRows;
