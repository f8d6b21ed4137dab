//! Tests how the Google Workspace plugin handles each error of the token endpoint.

use std::{cell::Cell, rc::Rc};

use jackfield_google_workspace::GoogleWorkspace;
use jackfield_sdk::testkit::{self, invalid_field, with_transport};
use jackfield_sdk::{Connection, Error, Provider, http};

/// The `Date` of the token endpoint's response.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// The same in seconds since 1970.
const DATE_SECONDS: i64 = 784_111_777;

fn refusal(status: u16, word: &str, description: &str) -> http::Refusal {
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    http::Refusal { status, error: filled(word), description: filled(description), date: Some(DATE.into()) }
}

/// Returns the error of a health check without a token, and the number of its requests.
fn check_health(administrator: &str, refusal: &http::Refusal) -> (Error, u32) {
    let requests = Rc::new(Cell::new(0));
    let (counted, refusal) = (Rc::clone(&requests), refusal.clone());
    let transport = move |_: http::Request| {
        counted.set(counted.get() + 1);
        Err(http::Error::CredentialRefused(refusal.clone()))
    };
    let connection = Connection::of(&[("calendar_id", "primary"), ("admin_email", administrator)]);
    let outcome = with_transport(Rc::new(transport), || GoogleWorkspace::health(&connection));
    (outcome.expect_err("there is no token"), requests.get())
}

fn error(status: u16, word: &str, description: &str) -> Error {
    check_health("ada@acme.test", &refusal(status, word, description)).0
}

#[test]
fn a_deleted_key_is_unauthorized_after_a_second_attempt() {
    let signature = refusal(400, "invalid_grant", "Invalid JWT Signature.");
    let (error, requests) = check_health("", &signature);
    assert!(matches!(&error, Error::Unauthorized(word) if word.contains("deleted")), "{error:?}");
    assert_eq!(requests, 2);
}

#[test]
fn a_successful_second_attempt_hides_the_first() {
    let requests = Cell::new(0);
    let transport = move |_: http::Request| {
        requests.set(requests.get() + 1);
        if requests.get() == 1 {
            return Err(http::Error::CredentialRefused(refusal(400, "invalid_grant", "Invalid JWT Signature.")));
        }
        Ok(http::Response { status: 200, headers: Vec::new(), body: b"{}".to_vec() })
    };
    let connection = Connection::of(&[("calendar_id", "primary")]);
    assert_eq!(with_transport(Rc::new(transport), || GoogleWorkspace::health(&connection)), Ok(Vec::new()));
}

#[test]
fn a_service_account_that_is_deleted_or_disabled_is_unauthorized() {
    for (status, word, description) in [
        (400, "invalid_grant", "Invalid grant: account not found"),
        (400, "invalid_grant", "Robot is disabled."),
        (401, "deleted_client", "The OAuth client was deleted."),
        (401, "disabled_client", "The OAuth client was disabled."),
        (401, "invalid_client", "The OAuth client was not found."),
        (400, "invalid_grant", "Not a valid email."),
        (400, "invalid_grant", ""),
    ] {
        let (error, requests) = check_health("ada@acme.test", &refusal(status, word, description));
        assert!(matches!(error, Error::Unauthorized(_)), "{word} {description}: {error:?}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn a_wrong_clock_is_distinguished_from_an_invalid_key() {
    let description = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                       Check your iat and exp values in the JWT claim.";
    let at = |seconds: i64| testkit::at(seconds, || error(400, "invalid_grant", description));
    assert!(matches!(at(DATE_SECONDS + 60), Error::Unauthorized(_)));
    assert!(matches!(at(DATE_SECONDS - 60), Error::Unauthorized(_)));
    let ahead = Error::upstream(400, "the clock of this server is 7200 seconds ahead of Google's: correct it");
    assert_eq!(at(DATE_SECONDS + 7_200), ahead);
    let behind = Error::upstream(400, "the clock of this server is 61 seconds behind Google's: correct it");
    assert_eq!(at(DATE_SECONDS - 61), behind);

    let undated = http::Refusal { date: None, ..refusal(400, "invalid_grant", description) };
    assert!(matches!(check_health("", &undated).0, Error::Upstream(_)));
}

#[test]
fn an_administrator_who_cannot_be_impersonated_is_an_invalid_field() {
    for (word, description) in [
        ("invalid_grant", "Invalid email or User ID"),
        ("invalid_grant", "The account has been deleted"),
        ("invalid_request", "Invalid impersonation \"sub\" field: ada@acme.test"),
    ] {
        assert_eq!(invalid_field(&error(400, word, description)), Some("admin_email"), "{description}");
        let (unnamed, _) = check_health("", &refusal(400, word, description));
        assert!(matches!(unnamed, Error::Unauthorized(_) | Error::Upstream(_)), "{unnamed:?}");
    }
}

#[test]
fn a_missing_delegation_is_forbidden_with_the_scopes_and_the_delay() {
    for (status, word) in [(401, "unauthorized_client"), (403, "access_denied"), (400, "admin_policy_enforced")] {
        let Error::Forbidden(right) = error(status, word, "Client is unauthorized.") else { panic!("{word}") };
        for part in [word, "/auth/calendar.readonly", "/auth/admin.directory.user.readonly", "24 hours"] {
            assert!(right.contains(part), "{right}");
        }
        assert!(right.chars().count() <= 480, "{right}");
    }
}

#[test]
fn other_errors_are_never_unauthorized() {
    assert_eq!(error(400, "invalid_scope", "Bad scope."), Error::upstream(400, "invalid_scope"));
    assert_eq!(error(400, "invalid_request", "Bad request."), Error::upstream(400, "invalid_request"));
    assert_eq!(error(500, "internal_failure", ""), Error::upstream(500, "internal_failure"));
    assert_eq!(error(503, "", ""), Error::upstream(503, ""));
    assert_eq!(error(408, "invalid_grant", ""), Error::upstream(408, "invalid_grant"));
    assert_eq!(error(400, "temporarily_unavailable", ""), Error::upstream(400, "temporarily_unavailable"));
    assert_eq!(error(429, "", ""), Error::RateLimited(None));
}
