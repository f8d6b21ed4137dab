//! Every route of the API on one page, with the access level that it requires and its time limit.

use std::time::Duration;

use jackfield_service::{connections::ALL_USERS_TIMEOUT, plugins::UPLOAD_TIME};

use crate::{
    http::{
        access::Access,
        route::{Route, delete, get, patch, post, put},
    },
    routes::{
        accounts, activity, alerts, audit, connections, console, docs, events, health, mappings, matching, oauth,
        oidc::{self, CALLBACK_PATH as OIDC_CALLBACK_PATH},
        openapi, people, providers, service, session,
    },
};

/// The time limit of a request: the limit of a call, and some time for the database.
const REQUEST_TIME: Duration = Duration::from_secs(60);

/// This route may take longer, because it reads every page of a provider's users.
const MATCH: &str = "/api/admin/connections/{provider}/match";

const MATCH_RUN: &str = "/api/admin/connections/{provider}/match/{plan_id}";

/// This route may take longer, because it checks a component.
const PROVIDERS: &str = "/api/admin/providers";

/// The routes that load balancers and Prometheus call. Their answers contain no names, hosts or addresses.
pub(crate) const HEALTH_CHECKS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Returns every route of the API.
pub(crate) fn route_table() -> Vec<Route> {
    use Access::{Executive, Open, SignedIn};
    vec![
        // ---- signing in ----
        get("/api/session", Open, session::show, session::describe_show),
        post("/api/session", Open, session::sign_in, session::describe_sign_in),
        delete("/api/session", SignedIn, session::sign_out, session::describe_sign_out),
        delete("/api/sessions", SignedIn, session::sign_out_everywhere, session::describe_sign_out_everywhere),
        get("/signin/oidc", Open, oidc::begin, oidc::describe_begin),
        get(OIDC_CALLBACK_PATH, Open, oidc::finish, oidc::describe_finish),
        // ---- connections ----
        get("/api/admin/connections", Executive, connections::list, connections::describe_list),
        put("/api/admin/connections/{provider}", Executive, connections::connect, connections::describe_connect),
        delete(
            "/api/admin/connections/{provider}",
            Executive,
            connections::disconnect,
            connections::describe_disconnect,
        ),
        get(
            "/api/admin/connections/{provider}/disconnect",
            Executive,
            connections::preview_disconnect,
            connections::describe_preview_disconnect,
        ),
        get("/api/admin/connections/{provider}/status", Executive, connections::status, connections::describe_status),
        get("/api/admin/connections/{provider}/health", Executive, connections::health, connections::describe_health),
        get("/api/admin/connections/{provider}/users", Executive, connections::users, connections::describe_users),
        // ---- connecting with OAuth ----
        get("/api/admin/connections/{provider}/auth-url", Executive, oauth::begin, oauth::describe_begin),
        post("/api/admin/connections/{provider}/callback", Executive, oauth::finish, oauth::describe_finish),
        get("/api/admin/connections/{provider}/auth-flows/{flow_id}", Executive, oauth::status, oauth::describe_status),
        get("/oauth/callback", Open, oauth::page, oauth::describe_page),
        get("/oauth/callback.js", Open, oauth::page_script, oauth::describe_page_script),
        get("/oauth/callback.css", Open, oauth::page_style, oauth::describe_page_style),
        // ---- several accounts behind one credential ----
        get("/api/admin/connections/{provider}/accounts", Executive, accounts::list, accounts::describe_list),
        put("/api/admin/connections/{provider}/account", Executive, accounts::choose, accounts::describe_choose),
        // ---- change alerts ----
        get("/api/admin/connections/{provider}/alerts-config", Executive, alerts::show, alerts::describe_show),
        post("/api/admin/connections/{provider}/alerts-config", Executive, alerts::set, alerts::describe_set),
        // ---- people and mappings ----
        get("/api/admin/people", Executive, people::list, people::describe_list),
        post("/api/admin/people", Executive, people::create, people::describe_create),
        patch("/api/admin/people/{id}", Executive, people::change, people::describe_change),
        delete("/api/admin/people/{id}", Executive, people::remove, people::describe_remove),
        get("/api/admin/connections/user-mappings", Executive, mappings::list, mappings::describe_list),
        put("/api/admin/connections/user-mappings/{person_id}", Executive, mappings::set, mappings::describe_set),
        delete(
            "/api/admin/connections/user-mappings/{person_id}/{provider}",
            Executive,
            mappings::remove,
            mappings::describe_remove,
        ),
        post("/api/admin/connections/user-mappings/sync", Executive, mappings::sync, mappings::describe_sync),
        post(MATCH, Executive, matching::start, matching::describe_start),
        get(MATCH_RUN, Executive, matching::show, matching::describe_show),
        delete(MATCH_RUN, Executive, matching::cancel, matching::describe_cancel),
        post(
            "/api/admin/connections/{provider}/match/{plan_id}/undo",
            Executive,
            matching::undo,
            matching::describe_undo,
        ),
        // ---- plugins ----
        get(PROVIDERS, Executive, providers::list, providers::describe_list),
        post(PROVIDERS, Executive, providers::add, providers::describe_add),
        delete("/api/admin/providers/{provider}", Executive, providers::remove, providers::describe_remove),
        post("/api/admin/providers/{provider}/approve", Executive, providers::approve, providers::describe_approve),
        post("/api/admin/providers/{provider}/disable", Executive, providers::disable, providers::describe_disable),
        post("/api/admin/providers/{provider}/rollback", Executive, providers::rollback, providers::describe_rollback),
        put("/api/admin/providers/{provider}/oauth-app", Executive, oauth::set_app, oauth::describe_set_app),
        get("/api/admin/providers/{provider}/activity", Executive, activity::show, activity::describe_show),
        // ---- the audit log ----
        get("/api/admin/audit", Executive, audit::list, audit::describe_list),
        // ---- the service, for its operator ----
        get("/api/admin/service", Executive, service::show, service::describe_show),
        // ---- changes as they happen ----
        get("/api/admin/events", Executive, events::listen, events::describe_listen),
        // ---- the console: one page at each of its paths, and its files ----
        get("/", Open, console::page, || console::describe_page("page_connections", "the connections")),
        get("/signin", Open, console::page, || console::describe_page("page_signin", "signing in")),
        get("/connections/{provider}", Open, console::page, || {
            console::describe_page("page_connection", "one connection")
        }),
        get("/connections/{provider}/users", Open, console::page, || {
            console::describe_page("page_users", "the users of one provider")
        }),
        get("/connections/{provider}/match", Open, console::page, || {
            console::describe_page("page_match", "matching accounts to people")
        }),
        get("/people", Open, console::page, || console::describe_page("page_people", "the people")),
        get("/mappings", Open, console::page, || console::describe_page("page_mappings", "the mappings")),
        get("/providers", Open, console::page, || console::describe_page("page_providers", "the plugins")),
        get("/providers/{provider}", Open, console::page, || console::describe_page("page_provider", "one plugin")),
        get("/audit", Open, console::page, || console::describe_page("page_audit", "the audit log")),
        get("/service", Open, console::page, || console::describe_page("page_service", "the service itself")),
        get("/console/{hash}/{file}", Open, console::file, console::describe_file),
        get("/console/{hash}/vendor/{file}", Open, console::vendor_file, console::describe_vendor_file),
        // ---- the description of this list ----
        get("/api/openapi.json", Executive, openapi::show_whole, openapi::describe_show_whole),
        get("/docs", Open, docs::page, docs::describe_page),
        get("/docs/page.css", Open, docs::style, docs::describe_style),
        get("/docs/page.js", Open, docs::script, docs::describe_script),
        get("/docs/openapi.json", Open, openapi::show_general, openapi::describe_show_general),
        // ---- health checks and metrics ----
        get("/healthz", Open, health::alive, health::describe_alive),
        get("/readyz", Open, health::ready, health::describe_ready),
        get("/metrics", Open, health::metrics, health::describe_metrics),
    ]
}

/// Returns the time limit of a request to a route.
pub(crate) fn request_time(route: Option<&str>) -> Duration {
    match route {
        Some(MATCH) => ALL_USERS_TIMEOUT + REQUEST_TIME,
        Some(PROVIDERS) => UPLOAD_TIME + REQUEST_TIME,
        _ => REQUEST_TIME,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jackfield_core::ProviderId;

    use super::route_table;

    #[test]
    fn every_word_that_hides_a_provider_is_reserved() {
        let routes = route_table();
        let paths: Vec<Vec<&str>> = routes.iter().map(|route| route.path.split('/').collect()).collect();
        let mut words = BTreeSet::new();
        for path in &paths {
            let Some(at) = path.iter().position(|segment| *segment == "{provider}") else { continue };
            // Matched before the parameter by the router, in any path that starts alike.
            let alike = paths.iter().filter(|other| other.len() > at && other[..at] == path[..at]);
            words.extend(alike.map(|other| other[at]).filter(|word| !word.starts_with('{')));
        }
        assert_eq!(words, BTreeSet::from(ProviderId::RESERVED));
    }
}
