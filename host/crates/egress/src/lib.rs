//! Sends the HTTP requests of this process: checks requests, attaches credentials, limits and scrubs responses.
//!
//! No other crate opens a connection on behalf of a component. This crate is independent of components, providers and
//! the database.

mod egress;

mod call_permissions;
mod config;
mod disclosure;
mod error;
mod memory_allowance;
mod message;

mod clients;
mod connect;
mod response_reader;
mod transport_error;

mod addresses;
mod headers;
mod hosts;
mod json_insert;
mod merged_parameters;
mod outgoing_request;
pub mod placement;
pub mod policy;
mod redirect;
mod scrub;
mod sign;

mod call_stats;
mod trace_collector;

pub use self::{
    call_permissions::{CallPermissions, RequestBudget, TokenSource},
    call_stats::{CallRecorder, CallStats, GuestLine, LineSource, ResponseSummary, TracedRequest},
    config::{EgressConfig, EgressLimits},
    disclosure::SentTokens,
    egress::Egress,
    error::{Denial, EgressError, SendError, TokenErrorResponse},
    memory_allowance::{CallMemory, MemoryAllowance, MemoryExhausted, MemoryReservation},
    message::{Request, Response},
    scrub::Scrubber,
    trace_collector::TraceCollectorClient,
};

#[cfg(test)]
mod tests;
