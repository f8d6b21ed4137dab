//! Every code that a problem may have, with its statuses, and the responses that are made of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::{Schema, count, list, named, object, text};

/// Every outcome that is no success: code, status, when.
pub(crate) const PROBLEMS: [(&str, u16, &str); 25] = [
    ("invalid_request", 400, "not JSON, of the wrong shape, or a query that cannot be read"),
    ("unauthenticated", 401, "no bearer token and no session, or none that is good"),
    (
        "forbidden",
        403,
        "the caller's level is below the one that is needed, or a request by cookie comes from elsewhere",
    ),
    ("unknown_provider", 404, "no component has this id"),
    ("unknown_person", 404, "no person has this id"),
    ("not_found", 404, "there is no such path or thing"),
    ("method_not_allowed", 405, "the path does not take this method"),
    ("not_connected", 409, "the provider is not connected"),
    ("needs_choice", 409, "the credential opens several accounts, of which one is to be chosen first"),
    ("conflict", 409, "what this depends on was changed meanwhile, or belongs to another; nothing was done"),
    ("needs_reauth", 409, "the provider takes the stored credential no more; the connection is kept and marked"),
    ("permission_missing", 409, "the credential lives but lacks a right, which `detail` names"),
    ("unsupported", 409, "this provider has no such operation"),
    ("plugin_not_approved", 409, "the component may not run"),
    ("invalid_request", 413, "the body is too large"),
    ("misdirected", 421, "the request was sent to a name that is not this service's"),
    ("invalid_request", 422, "fields that fail their rules, each in `errors`"),
    ("credential_rejected", 422, "the provider refused the credential; what was stored before still is"),
    ("rate_limited", 429, "too many failed tries, or the provider asked to wait; see `Retry-After`"),
    ("internal", 500, "our own trouble; the log has more under the request's id"),
    ("provider_error", 502, "the provider's answer cannot be used"),
    ("plugin_fault", 502, "the component failed, or failed again and again and is paused; see `Retry-After`"),
    ("overloaded", 503, "too many calls in flight, or the thing is being changed; see `Retry-After`"),
    ("sealed", 503, "the master key is missing or wrong, or a stored credential does not open"),
    ("provider_timeout", 504, "no answer in time"),
];

/// The codes that any route may answer.
pub(crate) const EVERYWHERE: [&str; 3] = ["misdirected", "internal", "provider_timeout"];

/// The codes of a route that demands a level.
pub(crate) const WITH_A_LEVEL: [&str; 4] = ["unauthenticated", "forbidden", "rate_limited", "overloaded"];

/// The schema of every problem (RFC 9457).
pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let codes: BTreeSet<&str> = PROBLEMS.iter().map(|(code, _, _)| *code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let problem = object()
        .says("What went wrong (RFC 9457). A program goes by `code`.")
        .needs("type", Schema::of(json!({ "const": "about:blank" })))
        .needs("title", text().says("The status in words."))
        .needs("status", count().says("The status once more."))
        .needs("code", text().with("enum", codes).says("The stable name of the outcome."))
        .needs("detail", text().says("What went wrong, for people; it never holds a secret."))
        .needs("request_id", text().says("The request's name, as in the log and the audit."))
        .may_have("errors", list(named("FieldError")).says("The fields that fail their rules."));
    let field = object()
        .says("One field and what is wrong with it.")
        .may_have("line", count().says("The line of a table that was taken in."))
        .needs("field", text().or_null())
        .needs("message", text().says("What is wrong and what to do; it never repeats the value."));
    vec![("Problem", problem), ("FieldError", field)]
}

/// The name of the response for these codes of one status, under which the document keeps it once.
pub(crate) fn response_name(status: u16, codes: &BTreeSet<&str>) -> String {
    let codes: Vec<&str> = codes.iter().copied().collect();
    format!("{status}.{}", codes.join("."))
}

/// The response for these codes of one status.
pub(crate) fn response(status: u16, codes: &BTreeSet<&str>) -> Value {
    let words: Vec<(&str, &str)> = PROBLEMS
        .iter()
        .filter(|(code, of, _)| *of == status && codes.contains(code))
        .map(|(code, _, when)| (*code, *when))
        .collect();
    let description: Vec<String> = words.iter().map(|(code, when)| format!("`{code}`: {when}")).collect();
    let examples: Map<String, Value> = words
        .iter()
        .map(|(code, when)| ((*code).to_owned(), json!({ "value": example(status, code, when) })))
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
            "schema": { "allOf": [named("Problem").value(), narrowed] },
            "examples": examples,
        } },
    })
}

fn example(status: u16, code: &str, when: &str) -> Value {
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut problem = json!({
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": when,
        "request_id": "019ab7f1c7de7a10b6f0a1d2c3b4a596",
    });
    if (status, code) == (422, "invalid_request") {
        problem["errors"] = json!([{ "field": "limit", "message": "must be 1 to 200" }]);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::{Error, FieldError};

    use crate::error::status;

    #[test]
    fn every_outcome_has_its_line_in_the_table() {
        let text = || "x".to_owned();
        let outcomes = [
            Error::InvalidRequest(text()),
            Error::InvalidFields(vec![FieldError::new("x", "x")]),
            Error::InvalidRows(Vec::new()),
            Error::TooLarge(1),
            Error::Unauthenticated,
            Error::NotSignedIn("x"),
            Error::Forbidden(text()),
            Error::UnknownProvider(text()),
            Error::UnknownPerson(text()),
            Error::NotFound(text()),
            Error::Conflict(text()),
            Error::NeedsChoice(text()),
            Error::MethodNotAllowed,
            Error::Misdirected,
            Error::NotConnected(text()),
            Error::CredentialRejected(text()),
            Error::NeedsReauth(text()),
            Error::PermissionMissing(text()),
            Error::Sealed(text()),
            Error::Overloaded { what: text(), retry_after: 1 },
            Error::Unsupported(text()),
            Error::RateLimited { what: text(), retry_after: 1 },
            Error::ProviderError(text()),
            Error::ProviderTimeout,
            Error::PluginFault { provider: text(), fault: text() },
            Error::PluginPaused { provider: text(), retry_after: 1 },
            Error::PluginNotApproved(text()),
            Error::PluginDisabled(text()),
            Error::internal("x"),
        ];
        for outcome in outcomes {
            let line = (outcome.code(), status(&outcome).as_u16());
            assert!(PROBLEMS.iter().any(|(code, status, _)| (*code, *status) == line), "{line:?} is not described");
        }
    }
}
