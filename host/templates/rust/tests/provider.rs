//! Tests the requests of the provider, and how it handles each response. They need no network.

use acme_hr_provider::AcmeHr;
use jackfield_sdk::testkit::{self, answered};
use jackfield_sdk::{Connected, Connection, Error, Provider, Report};

const WHOAMI: &str = include_str!("../fixtures/whoami.http");

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&AcmeHr::describe()), Vec::<String>::new());
}

#[test]
fn connect_returns_the_company() {
    let outcome = testkit::connect::<AcmeHr>(&Connection::of(&[]), WHOAMI);
    assert_eq!(outcome, Ok(Connected::new().org_name("Acme Instruments").into()));
}

#[test]
fn health_reports_the_company() {
    let outcome = testkit::health::<AcmeHr>(&Connection::of(&[]), WHOAMI);
    assert_eq!(outcome, Ok(vec![Report::text("company", "Acme Instruments")]));
}

#[test]
fn each_failure_has_its_own_error() {
    for (response, expected) in [
        ("401\n\n{}", Error::unauthorized("the token is not valid")),
        ("429\nretry-after: 7\n\n", Error::rate_limited(7)),
        ("503\n\n<html>", Error::upstream(503, "")),
    ] {
        let outcome = testkit::health::<AcmeHr>(&Connection::of(&[]), &answered(WHOAMI, response));
        assert_eq!(outcome, Err(expected), "{response}");
    }
}
