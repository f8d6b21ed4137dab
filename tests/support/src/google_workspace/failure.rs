//! How Google's APIs refuse: an object with a code, and behind it reasons in the older or in the newer form, or in both.

use serde_json::{Value, json};

use super::Api;
use crate::upstream::Answer;

/// Whether requests are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quota {
    Left,
    Exceeded { retry_after: Option<u32> },
}

/// Refuses with the reason alone, as most of the older APIs do.
pub(super) fn refused(status: u16, reason: &str, message: &str) -> Answer {
    answer(status, message, "global", reason)
}

pub(super) fn unauthenticated() -> Answer {
    refused(401, "authError", "Invalid Credentials")
}

pub(super) fn insufficient_scope() -> Answer {
    let message = "Request had insufficient authentication scopes.";
    detailed(403, message, "insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
}

pub(super) fn disabled(api: Api) -> Answer {
    let name = match api {
        Api::Calendar => "Google Calendar API",
        Api::Directory => "Admin SDK API",
    };
    let message = format!("{name} has not been used in project 113 before or it is disabled.");
    detailed(403, &message, "accessNotConfigured", "SERVICE_DISABLED")
}

/// Google answers 403 as often as 429.
pub(super) fn quota(api: Api, retry_after: Option<u32>) -> Answer {
    let reason = match api {
        Api::Calendar => "rateLimitExceeded",
        Api::Directory => "quotaExceeded",
    };
    let answer = answer(403, "Rate Limit Exceeded", "usageLimits", reason);
    match retry_after {
        Some(seconds) => answer.header("retry-after", &seconds.to_string()),
        None => answer,
    }
}

pub(super) fn not_found() -> Answer {
    Answer::text("text/html; charset=UTF-8", "<!doctype html><title>Error 404 (Not Found)!!1</title>").status(404)
}

fn answer(status: u16, message: &str, domain: &str, reason: &str) -> Answer {
    Answer::json(&body(status, message, domain, reason)).status(status)
}

fn detailed(status: u16, message: &str, reason: &str, detail: &str) -> Answer {
    let mut body = body(status, message, "global", reason);
    body["error"]["status"] = json!("PERMISSION_DENIED");
    body["error"]["details"] = json!([
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail, "domain": "googleapis.com"},
    ]);
    Answer::json(&body).status(status)
}

fn body(status: u16, message: &str, domain: &str, reason: &str) -> Value {
    json!({"error": {
        "code": status, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}],
    }})
}
