//! What the Remote provider asks, and what it makes of each answer. The facts are Remote's; nothing leaves the process.

use jackfield_remote::Remote;
use jackfield_sdk::testkit::{self, invalid_field};
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

/// One exchange: what production answers when it is asked who the token is.
fn identity(answer: &str) -> String {
    format!("GET https://gateway.remote.com/v1/identity/current\n\nHTTP/1.1 {answer}\n###\n")
}

/// One exchange: what the sandbox answers to the same.
fn sandbox_identity(answer: &str) -> String {
    identity(answer).replace("gateway.remote.com", "gateway.remote-sandbox.com")
}

/// Two exchanges: a good token, and what Remote answers about its company.
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

/// The error of a call that Remote answers like this.
fn error(answer: &str) -> Error {
    match list_users(&PageRequest::first(100), &employments(answer)) {
        Err(error) => error,
        Ok(page) => panic!("{answer} went well: {page:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Remote::describe()), Vec::<String>::new());
}

#[test]
fn three_endpoints_may_be_read_in_each_environment_and_each_takes_the_token() {
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
fn the_people_s_ids_at_remote_go_with_the_connection() {
    assert_eq!(Remote::describe().on_disconnect, MappingFate::Clear);
}

#[test]
fn a_token_is_told_by_its_prefix_and_never_by_its_length() {
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
fn connecting_learns_the_company() {
    let connected = Connected::new().org_name("Acme Instruments").learned("company_id", COMPANY_ID);
    assert_eq!(connect(&[], IDENTITY), Ok(connected.into()));
}

#[test]
fn any_success_will_do() {
    for status in ["200", "201", "206"] {
        let tape = IDENTITY.replace("HTTP/1.1 201", &format!("HTTP/1.1 {status}"));
        assert!(connect(&[], &tape).is_ok(), "{status}");
    }
}

#[test]
fn a_name_that_was_typed_in_wins_over_the_company_s() {
    let connected = Connected::new().org_name("Payroll").learned("company_id", COMPANY_ID);
    assert_eq!(connect(&[("org_name", "Payroll")], IDENTITY), Ok(connected.into()));
}

#[test]
fn connecting_does_without_the_company_s_name() {
    for name in ["null", "\"\""] {
        let tape = IDENTITY.replace("\"Acme Instruments\"", name);
        assert_eq!(connect(&[], &tape), Ok(Connected::new().learned("company_id", COMPANY_ID).into()));
    }
}

#[test]
fn a_company_that_was_typed_in_has_to_be_the_token_s() {
    let connected = Connected::new().org_name("Acme Instruments");
    assert_eq!(connect(&[("company_id", COMPANY_ID)], IDENTITY), Ok(connected.into()));

    let error = connect(&[("company_id", "another-company")], IDENTITY).unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.message.contains(COMPANY_ID)), "{error:?}");
    assert_eq!(invalid_field(&error), Some("company_id"));
}

#[test]
fn a_token_of_a_company_s_oauth_app_is_one_of_the_company_too() {
    let tape = IDENTITY.replace(
        "{\"data\":{",
        "{\"data\":{\"client_id\":\"1pws\",\"integration\":{\"name\":\"x\",\"display_name\":\"X\",\"contact_email\":null},",
    );
    assert!(connect(&[], &tape).is_ok());
}

#[test]
fn a_partner_s_client_credentials_are_refused() {
    let tape = identity("201\n\n{\"data\":{\"client_id\":\"1pws\",\"integration\":{\"name\":\"partner\"}}}");
    let error = connect(&[], &tape).unwrap_err();
    assert_eq!(invalid_field(&error), Some("api_token"), "{error:?}");
}

#[test]
fn a_token_of_the_other_environment_is_told_from_a_dead_one() {
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
fn a_token_that_neither_environment_takes_is_unauthorized() {
    for other in [UNAUTHORIZED, "403\n\n{}", "502\n\n<html>", "429\nx-ratelimit-reset: 9\n\n{}"] {
        let tape = identity(UNAUTHORIZED) + &sandbox_identity(other);
        assert_eq!(connect(&[], &tape), Err(Error::unauthorized("Unauthorized")), "{other}");
    }
}

#[test]
fn only_a_refused_token_is_shown_to_the_other_environment() {
    assert_eq!(connect(&[], &identity("403\n\n{\"message\":\"Forbidden\"}")), Err(Error::forbidden("Forbidden")));
    assert_eq!(connect(&[], &identity("500\n\noh")), Err(Error::upstream(500, "")));
}

#[test]
fn an_environment_that_is_none_is_invalid_and_nothing_is_asked() {
    assert_eq!(invalid_field(&connect(&[("environment", "moon")], "").unwrap_err()), Some("environment"));
}

#[test]
fn a_company_id_that_is_no_part_of_a_path_is_malformed() {
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
fn a_status_that_the_token_may_not_see_is_unknown() {
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
fn a_status_that_could_not_be_asked_for_fails_health() {
    assert_eq!(health(&company("503\n\n<html>")), Err(Error::upstream(503, "")));
    assert_eq!(health(&company("429\nx-ratelimit-reset: 1500\n\n{}")), Err(Error::rate_limited(2)));
}

#[test]
fn health_asks_the_environment_that_was_chosen() {
    let connection = Connection::of(&[("environment", "sandbox")]);
    let tape = format!("{IDENTITY}\n###\n{COMPANY}").replace("gateway.remote.com", "gateway.remote-sandbox.com");
    let reports = testkit::health::<Remote>(&connection, &tape).unwrap();
    assert_eq!(reports[2], Report::text("environment", "sandbox"));
}

#[test]
fn health_asks_no_other_environment_when_the_token_has_died() {
    assert_eq!(health(&identity(UNAUTHORIZED)), Err(Error::unauthorized("Unauthorized")));
}

#[test]
fn health_tells_when_the_token_is_another_company_s() {
    let tape = IDENTITY.replace(COMPANY_ID, "another-company");
    assert_eq!(invalid_field(&health(&tape).unwrap_err()), Some("company_id"));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_employments_with_the_address_that_is_most_the_company_s() {
    let id = |number: u32| format!("a0000000-0000-4000-8000-00000000000{number}");
    let page = list_users(&PageRequest::first(200), EMPLOYMENTS_FIRST).unwrap();
    assert_eq!(
        page.users,
        [
            User::new(id(1), "Kim Lee").email(Some("kim@acme.test")),
            User::new(id(2), "Jó \"Jo\" Wu").email(Some("jo@mail.test")),
            User::new(id(3), "Al Po").email(Some("al@home.test")),
            User::new(id(4), "Bo Ray"),
            User::new(id(5), "Cy Fox").email(Some("cy@acme.test")).active(false),
            User::new(id(6), "Di Kay").email(Some("di@acme.test")).active(false),
            User::new(id(7), "Ed Roe").email(Some("ed@acme.test")).active(false),
            User::new(id(8), "").active(false),
        ]
    );
    assert_eq!(page.next_cursor.as_deref(), Some("2/100"));
}

#[test]
fn pages_keep_the_size_of_the_first_and_the_last_has_no_next() {
    let page = list_users(&PageRequest::after("2/100", 7), EMPLOYMENTS_LAST);
    assert_eq!(page, Ok(Page::last(Vec::new())));

    let tape = EMPLOYMENTS_FIRST.replace("page_size=100", "page_size=50");
    let page = list_users(&PageRequest::first(50), &tape).unwrap();
    assert_eq!(page.next_cursor.as_deref(), Some("2/50"));
}

#[test]
fn a_company_without_employments_has_no_pages() {
    let tape =
        employments("200\n\n{\"data\":{\"current_page\":1,\"total_pages\":0,\"total_count\":0,\"employments\":[]}}");
    assert_eq!(list_users(&PageRequest::first(100), &tape), Ok(Page::last(Vec::new())));
}

#[test]
fn a_cursor_that_is_none_is_malformed_and_nothing_is_asked() {
    assert!(matches!(list_users(&PageRequest::after("next", 100), ""), Err(Error::Malformed(_))));
}

#[test]
fn a_list_without_its_wrapper_is_malformed() {
    assert!(matches!(error("200\n\n{\"total_pages\":1,\"employments\":[]}"), Error::Malformed(_)));
    assert!(matches!(error("200\n\n{\"data\":{\"employments\":[]}}"), Error::Malformed(_)));
    assert!(matches!(error("200\n\n{\"data\":{\"total_pages\":1,\"employments\":[{}]}}"), Error::Malformed(_)));
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnecting_asks_nothing_and_says_where_to_revoke() {
    let done: Disconnected = testkit::disconnect::<Remote>(&Connection::of(&[]), "").unwrap();
    let note = done.note.clone().unwrap_or_default();
    assert_eq!(done, Disconnected::kept(&note));
    assert!(note.contains("Revoke token"), "{note}");
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn each_status_means_what_remote_documents() {
    assert_eq!(error("400\n\n{\"message\":\"invalid page\"}"), Error::upstream(400, "invalid page"));
    assert_eq!(error(UNAUTHORIZED), Error::unauthorized("Unauthorized"));
    assert_eq!(error("403\n\n{\"message\":\"Forbidden\"}"), Error::forbidden("Forbidden"));
    assert_eq!(error("404\n\n{\"message\":\"Company not found\"}"), Error::upstream(404, "Company not found"));
    assert_eq!(error("409\n\n{\"message\":\"conflict\"}"), Error::upstream(409, "conflict"));
}

#[test]
fn a_message_may_be_a_text_an_object_or_a_list() {
    for (body, said) in [
        ("{\"message\":\"Invalid parameter\"}", "Invalid parameter"),
        ("{\"message\":{\"code\":\"invalid_param\",\"message\":\"Invalid page\",\"param\":\"page\"}}", "Invalid page"),
        ("{\"message\":{\"action\":\"retry\",\"code\":\"busy\",\"message\":\"Try again\"}}", "Try again"),
        ("{\"message\":{\"code\":\"invalid_param\"}}", "invalid_param"),
        ("{\"message\":[{\"code\":\"a\",\"message\":\"One\"},{\"code\":\"b\",\"message\":\"Two\"}]}", "One"),
        ("{\"message\":[]}", ""),
        ("{\"message\":7}", ""),
        ("{\"errors\":{\"some_field\":[\"is invalid\"]}}", "some_field"),
        ("{\"errors\":[]}", ""),
        ("{}", ""),
    ] {
        assert_eq!(error(&format!("422\n\n{body}")), Error::upstream(422, said), "{body}");
    }
    assert_eq!(
        error("400\n\n{\"message\":{\"code\":\"bad\",\"message\":\"Bad request\"}}"),
        Error::upstream(400, "Bad request")
    );
}

#[test]
fn too_many_requests_wait_for_the_milliseconds_of_the_header_first() {
    let body = "{\"message\":\"Too many requests\"}";
    assert_eq!(error(&format!("429\nx-ratelimit-reset: 1500\n\n{body}")), Error::rate_limited(2));
    assert_eq!(error(&format!("429\nX-RateLimit-Reset: 59871\nRetry-After: 7\n\n{body}")), Error::rate_limited(60));
    assert_eq!(error(&format!("429\nRetry-After: 7\n\n{body}")), Error::rate_limited(7));
    assert_eq!(error(&format!("429\nx-ratelimit-reset: soon\nRetry-After: 7\n\n{body}")), Error::rate_limited(7));
    assert_eq!(error(&format!("429\n\n{body}")), Error::RateLimited(None));
    assert_eq!(
        error("429\nx-ratelimit-reset: 1\n\n{\"errors\":{\"detail\":\"Customer rate-limit exceeded.\"}}"),
        Error::rate_limited(1)
    );
}

#[test]
fn trouble_at_remote_never_condemns_the_token() {
    assert_eq!(error("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    assert_eq!(error("500\n\n{\"message\":\"Unauthorized\"}"), Error::upstream(500, "Unauthorized"));
    assert_eq!(error("302\n\n"), Error::upstream(302, ""));
}

#[test]
fn an_answer_that_is_none_of_remote_s_is_malformed_and_not_quoted() {
    for body in ["<html>kim@acme.test</html>", "", "[]", "{\"data\":{\"employments\":\"kim@acme.test\"}}"] {
        match error(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert!(matches!(connect(&[], &identity("201\n\n{\"data\":{\"comp")), Err(Error::Malformed(_))));
}

#[test]
fn a_request_without_an_answer_keeps_its_reason() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Remote::connect(&Connection::of(&[])));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
