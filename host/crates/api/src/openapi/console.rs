//! What is said of the console: its page under each of its paths, and the files that the page names.

use http::Method;
use serde_json::json;

use super::{
    operation::Operation,
    schema::{Schema, text},
};

const GROUP: &str = "Console";

/// Each path of the page, a name for it, and what is seen there.
const PAGES: [(&str, &str, &str); 11] = [
    ("/", "page_connections", "the connections"),
    ("/signin", "page_signin", "signing in"),
    ("/connections/{provider}", "page_connection", "one provider's connection"),
    ("/connections/{provider}/users", "page_users", "a provider's users"),
    ("/connections/{provider}/match", "page_match", "whose the accounts at a provider are"),
    ("/people", "page_people", "the people"),
    ("/mappings", "page_mappings", "who has which account"),
    ("/providers", "page_providers", "the components"),
    ("/providers/{provider}", "page_provider", "one component"),
    ("/audit", "page_audit", "the audit"),
    ("/service", "page_service", "the service itself"),
];

/// The types of the page's files, and an example of each that is text.
const KINDS: [(&str, &str); 8] = [
    ("text/css", "…"),
    ("text/javascript", "…"),
    ("text/plain", "…"),
    ("application/json", "{}"),
    ("image/svg+xml", "<svg>…</svg>"),
    ("image/png", "…"),
    ("image/x-icon", "…"),
    ("font/woff2", "…"),
];

pub(crate) fn operations() -> Vec<Operation> {
    let page = |(path, id, what)| {
        Operation::new(Method::GET, path, id, GROUP, &format!("The console, at {what}"))
            .says("The same page at each of its paths. With `ETag`, and compressed where the caller takes that.")
            .answers_as(200, "The page.", "text/html", text(), json!("<!doctype html>…"))
    };
    let file = |path, id, summary| {
        let file = Operation::new(Method::GET, path, id, GROUP, summary).says(
            "`hash` is of all files of this version: what it names never changes, and another version's files are not \
             there.",
        );
        let file = KINDS.iter().fold(file, |file, (kind, example)| {
            file.answers_as(200, "The file.", kind, Schema::of(json!({})), json!(example))
        });
        file.fails(&["not_found"])
    };
    PAGES
        .map(page)
        .into_iter()
        .chain([
            file("/console/{hash}/{file}", "console_file", "A file of the console"),
            file("/console/{hash}/vendor/{file}", "console_vendor_file", "A file of others that the console uses"),
        ])
        .collect()
}
