//! What the Scrapin provider asks, and what it makes of each answer. The facts are Scrapin's; nothing leaves here.

use jackfield_scrapin::Scrapin;
use jackfield_sdk::testkit::{self, answered};
use jackfield_sdk::{
    AlertTarget, Capabilities, ConnectOutcome, Connected, Connection, Disconnected, Error, PageRequest, Place,
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

/// Two exchanges: quotas that refuse the key, and what the alerts then answer to it.
fn refused_quotas(alerts: &str) -> String {
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

/// The error of a health check whose first request is answered like this.
fn error(answer: &str) -> Error {
    match health(&answered(QUOTAS, answer)) {
        Err(error) => error,
        Ok(reports) => panic!("{answer} went well: {reports:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Scrapin::describe()), Vec::<String>::new());
    assert_eq!(Scrapin::describe().capabilities, Capabilities::ALERTS);
}

#[test]
fn the_key_goes_into_a_header_but_for_the_alerts_which_want_it_in_the_query() {
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
fn connecting_asks_for_the_quotas_and_keeps_the_name_that_was_typed_in() {
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
fn a_key_without_credits_lives() {
    let none = vec![Report::number("credits_left", 0.0)];
    assert_eq!(health(&answered(QUOTAS, NO_CREDITS)), Ok(none.clone()));
    assert_eq!(health(&QUOTAS_OLD.replace("\"credits_left\":123", "\"credits_left\":0")), Ok(none));
    assert_eq!(connect(&answered(QUOTAS, NO_CREDITS)), Ok(Connected::new().into()));
}

#[test]
fn a_key_that_the_quotas_refuse_and_the_alerts_take_lives() {
    let active = ALERT_ACTIVE.split("HTTP/1.1 ").nth(1).unwrap();
    for alerts in [active, NOT_FOUND, NO_CREDITS, "200\n\n{\"success\":true,\"alert\":null}"] {
        assert_eq!(health(&refused_quotas(alerts)), Ok(Vec::new()), "{alerts}");
        assert_eq!(connect(&refused_quotas(alerts)), Ok(Connected::new().into()), "{alerts}");
    }
}

#[test]
fn a_key_that_both_refuse_is_dead_and_so_is_one_with_no_alerts_to_ask() {
    for alerts in [BAD_KEY, NO_KEY, NO_ROUTE, "404\n\n", "404\n\n{\"message\":\"no such route\"}", "410\n\n"] {
        assert_eq!(connect(&refused_quotas(alerts)), Err(Error::unauthorized("API Key is invalid")), "{alerts}");
        assert_eq!(health(&refused_quotas(alerts)), Err(Error::unauthorized("API Key is invalid")), "{alerts}");
    }
}

#[test]
fn a_key_that_the_quotas_refuse_is_not_called_dead_while_the_alerts_can_not_answer() {
    for (alerts, expected) in [
        ("502\n\n<html>", Error::upstream(502, "")),
        ("429\nretry-after: 4\n\n{}", Error::rate_limited(4)),
        ("403\n\n", Error::forbidden("status 403")),
    ] {
        assert_eq!(health(&refused_quotas(alerts)), Err(expected), "{alerts}");
    }
}

#[test]
fn a_missing_key_comes_with_400_and_is_no_less_dead() {
    let tape = answered(QUOTAS, NO_KEY) + &answered(ALERT_ACTIVE, NO_KEY);
    assert_eq!(connect(&tape), Err(Error::unauthorized("The API Key is missing")));
    assert_eq!(error("400\n\n<html>bad request</html>"), Error::upstream(400, ""));
}

#[test]
fn the_older_word_for_a_bad_key_is_understood_too() {
    let older = "401\n\n{\"success\":false,\"title\":\"An error has occurred 🚒\",\"msg\":\"Unauthorized\"}";
    let tape = answered(QUOTAS, older) + &answered(ALERT_ACTIVE, older);
    assert_eq!(connect(&tape), Err(Error::unauthorized("Unauthorized")));
}

#[test]
fn there_are_no_users() {
    let page = testkit::list_users::<Scrapin>(&Connection::of(&[]), &PageRequest::first(100), "");
    assert!(matches!(page, Err(Error::Unsupported(_))), "{page:?}");
}

// ---- alerts --------------------------------------------------------------------------------------------------------

#[test]
fn the_target_of_alerts_is_the_address_that_is_active() {
    assert_eq!(get_target(ALERT_ACTIVE), Ok(AlertTarget::new(Some(URL))));
    let inactive = ALERT_ACTIVE.replace("\"active\"", "\"inactive\"");
    assert_eq!(get_target(&inactive), Ok(AlertTarget::new(None)));
}

#[test]
fn no_target_is_set_where_scrapin_itself_finds_none() {
    for answer in [NOT_FOUND, "200\n\n{\"success\":true,\"alert\":null}", "200\n\n{\"success\":true}"] {
        assert_eq!(get_target(&answered(ALERT_ACTIVE, answer)), Ok(AlertTarget::new(None)), "{answer}");
    }
}

#[test]
fn alerts_that_scrapin_has_taken_away_are_unsupported() {
    let gone = Err(Error::unsupported("change alerts are not available at Scrapin"));
    for answer in [NO_ROUTE, "404\n\n", "404\n\n{\"success\":false}", "404\n\n{\"error\":\"no route\"}", "410\n\n"] {
        assert_eq!(get_target(&answered(ALERT_ACTIVE, answer)), gone, "{answer}");
    }
    // A target cannot be missing while it is set, so even Scrapin's own 404 is about the route.
    for answer in [NOT_FOUND, NO_ROUTE, "404\n\n", "410\n\n"] {
        assert_eq!(set_target(Some(URL), &answered(ALERT_SET, answer)), gone, "{answer}");
    }
}

#[test]
fn setting_a_target_answers_what_scrapin_then_says() {
    assert_eq!(set_target(Some(URL), ALERT_SET), Ok(AlertTarget::new(Some(URL))));
    let elsewhere =
        ALERT_SET.replace(&format!("\"url\":\"{URL}\",\"status\":\"active\",\"c"), "\"url\":\"https://x.test/\",\"c");
    assert_eq!(set_target(Some(URL), &elsewhere), Ok(AlertTarget::new(Some("https://x.test/"))));
}

#[test]
fn a_target_that_scrapin_did_not_set_is_no_success() {
    for answer in ["200\n\n{\"success\":true}", "200\n\n{\"success\":true,\"alert\":{\"url\":\"\"}}"] {
        let outcome = set_target(Some(URL), &answered(ALERT_SET, answer));
        assert!(matches!(outcome, Err(Error::Malformed(_))), "{answer}: {outcome:?}");
    }
    let answer = "400\n\n{\"success\":false,\"title\":\"Bad Request\",\"msg\":\"The url is not valid\"}";
    assert_eq!(set_target(Some(URL), &answered(ALERT_SET, answer)), Err(Error::upstream(400, "The url is not valid")));
}

#[test]
fn clearing_the_target_stops_the_one_that_is_active() {
    assert_eq!(set_target(None, &format!("{ALERT_ACTIVE}\n###\n{ALERT_STOPPED}")), Ok(AlertTarget::new(None)));
    assert_eq!(set_target(None, &answered(ALERT_ACTIVE, NOT_FOUND)), Ok(AlertTarget::new(None)));
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnecting_stops_the_alerts_and_says_where_the_key_is_deleted() {
    let done = disconnect(&format!("{ALERT_ACTIVE}\n###\n{ALERT_STOPPED}")).unwrap();
    let note = done.note.clone().unwrap_or_default();
    assert_eq!(done, Disconnected::kept(&note));
    assert!(note.contains("https://app.scrapin.io/api"), "{note}");
}

#[test]
fn disconnecting_writes_nothing_where_no_alerts_are_on() {
    let inactive = ALERT_ACTIVE.replace("\"active\"", "\"inactive\"");
    for tape in [inactive, answered(ALERT_ACTIVE, NOT_FOUND)] {
        assert!(disconnect(&tape).is_ok(), "{tape}");
    }
}

#[test]
fn a_dead_key_and_alerts_that_are_gone_keep_nobody_from_disconnecting() {
    for answer in [BAD_KEY, NO_ROUTE, "410\n\n"] {
        assert!(disconnect(&answered(ALERT_ACTIVE, answer)).is_ok(), "{answer}");
        let tape = format!("{ALERT_ACTIVE}\n###\n{}", answered(ALERT_STOPPED, answer));
        assert!(disconnect(&tape).is_ok(), "{answer}");
    }
}

#[test]
fn alerts_that_could_not_be_stopped_are_told() {
    assert_eq!(disconnect(&answered(ALERT_ACTIVE, "503\n\n")), Err(Error::upstream(503, "")));
    let tape = format!("{ALERT_ACTIVE}\n###\n{}", answered(ALERT_STOPPED, "429\n\n{}"));
    assert_eq!(disconnect(&tape), Err(Error::RateLimited(None)));
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn each_status_means_what_scrapin_documents() {
    assert_eq!(error("403\n\n"), Error::forbidden("status 403"));
    assert_eq!(error(NOT_FOUND), Error::upstream(404, "No data found"));
    assert_eq!(
        error("429\nRetry-After: 12\n\n{\"success\":false,\"msg\":\"Too many requests\"}"),
        Error::rate_limited(12)
    );
    assert_eq!(error("429\n\nslow down"), Error::RateLimited(None));
    let trouble = "500\n\n{\"success\":false,\"title\":\"Internal Server Error\",\"msg\":\"\"}";
    assert_eq!(error(trouble), Error::upstream(500, "Internal Server Error"));
    assert_eq!(error("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    let alerts = answered(ALERT_ACTIVE, NO_CREDITS);
    assert_eq!(get_target(&alerts), Err(Error::upstream(402, "You have to upgrade to continue")));
}

#[test]
fn an_answer_that_is_none_of_scrapin_s_is_malformed_and_not_quoted() {
    for body in
        ["<html>kim@acme.test</html>", "", "[]", "{\"data\":{\"credits_left\":\"kim@acme.test\"}}", "{\"data\":{"]
    {
        match error(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn profiles_may_not_be_asked_for_since_they_cost_credits() {
    assert!(Scrapin::describe().endpoints.iter().all(|endpoint| !endpoint.path.contains("enrichment")));
}

#[test]
fn a_request_without_an_answer_keeps_its_reason() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Scrapin::health(&Connection::of(&[])));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
