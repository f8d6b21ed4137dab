//! Tests the Xero plugin with the stand-in over a real socket.

use std::rc::Rc;

use jackfield_sdk::testkit::{Credentials, Socket, with_transport};
use jackfield_sdk::{ConnectOutcome, Connected, Connection, Error, PageRequest, Provider, Report, UpstreamFate};
use jackfield_test_support::people::{COMPANY, PEOPLE, people};
use jackfield_test_support::stand_in_server::Failure;
use jackfield_test_support::xero::{self, TENANT};
use jackfield_xero::Xero;

const CALLBACK: &str = "https://jackfield.example/oauth/callback";

/// Starts a stand-in that also has an organisation in the United Kingdom and one in the United States.
async fn start_stand_in() -> xero::XeroStandIn {
    let xero = xero::XeroStandIn::start().await;
    xero.add_app("app", "s3cret", CALLBACK)
        .add_organisation("t-uk", "Acme Ltd", "UK")
        .add_organisation("t-us", "Acme Inc", "US");
    xero
}

/// Runs a call and sends its requests to the stand-in with an access token.
fn call<R>(xero: &xero::XeroStandIn, token: &str, call: impl FnOnce() -> R) -> R {
    let socket = Socket::new(xero.address(), Xero::describe(), Credentials::new().token(token));
    tokio::task::block_in_place(|| with_transport(Rc::new(socket), call))
}

fn with_tenant(tenant: &str) -> Connection {
    Connection::of(&[]).with_account(tenant)
}

/// Lists all pages, and counts the active users and all users.
fn count_users(xero: &xero::XeroStandIn, token: &str, tenant: &str) -> Result<(usize, usize), Error> {
    let (mut active, mut all, mut page) = (0, 0, PageRequest::first(100));
    loop {
        let users = call(xero, token, || Xero::list_users(&with_tenant(tenant), &page))?;
        active += users.users.iter().filter(|user| user.active).count();
        all += users.users.len();
        match users.next_cursor {
            Some(cursor) => page = PageRequest::after(&cursor, 100),
            None => return Ok((active, all)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_health_users_and_disconnect_succeed() {
    let xero = start_stand_in().await;
    let token = xero.access_token("app", &[TENANT]);
    let outcome = call(&xero, &token, || Xero::connect(&Connection::of(&[])));
    assert_eq!(outcome, Ok(Connected::new().org_name(COMPANY).account(TENANT).into()));
    let reports = call(&xero, &token, || Xero::health(&with_tenant(TENANT)));
    assert_eq!(reports, Ok(vec![Report::text("organisation", COMPANY)]));

    let active = people().iter().filter(|person| person.active).count();
    assert_eq!(count_users(&xero, &token, TENANT), Ok((active, PEOPLE)));

    let outcome = call(&xero, &token, || Xero::disconnect(&with_tenant(TENANT)));
    assert_eq!(outcome, Ok(UpstreamFate::RevokeGrant.into()));
    assert_eq!(xero.connected_tenants("app"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_organisations_are_a_choice_and_each_has_its_own_people() {
    let xero = start_stand_in().await;
    let token = xero.access_token("app", &[TENANT, "t-uk", "t-us"]);
    let outcome = call(&xero, &token, || Xero::connect(&Connection::of(&[])));
    assert!(matches!(outcome, Ok(ConnectOutcome::Choose(accounts)) if accounts.len() == 3));

    let active = people().iter().filter(|person| person.active).count();
    assert_eq!(count_users(&xero, &token, "t-uk"), Ok((active, PEOPLE)));
    // Without a payroll these are the users of the books. Some of them were removed.
    assert_eq!(count_users(&xero, &token, "t-us"), Ok((10, 12)));
    xero.remove_payroll(TENANT);
    assert_eq!(count_users(&xero, &token, TENANT), Ok((10, 12)));

    let outcome = call(&xero, &token, || Xero::disconnect(&with_tenant("t-uk")));
    assert_eq!(outcome.map(|outcome| outcome.upstream), Ok(UpstreamFate::Kept));
    assert_eq!(xero.connected_tenants("app"), [TENANT, "t-us"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_lose_access_has_its_own_error() {
    let xero = start_stand_in().await;
    let token = xero.access_token("app", &[TENANT, "t-uk"]);
    let health = |tenant| call(&xero, &token, || Xero::health(&with_tenant(tenant))).unwrap_err();

    xero.remove_role("t-uk");
    assert!(matches!(health("t-uk"), Error::Forbidden(_)));
    xero.disconnect_all_apps("t-uk");
    assert!(matches!(health("t-uk"), Error::Unauthorized(_)));
    xero.withhold_scope("accounting.settings.read");
    assert_eq!(health(TENANT), Error::forbidden("accounting.settings.read"));
    xero.shift_clock(31 * 60);
    assert_eq!(health(TENANT), Error::unauthorized("TokenExpired"));
    xero.revoke("app");
    assert_eq!(health(TENANT), Error::unauthorized("AuthenticationUnsuccessful"));
    let outcome = call(&xero, &token, || Xero::disconnect(&with_tenant(TENANT)));
    assert_eq!(outcome, Ok(UpstreamFate::Revoked.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_outages_are_never_unauthorized() {
    let xero = start_stand_in().await;
    let token = xero.access_token("app", &[TENANT]);
    for (fail, expected) in [
        (xero::rate_limit_failure("day", Some(43_200)), Error::rate_limited(43_200)),
        (xero::rate_limit_failure("concurrent", None), Error::rate_limited(60)),
        (Failure::Status(503), Error::upstream(503, "")),
    ] {
        xero.fail_next(1, fail);
        assert_eq!(call(&xero, &token, || Xero::health(&with_tenant(TENANT))), Err(expected));
    }
    xero.fail_next(1, Failure::Html);
    let outcome = call(&xero, &token, || Xero::health(&with_tenant(TENANT)));
    assert!(matches!(outcome, Err(Error::Malformed(_))), "{outcome:?}");
}
