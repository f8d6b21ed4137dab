//! Errors of the Google APIs, mapped to errors of the contract. Those of the token endpoint are in `token_errors`.
//!
//! An error is identified by its status and its reason, never by its message. Status 403 has three causes: too many
//! requests, a missing scope, or a missing permission.

use jackfield_sdk::http::Response;
use jackfield_sdk::{Error, Text};
use serde::Deserialize;

use crate::api::Api;

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: ErrorDetails<'a>,
}

/// Either list may be absent.
#[derive(Deserialize)]
struct ErrorDetails<'a> {
    #[serde(borrow)]
    errors: Option<Vec<ErrorReason<'a>>>,
    #[serde(borrow)]
    details: Option<Vec<ErrorReason<'a>>>,
}

#[derive(Deserialize)]
struct ErrorReason<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// The reasons that Google gives for one error. Those in the format of the older APIs come first.
pub(crate) struct Reasons<'a>(Vec<Text<'a>>);

impl Reasons<'_> {
    /// Returns whether any of the reasons is in the list.
    pub(crate) fn has_any(&self, list: &[&str]) -> bool {
        self.0.iter().any(|reason| list.contains(&&**reason))
    }

    fn first(&self) -> &str {
        self.0.first().map_or("", |reason| reason)
    }
}

/// Parses the reasons of an error response.
pub(crate) fn parse_reasons(response: &Response) -> Result<Reasons<'_>, Error> {
    let ErrorBody { error } = response.json()?;
    let all = [error.errors, error.details].into_iter().flatten().flatten();
    Ok(Reasons(all.filter_map(|entry| entry.reason).collect()))
}

/// Maps an error response that has the same meaning for every request.
pub(crate) fn to_error(response: &Response, api: &Api) -> Error {
    if matches!(response.status, 429 | 500..=599) {
        return response.failure("", None);
    }
    let reasons = match parse_reasons(response) {
        Ok(reasons) => reasons,
        Err(error) => return error,
    };
    if response.status != 403 {
        return response.failure(reasons.first(), None);
    }
    if reasons.has_any(&["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"]) {
        return Error::RateLimited(response.retry_after());
    }
    if reasons.has_any(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        return Error::forbidden(api.scope);
    }
    if reasons.has_any(&["accessNotConfigured", "SERVICE_DISABLED"]) {
        return Error::forbidden(format!("to use the {}: enable it in the key's Google Cloud project", api.name));
    }
    if reasons.has_any(&["domainCannotUseApis"]) {
        return Error::forbidden(
            "to use Google's APIs: the Workspace's domain does not allow it (domainCannotUseApis)",
        );
    }
    match reasons.first() {
        "" => Error::forbidden(api.permission),
        reason => Error::forbidden(format!("{} ({reason})", api.permission)),
    }
}
