//! The errors of Google's APIs: an object with a code and reasons in the older format, the newer one, or both.

use serde_json::{Value, json};

use super::GoogleApi;
use crate::stand_in_server::StandInResponse;

/// Whether the quota is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quota {
    Left,
    Exceeded { retry_after: Option<u32> },
}

/// Returns an error with only a reason, as most of the older APIs do.
pub(super) fn error_response(status: u16, reason: &str, message: &str) -> StandInResponse {
    answer(status, message, "global", reason)
}

pub(super) fn unauthenticated() -> StandInResponse {
    error_response(401, "authError", "Invalid Credentials")
}

pub(super) fn insufficient_scope() -> StandInResponse {
    let message = "Request had insufficient authentication scopes.";
    detailed(403, message, "insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
}

pub(super) fn disabled(api: GoogleApi) -> StandInResponse {
    let name = match api {
        GoogleApi::Calendar => "Google Calendar API",
        GoogleApi::Directory => "Admin SDK API",
    };
    let message = format!("{name} has not been used in project 113 before or it is disabled.");
    detailed(403, &message, "accessNotConfigured", "SERVICE_DISABLED")
}

/// Google uses 403 for this as often as 429.
pub(super) fn quota(api: GoogleApi, retry_after: Option<u32>) -> StandInResponse {
    let reason = match api {
        GoogleApi::Calendar => "rateLimitExceeded",
        GoogleApi::Directory => "quotaExceeded",
    };
    let answer = answer(403, "Rate Limit Exceeded", "usageLimits", reason);
    match retry_after {
        Some(seconds) => answer.header("retry-after", &seconds.to_string()),
        None => answer,
    }
}

pub(super) fn not_found() -> StandInResponse {
    StandInResponse::text("text/html; charset=UTF-8", "<!doctype html><title>Error 404 (Not Found)!!1</title>")
        .status(404)
}

fn answer(status: u16, message: &str, domain: &str, reason: &str) -> StandInResponse {
    StandInResponse::json(&body(status, message, domain, reason)).status(status)
}

fn detailed(status: u16, message: &str, reason: &str, detail: &str) -> StandInResponse {
    let mut body = body(status, message, "global", reason);
    body["error"]["status"] = json!("PERMISSION_DENIED");
    body["error"]["details"] = json!([
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail, "domain": "googleapis.com"},
    ]);
    StandInResponse::json(&body).status(status)
}

fn body(status: u16, message: &str, domain: &str, reason: &str) -> Value {
    json!({"error": {
        "code": status, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}],
    }})
}
