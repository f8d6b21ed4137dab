//! Browser sessions: signing in, the cookie, how sessions end, and signing out.

mod forgery;
mod link;

use std::time::Duration;

use http::Method;
use jackfield_core::Level;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestSession},
    xero::XeroStandIn,
};
use jiff::SignedDuration;
use serde_json::json;

use super::oauth::{XERO, auth_url, with_xero};

const SESSION: &str = "/api/session";
const AUDIT: &str = "/api/admin/audit";

/// Returns the status of a request from a session's own page.
async fn status(app: &TestApp, session: &TestSession) -> u16 {
    app.send_in(session, Method::GET, AUDIT, None).await.status
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_session_with_the_same_level() {
    let app = TestApp::builder().start().await;
    let nobody = app.send_as(TestCaller::Anonymous, Method::GET, SESSION, None).await.ok();
    assert_eq!(nobody, json!({ "signed_in": false, "oidc": false }));
    let body = json!({ "token": app.token(TestCaller::Executive) });
    let answer = app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await;
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("jackfield=") && set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    let session = TestSession::from_response(&answer);
    let signed_in = answer.ok();
    assert_eq!((&signed_in["name"], &signed_in["level"]), (&json!("executive"), &json!("executive")));
    assert!(!signed_in.to_string().contains(session.cookie.split_once('=').expect("a value").1));
    assert_eq!(app.send_in(&session, Method::GET, SESSION, None).await.ok(), signed_in);
    assert_eq!(status(&app, &session).await, 200);
    let person = json!({ "name": "Ada", "email": "ada@acme.example" });
    assert_eq!(app.send_in(&session, Method::POST, "/api/admin/people", Some(person)).await.status, 201);
    let audit = app.get(AUDIT).await.ok();
    let newest = |number: usize| &audit["entries"][number];
    assert_eq!((&newest(0)["actor"], &newest(0)["action"]), (&json!("executive"), &json!("person.create")));
    assert_eq!((&newest(1)["actor"], &newest(1)["action"]), (&json!("executive"), &json!("session.sign_in")));
    assert_eq!(newest(1)["detail"], "by an API token, executive");
    assert_eq!(newest(1)["origin"], "127.0.0.1");
}

#[tokio::test]
async fn behind_https_the_cookie_is_limited_to_the_host() {
    let app = TestApp::builder().setting("JACKFIELD_PUBLIC_URL", "https://jackfield.example").start().await;
    let body = json!({ "token": app.token(TestCaller::Executive) });
    let answer = app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await;
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(set.starts_with("__Host-jackfield=") && set.contains("; Secure"), "{set}");
    let session = TestSession::from_response(&answer);
    assert_eq!(status(&app, &session).await, 200);
    let plain = TestSession { cookie: session.cookie.replace("__Host-", ""), ..session };
    assert_eq!(status(&app, &plain).await, 401, "the cookie name without the prefix is ignored");
}

#[tokio::test]
async fn every_failed_sign_in_is_explained_and_counted() {
    let app = TestApp::builder().start().await;
    for (body, status, code) in [
        (json!({}), 400, "invalid_request"),
        (json!({ "token": "a", "link": "b" }), 400, "invalid_request"),
        (json!({ "token": "a", "more": 1 }), 400, "invalid_request"),
        (json!({ "token": app.token(TestCaller::Service) }), 403, "forbidden"),
    ] {
        let _ = app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await.problem(status, code);
    }
    for caller in [TestCaller::UnknownToken, TestCaller::Expired, TestCaller::Revoked] {
        let body = json!({ "token": app.token(caller) });
        let problem = app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await;
        assert!(problem.header("set-cookie").is_none());
        assert!(problem.problem(401, "unauthenticated")["detail"].as_str().expect("words").contains("revoked"));
    }
    let mut statuses = Vec::new();
    for _ in 0..30 {
        let body = json!({ "link": "A".repeat(43) });
        statuses.push(app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body)).await.status);
    }
    assert_eq!(statuses[..17], [401; 17]);
    assert!(statuses[17..].contains(&429), "{statuses:?}");
    assert_eq!(status(&app, &app.sign_in(TestCaller::Executive).await).await, 200, "valid attempts are not throttled");
}

#[tokio::test]
async fn a_session_below_executive_shows_its_level_and_opens_nothing() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Manager).await;
    let shown = app.send_in(&session, Method::GET, SESSION, None).await.ok();
    assert_eq!((&shown["signed_in"], &shown["level"]), (&json!(true), &json!("manager")));
    let problem = app.send_in(&session, Method::GET, AUDIT, None).await.problem(403, "forbidden");
    assert!(problem["detail"].as_str().expect("words").contains("yours is manager"), "{problem}");
    assert_eq!(app.send_in(&session, Method::DELETE, SESSION, None).await.ok()["ok"], true);
}

#[tokio::test]
async fn each_sign_in_has_a_new_session_id_and_a_planted_one_is_rejected() {
    let app = TestApp::builder().start().await;
    let planted = TestSession { cookie: format!("jackfield={}", "B".repeat(43)), csrf: "x".to_owned() };
    let body = json!({ "token": app.token(TestCaller::Executive) });
    let answer = app.send_in(&planted, Method::POST, SESSION, Some(body.clone())).await;
    let first = TestSession::from_response(&answer);
    assert_ne!(first.cookie, planted.cookie);
    assert_eq!(status(&app, &planted).await, 401);
    let second = TestSession::from_response(&app.send_in(&first, Method::POST, SESSION, Some(body)).await);
    assert_ne!(second.cookie, first.cookie);
    assert_eq!(status(&app, &first).await, 401, "the replaced session has ended");
    assert_eq!(status(&app, &second).await, 200);
}

#[tokio::test]
async fn a_session_ends_after_an_idle_hour_and_after_twelve_hours() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let shown = app.send_in(&session, Method::GET, SESSION, None).await.ok();
    let until = |name: &str| {
        let time: jiff::Timestamp = shown[name].as_str().expect("a time").parse().expect("a time");
        time.duration_since(app.clock.now())
    };
    assert_eq!(until("idle_expires_at"), SignedDuration::from_hours(1));
    assert_eq!(until("expires_at"), SignedDuration::from_hours(12));
    for _ in 0..13 {
        app.clock.advance(SignedDuration::from_mins(55));
        assert_eq!(status(&app, &session).await, 200, "each request counts");
    }
    app.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(status(&app, &session).await, 401, "twelve hours");

    let idle = app.sign_in(TestCaller::Executive).await;
    app.clock.advance(SignedDuration::from_mins(59));
    let by_itself = app.send_request_as(TestCaller::Anonymous, Method::GET, AUDIT, |request| {
        idle.add_to(request).header("x-background", "1")
    });
    assert_eq!(by_itself.await.status, 200);
    assert_eq!(app.send_in(&idle, Method::GET, SESSION, None).await.ok()["signed_in"], true);
    app.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(status(&app, &idle).await, 401, "background requests do not count as activity");
    let gone = app.send_in(&idle, Method::GET, SESSION, None).await;
    assert!(gone.header("set-cookie").expect("a cookie").contains("Max-Age=0"));
    assert_eq!(gone.ok()["signed_in"], false);
}

#[tokio::test]
async fn a_session_ends_with_its_token_immediately_on_every_host() {
    let app = TestApp::builder().start().await;
    let other = app.start_second_host().await;
    let session = app.sign_in(TestCaller::Executive).await;
    assert_eq!(status(&other, &session).await, 200);
    app.revoke_tokens("executive").await;
    assert_eq!(status(&other, &session).await, 401);
    assert_eq!(status(&app, &session).await, 401);

    let sign_in =
        |token: String| app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(json!({ "token": token })));
    let (_, short) = app.create_token("short", Level::Executive, Some(Duration::from_secs(1800))).await;
    let session = TestSession::from_response(&sign_in(short).await);
    assert_eq!(status(&other, &session).await, 200);
    app.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(status(&other, &session).await, 401, "or when it expires");

    let (id, deleted) = app.create_token("deleted", Level::Executive, None).await;
    let session = TestSession::from_response(&sign_in(deleted).await);
    assert_eq!(status(&other, &session).await, 200);
    app.tamper(format!("delete from tokens where id = '{id}'")).await;
    assert_eq!(status(&other, &session).await, 401, "or is gone");
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all_of_one_person() {
    let app = TestApp::builder().start().await;
    let other = app.start_second_host().await;
    let (here, there) = (app.sign_in(TestCaller::Executive).await, other.sign_in(TestCaller::Executive).await);
    let third = app.sign_in(TestCaller::Executive).await;
    let manager = app.sign_in(TestCaller::Manager).await;
    let out = app.send_in(&here, Method::DELETE, SESSION, None).await;
    assert!(out.header("set-cookie").expect("a cookie").starts_with("jackfield=; "));
    assert_eq!(out.ok()["ok"], true);
    assert_eq!((status(&other, &here).await, status(&app, &there).await), (401, 200));
    assert_eq!(app.send_in(&third, Method::DELETE, "/api/sessions", None).await.ok()["ok"], true);
    assert_eq!((status(&other, &there).await, status(&app, &third).await), (401, 401));
    assert_eq!(status(&app, &manager).await, 403, "another person's session continues");
    let audit = app.get(AUDIT).await.ok();
    assert_eq!(audit["entries"][0]["action"], "session.sign_out_everywhere");
    assert_eq!(audit["entries"][1]["action"], "session.sign_out");
    let _ = app.send(Method::DELETE, SESSION, None).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn only_hashes_are_stored_and_ended_sessions_are_deleted() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let value = session.cookie.split_once('=').expect("a value").1.to_owned();
    for word in [&value, &session.csrf] {
        let stored = app.database_bytes().await;
        assert!(!stored.windows(word.len()).any(|bytes| bytes == word.as_bytes()));
    }
    assert_eq!(app.store.active_session_ids().await.expect("listed").len(), 1);
    app.clock.advance(SignedDuration::from_hours(2));
    assert!(app.store.active_session_ids().await.expect("listed").is_empty());
    app.store.delete_expired_sessions().await.expect("removed");
    app.clock.advance(SignedDuration::from_hours(-2));
    assert_eq!(status(&app, &session).await, 401, "setting the clock back restores no session");
}

#[tokio::test]
async fn a_flow_belongs_to_its_session_and_a_browser_must_send_the_state() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (one, other) = (app.sign_in(TestCaller::Executive).await, app.sign_in(TestCaller::Executive).await);
    let begun = app.send_in(&one, Method::GET, &format!("{XERO}/auth-url"), None).await.ok();
    let landing = xero.authorize(begun["url"].as_str().expect("a URL")).allow(&[jackfield_test_support::xero::TENANT]);
    super::oauth::record_secrets(&xero);
    let callback = format!("{XERO}/callback");
    let without = app.send_in(&one, Method::POST, &callback, Some(json!({ "code": landing.code }))).await;
    assert_eq!(without.problem(422, "invalid_request")["errors"][0]["field"], "state");
    let body = json!({ "code": landing.code, "state": landing.state });
    let foreign = app.send_in(&other, Method::POST, &callback, Some(body.clone())).await;
    assert_eq!(foreign.problem(422, "invalid_request")["errors"][0]["field"], "state");
    assert!(xero.requests_to("/connect/token").is_empty(), "the code was not sent");
    assert_eq!(app.send_in(&one, Method::POST, &callback, Some(body)).await.ok()["ok"], true);
    super::oauth::record_secrets(&xero);
    let (url, _) = auth_url(&app).await;
    let code = xero.authorize(&url).allow(&[jackfield_test_support::xero::TENANT]).code;
    let bearer = super::oauth::callback(&app, json!({ "code": code })).await;
    assert_eq!(bearer.ok()["ok"], true, "a client with a bearer token may omit it");
    super::oauth::record_secrets(&xero);
}
