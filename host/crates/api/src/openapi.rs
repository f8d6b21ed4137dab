//! The API, described: one OpenAPI 3.1 document, made of the routes and of what each approved component declares.
//!
//! What is said of a route stands in `openapi/`, one file for each resource. A test fails where a route has no words,
//! and the whole suite fails where an answer is not as they say.

mod activity;
mod connections;
mod console;
mod events;
mod provider_fields;
mod mappings;
mod oauth;
mod operation;
mod pattern_example;
mod people;
mod problems;
mod providers;
mod schema;
mod service;
mod session;

use std::collections::BTreeSet;

use axum::{Json as Answer, extract::State as Given};
use jackfield_core::manifest::Manifest;
use jackfield_sandbox::{Catalog, catalog};
use serde_json::{Map, Value, json};

pub use self::pattern_example::example as example_of_pattern;
use self::{operation::Operation, schema::Schema};
use super::{Access, Route, State, routes};

const ABOUT: &str = "Connections of a company to outside services. JSON in and out, times in RFC 3339 UTC; errors are \
    `application/problem+json`, and a program goes by their `code`.\n\nCallers send `Authorization: Bearer …` with a \
    token of `jackfield token create`, or with a JWT of the identity provider that is configured. A browser sends the \
    cookie of its session, and with whatever is no GET the header `X-CSRF-Token`. `x-level` of each operation says which \
    access level it needs.";

/// The groups of operations in the order in which they are read, each with a sentence.
const GROUPS: [(&str, &str); 12] = [
    ("This service's providers", "The bodies that connect the providers which are approved here."),
    ("Session", "Signing in and out, for a browser."),
    ("Connections", "One connection for each provider: make it, look at it, end it."),
    ("OAuth", "Connecting through the provider's own sign-in."),
    ("Mappings", "Which account at a provider is whose."),
    ("People", "The people that are mapped."),
    ("Providers", "The components that this service found."),
    ("Events", "What changes, as it changes."),
    ("Audit", "Who did what to which connection."),
    ("Console", "The page for people, which does what it does over this API."),
    ("Description", "What you are reading."),
    ("Service", "The service itself, for whoever runs it. No names, hosts or addresses."),
];

/// `GET /api/openapi.json`: with the fields of each provider that may run.
pub(crate) async fn whole(Given(state): Given<State>) -> Answer<Value> {
    Answer(of_catalog(&state.catalog))
}

/// `GET /docs/openapi.json`: the same of every service of this version, so that it tells nothing of this one.
pub(crate) async fn general() -> Answer<Value> {
    Answer(document([]))
}

/// The description with the fields of each approved component.
#[must_use]
pub fn of_catalog(catalog: &Catalog) -> Value {
    let entries = catalog.entries();
    let approved = entries.iter().filter(|entry| entry.state == catalog::State::Approved);
    document(approved.filter_map(|entry| entry.manifest()))
}

/// The description with the fields of these providers.
#[must_use]
pub fn document<'a>(providers: impl IntoIterator<Item = &'a Manifest>) -> Value {
    let routes = routes();
    let mut paths = Paths::default();
    let mut schemas = schemas();
    let described = operations();
    for route in &routes {
        if let Some(operation) = described.iter().find(|operation| operation.is_of(route)) {
            paths.add(operation.clone().at(route.path), route.access);
        }
    }
    for manifest in providers {
        schemas.push((provider_fields::body_name(manifest), provider_fields::body(manifest)));
        for operation in provider_fields::operations(manifest) {
            paths.add(operation, Access::Executive);
        }
    }
    let tags: Vec<Value> = GROUPS
        .iter()
        .filter(|(name, _)| paths.groups.contains(name))
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    let schemas: Map<String, Value> = schemas.into_iter().map(|(name, schema)| (name, schema.value())).collect();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Jackfield",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths.items,
        "components": {
            "schemas": schemas,
            "responses": paths.responses,
            "headers": {
                "X-Request-Id": {
                    "description": "The request's name, as in the log and the audit.",
                    "schema": { "type": "string" },
                },
                "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 1 } },
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token, or a JWT of the configured identity provider.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-jackfield",
                    "description": "The cookie of `POST /api/session`; on plain loopback its name is `jackfield`.",
                },
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-CSRF-Token",
                    "description": "The `csrf` of `GET /api/session`, with a cookie.",
                },
            },
        },
    })
}

/// What is said of every operation.
fn operations() -> Vec<Operation> {
    [
        session::operations(),
        connections::operations(),
        oauth::operations(),
        mappings::operations(),
        people::operations(),
        providers::operations(),
        activity::operations(),
        events::operations(),
        console::operations(),
        service::operations(),
    ]
    .concat()
}

fn schemas() -> Vec<(String, Schema)> {
    let all = [
        session::schemas(),
        connections::schemas(),
        oauth::schemas(),
        mappings::schemas(),
        people::schemas(),
        providers::schemas(),
        activity::schemas(),
        service::schemas(),
        problems::schemas(),
    ];
    all.concat().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

impl Operation {
    /// Whether this is said of the route. What a parameter of the path is called makes no difference.
    fn is_of(&self, route: &Route) -> bool {
        let is_parameter = |segment: &str| segment.starts_with('{');
        self.method == route.method
            && self.path.split('/').count() == route.path.split('/').count()
            && self
                .path
                .split('/')
                .zip(route.path.split('/'))
                .all(|(one, other)| one == other || (is_parameter(one) && is_parameter(other)))
    }
}

/// The path items and the responses that they share.
#[derive(Default)]
struct Paths {
    items: Map<String, Value>,
    responses: Map<String, Value>,
    groups: BTreeSet<&'static str>,
}

impl Paths {
    fn add(&mut self, operation: Operation, access: Access) {
        let method = operation.method.as_str().to_ascii_lowercase();
        let path = operation.path.clone();
        self.groups.insert(operation.group);
        let (written, shared) = operation.written(access);
        self.responses.extend(shared);
        if let Value::Object(item) = self.items.entry(path).or_insert_with(|| json!({})) {
            item.insert(method, written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let (routes, operations) = (routes(), operations());
        for route in &routes {
            let count = operations.iter().filter(|operation| operation.is_of(route)).count();
            assert_eq!(count, 1, "{route:?} is described {count} times; its words belong into api/openapi/");
        }
        for operation in &operations {
            let is_served = routes.iter().any(|route| operation.is_of(route));
            assert!(is_served, "{} {} is described and there is no such route", operation.method, operation.path);
        }
    }

    #[test]
    fn no_two_operations_or_schemas_share_a_name() {
        let operations = operations();
        let ids: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
        assert_eq!(ids.len(), operations.len());
        let schemas = schemas();
        let names: BTreeSet<&str> = schemas.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), schemas.len());
    }

    #[test]
    fn what_is_said_in_general_names_no_provider_of_this_service() {
        let general = document([]);
        assert!(general["paths"]["/api/admin/connections/{provider}"]["put"].is_object());
        assert_eq!(general["paths"]["/api/admin/connections"]["get"]["x-level"], "executive");
        assert_eq!(general["paths"]["/healthz"]["get"]["x-level"], "anybody");
        assert!(!general.to_string().contains("Fields."));
    }
}
