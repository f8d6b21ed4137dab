//! Tests the requests of the Productive plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_productive::Productive;
use jackfield_sdk::testkit::{self, RowList, Tape, answered, invalid_field};
use jackfield_sdk::{
    Account, ConnectOutcome, Connected, Connection, Disconnected, Error, Page, PageRequest, Provider, Report, User,
    http,
};

const ONE: &str = include_str!("../fixtures/memberships-one.http");
const SEVERAL: &str = include_str!("../fixtures/memberships-several.http");
const ACCESS: &str = include_str!("../fixtures/access.http");
const PEOPLE_FIRST: &str = include_str!("../fixtures/people-first.http");
const PEOPLE_LAST: &str = include_str!("../fixtures/people-last.http");

/// Returns a tape of the memberships and of the access check for an organisation.
fn with_access(memberships: &str, id: &str) -> String {
    format!("{memberships}\n###\n{}", ACCESS.replace("4101", id))
}

fn account(id: &str, name: &str) -> Account {
    Account { id: id.into(), name: name.into() }
}

fn connect(connection: &Connection, tape: &str) -> Result<ConnectOutcome, Error> {
    testkit::connect::<Productive>(connection, tape)
}

fn health(connection: &Connection, tape: &str) -> Result<Vec<Report>, Error> {
    testkit::health::<Productive>(connection, tape)
}

fn people(page: &PageRequest, tape: &str) -> Result<Page, Error> {
    testkit::list_users::<Productive>(&no_fields().with_account("4101"), page, tape)
}

fn no_fields() -> Connection {
    Connection::of(&[])
}

fn with_organization(id: &str) -> Connection {
    Connection::of(&[("organization_id", id)])
}

/// Returns the error of a call with this response.
fn error_for(answer: &str) -> Error {
    match people(&PageRequest::first(200), &answered(PEOPLE_FIRST, answer)) {
        Err(error) => error,
        Ok(page) => panic!("{answer} did not fail: {page:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Productive::describe()), Vec::<String>::new());
}

#[test]
fn the_manifest_declares_two_lists_that_both_use_the_token() {
    let manifest = Productive::describe();
    let paths: Vec<_> = manifest.endpoints.iter().map(|endpoint| endpoint.path.as_str()).collect();
    assert_eq!(paths, ["/api/v2/organization_memberships", "/api/v2/people"]);
    for endpoint in &manifest.endpoints {
        assert_eq!((endpoint.method, endpoint.host.as_str()), (http::Method::Get, "api.productive.io"));
        assert!(endpoint.credential.is_some());
    }
}

#[test]
fn an_organisation_is_identified_by_its_number() {
    let pattern = regex::Regex::new(&testkit::pattern_of::<Productive>("organization_id")).unwrap();
    assert!(pattern.is_match("4101") && pattern.is_match("1"));
    for id in ["4101-acme", "acme", "", "41 01", "https://app.productive.io/4101-acme"] {
        assert!(!pattern.is_match(id), "{id}");
    }
}

// ---- connect -------------------------------------------------------------------------------------------------------

#[test]
fn a_single_organisation_is_connected_at_once() {
    let connected = Connected::new().org_name("Acme Instruments").account("4101");
    assert_eq!(connect(&no_fields(), &with_access(ONE, "4101")), Ok(connected.into()));
}

#[test]
fn the_organisation_header_is_only_sent_when_the_organisation_is_known() {
    let tape = Tape::of::<Productive>(&with_access(ONE, "4101"));
    tape.play(|| Productive::connect(&no_fields())).unwrap();
    let named = |request: &http::Request| request.headers.iter().any(|header| header.name == "X-Organization-Id");
    assert_eq!(tape.sent().iter().map(named).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn several_organisations_are_a_choice() {
    assert_eq!(
        connect(&no_fields(), SEVERAL),
        Ok(vec![account("4101", "Acme Instruments"), account("4202", "Acme \"Labs\""), account("4303", "4303")].into())
    );
}

#[test]
fn the_organisation_in_the_form_is_connected() {
    let connected = Connected::new().org_name("Acme \"Labs\"").account("4202");
    assert_eq!(connect(&with_organization("4202"), &with_access(SEVERAL, "4202")), Ok(connected.into()));
    let connected = Connected::new().account("4303");
    assert_eq!(connect(&with_organization("4303"), &with_access(SEVERAL, "4303")), Ok(connected.into()));
}

#[test]
fn the_chosen_organisation_is_connected() {
    let chosen = no_fields().with_account("4202");
    let connected = Connected::new().org_name("Acme \"Labs\"").account("4202");
    assert_eq!(connect(&chosen, &with_access(SEVERAL, "4202")), Ok(connected.into()));
}

#[test]
fn the_form_takes_precedence_over_an_earlier_choice() {
    let both = with_organization("4101").with_account("4202");
    let connected = Connected::new().org_name("Acme Instruments").account("4101");
    assert_eq!(connect(&both, &with_access(SEVERAL, "4101")), Ok(connected.into()));
}

#[test]
fn an_organisation_without_access_is_an_invalid_field() {
    for connection in [with_organization("999"), no_fields().with_account("999")] {
        // The header has no effect: the response contains all memberships of the token.
        let error = connect(&connection, ONE).unwrap_err();
        assert_eq!(invalid_field(&error), Some("organization_id"), "{error:?}");
    }
}

#[test]
fn a_token_without_an_organisation_is_forbidden() {
    let tape = answered(ONE, "200\n\n{\"data\":[],\"meta\":{\"current_page\":1,\"total_pages\":0,\"total_count\":0}}");
    for connection in [no_fields(), with_organization("4101")] {
        assert_eq!(connect(&connection, &tape), Err(Error::forbidden("membership of an organisation")));
    }
}

#[test]
fn an_organisation_that_rejects_the_token_is_forbidden() {
    let no_person = "403\n\n{\"errors\":[{\"status\":\"403\",\"code\":\"no_person\",\"title\":\"Access Denied\",\
                     \"detail\":\"no person in it\",\"meta\":{},\"source\":{}}]}";
    let tape = format!("{ONE}\n###\n{}", answered(ACCESS, no_person));
    assert_eq!(connect(&no_fields(), &tape), Err(Error::forbidden("no_person")));
}

#[test]
fn a_membership_without_an_organisation_is_malformed() {
    for relationship in ["{\"meta\":{\"included\":false}}", "{\"data\":null}", "null"] {
        let tape = ONE.replace("{\"data\":{\"type\":\"organizations\",\"id\":\"4101\"}}", relationship);
        assert!(matches!(connect(&no_fields(), &tape), Err(Error::Malformed(_))), "{relationship}");
    }
}

#[test]
fn connect_succeeds_without_the_organisations_name() {
    let connected = Connected::new().account("4101");
    for (name, other) in [
        (
            ",\"included\":[{\"id\":\"4101\",\"type\":\"organizations\",\"attributes\":{\"name\":\"Acme Instruments\"}}]",
            "",
        ),
        (",\"attributes\":{\"name\":\"Acme Instruments\"}", ""),
        ("\"Acme Instruments\"", "\"\""),
    ] {
        let tape = with_access(&ONE.replace(name, other), "4101");
        assert_eq!(connect(&no_fields(), &tape), Ok(connected.clone().into()), "{name}");
    }
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_the_chosen_organisation_or_the_one_in_the_form() {
    let labs = Ok(vec![Report::text("organisation", "Acme \"Labs\"")]);
    assert_eq!(health(&with_organization("4202"), SEVERAL), labs);
    assert_eq!(health(&with_organization("4101").with_account("4202"), SEVERAL), labs);
    assert_eq!(health(&with_organization("4303"), SEVERAL), Ok(vec![Report::text("organisation", "4303")]));
}

#[test]
fn health_fails_if_the_token_lost_access_to_the_organisation() {
    assert_eq!(health(&with_organization("999"), ONE), Err(Error::forbidden("membership of the organisation 999")));
}

#[test]
fn health_without_an_organisation_sends_no_request() {
    assert_eq!(invalid_field(&health(&no_fields(), "").unwrap_err()), Some("organization_id"));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_people_who_can_or_could_sign_in() {
    let page = people(&PageRequest::first(200), PEOPLE_FIRST).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("88001", "Kim Lee").email(Some("kim@acme.test")),
            User::new("88002", "Jó \"Jo\" Wu").email(Some("jo@acme.test")).active(false),
            User::new("88003", "Al").active(false),
            User::new("88007", "Po"),
        ]
    );
}

#[test]
fn pages_are_numbered_and_links_are_ignored() {
    let first = people(&PageRequest::first(200), PEOPLE_FIRST).unwrap();
    assert!(first.next_cursor.is_some_and(|cursor| cursor.starts_with("2/200/")));
    assert_eq!(people(&PageRequest::after("2/200", 10), PEOPLE_LAST), Ok(Page::last(Vec::new())));
}

#[test]
fn the_page_size_never_exceeds_productives_maximum() {
    assert!(people(&PageRequest::first(5000), PEOPLE_FIRST).is_ok());
}

#[test]
fn an_organisation_without_people_has_no_pages() {
    let tape = answered(
        PEOPLE_FIRST,
        "200\n\n{\"data\":[],\"meta\":{\"current_page\":1,\"total_pages\":0,\"total_count\":0,\"page_size\":200}}",
    );
    assert_eq!(people(&PageRequest::first(200), &tape), Ok(Page::last(Vec::new())));
}

#[test]
fn a_list_without_a_page_count_ends_with_a_page_that_is_not_full() {
    let next = |size: u32, meta: &str| {
        let tape = PEOPLE_FIRST.replace("\"total_pages\":2", meta).replace("%5D=200\n", &format!("%5D={size}\n"));
        people(&PageRequest::first(size), &tape).unwrap().next_cursor.is_some()
    };
    assert!(next(7, "\"total_pages\":null") && next(7, "\"other\":2") && next(200, "\"total_pages\":\"2\""));
    assert!(!next(200, "\"total_pages\":null") && !next(200, "\"total_pages\":\"1\""));
}

#[test]
fn no_value_of_a_page_loses_the_people_next_to_it() {
    let list = RowList { pointer: "/data", id: "id" };
    testkit::replace_each_value::<Productive>(&with_organization("4101"), &PageRequest::first(200), PEOPLE_FIRST, list);
}

#[test]
fn a_page_that_productive_returns_twice_is_malformed() {
    let first = people(&PageRequest::first(200), PEOPLE_FIRST).unwrap().next_cursor.unwrap();
    let again = PEOPLE_FIRST.replace("%5Bnumber%5D=1&page%5Bsize%5D=200\n", "%5Bnumber%5D=2&page%5Bsize%5D=200\n");
    let page = people(&PageRequest::after(&first, 200), &again);
    assert!(matches!(page, Err(Error::Malformed(_))), "{page:?}");
}

#[test]
fn a_person_left_if_there_is_a_time_at_which_they_did() {
    let is_active = |value: &str| {
        let tape = PEOPLE_FIRST.replacen("\"deactivated_at\":null", &format!("\"deactivated_at\":{value}"), 1);
        people(&PageRequest::first(200), &tape).unwrap().users[0].active
    };
    for time in ["\"2026-01-31\"", "1790000000", "\"1790000000000\""] {
        assert!(!is_active(time), "{time}");
    }
    for none in ["null", "false", "0", "\"\"", "{}", "[]"] {
        assert!(is_active(none), "{none}");
    }
}

#[test]
fn an_odd_value_never_rejects_the_token() {
    let chosen = with_organization("4202");
    testkit::never_reject_for_a_value::<Productive, _>(SEVERAL, || Productive::connect(&Connection::of(&[])));
    assert!(testkit::health::<Productive>(&chosen, SEVERAL).is_ok());
    let other =
        SEVERAL.replace("\"type\":\"organizations\",\"id\":\"4202\"}}", "\"type\":\"organizations\",\"id\":{}}}");
    assert!(matches!(testkit::health::<Productive>(&chosen, &other), Err(Error::Malformed(_))));
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnect_sends_no_request_and_says_where_to_revoke_the_token() {
    let done = testkit::disconnect::<Productive>(&with_organization("4101"), "").unwrap();
    let note = done.note.clone().unwrap_or_default();
    assert_eq!(done, Disconnected::kept(&note));
    assert!(note.contains("API access"), "{note}");
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn each_status_has_the_error_that_it_means_at_productive() {
    for (answer, expected) in [
        (
            "400\n\n{\"errors\":[{\"status\":\"unprocessable_content\",\"code\":\"sort_param_unsupported\",\
             \"title\":\"Sort param unsupported\",\"source\":{\"parameter\":\"sort\"}}]}",
            Error::upstream(400, "sort_param_unsupported"),
        ),
        (
            "400\n\n{\"errors\":[{\"status\":400,\"title\":\"Unsupported Filter\",\
             \"detail\":\"Filter 'x' is not supported on this endpoint\"}]}",
            Error::upstream(400, "Filter 'x' is not supported on this endpoint"),
        ),
        (
            "401\n\n{\"errors\":[{\"status\":\"401\",\"code\":\"invalid_auth_token\",\"title\":\"Unauthenticated\"}]}",
            Error::unauthorized("invalid_auth_token"),
        ),
        (
            "403\n\n{\"errors\":[{\"status\":\"403\",\"code\":\"no_person\",\"title\":\"Access Denied\"}]}",
            Error::forbidden("no_person"),
        ),
        (
            "403\n\n{\"errors\":[{\"status\":403,\"title\":\"Access Denied\",\
             \"detail\":\"You are not authorized to access this resource\"}]}",
            Error::forbidden("You are not authorized to access this resource"),
        ),
        (
            "404\n\n{\"errors\":[{\"status\":\"404\",\"code\":\"record_not_found\",\"title\":\"Record Not Found\"}]}",
            Error::upstream(404, "record_not_found"),
        ),
        ("406\n\n{\"errors\":[{\"title\":\"Not Acceptable\"}]}", Error::upstream(406, "Not Acceptable")),
        (
            "415\n\n{\"errors\":[{\"title\":\"Unsupported Media Type\"}]}",
            Error::upstream(415, "Unsupported Media Type"),
        ),
        (
            "422\n\n{\"errors\":[{\"status\":422,\"code\":\"invalid_attribute_value\",\
             \"source\":{\"pointer\":\"data/attributes/x\"}}]}",
            Error::upstream(422, "invalid_attribute_value"),
        ),
        ("401\n\n", Error::unauthorized("status 401")),
        ("403\n\n{\"errors\":[]}", Error::forbidden("status 403")),
    ] {
        assert_eq!(error_for(answer), expected, "{answer}");
    }
}

#[test]
fn rate_limiting_lasts_for_the_seconds_of_the_header() {
    let body =
        "{\"errors\":[{\"status\":429,\"title\":\"Server time limit exceeded\",\"limit\":1800,\"period\":3600}]}";
    assert_eq!(error_for(&format!("429\nX-RateLimit-Reset: 2\n\n{body}")), Error::rate_limited(2));
    assert_eq!(error_for(&format!("429\nx-ratelimit-reset: 2\nretry-after: 30\n\n{body}")), Error::rate_limited(2));
    assert_eq!(error_for(&format!("429\nRetry-After: 30\n\n{body}")), Error::rate_limited(30));
    assert_eq!(error_for("429\n\nToo many requests"), Error::RateLimited(None));
}

#[test]
fn an_outage_at_productive_is_never_unauthorized() {
    assert_eq!(error_for("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    let unauthenticated = "500\n\n{\"errors\":[{\"status\":\"401\",\"code\":\"invalid_auth_token\"}]}";
    assert_eq!(error_for(unauthenticated), Error::upstream(500, "invalid_auth_token"));
}

#[test]
fn any_other_response_is_malformed_and_not_quoted() {
    for body in ["<html>kim@acme.test</html>", "", "[]", "{\"data\":\"kim@acme.test\"}", "{\"data\":[{\"id\":\"88"] {
        match error_for(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Productive::health(&with_organization("4101")));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
