//! Every route × every caller, generated from the router; spellings of paths; failed attempts.

use std::{fmt::Write as _, net::Ipv4Addr};

use http::Method;
use jackfield_api as api;
use jackfield_test_support::{
    app::{TestApp, TestCaller},
    slack::SlackStandIn,
};

use super::with_slack;

/// Returns a path of the route with a value for each parameter.
pub(super) fn example(path: &str) -> String {
    let nobody = "0193b6a0-0000-7000-8000-000000000000";
    ["{person_id}", "{plan_id}", "{id}", "{flow_id}"]
        .iter()
        .fold(path.replace("{provider}", "slack"), |path, parameter| path.replace(parameter, nobody))
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_snapshot_says() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).setting("JACKFIELD_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let mut table = String::new();
    for (number, route) in api::testing::routes().into_iter().enumerate() {
        // One address per route, because the failed attempts of an address are counted across routes.
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + u32::try_from(number).expect("few"));
        write!(table, "{:<6} {:<62}", route.method.as_str(), route.path).expect("the file is written");
        for caller in TestCaller::ALL {
            let from = |request: reqwest::RequestBuilder| request.header("x-forwarded-for", address.to_string());
            let answer = app.send_request_as(caller, route.method.clone(), &example(route.path), from).await;
            let status = answer.status;
            write!(table, " {caller:?}={status}").expect("the file is written");
            // Checked here as well, because a snapshot can be updated without review.
            if is_admin(route.path) {
                assert!(route.requires_executive, "{route:?}");
                if let Some(refusal) = refusal(caller) {
                    assert_eq!(status, refusal, "{route:?} {caller:?}");
                }
            }
        }
        table.push('\n');
    }
    insta::assert_snapshot!("routes_and_callers", table);
}

fn is_admin(path: &str) -> bool {
    path.starts_with("/api/") && !["/api/session", "/api/sessions"].contains(&path)
}

/// Returns the status with which admin routes reject a caller; `None` for an Executive.
fn refusal(caller: TestCaller) -> Option<u16> {
    match caller {
        TestCaller::Anonymous | TestCaller::UnknownToken | TestCaller::Expired | TestCaller::Revoked => Some(401),
        TestCaller::Member | TestCaller::Manager | TestCaller::Service | TestCaller::ManagerBrowser => Some(403),
        // The browser's statement about the sending page is checked independently of the level.
        TestCaller::Executive | TestCaller::Browser | TestCaller::CrossSiteBrowser => None,
    }
}

#[tokio::test]
async fn no_path_spelling_bypasses_the_required_level() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    for path in [
        "//api/admin/connections",
        "/api//admin/connections",
        "/api/admin/connections/",
        "/api/admin/connections/slack/status/",
        "/API/ADMIN/CONNECTIONS",
        "/api%2fadmin%2fconnections",
        "/%61pi/admin/connections",
        "/api/admin/../admin/connections",
        "/healthz/../api/admin/connections",
        "/api/admin/connections;x",
        "/api/admin/connections?x=1",
        "/nowhere",
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS] {
            let answer = app.send_as(TestCaller::Member, method.clone(), path, None).await;
            assert_eq!(answer.status, 403, "{method} {path}");
            let answer = app.send_as(TestCaller::Anonymous, method.clone(), path, None).await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
    let head = app.send_as(TestCaller::Anonymous, Method::HEAD, "/api/admin/connections", None).await;
    assert_eq!(head.status, 401);
}

#[tokio::test]
async fn an_unknown_path_answers_404_to_an_executive() {
    let app = TestApp::builder().start().await;
    let _ = app.get("/api/admin/nowhere").await.problem(404, "not_found");
    let _ = app.send(Method::POST, "/api/admin/connections", None).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_path_that_is_not_utf8_answers_400() {
    let app = TestApp::builder().start().await;
    for path in ["/api/admin/connections/%ff/status", "/api/admin/connections/%c3%28/health"] {
        let _ = app.get(path).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn too_many_failed_attempts_are_throttled_and_valid_ones_are_not() {
    let app = TestApp::builder().start().await;
    let mut refused = Vec::new();
    for _ in 0..40 {
        let answer = app.send_as(TestCaller::UnknownToken, Method::GET, "/api/admin/connections", None).await;
        refused.push(answer.status);
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert_eq!(refused[..20], [401; 20]);
    assert!(refused[20..].contains(&429), "{refused:?}");
    assert_eq!(app.get("/api/admin/connections").await.status, 200);
}

#[tokio::test]
async fn a_revocation_takes_effect_immediately() {
    let app = TestApp::builder().start().await;
    assert_eq!(app.get("/api/admin/audit").await.status, 200);
    app.revoke_tokens("executive").await;
    assert_eq!(app.get("/api/admin/audit").await.status, 401);
}

#[tokio::test]
async fn a_request_for_an_unknown_host_name_is_rejected() {
    let app = TestApp::builder().start().await;
    for (host, is_known) in [
        ("evil.test", false),
        ("evil.test:7420", false),
        ("localhost.evil.test", false),
        ("localhost:7420", true),
        ("127.0.0.1", true),
        ("[::1]:7420", true),
        // A client may know only the address, and an address cannot be rebound by DNS.
        ("192.0.2.7:7420", true),
    ] {
        for (caller, path) in [
            (TestCaller::Anonymous, "/api/session"),
            (TestCaller::Anonymous, "/"),
            (TestCaller::Anonymous, "/docs"),
            (TestCaller::Executive, "/api/admin/connections"),
            (TestCaller::Executive, "/api/admin/people"),
        ] {
            let named = |request: reqwest::RequestBuilder| request.header("host", host);
            let answer = app.send_request_as(caller, Method::GET, path, named).await;
            assert_eq!(answer.status, if is_known { 200 } else { 421 }, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn every_response_carries_its_request_id() {
    let app = TestApp::builder().start().await;
    let problem = app.send_as(TestCaller::Anonymous, Method::GET, "/api/admin/connections", None).await;
    let id = problem.header("x-request-id").expect("an id").to_owned();
    assert_eq!(problem.header("www-authenticate"), Some("Bearer"));
    assert_eq!(problem.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(problem.header("cache-control"), Some("no-store"));
    assert_eq!(problem.problem(401, "unauthenticated")["request_id"], id.as_str());
}
