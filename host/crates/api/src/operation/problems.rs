//! Every problem code with its status and meaning, and the OpenAPI responses that are generated from them.

use std::collections::BTreeSet;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Every problem: its code, its status, and when it is returned.
pub(crate) const PROBLEMS: [(&str, u16, &str); 25] = [
    (
        "invalid_request",
        400,
        "the body is not JSON, is incomplete or has the wrong shape, or the path or query cannot be parsed",
    ),
    ("unauthenticated", 401, "there is no bearer token and no session, or it is not valid"),
    ("forbidden", 403, "the caller's level is too low, or a request with a session cookie comes from another site"),
    ("unknown_provider", 404, "no provider has this id"),
    ("unknown_person", 404, "no person has this id"),
    ("not_found", 404, "there is no such path or resource"),
    ("method_not_allowed", 405, "the path does not support this method"),
    ("not_connected", 409, "the provider is not connected"),
    ("needs_choice", 409, "the credential gives access to several accounts; choose one first"),
    ("conflict", 409, "the resource was changed meanwhile, or belongs to somebody else; nothing was changed"),
    (
        "needs_reauth",
        409,
        "the provider no longer accepts the stored credential, or the plugin sends it to other destinations than before; \
         connect again",
    ),
    ("permission_missing", 409, "the credential is valid but lacks a permission, which `detail` names"),
    ("unsupported", 409, "this provider does not support the operation"),
    ("plugin_not_approved", 409, "the plugin is not approved"),
    ("invalid_request", 413, "the body is too large"),
    ("misdirected", 421, "the request was sent to a host name that is not this service's"),
    ("invalid_request", 422, "fields are not valid; `errors` lists each"),
    ("credential_rejected", 422, "the provider rejected the credential; a previously stored one is still in place"),
    ("rate_limited", 429, "too many failed attempts or sign-ins, or the provider asked to wait; see `Retry-After`"),
    ("internal", 500, "something failed inside Jackfield; the log has details under the request id"),
    ("provider_error", 502, "the provider's response cannot be used"),
    ("plugin_fault", 502, "the plugin failed, or is paused; see `detail` and `Retry-After`"),
    (
        "overloaded",
        503,
        "there is too much work, the resource is being changed, or the database cannot do this at the moment; see \
         `detail` and `Retry-After`",
    ),
    (
        "sealed",
        503,
        "the master key is missing or wrong, or a stored credential cannot be decrypted or was edited in the database",
    ),
    ("provider_timeout", 504, "the provider did not respond in time"),
];

/// The codes that every route may return.
pub(super) const PROBLEMS_OF_EVERY_ROUTE: [&str; 3] = ["misdirected", "internal", "provider_timeout"];

/// The codes that every route with an access level may return.
pub(super) const PROBLEMS_OF_PROTECTED_ROUTES: [&str; 4] =
    ["unauthenticated", "forbidden", "rate_limited", "overloaded"];

/// Returns each status that a code comes with.
pub(super) fn with_code(code: &str) -> impl Iterator<Item = (u16, &'static str)> {
    PROBLEMS.iter().filter(move |(listed, _, _)| *listed == code).map(|(code, status, _)| (*status, *code))
}

/// Returns the schema of the `code` of a problem.
pub(crate) fn code_schema(_: &mut SchemaGenerator) -> Schema {
    let codes: BTreeSet<&str> = PROBLEMS.iter().map(|(code, _, _)| *code).collect();
    json_schema!({ "type": "string", "enum": codes })
}

/// Returns the name under which the document lists a response with these codes.
pub(super) fn response_name(status: u16, codes: &BTreeSet<&str>) -> String {
    let codes: Vec<&str> = codes.iter().copied().collect();
    format!("{status}.{}", codes.join("."))
}

/// Describes the response of a status with these codes.
pub(super) fn response(status: u16, codes: &BTreeSet<&str>) -> Value {
    let problems: Vec<(&str, &str)> = PROBLEMS
        .iter()
        .filter(|(code, listed, _)| *listed == status && codes.contains(code))
        .map(|(code, _, meaning)| (*code, *meaning))
        .collect();
    let description: Vec<String> = problems.iter().map(|(code, meaning)| format!("`{code}`: {meaning}")).collect();
    let examples: Map<String, Value> = problems
        .iter()
        .map(|(code, meaning)| ((*code).to_owned(), json!({ "value": example(status, code, meaning) })))
        .collect();
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    if [429, 502, 503].contains(&status) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    let narrowed = json!({ "properties": { "status": { "const": status }, "code": { "enum": codes } } });
    json!({
        "description": description.join("\n\n"),
        "headers": headers,
        "content": { "application/problem+json": {
            "schema": { "allOf": [{ "$ref": "#/components/schemas/Problem" }, narrowed] },
            "examples": examples,
        } },
    })
}

fn example(status: u16, code: &str, meaning: &str) -> Value {
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut problem = json!({
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": meaning,
        "request_id": "019ab7f1c7de7a10b6f0a1d2c3b4a596",
    });
    if (status, code) == (422, "invalid_request") {
        problem["errors"] = json!([{ "field": "limit", "message": "must be 1 to 200" }]);
    }
    problem
}
