//! The OpenAPI 3.1 document, generated from the route table and from what each approved plugin declares.
//!
//! Each operation is described next to its handler in `routes/`. The tests check every response against the document.

mod pattern_example;
mod provider_fields;

use std::collections::BTreeSet;

use http::Method;
use jackfield_core::manifest::Manifest;
use jackfield_sandbox::{Catalog, PluginState};
use serde_json::{Map, Value, json};

pub use self::pattern_example::example_of_pattern;
use crate::{
    http::{access::Access, errors::ProblemView, route::Route},
    operation::{DerivedSchema, Operation, Schemas},
};

const ABOUT: &str = "Connections of a company to outside services. Requests and responses are JSON, and times are RFC \
    3339 in UTC. Errors are `application/problem+json`; programs should use their `code`.\n\nCallers send \
    `Authorization: Bearer …` with a token of `jackfield token create`, or with a JWT of the configured identity \
    provider. A browser sends its session cookie, and with every method except GET the header `X-CSRF-Token`. \
    `x-level` of an operation is the access level that it requires.";

/// The groups of operations in reading order, each with a description.
const GROUPS: [(&str, &str); 12] = [
    ("This service's providers", "Connecting the providers whose plugins are approved on this service."),
    ("Session", "Signing in and out with a browser."),
    ("Connections", "One connection per provider: connect, inspect, disconnect."),
    ("OAuth", "Connecting through the provider's own sign-in."),
    ("Mappings", "Which person has which account at a provider."),
    ("People", "The people who have accounts at providers."),
    ("Providers", "The plugins that this service found, and their approval."),
    ("Events", "Changes as they happen."),
    ("Audit", "Who did what to which connection."),
    ("Console", "The web page for people. It uses this API."),
    ("Description", "This document."),
    ("Service", "The service itself, for its operator. No names, hosts or addresses."),
];

/// Returns the document with the fields of each approved plugin.
pub(crate) fn of_catalog(routes: &[Route], catalog: &Catalog) -> Value {
    let entries = catalog.entries();
    let approved = entries.iter().filter(|entry| entry.state == PluginState::Approved);
    document(routes, approved.filter_map(|entry| entry.manifest()))
}

/// Returns the document with the fields of these plugins.
pub(crate) fn document<'a>(routes: &[Route], manifests: impl IntoIterator<Item = &'a Manifest>) -> Value {
    let mut document = Document::default();
    for route in routes {
        document.add(&(route.describe)(), &route.method, route.path, route.access);
    }
    for manifest in manifests {
        let schema = provider_fields::body_schema(manifest);
        document.schemas.insert(provider_fields::body_name(manifest), schema);
        for (method, path, operation) in provider_fields::operations(manifest) {
            document.add(&operation, &method, &path, Access::Executive);
        }
    }
    document.into_json()
}

/// A document while operations are added to it.
#[derive(Default)]
struct Document {
    paths: Map<String, Value>,
    /// The problem responses that operations share.
    responses: Map<String, Value>,
    schemas: Schemas,
    groups: BTreeSet<&'static str>,
}

impl Document {
    fn add(&mut self, operation: &Operation, method: &Method, path: &str, access: Access) {
        self.groups.insert(operation.group);
        let (operation, responses) = operation.to_json(method, path, access, &mut self.schemas);
        self.responses.extend(responses);
        if let Value::Object(item) = self.paths.entry(path).or_insert_with(|| json!({})) {
            item.insert(method.as_str().to_ascii_lowercase(), operation);
        }
    }

    fn into_json(mut self) -> Value {
        self.schemas.generate(&DerivedSchema::for_response::<ProblemView<'_>>());
        let tags: Vec<Value> = GROUPS
            .iter()
            .filter(|(name, _)| self.groups.contains(name))
            .map(|(name, description)| json!({ "name": name, "description": description }))
            .collect();
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
            "paths": self.paths,
            "components": {
                "schemas": self.schemas.into_components(),
                "responses": self.responses,
                "headers": headers(),
                "securitySchemes": security_schemes(),
            },
        })
    }
}

fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The request's id, as in the log and the audit log.",
            "schema": { "type": "string" },
        },
        "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 1 } },
    })
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, or a JWT of the configured identity provider.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-jackfield",
            "description": "The cookie that `POST /api/session` sets. On plain HTTP its name is `jackfield`.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRF-Token",
            "description": "The `csrf` of `GET /api/session`. Required with a session cookie.",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route_table::route_table;

    #[test]
    fn no_two_operations_share_an_id() {
        let ids: Vec<String> = route_table().iter().map(|route| (route.describe)().id().to_owned()).collect();
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
    }

    #[test]
    fn every_operation_is_in_a_group_with_a_description() {
        for route in route_table() {
            let operation = (route.describe)();
            assert!(GROUPS.iter().any(|(name, _)| *name == operation.group), "{route:?}");
        }
    }

    #[test]
    fn the_general_document_names_no_provider_of_this_service() {
        let general = document(&route_table(), []);
        assert!(general["paths"]["/api/admin/connections/{provider}"]["put"].is_object());
        assert_eq!(general["paths"]["/api/admin/connections"]["get"]["x-level"], "executive");
        assert_eq!(general["paths"]["/healthz"]["get"]["x-level"], "anybody");
        assert!(!general.to_string().contains("Fields."));
    }
}
