//! Errors of the Google APIs, mapped to errors of the contract. Those of the token endpoint are in `token_errors`.
//!
//! An error is identified by its status and its reason, never by its message. Status 403 has three causes: too many
//! requests, a missing scope, or a missing permission.

use jackfield_sdk::http::Response;
use jackfield_sdk::{Error, JsonValue, Text, is_quota};

use crate::api::Api;

/// The reasons of the domain `usageLimits` that are not about a number of requests.
const NO_LIMITS: [&str; 4] = ["accessNotConfigured", "ipRefererBlocked", "keyExpired", "keyInvalid"];

/// The reasons that Google gives for one error. Those in the format of the older APIs come first.
pub(crate) struct Reasons<'a> {
    all: Vec<Text<'a>>,
    /// Whether a reason is of the domain `usageLimits`.
    are_usage_limits: bool,
}

impl Reasons<'_> {
    /// Returns whether any of the reasons is in the list.
    pub(crate) fn has_any(&self, list: &[&str]) -> bool {
        self.all.iter().any(|reason| list.contains(&&**reason))
    }

    /// Returns whether a reason says that too much was requested. Google has more words for it than it documents.
    fn mention_quota(&self) -> bool {
        self.all.iter().any(|reason| is_quota(reason)) || (self.are_usage_limits && !self.has_any(&NO_LIMITS))
    }

    fn first(&self) -> &str {
        self.all.first().map_or("", |reason| reason)
    }
}

/// Parses the reasons of an error response. Either list may be absent, and the status is the least precise reason.
pub(crate) fn parse_reasons(response: &Response) -> Result<Reasons<'_>, Error> {
    let body = response.object()?;
    let error = body.get("error").object().ok_or_else(|| Error::malformed("an `error` was expected"))?;
    let entries = [error.get("errors"), error.get("details")].into_iter().filter_map(JsonValue::list).flatten();
    let (mut all, mut are_usage_limits) = (Vec::new(), false);
    for entry in entries {
        all.extend(entry.get("reason").text());
        are_usage_limits |= entry.get("domain").text().as_deref() == Some("usageLimits");
    }
    all.extend(error.get("status").text().filter(|status| &**status == "RESOURCE_EXHAUSTED"));
    Ok(Reasons { all, are_usage_limits })
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
    if reasons.mention_quota() {
        return Error::RateLimited(response.retry_after());
    }
    if reasons.has_any(&["backendError", "internalError", "responsePreparationFailure"]) {
        return Error::upstream(response.status, reasons.first());
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
