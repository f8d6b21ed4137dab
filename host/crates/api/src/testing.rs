//! What tests read of the API: its routes, and the OpenAPI document without any provider.

use http::Method;
use serde_json::Value;

use crate::{http::access::Access, openapi, route_table::route_table};

/// One route of the API.
#[derive(Clone, Debug)]
pub struct ListedRoute {
    pub method: Method,
    pub path: &'static str,
    pub requires_executive: bool,
    /// Whether it requires a session, which can be at any level.
    pub requires_session: bool,
}

/// Returns every route in the order of the route table.
#[must_use]
pub fn routes() -> Vec<ListedRoute> {
    let routes = route_table().into_iter().map(|route| ListedRoute {
        method: route.method,
        path: route.path,
        requires_executive: route.access == Access::Executive,
        requires_session: route.access == Access::SignedIn,
    });
    routes.collect()
}

/// Returns the OpenAPI document that is the same on every service of this version.
#[must_use]
pub fn general_document() -> Value {
    openapi::document(&route_table(), [])
}
