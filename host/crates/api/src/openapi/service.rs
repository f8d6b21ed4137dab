//! What is said of the service itself: the audit, this description, and whether it is well.

use http::Method;
use serde_json::{Value, json};

use super::{
    connections::page_size,
    operation::Operation,
    people::CSV,
    schema::{Schema, count, flag, list, named, object, text, time, word},
};

pub(crate) fn operations() -> Vec<Operation> {
    let get = |path, id, group, summary| Operation::new(Method::GET, path, id, group, summary);
    let description = || Schema::of(json!({ "type": "object" })).says("An OpenAPI 3.1 document.");
    let begin = || json!({ "openapi": "3.1.1", "info": { "title": "Jackfield", "version": "0.1.0" }, "paths": {} });
    let page = |path, id, summary, kind| {
        get(path, id, "Description", summary).answers_as(200, "The file.", kind, text(), json!("…"))
    };
    vec![
        get("/api/admin/audit", "list_audit", "Audit", "Lists who did what, newest first")
            .asks("before", "Rows below this number.", count())
            .says("With `Accept: text/csv` all that the filter lets through, as a table.")
            .asks("limit", "How many rows.", page_size(1_000, 100))
            .asks("provider", "Only of this provider.", text())
            .asks("actor", "Only by who has this very name.", text())
            .asks("action", "Only this action, or those that begin like it: `connection` is all of them.", text())
            .asks("outcome", "Only what ended so.", word(&["done", "refused"]))
            .asks("since", "Only from this moment on.", time())
            .asks("until", "Only before this moment.", time())
            .answers(
                200,
                "One page of the audit.",
                named("AuditPage"),
                json!({ "entries": [entry()], "next_before": 2 }),
            )
            .answers_as(200, "The audit.", CSV, text(), json!("seq,at,actor,action,…\n")),
        get("/api/admin/service", "show_service", "Service", "Shows key, database, versions and components")
            .says("An answer also where the service is sealed.")
            .answers(200, "How the service is.", named("ServiceState"), service()),
        get("/api/openapi.json", "describe", "Description", "This description, with each provider's own fields")
            .says("Made when it is asked for, from the components that are approved at that moment.")
            .answers(200, "The description.", description(), begin()),
        get("/docs", "docs", "Description", "The description as a page")
            .says("Nothing is fetched from elsewhere.")
            .answers_as(200, "The page.", "text/html", text(), json!("<!doctype html>…")),
        page("/docs/page.css", "docs_style", "How that page looks", "text/css"),
        page("/docs/page.js", "docs_script", "What that page does", "text/javascript"),
        get("/docs/openapi.json", "describe_in_general", "Description", "The description, without any provider")
            .says("The same of every service of this version: it tells nothing of this one.")
            .answers(200, "The description.", description(), begin()),
        get("/healthz", "alive", "Service", "Tells whether the process answers").answers_as(
            200,
            "It does.",
            "text/plain",
            text(),
            json!("ok\n"),
        ),
        get("/readyz", "ready", "Service", "Tells whether database, key and catalog are ready")
            .answers(200, "They are.", named("Readiness"), readiness(true))
            .answers(503, "One is not, and why.", named("Readiness"), readiness(false)),
        get("/metrics", "metrics", "Service", "What was counted, for Prometheus").answers_as(
            200,
            "Prometheus' text format.",
            "text/plain",
            text(),
            json!("jackfield_requests_total…"),
        ),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let entry = object()
        .says("One line of the audit.")
        .needs("seq", count().says("Counts up without a gap."))
        .needs("at", time())
        .needs("actor", text().says("The name of a token, or `jwt:` and the subject of a JWT."))
        .needs("action", text().says("Such as `connection.connect`."))
        .needs("provider", text().or_null())
        .needs("outcome", word(&["done", "refused"]))
        .needs("detail", text().or_null().says("The code of a refusal, or a word more."))
        .needs("origin", text().or_null().says("The caller's address."))
        .needs("request_id", text().or_null());
    let page = object()
        .needs("entries", list(named("AuditEntry")))
        .needs("next_before", count().or_null().says("What to ask for as `before` to go on; null at the end."));
    let readiness = object()
        .needs("ready", flag())
        .needs("database", text())
        .needs("key", text().says("`open`, or why it is not and what to do."))
        .needs("catalog", text());
    let key = object()
        .needs("state", word(&["open", "sealed"]))
        .needs("reason", text().or_null().says("Why it is sealed, and what to do."));
    let database =
        object().needs("kind", word(&["sqlite", "postgres"])).needs("ok", flag().says("Whether it answers.")).needs(
            "migration",
            Schema::of(json!({ "type": ["integer", "null"] })).says("The newest that its tables have."),
        );
    let providers = ["approved", "pending", "broken", "disabled"]
        .iter()
        .fold(object(), |providers, state| providers.needs(state, count()))
        .needs("paused", list(text()).says("Those that failed again and again and are left alone for a while."));
    let service = object()
        .says("How the service is.")
        .needs("version", text())
        .needs("started_at", time())
        .needs("key", key)
        .needs("database", database)
        .needs("providers", providers)
        .needs("contract_versions", list(text()).says("The versions of the contract that components may have."))
        .needs("public_url", text().with("format", "uri").says("Where browsers reach it."));
    vec![("AuditEntry", entry), ("AuditPage", page), ("Readiness", readiness), ("ServiceState", service)]
}

fn entry() -> Value {
    json!({
        "seq": 2,
        "at": "2026-11-24T04:23:54.172863Z",
        "actor": "admin",
        "action": "connection.connect",
        "provider": "acme-chat",
        "outcome": "done",
        "detail": "Acme Instruments",
        "origin": "127.0.0.1",
        "request_id": "019ab7f1c7de7a10b6f0a1d2c3b4a596",
    })
}

fn service() -> Value {
    json!({
        "version": "0.1.0",
        "started_at": "2026-11-24T04:23:54.172863Z",
        "key": { "state": "open", "reason": null },
        "database": { "kind": "sqlite", "ok": true, "migration": 6 },
        "providers": { "approved": 6, "pending": 1, "broken": 0, "disabled": 0, "paused": ["acme-chat"] },
        "contract_versions": ["0.1.0", "0.2.0"],
        "public_url": "https://jackfield.example.com/",
    })
}

fn readiness(ready: bool) -> Value {
    let database = if ready { "ok" } else { "does not answer" };
    json!({ "ready": ready, "database": database, "key": "open", "catalog": "ok" })
}
