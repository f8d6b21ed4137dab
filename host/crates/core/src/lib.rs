//! Data types, errors and small rules that every other crate uses.
//!
//! This crate does no I/O and has no large dependencies.

pub mod audit;
pub mod caller;
mod clock;
pub mod connection;
pub mod csv;
mod error;
pub mod garbled;
pub mod invisible;
#[cfg(feature = "testing")]
mod json_leaves;
pub mod mac;
pub mod manifest;
pub mod metrics;
mod person;
mod provider_id;
mod secret;
pub mod session;
pub mod spreadsheet;

#[cfg(feature = "testing")]
pub use self::json_leaves::leaf_pointers;
pub use self::{
    audit::{AuditEntry, Outcome},
    caller::{ApiToken, Caller, Level},
    clock::Clock,
    connection::{Account, Check, Connection, OAuthApp, StartedDisconnect, Status, User},
    error::{Error, FieldError, RowError},
    person::{MappingSource, Person},
    provider_id::{InvalidProviderId, ProviderId},
    secret::Secret,
    session::Session,
};
