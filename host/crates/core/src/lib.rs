//! Plain data, outcomes and small rules that every other crate uses. It does no I/O and has no large dependency.

pub mod clock;
pub mod csv;
pub mod mac;
pub mod metrics;
pub mod model;
pub mod secret;
