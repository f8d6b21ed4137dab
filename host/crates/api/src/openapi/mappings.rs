//! What is said of the mappings of people to their accounts, and of finding them.

use http::Method;
use serde_json::{Value, json};

use super::{
    connections::{ASKING, next_cursor, page_size},
    oauth::done,
    operation::Operation,
    people::{CSV, SOUGHT},
    schema::{Schema, count, flag, list, named, object, ok, text, word},
};

const GROUP: &str = "Mappings";

const TABLE: &str = "name,email,acme-chat\nAda Okafor,ada@acme.example,U0HDYE3FJ\n";

pub(crate) fn operations() -> Vec<Operation> {
    let operation = |method, path: &str, id, summary| {
        Operation::new(method, &format!("/api/admin/connections{path}"), id, GROUP, summary)
    };
    vec![
        operation(Method::GET, "/user-mappings", "list_mappings", "Lists the active people and their accounts")
            .says(
                "Everybody, or one page where `limit` or `cursor` is given. With any of `offset`, `q`, `provider` and \
                 `state` in the order of names, and counted in `total`. With `Accept: text/csv` everybody as a table, \
                 with a column for each provider.",
            )
            .asks("cursor", "The `next_cursor` of the page before.", text())
            .asks("limit", "How many people at most.", page_size(1_000, 100))
            .asks("offset", "How many of those who are found are passed over.", count())
            .asks("q", SOUGHT, text().with("maxLength", 200))
            .asks("provider", "The provider by which `state` goes; any where it is left out.", named("ProviderId"))
            .asks("state", "Only who has an account, or only who has none.", word(&["mapped", "unmapped"]))
            .answers(200, "The active people.", named("MappingList"), json!({ "users": [mapping()] }))
            .answers_as(200, "The active people.", CSV, text(), json!(TABLE)),
        operation(Method::PUT, "/user-mappings/{person_id}", "map_person", "Says which account is a person's")
            .takes(named("NewMapping"), json!({ "provider": "acme-chat", "external_id": "U0HDYE3FJ" }))
            .answers(200, "It is mapped.", done(), json!({ "ok": true }))
            .fails(&["unknown_person", "unknown_provider", "conflict", "sealed"]),
        operation(
            Method::DELETE,
            "/user-mappings/{person_id}/{provider}",
            "unmap_person",
            "Forgets a person's account at a provider",
        )
        .answers(200, "There is no such mapping any more.", done(), json!({ "ok": true }))
        .fails(&["unknown_person", "unknown_provider", "sealed"]),
        operation(Method::POST, "/user-mappings/sync", "sync_mappings", "Maps many people by their email addresses")
            .says(
                "Addresses are compared without case and blanks. An id that two people would share is refused. A table \
                 has the columns `email` and `external_id`, and `provider` stands in the query; the table of everybody is \
                 taken too, in which the provider's column counts where it is not empty. 32 MiB at most.",
            )
            .asks("provider", "Of a table alone: the provider whose accounts it holds.", named("ProviderId"))
            .takes_as(CSV, text(), json!("email,external_id\nada@acme.example,U0HDYE3FJ\n"))
            .takes(
                object()
                    .needs("provider", named("ProviderId"))
                    .needs("mappings", list(object().needs("email", text()).needs("external_id", text()))),
                json!({
                    "provider": "acme-chat",
                    "mappings": [{ "email": "ada@acme.example", "external_id": "U0HDYE3FJ" }],
                }),
            )
            .answers(
                200,
                "How many were found.",
                named("Synced"),
                json!({ "ok": true, "matched": 5, "total": 8, "changed": 2, "unmatched": ["eve@acme.example"] }),
            )
            .fails(&["unknown_provider", "conflict", "sealed"]),
        operation(Method::POST, "/{provider}/match", "match_people", "Reads the provider's users and finds the people")
            .says(
                "Each person is `matched`, `already_linked`, `ambiguous`, `missing` there or `orphaned`, with the \
                 evidence. A dry run plans and changes nothing; applying a plan twice changes nothing more.",
            )
            .takes(object().needs("dry_run", flag()), json!({ "dry_run": true }))
            .answers(200, "The plan.", named("Plan"), plan())
            .fails(&ASKING)
            .fails(&["conflict"]),
        operation(Method::POST, "/{provider}/match/{plan_id}/undo", "undo_match", "Undoes a plan as a whole")
            .answers(200, "It is undone.", done(), json!({ "ok": true, "undone": 12 }))
            .fails(&["unknown_provider", "not_found", "conflict", "sealed"]),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let view = || text().or_null().says("A view of the mapping of that name.");
    let mapping = object()
        .says("One person and their account at each provider.")
        .needs("person_id", text())
        .needs("user_id", text().or_null())
        .needs("name", text())
        .needs("email", text())
        .needs("xero_id", view())
        .needs("productive_id", view())
        .needs("remote_id", view())
        .needs("google_id", view())
        .needs("external_ids", object().and_any(text()).says("Their id at each provider, by the provider's id."));
    let synced = object()
        .says("What became of a list of addresses.")
        .needs("ok", ok())
        .needs("matched", count().says("How many addresses are a person's."))
        .needs("total", count())
        .may_have("changed", count().says("How many mappings are new or others than before."))
        .may_have("unmatched", list(text()).says("The addresses that are nobody's."));
    let standings = ["matched", "already_linked", "ambiguous", "missing", "orphaned"];
    let counts = standings.iter().fold(object(), |counts, standing| counts.needs(standing, count()));
    let person = object()
        .says("One person, and the accounts that may be theirs.")
        .needs("person_id", text())
        .needs("name", text())
        .needs("email", text())
        .needs("active", flag())
        .needs("status", word(&standings))
        .needs("external_id", text().or_null())
        .may_have("reason", text())
        .needs("accounts", list(named("Candidate")))
        .may_have("more_accounts", count());
    let candidate = object()
        .says("An account, and what speaks for it.")
        .needs("external_id", text())
        .needs("name", text())
        .needs("email", text().or_null())
        .needs("active", flag())
        .needs("evidence", list(text()))
        .may_have("also", list(object().needs("person_id", text()).needs("name", text()).needs("email", text())));
    let plan = object()
        .says("Whose the accounts are, as far as the provider's list tells.")
        .needs("ok", ok())
        .needs("provider", named("ProviderId"))
        .needs("dry_run", flag())
        .needs("plan_id", text().or_null().says("What to undo it by; null where nothing was changed."))
        .needs("accounts", count().says("How many accounts the provider has."))
        .needs("unclaimed", count().says("How many of them are nobody's."))
        .needs("counts", counts)
        .needs("people", list(named("PlannedPerson")));
    vec![
        ("Mapping", mapping),
        (
            "MappingList",
            object()
                .needs("users", list(named("Mapping")))
                .may_have("next_cursor", next_cursor())
                .may_have("total", count().says("How many are found in all.")),
        ),
        ("NewMapping", object().needs("provider", named("ProviderId")).needs("external_id", text())),
        ("Synced", synced),
        ("Plan", plan),
        ("PlannedPerson", person),
        ("Candidate", candidate),
    ]
}

fn mapping() -> Value {
    json!({
        "person_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
        "user_id": null,
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "xero_id": null,
        "productive_id": null,
        "remote_id": null,
        "google_id": null,
        "external_ids": { "acme-chat": "U0HDYE3FJ" },
    })
}

fn plan() -> Value {
    json!({
        "ok": true,
        "provider": "acme-chat",
        "dry_run": true,
        "plan_id": null,
        "accounts": 1,
        "unclaimed": 0,
        "counts": { "matched": 1, "already_linked": 0, "ambiguous": 0, "missing": 0, "orphaned": 0 },
        "people": [{
            "person_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
            "name": "Ada Okafor",
            "email": "ada@acme.example",
            "active": true,
            "status": "matched",
            "external_id": "U0HDYE3FJ",
            "accounts": [{
                "external_id": "U0HDYE3FJ",
                "name": "Ada Okafor",
                "email": "ada@acme.example",
                "active": true,
                "evidence": ["email"],
            }],
        }],
    })
}
