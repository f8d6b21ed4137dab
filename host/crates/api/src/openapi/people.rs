//! What is said of `/api/admin/people`: the people whose accounts at the providers are mapped.

use http::Method;
use serde_json::{Value, json};

use super::{
    connections::{next_cursor, page_size},
    oauth::done,
    operation::Operation,
    schema::{Schema, count, flag, list, named, object, text},
};

const GROUP: &str = "People";

/// The type of a table.
pub(crate) const CSV: &str = "text/csv";

/// What `q` of a list is.
pub(crate) const SOUGHT: &str = "A part of the name or the address, without regard to case and accents.";

const TABLE: &str = "name,email\nAda Okafor,ada@acme.example\n";

pub(crate) fn operations() -> Vec<Operation> {
    let operation = |method, path: &str, id, summary| {
        Operation::new(method, &format!("/api/admin/people{path}"), id, GROUP, summary)
    };
    vec![
        operation(Method::GET, "", "list_people", "Lists the people")
            .says(
                "Everybody, or one page where `limit` or `cursor` is given. With `offset` or `q` in the order of names, \
                 and counted in `total`. With `Accept: text/csv` everybody as a table.",
            )
            .asks("cursor", "The `next_cursor` of the page before.", text())
            .asks("limit", "How many people at most.", page_size(1_000, 100))
            .asks("offset", "How many of those who are found are passed over.", count())
            .asks("q", SOUGHT, text().with("maxLength", 200))
            .answers(200, "The people.", named("PersonList"), json!({ "people": [person()] }))
            .answers_as(200, "The people.", CSV, text(), json!(TABLE)),
        operation(Method::POST, "", "add_people", "Adds one person, or takes a whole table in")
            .says(
                "A table has its columns by name in any order: `name` and `email`, and `user_id` and `active` where \
                 wanted. The email address is the key. It is taken as a whole or not at all. 32 MiB at most.",
            )
            .takes(named("NewPerson"), json!({ "name": "Ada Okafor", "email": "ada@acme.example" }))
            .takes_as(CSV, text(), json!(TABLE))
            .answers(201, "The person, who is new.", named("Person"), person())
            .answers(
                200,
                "What the table changed, or what is wrong with it.",
                named("TableTaken"),
                json!({
                    "created": 12, "updated": 3, "unchanged": 85, "errors": [],
                }),
            )
            .fails(&["sealed"]),
        operation(Method::PATCH, "/{id}", "change_person", "Changes a person")
            .says("What is left out stays as it is.")
            .takes(named("PersonChange"), json!({ "active": false }))
            .answers(200, "The person as they are now.", named("Person"), person())
            .fails(&["unknown_person", "conflict", "sealed"]),
        operation(Method::DELETE, "/{id}", "remove_person", "Removes a person and their mappings")
            .answers(200, "They are gone.", done(), json!({ "ok": true }))
            .fails(&["unknown_person", "conflict", "sealed"]),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let user_id = || text().or_null().says("Their id in the company's own systems.");
    let person = object()
        .says("One person of the company.")
        .needs("id", text())
        .needs("name", text())
        .needs("email", text())
        .needs("user_id", user_id())
        .needs("active", flag());
    let new = object()
        .says("A person to add.")
        .needs("name", text())
        .needs("email", text())
        .may_have("user_id", user_id())
        .may_have("active", flag().with("default", true));
    let change = object()
        .says("What to change of a person.")
        .may_have("name", text())
        .may_have("email", text())
        .may_have("user_id", user_id())
        .may_have("active", flag());
    let wrong = object()
        .says("One wrong line.")
        .needs("line", count())
        .needs("field", text().or_null())
        .needs("message", text());
    let taken = object()
        .says("What a table changed: nothing at all where `errors` holds any.")
        .needs("created", count())
        .needs("updated", count())
        .needs("unchanged", count())
        .needs("errors", list(named("WrongLine")));
    vec![
        ("Person", person),
        (
            "PersonList",
            object()
                .needs("people", list(named("Person")))
                .may_have("next_cursor", next_cursor())
                .may_have("total", count().says("How many are found in all.")),
        ),
        ("NewPerson", new),
        ("PersonChange", change),
        ("WrongLine", wrong),
        ("TableTaken", taken),
    ]
}

fn person() -> Value {
    json!({
        "id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "user_id": null,
        "active": true,
    })
}
