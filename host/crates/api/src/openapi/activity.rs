//! What is said of `/api/admin/providers/{provider}/activity`: the calls of one component, added up.

use http::Method;
use serde_json::json;

use super::{
    operation::Operation,
    schema::{Schema, count, list, named, number, object, text, time},
};

pub(crate) fn operations() -> Vec<Operation> {
    let example = json!({
        "provider": "acme-chat",
        "operations": [{
            "operation": "health",
            "calls": 12,
            "errors": { "provider_timeout": 1 },
            "total_ms": 2210.4,
            "guest_ms": 3.1,
            "upstream_ms": 2205.2,
            "memory_bytes": 1_310_720,
            "requests": 12,
            "denied": 0,
            "sent_bytes": 0,
            "received_bytes": 4096,
            "last_at": "2026-03-07T18:46:19Z",
        }],
    });
    vec![
        Operation::new(
            Method::GET,
            "/api/admin/providers/{provider}/activity",
            "show_activity",
            "Providers",
            "Shows what the calls of a component did and used",
        )
        .says("Added up since this process started, for each operation that was called; other hosts have their own.")
        .answers(200, "The operations, by name.", named("Activity"), example)
        .fails(&["unknown_provider"]),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let operation = object()
        .says("The calls of one operation.")
        .needs("operation", text())
        .needs("calls", count())
        .needs("errors", object().says("How many failed, by code.").and_any(count()))
        .needs("total_ms", number())
        .needs("guest_ms", number().says("Of these, for which the component computed."))
        .needs("upstream_ms", number().says("Of these, for which it waited for its requests."))
        .needs("memory_bytes", count().says("The most that one call held."))
        .needs("requests", count().says("Requests that left, redirects included."))
        .needs("denied", count().says("Requests that a rule refused."))
        .needs("sent_bytes", count())
        .needs("received_bytes", count())
        .needs("last_at", time().or_null());
    vec![
        ("OperationActivity", operation),
        (
            "Activity",
            object()
                .says("What the calls of one component did and used.")
                .needs("provider", text())
                .needs("operations", list(named("OperationActivity"))),
        ),
    ]
}
