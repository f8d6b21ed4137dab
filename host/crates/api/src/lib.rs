//! Every route on one page, and the one layer around all of them that demands the access level.
//!
//! A route is open only when its line here says so; whatever path nobody wrote down needs an Executive too.

mod http;
pub mod openapi;
mod routes;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, delete, get, patch, post, put},
};
use ::http::Method;
use jackfield_core::{Clock, metrics::Metrics};
use jackfield_sandbox::{Catalog, check};
use jackfield_service::{
    connections::{Connections, WALK_TIME},
    people::People,
    plugins::Plugins,
};
use jackfield_store::Store;
use jiff::Timestamp;

use self::{
    http::{
        callers as caller, errors as error, extractors as extract, json_fields as form, middleware as request,
        streaming as stream,
    },
    routes::{
        accounts, activity, alerts, audit, connections, console, docs, events, health, mappings, matching, oauth, oidc,
        people, providers, service, session,
    },
};
pub use self::{
    http::callers::{FailedTries, JwtCallers, Site},
    routes::events::Events,
    http::extractors::LargeBodies,
    routes::oidc::{CALLBACK as OIDC_CALLBACK, Oidc},
    openapi::example_of_pattern,
    http::serving::Server,
};

/// How long an answer may take in all: a call's own bound, and some for the database.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The route whose answer may take longer: it reads every page of a provider's users.
const MATCH: &str = "/api/admin/connections/{provider}/match";

/// The route whose answer may wait for a component to be checked.
const PROVIDERS: &str = "/api/admin/providers";

/// What the handlers work with.
#[derive(Clone, Debug)]
pub struct State {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub plugins: Plugins,
    pub clock: Clock,
    pub connections: Connections,
    pub people: People,
    pub metrics: Metrics,
    pub events: Events,
    pub started_at: Timestamp,
    /// Where browsers reach this service, as it is shown.
    pub public_url: Arc<str>,
    /// The host names under which browsers and clients may call, besides loopback's.
    pub hosts: Arc<[String]>,
    /// Where browsers reach the service, for its cookies and against other sites' pages.
    pub site: Site,
    pub failed_tries: FailedTries,
    pub large_bodies: LargeBodies,
    /// The callers by JWT, where an identity provider is set.
    pub jwt: Option<JwtCallers>,
    /// The identity provider through which people sign in, where one is set.
    pub oidc: Option<Oidc>,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Who has a session, whatever the level; a bearer token is no session.
    SignedIn,
    /// Executives.
    Executive,
}

/// One line of the API.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    handler: fn() -> MethodRouter<State>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} ({:?})", self.method, self.path, self.access)
    }
}

/// The whole API.
#[must_use]
pub fn routes() -> Vec<Route> {
    use Access::{Executive, Open, SignedIn};
    let route = |method, path, access, handler| Route { method, path, access, handler };
    vec![
        // ---- signing in ----
        route(Method::GET, "/api/session", Open, || get(session::show)),
        route(Method::POST, "/api/session", Open, || post(session::sign_in)),
        route(Method::DELETE, "/api/session", SignedIn, || delete(session::sign_out)),
        route(Method::DELETE, "/api/sessions", SignedIn, || delete(session::sign_out_everywhere)),
        route(Method::GET, "/signin/oidc", Open, || get(oidc::begin)),
        route(Method::GET, OIDC_CALLBACK, Open, || get(oidc::callback)),
        // ---- connections ----
        route(Method::GET, "/api/admin/connections", Executive, || get(connections::list)),
        route(Method::PUT, "/api/admin/connections/{provider}", Executive, || put(connections::connect)),
        route(Method::DELETE, "/api/admin/connections/{provider}", Executive, || delete(connections::disconnect)),
        route(Method::GET, "/api/admin/connections/{provider}/disconnect", Executive, || {
            get(connections::foresee_disconnect)
        }),
        route(Method::GET, "/api/admin/connections/{provider}/status", Executive, || get(connections::status)),
        route(Method::GET, "/api/admin/connections/{provider}/health", Executive, || get(connections::health)),
        route(Method::GET, "/api/admin/connections/{provider}/users", Executive, || get(connections::users)),
        // ---- connecting by OAuth ----
        route(Method::GET, "/api/admin/connections/{provider}/auth-url", Executive, || get(oauth::auth_url)),
        route(Method::POST, "/api/admin/connections/{provider}/callback", Executive, || post(oauth::callback)),
        route(Method::GET, "/api/admin/connections/{provider}/auth-flows/{flow_id}", Executive, || get(oauth::flow)),
        route(Method::GET, "/oauth/callback", Open, || get(oauth::landing)),
        route(Method::GET, "/oauth/callback.js", Open, || get(oauth::landing_script)),
        route(Method::GET, "/oauth/callback.css", Open, || get(oauth::landing_style)),
        // ---- several accounts behind one credential ----
        route(Method::GET, "/api/admin/connections/{provider}/accounts", Executive, || get(accounts::list)),
        route(Method::PUT, "/api/admin/connections/{provider}/account", Executive, || put(accounts::choose)),
        // ---- change alerts ----
        route(Method::GET, "/api/admin/connections/{provider}/alerts-config", Executive, || get(alerts::show)),
        route(Method::POST, "/api/admin/connections/{provider}/alerts-config", Executive, || post(alerts::set)),
        // ---- people, and whose an account is ----
        route(Method::GET, "/api/admin/people", Executive, || get(people::list)),
        route(Method::POST, "/api/admin/people", Executive, || post(people::create)),
        route(Method::PATCH, "/api/admin/people/{id}", Executive, || patch(people::change)),
        route(Method::DELETE, "/api/admin/people/{id}", Executive, || delete(people::remove)),
        route(Method::GET, "/api/admin/connections/user-mappings", Executive, || get(mappings::list)),
        route(Method::PUT, "/api/admin/connections/user-mappings/{person_id}", Executive, || put(mappings::set)),
        route(Method::DELETE, "/api/admin/connections/user-mappings/{person_id}/{provider}", Executive, || {
            delete(mappings::remove)
        }),
        route(Method::POST, "/api/admin/connections/user-mappings/sync", Executive, || post(mappings::sync)),
        route(Method::POST, MATCH, Executive, || post(matching::start)),
        route(Method::POST, "/api/admin/connections/{provider}/match/{plan_id}/undo", Executive, || {
            post(matching::undo)
        }),
        // ---- the catalog ----
        route(Method::GET, PROVIDERS, Executive, || get(providers::list)),
        route(Method::POST, PROVIDERS, Executive, || post(providers::add)),
        route(Method::DELETE, "/api/admin/providers/{provider}", Executive, || delete(providers::remove)),
        route(Method::POST, "/api/admin/providers/{provider}/approve", Executive, || post(providers::approve)),
        route(Method::POST, "/api/admin/providers/{provider}/disable", Executive, || post(providers::disable)),
        route(Method::POST, "/api/admin/providers/{provider}/rollback", Executive, || post(providers::rollback)),
        route(Method::PUT, "/api/admin/providers/{provider}/oauth-app", Executive, || put(oauth::set_app)),
        route(Method::GET, "/api/admin/providers/{provider}/activity", Executive, || get(activity::show)),
        // ---- the audit ----
        route(Method::GET, "/api/admin/audit", Executive, || get(audit::list)),
        // ---- the service, for whoever runs it ----
        route(Method::GET, "/api/admin/service", Executive, || get(service::show)),
        // ---- what changes, as it changes ----
        route(Method::GET, "/api/admin/events", Executive, || get(events::listen)),
        // ---- the console: its page under each of its paths, and its files ----
        route(Method::GET, "/", Open, || get(console::page)),
        route(Method::GET, "/signin", Open, || get(console::page)),
        route(Method::GET, "/connections/{provider}", Open, || get(console::page)),
        route(Method::GET, "/connections/{provider}/users", Open, || get(console::page)),
        route(Method::GET, "/connections/{provider}/match", Open, || get(console::page)),
        route(Method::GET, "/people", Open, || get(console::page)),
        route(Method::GET, "/mappings", Open, || get(console::page)),
        route(Method::GET, "/providers", Open, || get(console::page)),
        route(Method::GET, "/providers/{provider}", Open, || get(console::page)),
        route(Method::GET, "/audit", Open, || get(console::page)),
        route(Method::GET, "/service", Open, || get(console::page)),
        route(Method::GET, "/console/{hash}/{file}", Open, || get(console::file)),
        route(Method::GET, "/console/{hash}/vendor/{file}", Open, || get(console::vendor_file)),
        // ---- this very list, described ----
        route(Method::GET, "/api/openapi.json", Executive, || get(openapi::whole)),
        route(Method::GET, "/docs", Open, || get(docs::page)),
        route(Method::GET, "/docs/page.css", Open, || get(docs::style)),
        route(Method::GET, "/docs/page.js", Open, || get(docs::script)),
        route(Method::GET, "/docs/openapi.json", Open, || get(openapi::general)),
        // ---- the service itself ----
        route(Method::GET, "/healthz", Open, || get(health::alive)),
        route(Method::GET, "/readyz", Open, || get(health::ready)),
        route(Method::GET, "/metrics", Open, || get(health::metrics)),
    ]
}

/// How long the answer of a route may take.
fn answer_time(route: Option<&str>) -> Duration {
    match route {
        Some(MATCH) => WALK_TIME + ANSWER_TIME,
        // Another may be checked first.
        Some(PROVIDERS) => check::TIME * 2 + ANSWER_TIME,
        _ => ANSWER_TIME,
    }
}

/// Makes the router: the routes, the level's layer around all of them, and what every request passes.
fn router(state: State) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, (route.handler)());
    }
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), events::notice))
        .layer(from_fn_with_state(state.clone(), extract::bound_large))
        .layer(from_fn_with_state(state.clone(), caller::demand_level))
        .layer(from_fn(request::bound_time))
        .layer(from_fn_with_state(state.clone(), request::check_host))
        .layer(from_fn_with_state(state.clone(), request::identify))
        .with_state(state)
}
