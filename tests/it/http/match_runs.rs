//! `…/{provider}/match` when it takes long: it continues without its caller, and every host shows its progress.

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse},
    people,
    slack::SlackStandIn,
    stand_in_server::Failure,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{SLACK, eventually, people::person, start_connected, start_connected_with, with_slack};

const MAPPINGS: &str = "/api/admin/connections/user-mappings";

/// Starts a match and states how long to wait for its plan.
pub(super) async fn start_match(app: &TestApp, prefer: &str, dry_run: bool) -> TestResponse {
    let body = json!({ "dry_run": dry_run }).to_string();
    let make = |request: reqwest::RequestBuilder| {
        request.header("prefer", prefer).header("content-type", "application/json").body(body)
    };
    app.send_request_as(TestCaller::Executive, Method::POST, &format!("{SLACK}/match"), make).await
}

/// Starts a match of one person at a provider that asks to wait for 61 seconds. Returns where it can be found.
pub(super) async fn start_long_match(app: &TestApp, slack: &SlackStandIn, dry_run: bool) -> String {
    person(app, "Ada", &people::people()[0].email).await;
    slack.clear_requests();
    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(61) });
    let accepted = start_match(app, "respond-async", dry_run).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let location = accepted.header("location").expect("a location").to_owned();
    let run = accepted.json();
    assert_eq!((&run["state"], &run["dry_run"], &run["pages"]), (&json!("running"), &json!(dry_run), &json!(0)));
    assert_eq!(location, format!("{SLACK}/match/{}", run["plan_id"].as_str().expect("an id")));
    // The provider's answer has arrived once it is recorded.
    let connections = || app.get("/api/admin/connections");
    eventually(connections, |list| list.json()["connections"][0]["status"] == "degraded").await;
    location
}

/// Ends the wait that the provider asked for.
pub(super) fn end_wait(app: &TestApp) {
    app.clock.advance(SignedDuration::from_secs(62));
}

async fn linked_account(app: &TestApp) -> Value {
    app.get(MAPPINGS).await.ok()["users"][0]["external_ids"]["slack"].clone()
}

#[tokio::test]
async fn a_match_that_takes_long_is_answered_at_once_and_its_plan_can_be_fetched_and_undone() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let location = start_long_match(&app, &slack, false).await;
    assert_eq!(app.get(&location).await.ok()["state"], "running");
    assert_eq!(linked_account(&app).await, Value::Null);
    end_wait(&app);
    let run = eventually(|| app.get(&location), |run| run.json()["state"] != "running").await.ok();
    assert_eq!(run["state"], "ready", "{run}");
    let plan = &run["plan"];
    assert_eq!((&plan["counts"]["matched"], &plan["plan_id"]), (&json!(1), &run["plan_id"]));
    assert_eq!(plan["accounts"], run["accounts"]);
    assert!(run["pages"].as_u64().is_some_and(|pages| pages >= 2), "{run}");
    assert_eq!(linked_account(&app).await, plan["people"][0]["external_id"]);
    assert_eq!(app.send(Method::POST, &format!("{location}/undo"), None).await.ok()["undone"], 1);
    let _ = app.delete(&location).await.problem(409, "conflict");
    app.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(start_match(&app, "wait=600", true).await.ok()["counts"]["matched"], 1);
    let _ = app.get(&location).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_match_goes_on_after_its_caller_has_disconnected() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    person(&app, "Ada", &people::people()[0].email).await;
    slack.clear_requests();
    slack.hold();
    let request = Box::pin(start_match(&app, "wait=600", false));
    let disconnected = futures_util::future::select(request, Box::pin(slack.wait_for_requests(1))).await;
    assert!(matches!(disconnected, futures_util::future::Either::Right(_)), "the provider has not answered yet");
    drop(disconnected);
    slack.release();
    eventually(|| app.get(MAPPINGS), |list| list.json()["users"][0]["external_ids"]["slack"].is_string()).await;
}

#[tokio::test]
async fn every_host_shows_and_cancels_a_match() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let other = app.start_second_host().await;
    let location = start_long_match(&app, &slack, false).await;
    assert_eq!(other.get(&location).await.ok()["state"], "running");
    assert_eq!(other.delete(&location).await.ok()["ok"], true);
    for host in [&app, &other] {
        assert_eq!(host.get(&location).await.ok()["state"], "cancelled");
    }
    let _ = app.delete(&location).await.problem(409, "conflict");
    end_wait(&app);
    assert_eq!(start_match(&app, "wait=600", true).await.ok()["counts"]["matched"], 1, "nobody was linked");
}

#[tokio::test]
async fn a_match_fails_when_the_service_stops_and_when_its_process_dies() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    let location = start_long_match(&app, &slack, false).await;
    app.stop().await;
    let app = app.start_again().await;
    let run = app.get(&location).await.ok();
    assert_eq!((&run["state"], &run["problem"]["code"]), (&json!("failed"), &json!("internal")));
    assert!(run["problem"]["detail"].as_str().is_some_and(|detail| detail.contains("nothing was linked")), "{run}");

    end_wait(&app);
    let wait_before = app.get("/api/admin/connections").await.ok()["connections"][0]["retry_at"].clone();
    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(61) });
    let run = start_match(&app, "respond-async", false).await.json();
    let location = format!("{SLACK}/match/{}", run["plan_id"].as_str().expect("an id"));
    // As after a crash: another process of this host had worked on it.
    app.tamper("update match_runs set run = 'dead' where state = 'running'").await;
    assert_eq!(app.get(&location).await.ok()["state"], "failed");
    let connections = || app.get("/api/admin/connections");
    eventually(connections, |list| list.json()["connections"][0]["retry_at"] != wait_before).await;
    end_wait(&app);
    // Even if the process is still running after all, it links nobody.
    assert_eq!(start_match(&app, "wait=600", true).await.ok()["counts"]["matched"], 1);
}

#[tokio::test]
async fn a_match_that_fails_later_says_why() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected_with(&slack, with_slack(&slack)).await;
    let location = start_long_match(&app, &slack, true).await;
    slack.fail(Failure::Status(500));
    end_wait(&app);
    let run = eventually(|| app.get(&location), |run| run.json()["state"] != "running").await.ok();
    assert_eq!((&run["state"], &run["problem"]["code"]), (&json!("failed"), &json!("provider_error")));
}

#[tokio::test]
async fn an_unknown_match_is_not_found() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    for id in ["0193b6a0-0000-7000-8000-000000000000", "x", "%00"] {
        let path = format!("{SLACK}/match/{id}");
        let _ = app.get(&path).await.problem(404, "not_found");
        let _ = app.delete(&path).await.problem(404, "not_found");
    }
}
