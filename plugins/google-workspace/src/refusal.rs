//! What it means when Google's token endpoint refuses the assertion that the host signed with the key.

use jackfield_sdk::http::Refusal;
use jackfield_sdk::{Error, clock};

use crate::api::{Api, CALENDAR, DIRECTORY};

/// Seconds by which a clock may be wrong without being the reason of a refusal.
const CLOCK_TOLERANCE: u64 = 60;

/// Tells whether the same assertion may be taken the next moment: now and then a good key was refused once.
pub(crate) fn may_pass(refusal: &Refusal) -> bool {
    said(refusal).contains("Invalid JWT Signature")
}

/// Says what a refusal means, in words that an administrator can act on.
pub(crate) fn meaning(refusal: &Refusal, api: &Api, administrator: Option<&str>) -> Error {
    let word = refusal.error.as_deref().unwrap_or_default();
    match (refusal.status, word) {
        (429, _) => Error::RateLimited(None),
        (408 | 500..=599, _) => Error::upstream(refusal.status, word),
        (_, "invalid_grant") => grant(refusal, administrator),
        (_, "deleted_client" | "disabled_client" | "invalid_client") => Error::unauthorized(format!(
            "Google has deleted or disabled the service account ({word}): enable it, or make a key of another one"
        )),
        (_, "unauthorized_client" | "access_denied" | "admin_policy_enforced") => not_delegated(word, api),
        (_, "invalid_request") if administrator.is_some() && said(refusal).contains("\"sub\"") => no_such_person(),
        // `invalid_scope` among them: whatever it is, the key is not to blame.
        _ => Error::upstream(refusal.status, word),
    }
}

fn said(refusal: &Refusal) -> &str {
    refusal.description.as_deref().unwrap_or_default()
}

/// Says what `invalid_grant` means, which alone tells nothing.
fn grant(refusal: &Refusal, administrator: Option<&str>) -> Error {
    let said = said(refusal);
    let tells = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if tells(&["Token must be a short-lived token"]) {
        return out_of_time(refusal);
    }
    if administrator.is_some() && tells(&["Invalid email or User ID", "account has been deleted"]) {
        return no_such_person();
    }
    if tells(&["Invalid JWT Signature"]) {
        return Error::unauthorized("Google no longer knows the key: it was deleted, make a new one and fill it in");
    }
    if tells(&["account not found", "Robot is disabled"]) {
        return Error::unauthorized(
            "the service account was deleted or disabled: enable it, or make a key of another one",
        );
    }
    Error::unauthorized(if said.is_empty() { "invalid_grant" } else { said })
}

/// Tells a wrong clock from a bad key: the assertion carries the time of this machine, the refusal that of Google.
fn out_of_time(refusal: &Refusal) -> Error {
    let ahead = refusal.date.as_deref().and_then(|date| clock::ahead_of(date, clock::now()));
    match ahead {
        Some(seconds) if seconds.unsigned_abs() <= CLOCK_TOLERANCE => {
            Error::unauthorized("Google takes no assertion of this key, although the clock is right: make a new key")
        }
        Some(seconds) => {
            let side = if seconds > 0 { "ahead of" } else { "behind" };
            let seconds = seconds.unsigned_abs();
            Error::upstream(
                refusal.status,
                format!("the clock of this server is {seconds} seconds {side} Google's: set it right"),
            )
        }
        None => Error::upstream(refusal.status, "the clock of this server may be wrong: compare it with the time"),
    }
}

fn no_such_person() -> Error {
    Error::invalid("admin_email", "Google knows nobody of this address who could be acted for: it is wrong or deleted.")
}

fn not_delegated(word: &str, api: &Api) -> Error {
    Error::forbidden(format!(
        "{} by domain-wide delegation ({word}): in Google's admin console, Security, API controls, Domain-wide \
         delegation, enter the key's client_id with the scopes {} and {}; a change can take 24 hours",
        api.scope, CALENDAR.scope, DIRECTORY.scope
    ))
}
