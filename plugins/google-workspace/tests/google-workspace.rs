//! What the Google Workspace provider asks, and what it makes of each answer. The facts are Google's; nothing leaves the
//! process.

use jackfield_google_workspace::GoogleWorkspace;
use jackfield_sdk::testkit::{self, invalid_field, with_transport};
use jackfield_sdk::{
    Auth, ConnectOutcome, Connected, Connection, CredentialSource, Error, FieldKind, MappingFate, Page, PageRequest,
    Provider, Report, UpstreamFate, User, http,
};

const CONNECT: &str = include_str!("../fixtures/connect.http");
const USERS_FIRST: &str = include_str!("../fixtures/users-first.http");
const USERS_LAST: &str = include_str!("../fixtures/users-last.http");

const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.readonly";
const DIRECTORY: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";

/// A connection for the calendar alone.
fn bare() -> Connection {
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

/// The exchanges of a good connect, and of its first one alone.
fn calendar_exchange() -> &'static str {
    CONNECT.split("###").next().unwrap_or_default()
}

/// An answer in place of the one that is on a tape of one exchange.
fn answered(tape: &str, answer: &str) -> String {
    let request = tape.split("HTTP/1.1").next().unwrap_or_default();
    format!("{request}HTTP/1.1 {answer}")
}

/// The error of a calendar that answers like this.
fn calendar_error(answer: &str) -> Error {
    match health(&bare(), &answered(calendar_exchange(), answer)) {
        Err(error) => error,
        Ok(reports) => panic!("{answer} went well: {reports:?}"),
    }
}

/// The error of a directory whose first page answers like this.
fn directory_error(answer: &str) -> Error {
    match users(&PageRequest::first(200), &answered(USERS_FIRST, answer)) {
        Err(error) => error,
        Ok(page) => panic!("{answer} went well: {page:?}"),
    }
}

/// An answer of Google's with one reason.
fn refusal(status: u16, reason: &str) -> String {
    format!(
        r#"{status}{}{{"error":{{"code":{status},"message":"Words","errors":[{{"message":"Words","domain":"global","reason":"{reason}"}}]}}}}"#,
        "\ncontent-type: application/json; charset=UTF-8\n\n"
    )
}

fn invalid(error: &Error) -> &str {
    invalid_field(error).unwrap_or_else(|| panic!("{error:?} names no field"))
}

fn forbidden(error: Error) -> String {
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
fn a_key_file_names_googles_own_token_endpoint_or_it_is_refused() {
    let Auth::ServiceAccount(grant) = GoogleWorkspace::describe().auth else { panic!("a service account's grant") };
    assert_eq!(grant.field, "service_account_key");
    assert_eq!(grant.token_url, "https://oauth2.googleapis.com/token");
    assert_eq!(grant.audience, grant.token_url);
    assert_eq!(grant.token_uris, ["https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"]);
    assert_eq!(grant.universe_domains, ["googleapis.com"]);
}

#[test]
fn each_endpoint_has_a_token_of_its_own_scope_for_the_administrator() {
    let minted = GoogleWorkspace::describe().endpoints.into_iter().map(|endpoint| match endpoint.credential {
        Some(attachment) => match attachment.source {
            CredentialSource::Minted(token) => (endpoint.host, token.scopes, token.subject_field),
            other => panic!("{other:?}"),
        },
        None => panic!("{} goes out bare", endpoint.path),
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
fn the_form_asks_for_key_calendar_and_perhaps_an_administrator() {
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
fn a_calendar_is_told_by_letters_that_a_path_may_hold() {
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
fn connecting_tries_calendar_and_directory_and_learns_the_domain() {
    assert_eq!(connect(&delegated(), CONNECT), Ok(Connected::new().org_name("acme.test").into()));
}

#[test]
fn connecting_without_an_administrator_tries_the_calendar_alone() {
    assert_eq!(connect(&bare(), calendar_exchange()), Ok(Connected::new().org_name("acme.test").into()));
    let unowned = calendar_exchange().replace("\"dataOwner\"", "\"other\"");
    assert_eq!(connect(&bare(), &unowned), Ok(Connected::new().into()));
}

#[test]
fn the_calendars_id_is_one_segment_of_the_path() {
    let tape = calendar_exchange().replace("c_4f%40group", "en.usa%23holiday%40group.v");
    let connection = Connection::of(&[("calendar_id", "en.usa#holiday@group.v.calendar.google.com")]);
    assert!(connect(&connection, &tape).is_ok());
}

#[test]
fn connecting_without_a_calendar_asks_for_one_and_google_for_nothing() {
    let error = connect(&Connection::of(&[]), "").unwrap_err();
    assert_eq!(invalid(&error), "calendar_id");
}

#[test]
fn a_service_account_is_no_administrator() {
    let connection =
        Connection::of(&[("calendar_id", "primary"), ("admin_email", "jf@acme-jf.iam.gserviceaccount.com")]);
    assert_eq!(invalid(&connect(&connection, "").unwrap_err()), "admin_email");
}

#[test]
fn a_directory_that_may_not_be_read_shows_at_connect_and_in_health() {
    let (calendar, directory) = CONNECT.split_once("###").unwrap();
    let tape = format!("{calendar}###\n{}", answered(directory, &refusal(403, "forbidden")));
    assert!(matches!(connect(&delegated(), &tape), Err(Error::Forbidden(_))));
    assert!(matches!(health(&delegated(), &tape), Err(Error::Forbidden(_))));
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_calendar_and_time_zone() {
    let reports = vec![Report::text("calendar", "Leave"), Report::text("time_zone", "Australia/Sydney")];
    assert_eq!(health(&delegated(), CONNECT), Ok(reports.clone()));
    assert_eq!(health(&bare(), calendar_exchange()), Ok(reports));
}

#[test]
fn health_does_without_what_google_leaves_out() {
    assert_eq!(health(&bare(), &answered(calendar_exchange(), "200\n\n{}")), Ok(Vec::new()));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_those_of_the_directory_and_active_unless_suspended_or_archived() {
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
fn an_empty_page_without_a_token_is_the_end() {
    let page = users(&PageRequest::after("Q0FFU==", 50), USERS_LAST);
    assert_eq!(page, Ok(Page::last(Vec::new())));
}

#[test]
fn a_cursor_that_leads_to_itself_or_is_not_taken_back_is_malformed() {
    let again = answered(USERS_LAST, "200\n\n{\"nextPageToken\":\"Q0FFU==\"}");
    let stale = answered(USERS_LAST, &refusal(400, "invalid"));
    for tape in [again, stale] {
        let page = users(&PageRequest::after("Q0FFU==", 50), &tape);
        assert!(matches!(page, Err(Error::Malformed(_))), "{page:?}");
    }
}

#[test]
fn more_than_the_directory_gives_is_never_asked_for() {
    let tape = USERS_FIRST.replace("maxResults=200", "maxResults=500");
    assert!(users(&PageRequest::first(5_000), &tape).is_ok());
}

#[test]
fn without_an_administrator_there_are_no_users_and_the_words_say_what_to_fill_in() {
    let page = testkit::list_users::<GoogleWorkspace>(&bare(), &PageRequest::first(1), "");
    assert!(matches!(&page, Err(Error::Unsupported(what)) if what.contains("admin_email")), "{page:?}");
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnecting_asks_nothing_and_says_what_is_left_to_do() {
    let outcome = testkit::disconnect::<GoogleWorkspace>(&delegated(), "").unwrap();
    assert_eq!(outcome.upstream, UpstreamFate::Kept);
    let note = outcome.note.unwrap();
    assert!(note.contains("Delete the key") && note.contains("within the hour"), "{note}");
}

// ---- errors of the APIs --------------------------------------------------------------------------------------------

#[test]
fn a_token_that_is_not_taken_is_unauthorized() {
    assert_eq!(calendar_error(&refusal(401, "authError")), Error::unauthorized("authError"));
    assert_eq!(directory_error("401\n\nwho?"), Error::unauthorized("authError"));
}

#[test]
fn a_missing_scope_is_forbidden_by_its_name() {
    assert_eq!(calendar_error(&refusal(403, "insufficientPermissions")), Error::forbidden(CALENDAR));
    assert_eq!(directory_error(&refusal(403, "insufficientPermissions")), Error::forbidden(DIRECTORY));
    let detail = r#"403

{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com"}]}}"#;
    assert_eq!(calendar_error(detail), Error::forbidden(CALENDAR));
}

#[test]
fn each_missing_right_is_named() {
    let named = |reason: &str, words: &str| {
        let right = forbidden(directory_error(&refusal(403, reason)));
        assert!(right.contains(words), "{reason}: {right}");
    };
    named("accessNotConfigured", "Admin SDK API");
    named("SERVICE_DISABLED", "Admin SDK API");
    named("domainCannotUseApis", "domainCannotUseApis");
    named("forbidden", "administrator");
    named("aWordThatIsNew", "aWordThatIsNew");
    let right = forbidden(calendar_error(&refusal(403, "accessNotConfigured")));
    assert!(right.contains("Google Calendar API"), "{right}");
    assert!(forbidden(calendar_error("403\n\n{\"error\":{\"code\":403}}")).contains("share"));
}

#[test]
fn too_many_requests_are_rate_limited_by_either_status() {
    for reason in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
        for status in [403, 429] {
            assert_eq!(directory_error(&refusal(status, reason)), Error::RateLimited(None), "{status} {reason}");
        }
        let answer = refusal(403, reason).replacen('\n', "\nretry-after: 17\n", 1);
        assert_eq!(calendar_error(&answer), Error::rate_limited(17));
    }
    assert_eq!(calendar_error("429\nRetry-After: 3\n\n<html>slow down</html>"), Error::rate_limited(3));
}

#[test]
fn a_calendar_that_is_not_found_may_also_be_one_that_is_not_shared() {
    let of = |connection: &Connection| {
        let error = health(connection, &answered(calendar_exchange(), &refusal(404, "notFound"))).unwrap_err();
        assert_eq!(invalid(&error), "calendar_id");
        format!("{error:?}")
    };
    assert!(of(&bare()).contains("client_email"));
    assert!(of(&delegated()).contains("share the calendar with ada@acme.test"));
}

#[test]
fn a_directory_that_does_not_know_the_administrator_says_so() {
    assert_eq!(invalid(&directory_error(&refusal(400, "badRequest"))), "admin_email");
    assert_eq!(invalid(&directory_error(&refusal(404, "notFound"))), "admin_email");
}

#[test]
fn trouble_at_google_is_upstream_with_whatever_body() {
    assert_eq!(calendar_error("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    assert_eq!(directory_error(&refusal(503, "backendError")), Error::upstream(503, ""));
    assert_eq!(calendar_error(&refusal(400, "invalid")), Error::upstream(400, "invalid"));
    assert_eq!(directory_error(&refusal(400, "invalidInput")), Error::upstream(400, "invalidInput"));
    assert_eq!(directory_error(&refusal(412, "conditionNotMet")), Error::upstream(412, "conditionNotMet"));
}

#[test]
fn what_is_no_answer_of_googles_is_malformed_and_not_quoted() {
    for answer in ["200\n\n<html>kim@acme.test</html>", "404\n\n<html>kim@acme.test</html>", "403\n\nkim@acme.test"] {
        for error in [calendar_error(answer), directory_error(answer)] {
            assert!(matches!(&error, Error::Malformed(words) if !words.contains("kim")), "{answer}: {error:?}");
        }
    }
    // The token endpoint's form of an error, in the wrong place.
    assert!(matches!(calendar_error("403\n\n{\"error\":\"forbidden\"}"), Error::Malformed(_)));
    assert!(matches!(directory_error("200\n\n{\"users\":[{\"primaryEmail\":\"x\"}]}"), Error::Malformed(_)));
}

#[test]
fn a_request_without_an_answer_keeps_its_reason() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = with_transport(std::rc::Rc::new(offline), || GoogleWorkspace::health(&bare()));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
