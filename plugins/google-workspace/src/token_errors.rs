//! Errors of Google's token endpoint, mapped to errors of the contract.
//!
//! The host signs an assertion with the key and exchanges it for a token. Google may reject the assertion.

use jackfield_sdk::http::Refusal;
use jackfield_sdk::{Error, clock};

use crate::api::{Api, CALENDAR, DIRECTORY};

/// A clock that is wrong by at most this many seconds does not cause a rejection.
const CLOCK_TOLERANCE: u64 = 60;

/// Returns whether a second attempt may succeed: Google occasionally rejects the signature of a valid key.
pub(crate) fn is_transient(refusal: &Refusal) -> bool {
    description(refusal).contains("Invalid JWT Signature")
}

/// Maps a rejection to an error that tells an administrator what to do.
pub(crate) fn to_error(refusal: &Refusal, api: &Api, administrator: Option<&str>) -> Error {
    let code = refusal.error.as_deref().unwrap_or_default();
    match (refusal.status, code) {
        (429, _) => Error::RateLimited(None),
        (408 | 500..=599, _) => Error::upstream(refusal.status, code),
        (_, "invalid_grant") => invalid_grant(refusal, administrator),
        (_, "deleted_client" | "disabled_client" | "invalid_client") => Error::unauthorized(format!(
            "Google has deleted or disabled the service account ({code}): enable it, or create a key of another one"
        )),
        (_, "unauthorized_client" | "access_denied" | "admin_policy_enforced") => missing_delegation(code, api),
        (_, "invalid_request") if administrator.is_some() && description(refusal).contains("\"sub\"") => {
            unknown_administrator()
        }
        // Any other code, `invalid_scope` included, does not mean that the key is invalid.
        _ => Error::upstream(refusal.status, code),
    }
}

fn description(refusal: &Refusal) -> &str {
    refusal.description.as_deref().unwrap_or_default()
}

/// Maps `invalid_grant` by its description, because Google uses the code for several causes.
fn invalid_grant(refusal: &Refusal, administrator: Option<&str>) -> Error {
    let description = description(refusal);
    let mentions = |phrases: &[&str]| phrases.iter().any(|phrase| description.contains(phrase));
    if mentions(&["Token must be a short-lived token"]) {
        return assertion_out_of_time(refusal);
    }
    if administrator.is_some() && mentions(&["Invalid email or User ID", "account has been deleted"]) {
        return unknown_administrator();
    }
    if mentions(&["Invalid JWT Signature"]) {
        return Error::unauthorized("Google no longer knows the key because it was deleted: create a new one");
    }
    if mentions(&["account not found", "Robot is disabled"]) {
        return Error::unauthorized(
            "the service account was deleted or disabled: enable it, or create a key of another one",
        );
    }
    Error::unauthorized(if description.is_empty() { "invalid_grant" } else { description })
}

/// Distinguishes a wrong clock from an invalid key.
///
/// The assertion contains the time of this machine; the response of the token endpoint contains Google's.
fn assertion_out_of_time(refusal: &Refusal) -> Error {
    let ahead = refusal.date.as_deref().and_then(|date| clock::ahead_of(date, clock::now()));
    match ahead {
        Some(seconds) if seconds.unsigned_abs() <= CLOCK_TOLERANCE => Error::unauthorized(
            "Google rejects every assertion of this key, although the clock is right: create a new key",
        ),
        Some(seconds) => {
            let side = if seconds > 0 { "ahead of" } else { "behind" };
            let seconds = seconds.unsigned_abs();
            Error::upstream(
                refusal.status,
                format!("the clock of this server is {seconds} seconds {side} Google's: correct it"),
            )
        }
        None => Error::upstream(refusal.status, "the clock of this server may be wrong: check it"),
    }
}

fn unknown_administrator() -> Error {
    Error::invalid(
        "admin_email",
        "Google finds no user with this address: the address is wrong, or the user was deleted.",
    )
}

fn missing_delegation(code: &str, api: &Api) -> Error {
    Error::forbidden(format!(
        "{} by domain-wide delegation ({code}): in Google's admin console, Security, API controls, Domain-wide \
         delegation, enter the key's client_id with the scopes {} and {}; a change can take 24 hours",
        api.scope, CALENDAR.scope, DIRECTORY.scope
    ))
}
