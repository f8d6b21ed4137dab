//! Tests the Google Workspace plugin with the stand-in over a real socket. The stand-in issues the tokens.

use std::rc::Rc;

use jackfield_google_workspace::GoogleWorkspace;
use jackfield_sdk::testkit::{Credentials, Socket, invalid_field, with_transport};
use jackfield_sdk::{Connected, Connection, Error, PageRequest, Provider, Report};
use jackfield_test_support::google_workspace::{self, ADMIN, CALENDAR, GoogleApi, SCOPES};
use jackfield_test_support::people::{PEOPLE, people};

/// Runs a call for the administrator and sends its requests to the stand-in.
fn call<R>(google: &google_workspace::GoogleWorkspaceStandIn, call: impl FnOnce(&Connection) -> R) -> R {
    let credentials = Credentials::new().token(&google.access_token(Some(ADMIN), &SCOPES));
    let socket = Socket::new(google.address(), GoogleWorkspace::describe(), credentials);
    let connection = Connection::of(&[("calendar_id", CALENDAR), ("admin_email", ADMIN)]);
    tokio::task::block_in_place(|| with_transport(Rc::new(socket), || call(&connection)))
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_health_and_users_succeed() {
    let google = google_workspace::GoogleWorkspaceStandIn::start().await;
    let outcome = call(&google, GoogleWorkspace::connect);
    assert_eq!(outcome, Ok(Connected::new().org_name("acme.example").into()));
    let reports = vec![Report::text("calendar", "Leave"), Report::text("time_zone", "Europe/Amsterdam")];
    assert_eq!(call(&google, GoogleWorkspace::health), Ok(reports));

    let (mut users, mut page) = (Vec::new(), PageRequest::first(100));
    loop {
        let next = call(&google, |connection| GoogleWorkspace::list_users(connection, &page)).unwrap();
        users.extend(next.users);
        match next.next_cursor {
            Some(cursor) => page = PageRequest::after(&cursor, 100),
            None => break,
        }
    }
    let active = people().iter().filter(|person| person.active && person.number % 60 != 30).count();
    assert_eq!((users.len(), users.iter().filter(|user| user.active).count()), (PEOPLE, active));
    assert!(users.iter().all(|user| user.external_id.len() == 21 && user.email.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rejection_has_its_own_error() {
    let google = google_workspace::GoogleWorkspaceStandIn::start().await;
    let health = || call(&google, GoogleWorkspace::health).unwrap_err();

    google.exceed_quota(Some(9));
    assert_eq!(health(), Error::rate_limited(9));
    google.restore_quota().demote(ADMIN);
    assert!(matches!(health(), Error::Forbidden(right) if right.contains("administrator")));
    google.disable(GoogleApi::Directory);
    assert!(matches!(health(), Error::Forbidden(right) if right.contains("Admin SDK API")));
    google.unshare(CALENDAR);
    assert_eq!(invalid_field(&health()), Some("calendar_id"));
}
