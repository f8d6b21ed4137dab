//! The one-time link: used only by POST, once, within 15 minutes.

use http::Method;
use jackfield_core::audit::{Action, Actor};
use jackfield_store::NewAudit;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse, TestSession},
    marked,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{AUDIT, SESSION, status};

async fn link(app: &TestApp, name: &str) -> String {
    let audit = NewAudit::done(&Actor::named("test"), Action::SigninLinkCreate);
    let text = app.store.create_signin_link(name, audit).await.expect("the link is created");
    marked::record(text.expose().clone())
}

async fn use_link(app: &TestApp, link: &str) -> TestResponse {
    app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(json!({ "link": link }))).await
}

#[tokio::test]
async fn a_link_signs_in_once_and_a_get_does_not_use_it_up() {
    let app = TestApp::builder().start().await;
    let link = link(&app, "first executive").await;
    for path in [format!("/api/session?link={link}"), SESSION.to_owned()] {
        assert_eq!(app.send_as(TestCaller::Anonymous, Method::GET, &path, None).await.ok()["signed_in"], false);
    }
    let answer = use_link(&app, &link).await;
    let session = TestSession::from_response(&answer);
    let shown = answer.ok();
    assert_eq!((&shown["name"], &shown["level"]), (&json!("first executive"), &json!("executive")));
    assert_eq!(status(&app, &session).await, 200);
    let again = use_link(&app, &link).await.problem(401, "unauthenticated");
    assert!(again["detail"].as_str().expect("words").contains("signin-link"), "{again}");
    let audit = app.get(AUDIT).await.ok();
    assert_eq!(
        (&audit["entries"][0]["actor"], &audit["entries"][0]["detail"]),
        (&json!("first executive"), &json!("by a sign-in link, executive"),)
    );
}

#[tokio::test]
async fn of_many_concurrent_uses_of_a_link_one_succeeds() {
    let app = TestApp::builder().start().await;
    let other = app.start_second_host().await;
    let link = link(&app, "sign-in link").await;
    let all = (0..8).map(|number| use_link(if number % 2 == 0 { &app } else { &other }, &link));
    let answers = futures_util::future::join_all(all).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn a_link_expires_after_fifteen_minutes() {
    let app = TestApp::builder().start().await;
    let (one, two) = (link(&app, "one").await, link(&app, "two").await);
    app.clock.advance(SignedDuration::from_secs(15 * 60 - 1));
    assert_eq!(use_link(&app, &one).await.status, 200);
    app.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(use_link(&app, &two).await.status, 401);
}

#[tokio::test]
async fn a_service_without_executive_tokens_or_sessions_was_never_used() {
    let app = TestApp::builder().start().await;
    assert!(!app.store.was_never_used().await.expect("asked"), "there is an Executive's token");
    app.tamper("delete from tokens where level = 'executive'").await;
    assert!(app.store.was_never_used().await.expect("asked"));
    let link = link(&app, "first executive").await;
    assert!(app.store.was_never_used().await.expect("asked"), "an unused link does not count");
    let session = TestSession::from_response(&use_link(&app, &link).await);
    assert_eq!(app.send_in(&session, Method::DELETE, SESSION, None).await.status, 200);
    assert!(!app.store.was_never_used().await.expect("asked"), "also after they are gone");
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_the_links_name() {
    let app = TestApp::builder().start().await;
    let mut sessions = Vec::new();
    for name in ["sign-in link", "sign-in link", "ada"] {
        sessions.push(TestSession::from_response(&use_link(&app, &link(&app, name).await).await));
    }
    assert_eq!(app.send_in(&sessions[1], Method::DELETE, "/api/sessions", None).await.status, 200);
    let mut statuses = Vec::new();
    for session in &sessions {
        statuses.push(status(&app, session).await);
    }
    assert_eq!(statuses, [401, 401, 200]);
}

#[tokio::test]
async fn a_person_adds_their_name_to_that_of_the_link() {
    let app = TestApp::builder().start().await;
    let sign_in = async |body: Value| app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await;
    let link = link(&app, "sign-in link").await;
    for name in ["", " ", "a\nb", "jwt:ada", &"a".repeat(101)] {
        let problem = sign_in(json!({ "link": link, "name": name })).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "name", "{name:?}");
    }
    let session = sign_in(json!({ "link": link, "name": " Ada Lovelace " })).await.ok();
    assert_eq!(session["name"], "Ada Lovelace (sign-in link)", "the link was not used up by names that are not valid");
    let _ = sign_in(json!({ "token": "jf_x", "name": "Ada" })).await.problem(400, "invalid_request");
}
