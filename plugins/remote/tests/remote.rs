//! Tests the requests of the Remote plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_remote::Remote;
use jackfield_sdk::testkit::{self, RowList, invalid_field};
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, MappingFate, Page, PageRequest, Provider, Report, User,
    http,
};

const IDENTITY: &str = include_str!("../fixtures/identity.http");
const COMPANY: &str = include_str!("../fixtures/company.http");
const EMPLOYMENTS_FIRST: &str = include_str!("../fixtures/employments-first.http");
const EMPLOYMENTS_LAST: &str = include_str!("../fixtures/employments-last.http");

const COMPANY_ID: &str = "3f1c9a52-6d0e-4b7a-9c55-0a41ce7e1d20";
const UNAUTHORIZED: &str = "401\n\n{\"message\":\"Unauthorized\"}";

/// Returns an exchange of `identity/current` in production with this response.
fn identity(answer: &str) -> String {
    format!("GET https://gateway.remote.com/v1/identity/current\n\nHTTP/1.1 {answer}\n###\n")
}

/// Returns an exchange of `identity/current` in the sandbox with this response.
fn sandbox_identity(answer: &str) -> String {
    identity(answer).replace("gateway.remote.com", "gateway.remote-sandbox.com")
}

/// Returns two exchanges: a valid token, and its company with this response.
fn company(answer: &str) -> String {
    format!("{IDENTITY}\n###\nGET https://gateway.remote.com/v1/companies/{COMPANY_ID}\n\nHTTP/1.1 {answer}")
}

fn employments(answer: &str) -> String {
    format!("GET https://gateway.remote.com/v1/employments?page=1&page_size=100\n\nHTTP/1.1 {answer}")
}

fn connect(fields: &[(&str, &str)], tape: &str) -> Result<ConnectOutcome, Error> {
    testkit::connect::<Remote>(&Connection::of(fields), tape)
}

fn health(tape: &str) -> Result<Vec<Report>, Error> {
    testkit::health::<Remote>(&Connection::of(&[("company_id", COMPANY_ID)]), tape)
}

fn list_users(page: &PageRequest, tape: &str) -> Result<Page, Error> {
    testkit::list_users::<Remote>(&Connection::of(&[("company_id", COMPANY_ID)]), page, tape)
}

/// Returns the error of a call with this response.
fn error_for(answer: &str) -> Error {
    match list_users(&PageRequest::first(100), &employments(answer)) {
        Err(error) => error,
        Ok(page) => panic!("{answer} did not fail: {page:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Remote::describe()), Vec::<String>::new());
}

#[test]
fn the_manifest_declares_three_endpoints_per_environment_that_all_use_the_token() {
    let manifest = Remote::describe();
    for host in ["gateway.remote.com", "gateway.remote-sandbox.com"] {
        let paths: Vec<_> =
            manifest.endpoints.iter().filter(|endpoint| endpoint.host == host).map(|endpoint| &endpoint.path).collect();
        assert_eq!(paths, ["/v1/identity/current", "/v1/companies/*", "/v1/employments"], "{host}");
    }
    assert_eq!(manifest.endpoints.len(), 6);
    assert!(manifest.endpoints.iter().all(|endpoint| endpoint.method == http::Method::Get));
    assert!(manifest.endpoints.iter().all(|endpoint| endpoint.credential.is_some()));
}

#[test]
fn mappings_are_cleared_on_disconnect() {
    assert_eq!(Remote::describe().on_disconnect, MappingFate::Clear);
}

#[test]
fn a_token_is_validated_by_its_prefix_and_not_by_its_length() {
    let pattern = regex::Regex::new(&testkit::pattern_of::<Remote>("api_token")).unwrap();
    for token in ["ra_live_A1b2-c3_d4", "ra_test_1", "ra_live_a.b+c/d=", &format!("ra_live_{}", "9".repeat(900))] {
        assert!(pattern.is_match(token), "{token}");
    }
    for token in ["ra_live_", "ra_prod_1", "Bearer ra_live_1", "ra_live_1 2", "ra_live_1\n", "live_1", ""] {
        assert!(!pattern.is_match(token), "{token}");
    }
}

// ---- connect -------------------------------------------------------------------------------------------------------

#[test]
fn connect_returns_the_company() {
    let connected = Connected::new().org_name("Acme Instruments").learned("company_id", COMPANY_ID);
    assert_eq!(connect(&[], IDENTITY), Ok(connected.into()));
}

#[test]
fn any_status_2xx_is_a_success() {
    for status in ["200", "201", "206"] {
        let tape = IDENTITY.replace("HTTP/1.1 201", &format!("HTTP/1.1 {status}"));
        assert!(connect(&[], &tape).is_ok(), "{status}");
    }
}

#[test]
fn the_name_in_the_form_takes_precedence_over_the_companys() {
    let connected = Connected::new().org_name("Payroll").learned("company_id", COMPANY_ID);
    assert_eq!(connect(&[("org_name", "Payroll")], IDENTITY), Ok(connected.into()));
}

#[test]
fn connect_succeeds_without_the_companys_name() {
    for name in ["null", "\"\""] {
        let tape = IDENTITY.replace("\"Acme Instruments\"", name);
        assert_eq!(connect(&[], &tape), Ok(Connected::new().learned("company_id", COMPANY_ID).into()));
    }
}

#[test]
fn the_company_in_the_form_must_be_the_tokens() {
    let connected = Connected::new().org_name("Acme Instruments");
    assert_eq!(connect(&[("company_id", COMPANY_ID)], IDENTITY), Ok(connected.into()));

    let error = connect(&[("company_id", "another-company")], IDENTITY).unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.message.contains(COMPANY_ID)), "{error:?}");
    assert_eq!(invalid_field(&error), Some("company_id"));
}

#[test]
fn the_token_of_a_companys_oauth_app_is_accepted() {
    let tape = IDENTITY.replace(
        "{\"data\":{",
        "{\"data\":{\"client_id\":\"1pws\",\"integration\":{\"name\":\"x\",\"display_name\":\"X\",\"contact_email\":null},",
    );
    assert!(connect(&[], &tape).is_ok());
}

#[test]
fn the_token_of_a_partners_client_is_rejected() {
    let tape = identity("201\n\n{\"data\":{\"client_id\":\"1pws\",\"integration\":{\"name\":\"partner\"}}}");
    let error = connect(&[], &tape).unwrap_err();
    assert_eq!(invalid_field(&error), Some("api_token"), "{error:?}");
}

#[test]
fn a_token_of_the_other_environment_is_an_invalid_field() {
    let good = "201\n\n{\"data\":{\"company\":{\"id\":\"c-1\",\"name\":\"Acme\"}}}";

    let error = connect(&[], &(identity(UNAUTHORIZED) + &sandbox_identity(good))).unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.message.contains("sandbox")), "{error:?}");
    assert_eq!(invalid_field(&error), Some("environment"));

    let sandbox = [("environment", "sandbox")];
    let error = connect(&sandbox, &(sandbox_identity(UNAUTHORIZED) + &identity(good))).unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.message.contains("production")), "{error:?}");
    assert_eq!(invalid_field(&error), Some("environment"));

    assert!(connect(&sandbox, &sandbox_identity(good)).is_ok());
}

#[test]
fn a_token_that_both_environments_reject_is_unauthorized() {
    for other in [UNAUTHORIZED, "403\n\n{}", "502\n\n<html>", "429\nx-ratelimit-reset: 9\n\n{}"] {
        let tape = identity(UNAUTHORIZED) + &sandbox_identity(other);
        assert_eq!(connect(&[], &tape), Err(Error::unauthorized("Unauthorized")), "{other}");
    }
}

#[test]
fn only_a_rejected_token_is_sent_to_the_other_environment() {
    assert_eq!(connect(&[], &identity("403\n\n{\"message\":\"Forbidden\"}")), Err(Error::forbidden("Forbidden")));
    assert_eq!(connect(&[], &identity("500\n\noh")), Err(Error::upstream(500, "")));
}

#[test]
fn an_unknown_environment_is_an_invalid_field_and_sends_no_request() {
    assert_eq!(invalid_field(&connect(&[("environment", "moon")], "").unwrap_err()), Some("environment"));
}

#[test]
fn a_company_id_that_is_not_a_path_segment_is_malformed() {
    for id in ["", "../employments", "a/b", "a?b", "a b"] {
        let tape = IDENTITY.replace(COMPANY_ID, id);
        assert!(matches!(connect(&[], &tape), Err(Error::Malformed(_))), "{id}");
    }
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_the_company_its_status_and_the_environment() {
    assert_eq!(
        health(&format!("{IDENTITY}\n###\n{COMPANY}")),
        Ok(vec![
            Report::text("company_name", "Acme Instruments"),
            Report::text("company_status", "active"),
            Report::text("environment", "production"),
        ])
    );
}

#[test]
fn a_status_without_access_is_unknown() {
    for answer in [
        "401\n\n{\"message\":\"Unauthorized\"}",
        "403\n\n{\"message\":\"Forbidden\"}",
        "404\n\n{\"message\":\"Company not found\"}",
        "422\n\n{\"errors\":{\"company_id\":[\"is invalid\"]}}",
        "200\n\n{\"data\":{\"company\":{\"status\":null}}}",
        "200\n\n{\"data\":{\"company\":{}}}",
    ] {
        let reports = health(&company(answer)).unwrap();
        assert_eq!(reports[1], Report::text("company_status", "unknown"), "{answer}");
    }
}

#[test]
fn health_fails_if_the_status_cannot_be_requested() {
    assert_eq!(health(&company("503\n\n<html>")), Err(Error::upstream(503, "")));
    assert_eq!(health(&company("429\nx-ratelimit-reset: 1500\n\n{}")), Err(Error::rate_limited(2)));
}

#[test]
fn health_uses_the_chosen_environment() {
    let connection = Connection::of(&[("environment", "sandbox")]);
    let tape = format!("{IDENTITY}\n###\n{COMPANY}").replace("gateway.remote.com", "gateway.remote-sandbox.com");
    let reports = testkit::health::<Remote>(&connection, &tape).unwrap();
    assert_eq!(reports[2], Report::text("environment", "sandbox"));
}

#[test]
fn health_does_not_try_the_other_environment() {
    assert_eq!(health(&identity(UNAUTHORIZED)), Err(Error::unauthorized("Unauthorized")));
}

#[test]
fn health_fails_if_the_token_belongs_to_another_company() {
    let tape = IDENTITY.replace(COMPANY_ID, "another-company");
    assert_eq!(invalid_field(&health(&tape).unwrap_err()), Some("company_id"));
}

#[test]
fn an_odd_value_never_rejects_the_token() {
    testkit::never_reject_for_a_value::<Remote, _>(IDENTITY, || Remote::connect(&Connection::of(&[])));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_employments_with_the_work_email_and_the_other_addresses_as_aliases() {
    let id = |number: u32| format!("a0000000-0000-4000-8000-00000000000{number}");
    let page = list_users(&PageRequest::first(200), EMPLOYMENTS_FIRST).unwrap();
    assert_eq!(
        page.users,
        [
            User::new(id(1), "Kim Lee").email(Some("kim@acme.test")).aliases(["kim.lee@mail.test", "kim@home.test"]),
            User::new(id(2), "Jó \"Jo\" Wu").email(Some("jo@mail.test")).aliases(["jo@home.test"]),
            User::new(id(3), "Al Po").email(Some("al@home.test")),
            User::new(id(4), "Bo Ray"),
            User::new(id(5), "Cy Fox").email(Some("cy@acme.test")).aliases(["cy@home.test"]).active(false),
            User::new(id(6), "Di Kay").email(Some("di@acme.test")).aliases(["di@home.test"]).active(false),
            User::new(id(7), "Ed Roe").email(Some("ed@acme.test")).aliases(["ed@home.test"]).active(false),
            User::new(id(8), "").active(false),
        ]
    );
    assert!(page.next_cursor.is_some_and(|cursor| cursor.starts_with("2/100/")));
}

#[test]
fn pages_keep_the_size_of_the_first_one_and_the_last_has_no_cursor() {
    let page = list_users(&PageRequest::after("2/100", 7), EMPLOYMENTS_LAST);
    assert_eq!(page, Ok(Page::last(Vec::new())));

    let tape = EMPLOYMENTS_FIRST.replace("page_size=100", "page_size=50");
    let page = list_users(&PageRequest::first(50), &tape).unwrap();
    assert!(page.next_cursor.is_some_and(|cursor| cursor.starts_with("2/50/")));
}

#[test]
fn a_company_without_employments_has_no_pages() {
    let tape =
        employments("200\n\n{\"data\":{\"current_page\":1,\"total_pages\":0,\"total_count\":0,\"employments\":[]}}");
    assert_eq!(list_users(&PageRequest::first(100), &tape), Ok(Page::last(Vec::new())));
}

#[test]
fn an_invalid_cursor_is_malformed_and_sends_no_request() {
    assert!(matches!(list_users(&PageRequest::after("next", 100), ""), Err(Error::Malformed(_))));
}

#[test]
fn a_list_without_its_wrapper_is_malformed() {
    assert!(matches!(error_for("200\n\n{\"total_pages\":1,\"employments\":[]}"), Error::Malformed(_)));
    assert!(matches!(error_for("200\n\n{\"data\":{\"total_pages\":1}}"), Error::Malformed(_)));
    assert!(matches!(error_for("200\n\n{\"data\":{\"total_pages\":1,\"employments\":[{},{}]}}"), Error::Malformed(_)));
}

#[test]
fn no_value_of_a_page_loses_the_employments_next_to_it() {
    let list = RowList { pointer: "/data/employments", id: "id" };
    testkit::replace_each_value::<Remote>(&Connection::of(&[]), &PageRequest::first(200), EMPLOYMENTS_FIRST, list);
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnect_sends_no_request_and_says_where_to_revoke_the_token() {
    let done: Disconnected = testkit::disconnect::<Remote>(&Connection::of(&[]), "").unwrap();
    let note = done.note.clone().unwrap_or_default();
    assert_eq!(done, Disconnected::kept(&note));
    assert!(note.contains("Revoke token"), "{note}");
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn each_status_has_the_error_that_remote_documents() {
    assert_eq!(error_for("400\n\n{\"message\":\"invalid page\"}"), Error::upstream(400, "invalid page"));
    assert_eq!(error_for(UNAUTHORIZED), Error::unauthorized("Unauthorized"));
    assert_eq!(error_for("403\n\n{\"message\":\"Forbidden\"}"), Error::forbidden("Forbidden"));
    assert_eq!(error_for("404\n\n{\"message\":\"Company not found\"}"), Error::upstream(404, "Company not found"));
    assert_eq!(error_for("409\n\n{\"message\":\"conflict\"}"), Error::upstream(409, "conflict"));
}

#[test]
fn a_message_can_be_a_text_an_object_or_a_list() {
    for (body, said) in [
        ("{\"message\":\"Invalid parameter\"}", "Invalid parameter"),
        ("{\"message\":{\"code\":\"invalid_param\",\"message\":\"Invalid page\",\"param\":\"page\"}}", "Invalid page"),
        ("{\"message\":{\"action\":\"retry\",\"code\":\"busy\",\"message\":\"Try again\"}}", "Try again"),
        ("{\"message\":{\"code\":\"invalid_param\"}}", "invalid_param"),
        ("{\"message\":[{\"code\":\"a\",\"message\":\"One\"},{\"code\":\"b\",\"message\":\"Two\"}]}", "One"),
        ("{\"message\":[]}", ""),
        ("{\"message\":7}", "7"),
        ("{\"message\":[{},null,[\"x\"],{\"code\":\"a\"}]}", "a"),
        ("{\"errors\":{\"some_field\":[\"is invalid\"]}}", "some_field"),
        ("{\"errors\":[]}", ""),
        ("{}", ""),
    ] {
        assert_eq!(error_for(&format!("422\n\n{body}")), Error::upstream(422, said), "{body}");
    }
    assert_eq!(
        error_for("400\n\n{\"message\":{\"code\":\"bad\",\"message\":\"Bad request\"}}"),
        Error::upstream(400, "Bad request")
    );
}

#[test]
fn the_milliseconds_of_remotes_header_take_precedence_over_retry_after() {
    let body = "{\"message\":\"Too many requests\"}";
    assert_eq!(error_for(&format!("429\nx-ratelimit-reset: 1500\n\n{body}")), Error::rate_limited(2));
    assert_eq!(error_for(&format!("429\nX-RateLimit-Reset: 59871\nRetry-After: 7\n\n{body}")), Error::rate_limited(60));
    assert_eq!(error_for(&format!("429\nRetry-After: 7\n\n{body}")), Error::rate_limited(7));
    assert_eq!(error_for(&format!("429\nx-ratelimit-reset: soon\nRetry-After: 7\n\n{body}")), Error::rate_limited(7));
    // A number that is too large for a duration is a moment, in seconds or milliseconds.
    for moment in ["1790000009", "1790000009000"] {
        let answer = format!("429\nDate: Mon, 21 Sep 2026 14:13:20 GMT\nx-ratelimit-reset: {moment}\n\n{body}");
        assert_eq!(error_for(&answer), Error::rate_limited(9), "{moment}");
    }
    assert_eq!(
        error_for("403\nx-ratelimit-reset: 1500\n\n{\"message\":\"Rate limit exceeded\"}"),
        Error::rate_limited(2)
    );
    assert_eq!(error_for(&format!("429\n\n{body}")), Error::RateLimited(None));
    assert_eq!(
        error_for("429\nx-ratelimit-reset: 1\n\n{\"errors\":{\"detail\":\"Customer rate-limit exceeded.\"}}"),
        Error::rate_limited(1)
    );
}

#[test]
fn an_outage_at_remote_is_never_unauthorized() {
    assert_eq!(error_for("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    assert_eq!(error_for("500\n\n{\"message\":\"Unauthorized\"}"), Error::upstream(500, "Unauthorized"));
    assert_eq!(error_for("302\n\n"), Error::upstream(302, ""));
}

#[test]
fn any_other_response_is_malformed_and_not_quoted() {
    for body in ["<html>kim@acme.test</html>", "", "[]", "{\"data\":{\"employments\":\"kim@acme.test\"}}"] {
        match error_for(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert!(matches!(connect(&[], &identity("201\n\n{\"data\":{\"comp")), Err(Error::Malformed(_))));
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Remote::connect(&Connection::of(&[])));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
