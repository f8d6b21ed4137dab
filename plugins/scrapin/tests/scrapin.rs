//! Tests the requests of the Scrapin plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_scrapin::Scrapin;
use jackfield_sdk::testkit::{self, answered};
use jackfield_sdk::{
    AlertTarget, Alerts, Capabilities, ConnectOutcome, Connected, Connection, Disconnected, Error, PageRequest, Place,
    Provider, Report, http,
};

const QUOTAS: &str = include_str!("../fixtures/quotas.http");
const QUOTAS_OLD: &str = include_str!("../fixtures/quotas-old.http");
const ALERT_ACTIVE: &str = include_str!("../fixtures/alert-active.http");
const ALERT_SET: &str = include_str!("../fixtures/alert-set.http");
const ALERT_STOPPED: &str = include_str!("../fixtures/alert-stopped.http");

const URL: &str = "https://hooks.acme.test/alerts/7f3a";

const NO_KEY: &str =
    "400\n\n{\"success\":false,\"title\":\"An error has occurred 🚒\",\"msg\":\"The API Key is missing\"}";
const BAD_KEY: &str = "401\n\n{\"success\":false,\"title\":\"Unauthorized\",\"msg\":\"API Key is invalid\"}";
const NO_CREDITS: &str = "402\n\n{\"success\":false,\"title\":\"You don't have enough credits on your account 💰\",\
                          \"msg\":\"You have to upgrade to continue\"}";
const NOT_FOUND: &str = "404\n\n{\"success\":false,\"title\":\"Not Found\",\"msg\":\"No data found\"}";
const NO_ROUTE: &str = "404\n\n<!doctype html><title>Not found</title>";

/// Returns two exchanges: the quotas reject the key, then the alerts have this response.
fn rejected_by_quotas(alerts: &str) -> String {
    answered(QUOTAS, BAD_KEY) + &answered(ALERT_ACTIVE, alerts)
}

fn connect(tape: &str) -> Result<ConnectOutcome, Error> {
    testkit::connect::<Scrapin>(&Connection::of(&[]), tape)
}

fn health(tape: &str) -> Result<Vec<Report>, Error> {
    testkit::health::<Scrapin>(&Connection::of(&[]), tape)
}

fn disconnect(tape: &str) -> Result<Disconnected, Error> {
    testkit::disconnect::<Scrapin>(&Connection::of(&[]), tape)
}

fn get_target(tape: &str) -> Result<AlertTarget, Error> {
    testkit::get_target::<Scrapin>(&Connection::of(&[]), tape)
}

fn set_target(url: Option<&str>, tape: &str) -> Result<AlertTarget, Error> {
    testkit::set_target::<Scrapin>(&Connection::of(&[]), url, tape)
}

/// Returns the error of a health check if its first request has this response.
fn error_for(answer: &str) -> Error {
    match health(&answered(QUOTAS, answer)) {
        Err(error) => error,
        Ok(reports) => panic!("{answer} did not fail: {reports:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Scrapin::describe()), Vec::<String>::new());
    assert_eq!(Scrapin::describe().capabilities, Capabilities::ALERTS);
}

#[test]
fn the_key_is_sent_in_a_header_and_for_alerts_in_the_query() {
    let manifest = Scrapin::describe();
    let places: Vec<_> = manifest
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.path.as_str(), endpoint.credential.as_ref().map(|credential| &credential.place)))
        .collect();
    let [quotas, read, write] = places.as_slice() else { panic!("{places:?}") };
    assert!(matches!(quotas, ("/v1/workspaces/quotas", Some(Place::Header(header))) if header.name == "x-api-key"));
    for alerts in [read, write] {
        assert!(matches!(alerts, ("/v1/alerts/url", Some(Place::Query(key))) if key == "apikey"), "{alerts:?}");
    }
}

#[test]
fn a_key_is_one_word() {
    let pattern = regex::Regex::new(&testkit::pattern_of::<Scrapin>("api_key")).unwrap();
    assert!(pattern.is_match("sk_0123-abc.DEF=="));
    for key in ["", "two words", "line\nbreak", "schlüssel"] {
        assert!(!pattern.is_match(key), "{key}");
    }
}

// ---- connect and health --------------------------------------------------------------------------------------------

#[test]
fn connect_requests_the_quotas_and_returns_the_name_in_the_form() {
    assert_eq!(connect(QUOTAS), Ok(Connected::new().into()));
    let named = Connection::of(&[("org_name", "Acme")]);
    assert_eq!(testkit::connect::<Scrapin>(&named, QUOTAS_OLD), Ok(Connected::new().org_name("Acme").into()));
}

#[test]
fn health_reports_the_credits_of_old_and_new_quotas() {
    assert_eq!(health(QUOTAS), Ok(vec![Report::number("credits_left", 8766.5)]));
    assert_eq!(health(QUOTAS_OLD), Ok(vec![Report::number("credits_left", 123.0)]));
}

#[test]
fn a_key_without_credits_is_valid() {
    let none = vec![Report::number("credits_left", 0.0)];
    assert_eq!(health(&answered(QUOTAS, NO_CREDITS)), Ok(none.clone()));
    assert_eq!(health(&QUOTAS_OLD.replace("\"credits_left\":123", "\"credits_left\":0")), Ok(none));
    assert_eq!(connect(&answered(QUOTAS, NO_CREDITS)), Ok(Connected::new().into()));
}

#[test]
fn a_key_that_only_the_quotas_reject_is_valid() {
    let active = ALERT_ACTIVE.split("HTTP/1.1 ").nth(1).unwrap();
    for alerts in [active, NO_CREDITS, "200\n\n{\"success\":true,\"alert\":null}"] {
        assert_eq!(health(&rejected_by_quotas(alerts)), Ok(Vec::new()), "{alerts}");
        assert_eq!(connect(&rejected_by_quotas(alerts)), Ok(Connected::new().into()), "{alerts}");
    }
}

#[test]
fn a_key_that_the_quotas_reject_and_nothing_confirms_is_unauthorized() {
    for alerts in [BAD_KEY, NO_KEY, NOT_FOUND, NO_ROUTE, "404\n\n", "404\n\n{\"message\":\"no such route\"}", "410\n\n"]
    {
        assert_eq!(connect(&rejected_by_quotas(alerts)), Err(Error::unauthorized("API Key is invalid")), "{alerts}");
        assert_eq!(health(&rejected_by_quotas(alerts)), Err(Error::unauthorized("API Key is invalid")), "{alerts}");
    }
}

#[test]
fn a_key_is_not_unauthorized_while_the_alerts_cannot_confirm_it() {
    for (alerts, expected) in [
        ("502\n\n<html>", Error::upstream(502, "")),
        ("429\nretry-after: 4\n\n{}", Error::rate_limited(4)),
        ("403\n\n", Error::forbidden("status 403")),
    ] {
        assert_eq!(health(&rejected_by_quotas(alerts)), Err(expected), "{alerts}");
    }
}

#[test]
fn status_400_for_a_missing_key_is_unauthorized() {
    let tape = answered(QUOTAS, NO_KEY) + &answered(ALERT_ACTIVE, NO_KEY);
    assert_eq!(connect(&tape), Err(Error::unauthorized("The API Key is missing")));
    assert_eq!(error_for("400\n\n<html>bad request</html>"), Error::upstream(400, ""));
}

#[test]
fn the_older_error_for_an_invalid_key_is_unauthorized() {
    let older = "401\n\n{\"success\":false,\"title\":\"An error has occurred 🚒\",\"msg\":\"Unauthorized\"}";
    let tape = answered(QUOTAS, older) + &answered(ALERT_ACTIVE, older);
    assert_eq!(connect(&tape), Err(Error::unauthorized("Unauthorized")));
}

#[test]
fn users_are_unsupported() {
    let page = testkit::list_users::<Scrapin>(&Connection::of(&[]), &PageRequest::first(100), "");
    assert!(matches!(page, Err(Error::Unsupported(_))), "{page:?}");
}

#[test]
fn an_odd_value_never_rejects_the_key() {
    testkit::never_reject_for_a_value::<Scrapin, _>(QUOTAS, || Scrapin::health(&Connection::of(&[])));
    testkit::never_reject_for_a_value::<Scrapin, _>(ALERT_ACTIVE, || Scrapin::get_target(&Connection::of(&[])));
}

// ---- alerts --------------------------------------------------------------------------------------------------------

#[test]
fn the_target_of_alerts_is_the_active_address() {
    assert_eq!(get_target(ALERT_ACTIVE), Ok(AlertTarget::new(Some(URL))));
    let inactive = ALERT_ACTIVE.replace("\"active\"", "\"inactive\"");
    assert_eq!(get_target(&inactive), Ok(AlertTarget::new(None)));
}

#[test]
fn a_404_of_scrapins_api_means_that_no_target_is_set() {
    for answer in [NOT_FOUND, "200\n\n{\"success\":true,\"alert\":null}", "200\n\n{\"success\":true}"] {
        assert_eq!(get_target(&answered(ALERT_ACTIVE, answer)), Ok(AlertTarget::new(None)), "{answer}");
    }
}

#[test]
fn unavailable_alerts_are_unsupported() {
    let gone = Err(Error::unsupported("change alerts are not available at Scrapin"));
    for answer in [NO_ROUTE, "404\n\n", "404\n\n{\"success\":false}", "404\n\n{\"error\":\"no route\"}", "410\n\n"] {
        assert_eq!(get_target(&answered(ALERT_ACTIVE, answer)), gone, "{answer}");
    }
    // Setting a target needs no existing one, so even a 404 of Scrapin's API means that the endpoint is gone.
    for answer in [NOT_FOUND, NO_ROUTE, "404\n\n", "410\n\n"] {
        assert_eq!(set_target(Some(URL), &answered(ALERT_SET, answer)), gone, "{answer}");
    }
}

#[test]
fn setting_a_target_returns_scrapins_response() {
    assert_eq!(set_target(Some(URL), ALERT_SET), Ok(AlertTarget::new(Some(URL))));
    let elsewhere =
        ALERT_SET.replace(&format!("\"url\":\"{URL}\",\"status\":\"active\",\"c"), "\"url\":\"https://x.test/\",\"c");
    assert_eq!(set_target(Some(URL), &elsewhere), Ok(AlertTarget::new(Some("https://x.test/"))));
}

#[test]
fn setting_a_target_fails_if_scrapin_did_not_set_it() {
    for answer in ["200\n\n{\"success\":true}", "200\n\n{\"success\":true,\"alert\":{\"url\":\"\"}}"] {
        let outcome = set_target(Some(URL), &answered(ALERT_SET, answer));
        assert!(matches!(outcome, Err(Error::Malformed(_))), "{answer}: {outcome:?}");
    }
    let answer = "400\n\n{\"success\":false,\"title\":\"Bad Request\",\"msg\":\"The url is not valid\"}";
    assert_eq!(set_target(Some(URL), &answered(ALERT_SET, answer)), Err(Error::upstream(400, "The url is not valid")));
}

#[test]
fn clearing_the_target_turns_alerts_off() {
    assert_eq!(set_target(None, &format!("{ALERT_ACTIVE}\n###\n{ALERT_STOPPED}")), Ok(AlertTarget::new(None)));
    assert_eq!(set_target(None, &answered(ALERT_ACTIVE, NOT_FOUND)), Ok(AlertTarget::new(None)));
}

#[test]
fn an_odd_value_never_turns_alerts_into_an_odd_address() {
    for url in [
        "7",
        "[]",
        "{}",
        "true",
        "\"ftp://x.test/\"",
        "\"javascript:x\"",
        &format!("\"https://x.test/{}\"", "x".repeat(2_048)),
    ] {
        let tape = ALERT_ACTIVE.replace(&format!("\"{URL}\""), url);
        match get_target(&tape) {
            Ok(target) => assert_eq!(target.webhook_url, None, "{url}"),
            Err(error) => assert!(matches!(error, Error::Malformed(_)), "{url}: {error:?}"),
        }
    }
    for credits in ["\"8766.5\"", "null", "{}"] {
        let tape = QUOTAS.replacen("\"credits_left\":8766.5", &format!("\"credits_left\":{credits}"), 1);
        assert_eq!(health(&tape), Ok(vec![Report::number("credits_left", 8766.5)]), "{credits}");
    }
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnect_turns_alerts_off_and_says_where_to_delete_the_key() {
    let done = disconnect(&format!("{ALERT_ACTIVE}\n###\n{ALERT_STOPPED}")).unwrap();
    let note = done.note.clone().unwrap_or_default();
    assert_eq!(done, Disconnected::kept(&note));
    assert!(note.contains("https://app.scrapin.io/api"), "{note}");
}

#[test]
fn disconnect_changes_nothing_if_alerts_are_off() {
    let inactive = ALERT_ACTIVE.replace("\"active\"", "\"inactive\"");
    for tape in [inactive, answered(ALERT_ACTIVE, NOT_FOUND)] {
        assert!(disconnect(&tape).is_ok(), "{tape}");
    }
}

#[test]
fn disconnect_succeeds_with_an_invalid_key_and_without_alerts() {
    for answer in [BAD_KEY, NO_ROUTE, "410\n\n"] {
        assert!(disconnect(&answered(ALERT_ACTIVE, answer)).is_ok(), "{answer}");
        let tape = format!("{ALERT_ACTIVE}\n###\n{}", answered(ALERT_STOPPED, answer));
        assert!(disconnect(&tape).is_ok(), "{answer}");
    }
}

#[test]
fn disconnect_fails_if_alerts_could_not_be_turned_off() {
    assert_eq!(disconnect(&answered(ALERT_ACTIVE, "503\n\n")), Err(Error::upstream(503, "")));
    let tape = format!("{ALERT_ACTIVE}\n###\n{}", answered(ALERT_STOPPED, "429\n\n{}"));
    assert_eq!(disconnect(&tape), Err(Error::RateLimited(None)));
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn each_status_has_the_error_that_scrapin_documents() {
    assert_eq!(error_for("403\n\n"), Error::forbidden("status 403"));
    assert_eq!(error_for(NOT_FOUND), Error::upstream(404, "No data found"));
    assert_eq!(
        error_for("429\nRetry-After: 12\n\n{\"success\":false,\"msg\":\"Too many requests\"}"),
        Error::rate_limited(12)
    );
    assert_eq!(error_for("429\n\nslow down"), Error::RateLimited(None));
    let trouble = "500\n\n{\"success\":false,\"title\":\"Internal Server Error\",\"msg\":\"\"}";
    assert_eq!(error_for(trouble), Error::upstream(500, "Internal Server Error"));
    assert_eq!(error_for("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    let alerts = answered(ALERT_ACTIVE, NO_CREDITS);
    assert_eq!(get_target(&alerts), Err(Error::upstream(402, "You have to upgrade to continue")));
}

#[test]
fn any_other_response_is_malformed_and_not_quoted() {
    for body in
        ["<html>kim@acme.test</html>", "", "[]", "{\"data\":{\"credits_left\":\"kim@acme.test\"}}", "{\"data\":{"]
    {
        match error_for(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn profiles_are_not_declared_because_they_cost_credits() {
    assert!(Scrapin::describe().endpoints.iter().all(|endpoint| !endpoint.path.contains("enrichment")));
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Scrapin::health(&Connection::of(&[])));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
