//! Requests that a page of another site makes an Executive's browser send, on every route except GET.

use http::Method;
use jackfield_api as api;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestSession},
    slack::SlackStandIn,
};
use reqwest::RequestBuilder;
use serde_json::json;

use super::{super::with_slack, AUDIT, SESSION};
use crate::http::callers::example;

/// Headers that a browser may send for a page of another site, old browsers included.
const FORGED: [(&str, &[(&str, &str)]); 8] = [
    (
        "a form of another site",
        &[
            ("origin", "https://evil.test"),
            ("sec-fetch-site", "cross-site"),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
    ),
    ("a form of an old browser", &[("origin", "https://evil.test"), ("content-type", "text/plain")]),
    ("a page of another port", &[("origin", "http://127.0.0.1:9999"), ("sec-fetch-site", "same-site")]),
    ("a page without an origin", &[("origin", "null"), ("content-type", "application/json")]),
    ("a link of another site", &[("sec-fetch-site", "cross-site")]),
    ("text", &[("content-type", "text/plain")]),
    ("json without the header", &[("content-type", "application/json")]),
    ("json with a wrong header", &[("content-type", "application/json"), ("x-csrf-token", "bm8")]),
];

fn add_fields(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    fields.iter().fold(request.body("{}"), |request, (name, value)| request.header(*name, *value))
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_on_any_route() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let mut tried = 0;
    for route in api::testing::routes().into_iter().filter(|route| route.method != Method::GET) {
        for (what, fields) in FORGED {
            let is_foreign = fields.iter().any(|(name, _)| ["origin", "sec-fetch-site"].contains(name));
            // Signing in needs no session, but a page of another site must not do it either.
            let is_sign_in = route.method == Method::POST && route.path == SESSION;
            let status = if is_sign_in && !is_foreign { 400 } else { 403 };
            let path = example(route.path);
            let answer = app
                .send_request_as(TestCaller::Anonymous, route.method.clone(), &path, |request| {
                    add_fields(session.add_cookie_to(request), fields)
                })
                .await;
            assert_eq!(answer.status, status, "{what}: {route:?} {}", answer.text);
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(app.send_in(&session, Method::GET, AUDIT, None).await.ok()["entries"][0]["action"], "session.sign_in");
}

#[tokio::test]
async fn a_csrf_header_from_another_origin_is_rejected() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    for (_, fields) in &FORGED[..5] {
        let answer = app.send_request_as(TestCaller::Anonymous, Method::POST, "/api/admin/people", |request| {
            session
                .add_to(request)
                .header("content-type", "application/json")
                .body(r#"{"name":"A","email":"a@b.example"}"#)
                .header(fields[0].0, fields[0].1)
        });
        let _ = answer.await.problem(403, "forbidden");
    }
    let another = TestSession { csrf: app.sign_in(TestCaller::Executive).await.csrf, ..session.clone() };
    let body = json!({ "name": "A", "email": "a@b.example" });
    let _ =
        app.send_in(&another, Method::POST, "/api/admin/people", Some(body.clone())).await.problem(403, "forbidden");
    assert_eq!(app.send_in(&session, Method::POST, "/api/admin/people", Some(body)).await.status, 201);
}

#[tokio::test]
async fn the_services_own_pages_are_accepted_by_their_origin() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let own = [("origin", app.base.clone()), ("sec-fetch-site", "same-origin".to_owned())];
    let answer = app.send_request_as(TestCaller::Anonymous, Method::DELETE, SESSION, |request| {
        own.iter().fold(session.add_to(request), |request, (name, value)| request.header(*name, value))
    });
    assert_eq!(answer.await.ok()["ok"], true);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_read_responses() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    for (from, status) in [("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)] {
        let answer = app.send_request_as(TestCaller::Anonymous, Method::GET, AUDIT, |request| {
            session.add_cookie_to(request).header("sec-fetch-site", from)
        });
        let answer = answer.await;
        assert_eq!(answer.status, status, "{from}");
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn two_cookies_with_one_name_are_both_ignored() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let answer = app.send_request_as(TestCaller::Anonymous, Method::GET, AUDIT, |request| {
        request.header("cookie", format!("{}; jackfield={}", session.cookie, "A".repeat(43)))
    });
    let _ = answer.await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_bearer_token_takes_precedence_over_a_cookie() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    let answer = app.send_request_as(TestCaller::Manager, Method::GET, AUDIT, |request| session.add_to(request));
    let _ = answer.await.problem(403, "forbidden");
}
