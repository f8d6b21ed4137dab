//! What every route uses: callers, extractors, errors, middleware, streaming, and the server.

pub(crate) mod access;
pub(crate) mod address_limiter;
pub(crate) mod callers;
pub(crate) mod client_address;
pub(crate) mod errors;
pub(crate) mod extractors;
pub(crate) mod host_names;
pub(crate) mod json_fields;
pub(crate) mod middleware;
pub(crate) mod paging;
pub(crate) mod route;
pub(crate) mod serving;
pub(crate) mod streaming;
