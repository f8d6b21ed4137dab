//! Tests the requests of the Google Workspace plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_google_workspace::GoogleWorkspace;
use jackfield_sdk::testkit::{self, RowList, invalid_field, with_transport};
use jackfield_sdk::{
    Auth, ConnectOutcome, Connected, Connection, CredentialSource, Error, FieldKind, MappingFate, Page, PageRequest,
    Provider, Report, UpstreamFate, User, http,
};

const CONNECT: &str = include_str!("../fixtures/connect.http");
const USERS_FIRST: &str = include_str!("../fixtures/users-first.http");
const USERS_LAST: &str = include_str!("../fixtures/users-last.http");

const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.readonly";
const DIRECTORY: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";

/// Returns a connection without an administrator.
fn calendar_only() -> Connection {
    Connection::of(&[("calendar_id", "c_4f@group.calendar.google.com")])
}

fn delegated() -> Connection {
    Connection::of(&[("calendar_id", "c_4f@group.calendar.google.com"), ("admin_email", "ada@acme.test")])
}

fn connect(connection: &Connection, tape: &str) -> Result<ConnectOutcome, Error> {
    testkit::connect::<GoogleWorkspace>(connection, tape)
}

fn health(connection: &Connection, tape: &str) -> Result<Vec<Report>, Error> {
    testkit::health::<GoogleWorkspace>(connection, tape)
}

fn users(page: &PageRequest, tape: &str) -> Result<Page, Error> {
    testkit::list_users::<GoogleWorkspace>(&delegated(), page, tape)
}

/// Returns the first exchange of a successful connect.
fn calendar_exchange() -> &'static str {
    CONNECT.split("###").next().unwrap_or_default()
}

/// Replaces the response of a tape with one exchange.
fn with_response(tape: &str, response: &str) -> String {
    let request = tape.split("HTTP/1.1").next().unwrap_or_default();
    format!("{request}HTTP/1.1 {response}")
}

/// Returns the error of a calendar request with this response.
fn calendar_error(answer: &str) -> Error {
    match health(&calendar_only(), &with_response(calendar_exchange(), answer)) {
        Err(error) => error,
        Ok(reports) => panic!("{answer} did not fail: {reports:?}"),
    }
}

/// Returns the error of a directory request with this response.
fn directory_error(answer: &str) -> Error {
    match users(&PageRequest::first(200), &with_response(USERS_FIRST, answer)) {
        Err(error) => error,
        Ok(page) => panic!("{answer} did not fail: {page:?}"),
    }
}

/// Returns an error response of Google with one reason.
fn error_response(status: u16, reason: &str) -> String {
    format!(
        r#"{status}{}{{"error":{{"code":{status},"message":"Words","errors":[{{"message":"Words","domain":"global","reason":"{reason}"}}]}}}}"#,
        "\ncontent-type: application/json; charset=UTF-8\n\n"
    )
}

fn require_invalid_field(error: &Error) -> &str {
    invalid_field(error).unwrap_or_else(|| panic!("{error:?} is not about a field"))
}

fn require_forbidden(error: Error) -> String {
    match error {
        Error::Forbidden(right) => right,
        other => panic!("{other:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&GoogleWorkspace::describe()), Vec::<String>::new());
}

#[test]
fn only_key_files_with_googles_token_endpoint_are_accepted() {
    let Auth::ServiceAccount(grant) = GoogleWorkspace::describe().auth else {
        panic!("a service account was expected")
    };
    assert_eq!(grant.field, "service_account_key");
    assert_eq!(grant.token_url, "https://oauth2.googleapis.com/token");
    assert_eq!(grant.audience, grant.token_url);
    assert_eq!(grant.token_uris, ["https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"]);
    assert_eq!(grant.universe_domains, ["googleapis.com"]);
}

#[test]
fn each_endpoint_has_a_token_with_its_own_scope_for_the_administrator() {
    let minted = GoogleWorkspace::describe().endpoints.into_iter().map(|endpoint| match endpoint.credential {
        Some(attachment) => match attachment.source {
            CredentialSource::Minted(token) => (endpoint.host, token.scopes, token.subject_field),
            other => panic!("{other:?}"),
        },
        None => panic!("{} has no credential", endpoint.path),
    });
    let subject = || Some("admin_email".to_owned());
    assert_eq!(
        minted.collect::<Vec<_>>(),
        [
            ("www.googleapis.com".to_owned(), vec![CALENDAR.to_owned()], subject()),
            ("admin.googleapis.com".to_owned(), vec![DIRECTORY.to_owned()], subject()),
        ]
    );
}

#[test]
fn the_form_has_a_key_a_calendar_and_an_optional_administrator() {
    let manifest = GoogleWorkspace::describe();
    let fields = manifest.fields.iter().map(|field| (field.name.as_str(), field.kind, field.secret, field.required));
    assert_eq!(
        fields.collect::<Vec<_>>(),
        [
            ("service_account_key", FieldKind::Json, true, true),
            ("calendar_id", FieldKind::Text, false, true),
            ("admin_email", FieldKind::Email, false, false),
        ]
    );
    assert_eq!(manifest.on_disconnect, MappingFate::Keep);
}

#[test]
fn a_calendar_id_consists_of_characters_that_are_safe_in_a_path() {
    let pattern = regex::Regex::new(&testkit::pattern_of::<GoogleWorkspace>("calendar_id")).unwrap();
    for id in [
        "primary",
        "kim@acme.test",
        "o'brien+x@acme.test",
        "c_4f@group.calendar.google.com",
        "en.australian#holiday@group.v.calendar.google.com",
        "acme.test_2d3836@resource.calendar.google.com",
    ] {
        assert!(pattern.is_match(id), "{id}");
    }
    for id in ["", "..", "a/b", "a%40b", "a;b", "a b", "https://calendar.google.com/x", "c\\d", "é@acme.test"] {
        assert!(!pattern.is_match(id), "{id}");
    }
}

// ---- connect -------------------------------------------------------------------------------------------------------

#[test]
fn connect_checks_calendar_and_directory_and_returns_the_domain() {
    assert_eq!(connect(&delegated(), CONNECT), Ok(Connected::new().org_name("acme.test").into()));
}

#[test]
fn connect_without_an_administrator_checks_only_the_calendar() {
    assert_eq!(connect(&calendar_only(), calendar_exchange()), Ok(Connected::new().org_name("acme.test").into()));
    let unowned = calendar_exchange().replace("\"dataOwner\"", "\"other\"");
    assert_eq!(connect(&calendar_only(), &unowned), Ok(Connected::new().into()));
}

#[test]
fn the_calendar_id_is_encoded_as_one_path_segment() {
    let tape = calendar_exchange().replace("c_4f%40group", "en.usa%23holiday%40group.v");
    let connection = Connection::of(&[("calendar_id", "en.usa#holiday@group.v.calendar.google.com")]);
    assert!(connect(&connection, &tape).is_ok());
}

#[test]
fn connecting_without_a_calendar_is_an_invalid_field_and_sends_no_request() {
    let error = connect(&Connection::of(&[]), "").unwrap_err();
    assert_eq!(require_invalid_field(&error), "calendar_id");
}

#[test]
fn a_service_account_is_rejected_as_administrator() {
    let connection =
        Connection::of(&[("calendar_id", "primary"), ("admin_email", "jf@acme-jf.iam.gserviceaccount.com")]);
    assert_eq!(require_invalid_field(&connect(&connection, "").unwrap_err()), "admin_email");
}

#[test]
fn connect_and_health_fail_without_access_to_the_directory() {
    let (calendar, directory) = CONNECT.split_once("###").unwrap();
    let tape = format!("{calendar}###\n{}", with_response(directory, &error_response(403, "forbidden")));
    assert!(matches!(connect(&delegated(), &tape), Err(Error::Forbidden(_))));
    assert!(matches!(health(&delegated(), &tape), Err(Error::Forbidden(_))));
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_calendar_and_time_zone() {
    let reports = vec![Report::text("calendar", "Leave"), Report::text("time_zone", "Australia/Sydney")];
    assert_eq!(health(&delegated(), CONNECT), Ok(reports.clone()));
    assert_eq!(health(&calendar_only(), calendar_exchange()), Ok(reports));
}

#[test]
fn health_succeeds_without_optional_attributes() {
    assert_eq!(health(&calendar_only(), &with_response(calendar_exchange(), "200\n\n{}")), Ok(Vec::new()));
}

#[test]
fn an_odd_value_never_rejects_the_key() {
    let tape = calendar_exchange();
    testkit::never_reject_for_a_value::<GoogleWorkspace, _>(tape, || GoogleWorkspace::health(&calendar_only()));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_active_unless_suspended_or_archived() {
    let page = users(&PageRequest::first(200), USERS_FIRST).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("113900000000000000007", "Kim Lee").email(Some("kim@acme.test")),
            User::new("113900000000000000008", "Jó \"Jo\" Wu").email(Some("jo@acme.test")).active(false),
            User::new("113900000000000000009", "Al Fox").email(Some("al@acme.test")).active(false),
            User::new("113900000000000000010", "").email(Some("bea@acme.test")),
            User::new("113900000000000000011", ""),
        ]
    );
    assert_eq!(page.next_cursor.as_deref(), Some("Q0FFU=="));
}

#[test]
fn aliases_are_requested_and_count_as_addresses() {
    let tape = USERS_FIRST.replace(
        "\"suspended\":true",
        "\"suspended\":true,\"aliases\":[\"jo.wu@acme.test\",7,null],\"nonEditableAliases\":[\"jo@acme.test.example\"]",
    );
    let page = users(&PageRequest::first(200), &tape).unwrap();
    assert_eq!(page.users[1].aliases, ["jo.wu@acme.test", "7", "jo@acme.test.example"]);
}

#[test]
fn no_value_of_a_page_loses_the_users_next_to_it() {
    let list = RowList { pointer: "/users", id: "id" };
    testkit::replace_each_value::<GoogleWorkspace>(&delegated(), &PageRequest::first(200), USERS_FIRST, list);
}

#[test]
fn an_empty_page_without_a_token_is_the_last_one() {
    let page = users(&PageRequest::after("Q0FFU==", 50), USERS_LAST);
    assert_eq!(page, Ok(Page::last(Vec::new())));
}

#[test]
fn a_cursor_that_repeats_or_is_rejected_is_malformed() {
    let again = with_response(USERS_LAST, "200\n\n{\"nextPageToken\":\"Q0FFU==\"}");
    let stale = with_response(USERS_LAST, &error_response(400, "invalid"));
    for tape in [again, stale] {
        let page = users(&PageRequest::after("Q0FFU==", 50), &tape);
        assert!(matches!(page, Err(Error::Malformed(_))), "{page:?}");
    }
}

#[test]
fn the_page_size_never_exceeds_the_directorys_maximum() {
    let tape = USERS_FIRST.replace("maxResults=200", "maxResults=500");
    assert!(users(&PageRequest::first(5_000), &tape).is_ok());
}

#[test]
fn listing_users_without_an_administrator_says_what_to_fill_in() {
    let page = testkit::list_users::<GoogleWorkspace>(&calendar_only(), &PageRequest::first(1), "");
    assert!(matches!(&page, Err(Error::Unsupported(what)) if what.contains("admin_email")), "{page:?}");
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnect_sends_no_request_and_says_what_to_delete() {
    let outcome = testkit::disconnect::<GoogleWorkspace>(&delegated(), "").unwrap();
    assert_eq!(outcome.upstream, UpstreamFate::Kept);
    let note = outcome.note.unwrap();
    assert!(note.contains("Delete the key") && note.contains("within the hour"), "{note}");
}

// ---- errors of the APIs --------------------------------------------------------------------------------------------

#[test]
fn a_rejected_token_is_unauthorized() {
    assert_eq!(calendar_error(&error_response(401, "authError")), Error::unauthorized("authError"));
    assert_eq!(directory_error("401\n\nwho?"), Error::unauthorized("authError"));
}

#[test]
fn a_missing_scope_is_forbidden_with_its_name() {
    assert_eq!(calendar_error(&error_response(403, "insufficientPermissions")), Error::forbidden(CALENDAR));
    assert_eq!(directory_error(&error_response(403, "insufficientPermissions")), Error::forbidden(DIRECTORY));
    let detail = r#"403

{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com"}]}}"#;
    assert_eq!(calendar_error(detail), Error::forbidden(CALENDAR));
}

#[test]
fn each_missing_permission_is_named() {
    let named = |reason: &str, words: &str| {
        let right = require_forbidden(directory_error(&error_response(403, reason)));
        assert!(right.contains(words), "{reason}: {right}");
    };
    named("accessNotConfigured", "Admin SDK API");
    named("SERVICE_DISABLED", "Admin SDK API");
    named("domainCannotUseApis", "domainCannotUseApis");
    named("forbidden", "administrator");
    named("aWordThatIsNew", "aWordThatIsNew");
    let right = require_forbidden(calendar_error(&error_response(403, "accessNotConfigured")));
    assert!(right.contains("Google Calendar API"), "{right}");
    assert!(require_forbidden(calendar_error("403\n\n{\"error\":{\"code\":403}}")).contains("share"));
}

#[test]
fn rate_limiting_is_recognized_with_either_status() {
    for reason in [
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "dailyLimitExceededUnreg",
        "userRateLimitExceededUnreg",
        "variableTermLimitExceeded",
        "servingLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
    ] {
        for status in [403, 429] {
            assert_eq!(directory_error(&error_response(status, reason)), Error::RateLimited(None), "{status} {reason}");
        }
        let answer = error_response(403, reason).replacen('\n', "\nretry-after: 17\n", 1);
        assert_eq!(calendar_error(&answer), Error::rate_limited(17));
    }
    assert_eq!(calendar_error("429\nRetry-After: 3\n\n<html>slow down</html>"), Error::rate_limited(3));
    let only_status = "403\n\n{\"error\":{\"code\":403,\"status\":\"RESOURCE_EXHAUSTED\"}}";
    assert_eq!(directory_error(only_status), Error::RateLimited(None));
    for (reason, is_limit) in [("aWordThatIsNew", true), ("accessNotConfigured", false)] {
        let answer = error_response(403, reason).replace("\"global\"", "\"usageLimits\"");
        assert_eq!(directory_error(&answer) == Error::RateLimited(None), is_limit, "{reason}");
    }
    assert_eq!(directory_error(&error_response(403, "backendError")), Error::upstream(403, "backendError"));
}

#[test]
fn the_message_for_a_missing_calendar_mentions_sharing_it() {
    let of = |connection: &Connection| {
        let error =
            health(connection, &with_response(calendar_exchange(), &error_response(404, "notFound"))).unwrap_err();
        assert_eq!(require_invalid_field(&error), "calendar_id");
        format!("{error:?}")
    };
    assert!(of(&calendar_only()).contains("client_email"));
    assert!(of(&delegated()).contains("share the calendar with ada@acme.test"));
}

#[test]
fn an_unknown_administrator_is_an_invalid_field() {
    assert_eq!(require_invalid_field(&directory_error(&error_response(400, "badRequest"))), "admin_email");
    assert_eq!(require_invalid_field(&directory_error(&error_response(404, "notFound"))), "admin_email");
}

#[test]
fn an_outage_at_google_is_upstream_with_any_body() {
    assert_eq!(calendar_error("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    assert_eq!(directory_error(&error_response(503, "backendError")), Error::upstream(503, ""));
    assert_eq!(calendar_error(&error_response(400, "invalid")), Error::upstream(400, "invalid"));
    assert_eq!(directory_error(&error_response(400, "invalidInput")), Error::upstream(400, "invalidInput"));
    assert_eq!(directory_error(&error_response(412, "conditionNotMet")), Error::upstream(412, "conditionNotMet"));
}

#[test]
fn any_other_response_is_malformed_and_not_quoted() {
    for answer in ["200\n\n<html>kim@acme.test</html>", "404\n\n<html>kim@acme.test</html>", "403\n\nkim@acme.test"] {
        for error in [calendar_error(answer), directory_error(answer)] {
            assert!(matches!(&error, Error::Malformed(words) if !words.contains("kim")), "{answer}: {error:?}");
        }
    }
    // The error format of the token endpoint, which the APIs do not use.
    assert!(matches!(calendar_error("403\n\n{\"error\":\"forbidden\"}"), Error::Malformed(_)));
    assert!(matches!(directory_error("200\n\n{\"users\":[{\"primaryEmail\":\"x\"},{}]}"), Error::Malformed(_)));
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = with_transport(std::rc::Rc::new(offline), || GoogleWorkspace::health(&calendar_only()));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
