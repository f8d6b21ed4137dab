//! Runs one operation of one component in a fresh WebAssembly instance, within its limits and its permissions.
//!
//! Only this crate of the host uses wasmtime and the types that it generates from the WIT. It passes every request of a
//! guest to `egress`. It has no access to the database, and the only secrets that it has are in the call permissions,
//! which it passes to `egress`.

// What the sandbox runs, and the limits.
mod error;
mod limits;
mod types;

// The host functions that a guest can import.
mod bindings;
mod guest;
mod guest_clock;
mod guest_log;
mod http_types;
mod meter;
mod request_sender;
mod text;
mod wasi_http;

// The functions that a component exports.
mod answers;
mod contract;
mod field_value;
mod linker;
mod operation;

// A call, from the engine to the answer.
mod circuit_breaker;
mod computing_slots;
mod engine;
mod guest_runtime;
mod run;
mod sandbox;
mod trap;

// A component, from the file to its approval.
mod cache;
mod catalog;
mod child_check;
mod compile;
mod component_file;
mod describe;
mod frozen_values;
mod inspection;
mod load;
mod lookalike;
mod manifest_review;
mod rejected_imports;
mod signature_file;
mod trust;

pub use self::{
    cache::Cache,
    catalog::{Catalog, PluginEntry, PluginState, PreviousVersion, WaitingVersion},
    child_check::{CHECK_COMMAND, CheckOptions, check_as_child},
    circuit_breaker::{CircuitBreaker, GuessWatch, Pause},
    compile::digest,
    component_file::{FileStamp, read as read_component_file},
    contract::CONTRACT_VERSIONS,
    error::{CallError, LoadError, ProviderError},
    field_value::validate_field_value,
    frozen_values::AuthorWarning,
    inspection::Inspection,
    limits::{Limits, Pooling},
    lookalike::looks_like,
    manifest_review::{
        Finding, Risk, RiskKind, compile_pattern, describe_credential, describe_placement, describe_secret,
        describe_source, endpoint_lines, find_risks, to_displayable, to_displayable_text,
    },
    operation::CallOperation,
    sandbox::{Checker, Component, Sandbox},
    signature_file::{find_signer, signature_path},
    trust::Trust,
    types::{
        Call, CheckHealth, Connect, ConnectOutcome, Disconnect, DisconnectOutcome, GetAlertTarget, HealthFacts,
        ListUsers, ProviderUsers, SetAlertTarget, UpstreamFate,
    },
};
