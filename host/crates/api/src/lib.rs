//! Jackfield's REST API: the state of the handlers, and the router with the middleware around every route.
//!
//! One middleware around all routes checks the access level. A path that is not in `route_table.rs` requires an
//! Executive.

mod http;
mod openapi;
mod operation;
mod route_table;
mod routes;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

use axum::{
    Extension, Router,
    middleware::{from_fn, from_fn_with_state},
};
use jackfield_core::{Clock, metrics::MetricsRenderer};
use jackfield_sandbox::Catalog;
use jackfield_service::{connections::Connections, people::People, plugins::Plugins};
use jackfield_store::Store;
use jiff::Timestamp;
use serde_json::Value;

use self::{
    http::{
        access::AccessLevels,
        callers, errors, extractors,
        middleware::{self, TimeLimit},
        route::Route,
    },
    route_table::{request_time, route_table},
    routes::{console, events},
};
pub use self::{
    http::{
        callers::{FailedAttempts, JwtCallers, Site},
        client_address::TrustedProxies,
        extractors::LargeBodies,
        host_names::HostNames,
        serving::{Lifecycle, Server, ServingLimits, StopTimes},
    },
    openapi::example_of_pattern,
    routes::{
        events::Events,
        oidc::{CALLBACK_PATH as OIDC_CALLBACK_PATH, Oidc},
    },
};

/// What the handlers use.
#[derive(Clone, Debug)]
pub struct ApiState {
    /// The database, and the key to its secrets.
    pub store: Store,
    /// The plugins and their states.
    pub catalog: Arc<Catalog>,
    /// The use cases of plugins.
    pub plugins: Plugins,
    /// The wall clock, which tests can set.
    pub clock: Clock,
    /// The use cases of connections.
    pub connections: Connections,
    /// The use cases of people and mappings.
    pub people: People,
    /// The metrics of the process, for `/metrics`.
    pub metrics: MetricsRenderer,
    /// Broadcasts changes to `/api/admin/events`.
    pub events: Events,
    /// When the service started.
    pub started_at: Timestamp,
    /// The service's address for browsers, to show it.
    pub public_url: Arc<str>,
    /// The host names that requests may be sent to, besides `localhost` and IP addresses.
    pub host_names: HostNames,
    /// The proxies whose information about the client is used.
    pub trusted_proxies: TrustedProxies,
    /// The phase of a stop of the service.
    pub lifecycle: Lifecycle,
    /// The service's address for browsers, for cookies and for the check of a request's origin.
    pub site: Site,
    /// Limits failed attempts to authenticate.
    pub failed_attempts: FailedAttempts,
    /// Limits the number of large bodies that are read at once.
    pub large_bodies: LargeBodies,
    /// Authenticates JWTs, if an identity provider is configured for them.
    pub jwt: Option<JwtCallers>,
    /// The identity provider through which people sign in, if one is configured.
    pub oidc: Option<Oidc>,
}

/// Returns the OpenAPI 3.1 document of a service with these plugins.
#[must_use]
pub fn openapi_document(catalog: &Catalog) -> Value {
    openapi::of_catalog(&route_table(), catalog)
}

/// Builds the router: the routes, and the middleware around all of them, the outermost last.
fn router(state: ApiState) -> Router {
    let routes: Arc<[Route]> = route_table().into();
    let levels = AccessLevels::new(routes.iter().map(|route| ((route.path, route.method.clone()), route.access)));
    let time_limit: TimeLimit = request_time;
    let mut router = Router::new();
    for route in routes.iter() {
        router = router.route(route.path, route.handler.clone());
    }
    router
        .fallback(errors::not_found)
        .method_not_allowed_fallback(errors::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), events::notice_changes))
        .layer(from_fn_with_state(state.clone(), extractors::limit_large_bodies))
        .layer(Extension(routes))
        .layer(from_fn_with_state((state.clone(), levels), callers::require_access))
        .layer(from_fn(console::serve_unknown_page))
        .layer(from_fn_with_state(time_limit, middleware::limit_time))
        .layer(from_fn(middleware::keep_reserve))
        .layer(from_fn_with_state(state.clone(), middleware::check_host))
        .layer(from_fn_with_state(state.clone(), middleware::identify))
        .with_state(state)
}
