//! Google's APIs: how a request is sent, and what their failures mean here. The token endpoint's are in `refusal`.
//!
//! A failure is told by its status and its reason, never by its message. One status, 403, is three things: too many
//! requests, a missing scope and a missing right.

use jackfield_sdk::http::{self, Request, Response};
use jackfield_sdk::{Error, Text};
use serde::Deserialize;

use crate::refusal;

/// One API, and what it takes to use it.
pub(crate) struct Api {
    /// What Google's console calls it.
    name: &'static str,
    pub(crate) scope: &'static str,
    /// Beside the scope, what the acting identity must be allowed.
    right: &'static str,
}

pub(crate) const CALENDAR: Api = Api {
    name: "Google Calendar API",
    scope: "https://www.googleapis.com/auth/calendar.readonly",
    right: "to see the calendar: share it with the acting identity",
};

pub(crate) const DIRECTORY: Api = Api {
    name: "Admin SDK API",
    scope: "https://www.googleapis.com/auth/admin.directory.user.readonly",
    right: "to read the directory: admin_email must be an administrator whose role may read users",
};

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    error: Complaint<'a>,
}

/// Either list may be absent.
#[derive(Deserialize)]
struct Complaint<'a> {
    #[serde(borrow)]
    errors: Option<Vec<Reason<'a>>>,
    #[serde(borrow)]
    details: Option<Vec<Reason<'a>>>,
}

#[derive(Deserialize)]
struct Reason<'a> {
    #[serde(borrow)]
    reason: Option<Text<'a>>,
}

/// Google's words for one failure, the older API's own first.
pub(crate) struct Reasons<'a>(Vec<Text<'a>>);

impl Reasons<'_> {
    /// Tells whether one of these words is among them.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.0.iter().any(|reason| words.contains(&&**reason))
    }

    fn first(&self) -> &str {
        self.0.first().map_or("", |reason| reason)
    }
}

/// Sends a request whose credential is minted; of the answers, those that tell of the credential are failures already.
pub(crate) fn send(request: Request, api: &Api, administrator: Option<&str>) -> Result<Response, Error> {
    let mut outcome = request.clone().send();
    if let Err(http::Error::CredentialRefused(refused)) = &outcome
        && refusal::may_pass(refused)
    {
        outcome = request.send();
    }
    match outcome {
        Ok(response) if response.status == 401 => Err(response.failure("authError", None)),
        Ok(response) => Ok(response),
        Err(http::Error::CredentialRefused(refused)) => Err(refusal::meaning(&refused, api, administrator)),
        Err(error) => Err(error.into()),
    }
}

/// Reads why Google refused.
pub(crate) fn reasons(response: &Response) -> Result<Reasons<'_>, Error> {
    let Failure { error } = response.json()?;
    let all = [error.errors, error.details].into_iter().flatten().flatten();
    Ok(Reasons(all.filter_map(|entry| entry.reason).collect()))
}

/// Says what a failure means that is no matter of one request alone.
pub(crate) fn failure(response: &Response, api: &Api) -> Error {
    if matches!(response.status, 429 | 500..=599) {
        return response.failure("", None);
    }
    let reasons = match reasons(response) {
        Ok(reasons) => reasons,
        Err(error) => return error,
    };
    if response.status != 403 {
        return response.failure(reasons.first(), None);
    }
    if reasons.has(&["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"]) {
        return Error::RateLimited(response.retry_after());
    }
    if reasons.has(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        return Error::forbidden(api.scope);
    }
    if reasons.has(&["accessNotConfigured", "SERVICE_DISABLED"]) {
        return Error::forbidden(format!("to use the {}: enable it in the key's Google Cloud project", api.name));
    }
    if reasons.has(&["domainCannotUseApis"]) {
        return Error::forbidden(
            "to use APIs at all: the Workspace's domain does not allow them (domainCannotUseApis)",
        );
    }
    match reasons.first() {
        "" => Error::forbidden(api.right),
        word => Error::forbidden(format!("{} ({word})", api.right)),
    }
}
