//! `…/{provider}/match`: who owns which account, with the evidence; applied and undone as a whole.

use std::time::Duration;

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder, TestCaller, TestResponse},
    guests, marked, people,
    slack::{MEMBERS, NOBODY, SlackStandIn},
    stand_in_server::Failure,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    SLACK,
    people::{PEOPLE, actions, import, person},
    start_connected, start_connected_with, with_short_timeouts, with_slack,
};

const MADE: &str = "/api/admin/connections/made";
const MAPPINGS: &str = "/api/admin/connections/user-mappings";

/// Returns a user in the form of the WIT.
fn user(id: &str, name: &str, email: Option<&str>, aliases: &[&str]) -> Value {
    json!({ "external-id": id, "name": name, "email": email, "aliases": aliases, "active": true })
}

/// A service with a plugin that lists these users.
fn with_users(users: &[Value]) -> TestAppBuilder {
    let page = json!({ "users": users, "next-cursor": null });
    TestApp::builder().file("made.wasm", guests::with_users_page(&guests::manifest(), &page))
}

async fn start(builder: TestAppBuilder) -> TestApp {
    let app = builder.start().await;
    assert_eq!(app.put(MADE, json!({ "token": marked::secret("made-") })).await.ok()["ok"], true);
    app
}

async fn ask(app: &TestApp, provider: &str, dry_run: bool) -> TestResponse {
    let body = json!({ "dry_run": dry_run }).to_string();
    // However long it takes on a busy machine.
    let make = |request: reqwest::RequestBuilder| {
        request.header("prefer", "wait=600").header("content-type", "application/json").body(body)
    };
    app.send_request_as(TestCaller::Executive, Method::POST, &format!("{provider}/match"), make).await
}

async fn undo(app: &TestApp, provider: &str, plan: &Value) -> TestResponse {
    let plan = plan["plan_id"].as_str().expect("an applied plan has an id");
    app.send(Method::POST, &format!("{provider}/match/{plan}/undo"), None).await
}

/// Summarizes everybody on one line: status, account, and the matching accounts with the evidence.
fn match_summary(plan: &Value) -> Vec<String> {
    let texts = |value: &Value, key: &str| -> Vec<String> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        list.map(|item| if key.is_empty() { item } else { &item[key] })
            .map(|text| text.as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let account = |account: &Value| {
        let also = texts(&account["also"], "name");
        let also = if also.is_empty() { String::new() } else { format!(", also {}", also.join(" ")) };
        let active = if account["active"] == true { "" } else { ", inactive" };
        format!(
            "{}({}{active}{also})",
            account["external_id"].as_str().unwrap_or("-"),
            texts(&account["evidence"], "").join("+")
        )
    };
    let line = |person: &Value| {
        let accounts: Vec<String> = person["accounts"].as_array().expect("accounts").iter().map(account).collect();
        let id = person["external_id"].as_str().unwrap_or("-");
        format!(
            "{} {} {id} {}",
            person["name"].as_str().unwrap_or("-"),
            person["status"].as_str().unwrap_or("-"),
            accounts.join(" ")
        )
    };
    plan["people"].as_array().expect("people").iter().map(|person| line(person).trim_end().to_owned()).collect()
}

/// Returns the ids at `made` by name.
async fn accounts(app: &TestApp) -> Vec<String> {
    let list = app.get(MAPPINGS).await.ok();
    let users = list["users"].as_array().expect("users").iter();
    users
        .filter_map(|user| Some(format!("{} {}", user["name"].as_str()?, user["external_ids"]["made"].as_str()?)))
        .collect()
}

async fn set(app: &TestApp, person: &str, external_id: &str) {
    let body = json!({ "provider": "made", "external_id": external_id });
    assert_eq!(app.put(&format!("{MAPPINGS}/{person}"), body).await.status, 200);
}

#[tokio::test]
async fn every_person_gets_a_match_status_and_a_reason() {
    let mut left = user("u5", "Bo", Some("bo@acme.example"), &[]);
    left["active"] = json!(false);
    let app = start(with_users(&[
        user("u1", "Ada L.", Some("ADA@acme.example"), &[]),
        user("u2", "Zoë Lee", Some("zlee@acme.example"), &["zoe\u{308}@acme.example", "zlee@acme.example"]),
        user("u3", "KIM  LEE", None, &[]),
        user("u4", "Linked", Some("else@acme.example"), &[]),
        left,
        user("u6", "Nobody", Some("nobody@acme.example"), &[]),
    ]))
    .await;
    person(&app, "Ada", "ada@acme.example").await;
    person(&app, "Zoë Lee", "zoë@acme.example").await;
    person(&app, "Kim Lee", "kim@acme.example").await;
    let linked = person(&app, "Linked", "linked@acme.example").await;
    set(&app, &linked, "u4").await;
    let bo = person(&app, "Bo", "bo@acme.example").await;
    let _ = app.send(Method::PATCH, &format!("{PEOPLE}/{bo}"), Some(json!({ "active": false }))).await.ok();
    person(&app, "Missing", "missing@acme.example").await;
    let orphan = person(&app, "Orphan", "orphan@acme.example").await;
    set(&app, &orphan, "u99").await;

    let before = (accounts(&app).await, actions(&app).await);
    let plan = ask(&app, MADE, true).await.ok();
    assert_eq!(
        match_summary(&plan),
        [
            "Ada matched u1 u1(email)",
            "Zoë Lee matched u2 u2(alias+name)",
            "Kim Lee ambiguous - u3(name)",
            "Linked already_linked u4 u4(linked+name)",
            "Bo matched u5 u5(email+name, inactive)",
            "Missing missing -",
            "Orphan orphaned u99",
        ]
    );
    assert_eq!((&plan["ok"], &plan["dry_run"], &plan["plan_id"]), (&json!(true), &json!(true), &Value::Null));
    assert_eq!((&plan["accounts"], &plan["unclaimed"]), (&json!(6), &json!(1)));
    let counts = json!({ "matched": 3, "already_linked": 1, "ambiguous": 1, "missing": 1, "orphaned": 1 });
    assert_eq!(plan["counts"], counts);
    assert_eq!(plan["people"][4]["active"], false, "inactive people are reported");
    assert!(plan["people"][2]["reason"].as_str().is_some_and(|reason| reason.contains("name")), "{plan}");
    assert_eq!((accounts(&app).await, actions(&app).await), before, "a dry run changes nothing");

    let users = app.get(&format!("{MADE}/users")).await.ok();
    let keys: Vec<&String> = users["users"][1].as_object().expect("a user").keys().collect();
    assert_eq!(keys, ["active", "email", "external_id", "name"], "aliases are evidence but not shown");
}

#[tokio::test]
async fn a_plan_is_applied_once_and_undone_as_a_whole() {
    let app = start(with_users(&[
        user("u1", "", Some("ada@acme.example"), &[]),
        user("u2", "", Some("bob@acme.example"), &[]),
        user("u3", "", Some("eve@acme.example"), &[]),
    ]))
    .await;
    for (name, email) in [("Ada", "ada@acme.example"), ("Bob", "bob@acme.example")] {
        person(&app, name, email).await;
    }
    let eve = person(&app, "Eve", "eve@acme.example").await;
    set(&app, &eve, "u3").await;
    let plan = ask(&app, MADE, false).await.ok();
    assert_eq!(plan["counts"]["matched"], 2);
    assert_eq!(accounts(&app).await, ["Ada u1", "Bob u2", "Eve u3"]);
    assert_eq!(actions(&app).await[..2], ["mappings.match", "mapping.set"], "one entry for all");

    let again = ask(&app, MADE, false).await.ok();
    assert_eq!((&again["counts"]["matched"], &again["counts"]["already_linked"]), (&json!(0), &json!(3)));
    assert_eq!(accounts(&app).await, ["Ada u1", "Bob u2", "Eve u3"]);

    assert_eq!(undo(&app, MADE, &plan).await.ok(), json!({ "ok": true, "undone": 2 }));
    assert_eq!(accounts(&app).await, ["Eve u3"], "earlier mappings are unchanged");
    assert_eq!(undo(&app, MADE, &plan).await.ok(), json!({ "ok": true, "undone": 2 }), "repeating it changes nothing");
    assert_eq!(undo(&app, MADE, &again).await.ok(), json!({ "ok": true, "undone": 0 }));
    assert_eq!(actions(&app).await[..4], ["mappings.undo", "mappings.undo", "mappings.match", "mappings.match"]);

    let third = ask(&app, MADE, false).await.ok();
    assert_eq!(undo(&app, MADE, &plan).await.ok()["undone"], 2, "the first plan can no longer be used");
    assert_eq!(accounts(&app).await.len(), 3);
    assert_eq!(undo(&app, MADE, &third).await.ok()["undone"], 2);
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), None);
}

#[tokio::test]
async fn a_match_can_be_undone_for_90_days() {
    let app = start(with_users(&[
        user("u1", "", Some("ada@acme.example"), &[]),
        user("u2", "", Some("bob@acme.example"), &[]),
    ]))
    .await;
    person(&app, "Ada", "ada@acme.example").await;
    let old = ask(&app, MADE, false).await.ok();
    app.clock.advance(SignedDuration::from_hours(24 * 89));
    person(&app, "Bob", "bob@acme.example").await;
    let new = ask(&app, MADE, false).await.ok();
    app.store.delete_outdated().await.expect("outdated rows are removed");
    assert_eq!(app.store.count_rows("match_links").await, 2);
    app.clock.advance(SignedDuration::from_hours(24));
    let problem = undo(&app, MADE, &old).await.problem(404, "not_found");
    assert!(
        problem["detail"].as_str().expect("a detail").contains("90 days"),
        "before its rows are removed: {problem}"
    );
    app.store.delete_outdated().await.expect("outdated rows are removed");
    assert_eq!((app.store.count_rows("match_plans").await, app.store.count_rows("match_links").await), (1, 1));
    let _ = undo(&app, MADE, &old).await.problem(404, "not_found");
    assert_eq!(accounts(&app).await, ["Ada u1", "Bob u2"], "the mappings stay");
    assert_eq!(undo(&app, MADE, &new).await.ok()["undone"], 1);
    assert_eq!(accounts(&app).await, ["Ada u1"]);
}

#[tokio::test]
async fn later_changes_are_not_undone() {
    let app = start(with_users(&[
        user("u1", "", Some("ada@acme.example"), &[]),
        user("u2", "", Some("bob@acme.example"), &[]),
    ]))
    .await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let bob = person(&app, "Bob", "bob@acme.example").await;
    let plan = ask(&app, MADE, false).await.ok();
    set(&app, &ada, "u7").await;
    let problem = undo(&app, MADE, &plan).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Ada <ada@acme.example>")), "{problem}");
    assert_eq!(accounts(&app).await, ["Ada u7", "Bob u2"], "nothing of it was undone");
    set(&app, &ada, "u1").await;
    assert_eq!(app.delete(&format!("{MAPPINGS}/{bob}/made")).await.status, 200);
    let problem = undo(&app, MADE, &plan).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Bob")), "{problem}");
    // There is nothing to undo for a deleted person.
    assert_eq!(app.delete(&format!("{PEOPLE}/{bob}")).await.status, 200);
    assert_eq!(undo(&app, MADE, &plan).await.ok()["undone"], 1);
    assert_eq!(accounts(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_people_with_one_name_are_ambiguous_and_both_are_named() {
    let app = start(with_users(&[
        user("u1", "Kim", Some("kim@acme.example"), &[]),
        user("u2", "Kim", Some("KIM@acme.example"), &[]),
        user("u3", "Ada", Some("ada@acme.example"), &["bob@acme.example"]),
        // Somebody entered a colleague's email at the provider.
        user("u4", "Mallory", Some("eve@acme.example"), &[]),
        user("u5", "Sam", None, &[]),
    ]))
    .await;
    for (name, email) in [
        ("Kim", "kim@acme.example"),
        ("Ada", "ada@acme.example"),
        ("Bob", "bob@acme.example"),
        ("Eve", "eve@acme.example"),
        ("Sam", "sam1@acme.example"),
        ("Sam", "sam2@acme.example"),
    ] {
        person(&app, name, email).await;
    }
    let mallory = person(&app, "Mallory", "mallory@acme.example").await;
    set(&app, &mallory, "u4").await;
    let plan = ask(&app, MADE, false).await.ok();
    assert_eq!(
        match_summary(&plan),
        [
            "Kim ambiguous - u1(email+name) u2(email+name)",
            "Ada ambiguous - u3(email+name, also Bob)",
            "Bob ambiguous - u3(alias, also Ada)",
            "Eve ambiguous - u4(email, also Mallory)",
            "Sam ambiguous - u5(name, also Sam)",
            "Sam ambiguous - u5(name, also Sam)",
            "Mallory already_linked u4 u4(linked+name, also Eve)",
        ]
    );
    assert_eq!(accounts(&app).await, ["Mallory u4"], "none of them was linked");
}

#[tokio::test]
async fn a_whole_directory_is_matched_page_by_page() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let people = people::people();
    let mut file = String::from("name,email,active\n");
    for person in &people {
        file.push_str(&format!("{},{},{}\n", person.name(), person.email.to_uppercase(), person.active));
    }
    assert_eq!(import(&app, file).await.ok()["created"], people.len());
    slack.clear_requests();
    let plan = ask(&app, SLACK, false).await.ok();
    assert!(slack.requests_to("/api/users.list").len() >= 2, "one page contains 200");
    assert_eq!(plan["accounts"], MEMBERS - NOBODY);
    // One in thirty has no email there, in each of three ways, and two accounts deleted long ago have none. Only their
    // name is known, and if that is missing too, nothing.
    let counts = &plan["counts"];
    let of = |key: &str| counts[key].as_u64().expect("a count");
    assert_eq!(of("matched") + of("ambiguous") + of("missing"), 300, "{counts}");
    assert!((266..=272).contains(&of("matched")) && of("ambiguous") >= 20, "{counts}");
    let linked = app.get(MAPPINGS).await.ok();
    let linked =
        linked["users"].as_array().expect("users").iter().filter(|user| user["external_ids"]["slack"].is_string());
    let active = plan["people"].as_array().expect("people").iter();
    let active = active.filter(|person| person["status"] == "matched" && person["active"] == true);
    assert_eq!(linked.count(), active.count());
    assert_eq!(undo(&app, SLACK, &plan).await.ok()["undone"].as_u64(), Some(of("matched")));
}

#[tokio::test]
async fn a_provider_failure_half_way_links_nobody() {
    for (fail, status, code) in [
        (Failure::Status(500), 502, "provider_error"),
        (Failure::Hang(Duration::from_mins(10)), 504, "provider_timeout"),
    ] {
        let slack = SlackStandIn::start().await;
        let (app, _) = start_connected_with(&slack, with_short_timeouts(with_slack(&slack))).await;
        person(&app, "Ada", &people::people()[0].email).await;
        slack.fail_at("/api/users.list", fail);
        let _ = ask(&app, SLACK, false).await.problem(status, code);
        slack.recover();
        assert_eq!(app.get(MAPPINGS).await.ok()["users"][0]["external_ids"], json!({}));
        assert_eq!(actions(&app).await[0], "person.create");
    }
}

#[tokio::test]
async fn matching_waits_as_long_as_the_provider_asks() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    person(&app, "Ada", &people::people()[0].email).await;
    slack.clear_requests();
    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(1) });
    let (plan, ()) = tokio::join!(ask(&app, SLACK, true), async {
        let status = async || {
            app.get("/api/admin/connections").await.ok()["connections"][0]["status"].as_str().map(str::to_owned)
        };
        while status().await.as_deref() != Some("degraded") {}
        app.clock.advance(jiff::SignedDuration::from_secs(2));
    });
    assert_eq!(plan.ok()["counts"]["matched"], 1);
    assert_eq!(app.get("/api/admin/connections").await.ok()["connections"][0]["status"], "connected");
}

#[tokio::test]
async fn people_who_change_while_the_provider_is_read_are_not_linked() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let email = people::people()[0].email.clone();
    let ada = person(&app, "Ada", &email).await;
    slack.clear_requests();
    slack.hold();
    let (plan, changed) = tokio::join!(ask(&app, SLACK, false), async {
        // The people were read before the first page was requested.
        while slack.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let body = json!({ "email": "other@acme.example" });
        let changed = app.send(Method::PATCH, &format!("{PEOPLE}/{ada}"), Some(body)).await;
        slack.release();
        changed
    });
    assert_eq!(changed.status, 200);
    let _ = plan.problem(409, "conflict");
    assert_eq!(app.get(MAPPINGS).await.ok()["users"][0]["external_ids"], json!({}));
    assert_eq!(actions(&app).await[0], "person.update");
    assert_eq!(ask(&app, SLACK, false).await.ok()["counts"]["missing"], 1);
}

#[tokio::test]
async fn a_user_list_that_repeats_a_cursor_ends() {
    let page = json!({ "users": [user("u1", "", Some("ada@acme.example"), &[])], "next-cursor": "again" });
    let app = start(TestApp::builder().file("made.wasm", guests::with_users_page(&guests::manifest(), &page))).await;
    person(&app, "Ada", "ada@acme.example").await;
    let _ = ask(&app, MADE, false).await.problem(502, "provider_error");
    assert_eq!(accounts(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_account_id_that_cannot_be_stored_is_skipped() {
    let users = [user("u\u{0}1", "", Some("ada@acme.example"), &[]), user("u2", "", Some("a\u{0}@b"), &["\u{0}", ""])];
    let app = start(with_users(&users)).await;
    person(&app, "Ada", "ada@acme.example").await;
    let plan = ask(&app, MADE, false).await.ok();
    assert_eq!((match_summary(&plan), &plan["unclaimed"]), (vec!["Ada missing -".to_owned()], &json!(2)));
}

#[tokio::test]
async fn more_emails_than_the_contract_allows_are_left_out() {
    let many: Vec<String> = (0..17).map(|number| format!("a{number}@acme.example")).collect();
    let aliases: Vec<&str> = many.iter().map(String::as_str).collect();
    let app = start(with_users(&[user("u1", "", None, &aliases), user("u2", "", Some("ada@acme.example"), &[])])).await;
    for (name, email) in [("Last", "a15@acme.example"), ("Beyond", "a16@acme.example"), ("Ada", "ada@acme.example")] {
        person(&app, name, email).await;
    }
    let plan = ask(&app, MADE, true).await.ok();
    assert_eq!(match_summary(&plan), ["Last matched u1 u1(alias)", "Beyond missing -", "Ada matched u2 u2(email)"]);
}

#[tokio::test]
async fn a_provider_that_cannot_be_matched_says_why() {
    let mut manifest = guests::manifest();
    manifest["id"] = json!("without");
    manifest["capabilities"] = json!([]);
    let app = with_users(&[]).file("without.wasm", guests::with_manifest(&manifest)).start().await;
    let _ = ask(&app, "/api/admin/connections/without", true).await.problem(409, "unsupported");
    let _ = ask(&app, MADE, true).await.problem(409, "not_connected");
    let _ = ask(&app, "/api/admin/connections/nowhere", true).await.problem(404, "unknown_provider");
    let path = format!("{MADE}/match");
    let start_match = |body: Value| app.send(Method::POST, &path, Some(body));
    let problem = start_match(json!({})).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0], json!({ "field": "dry_run", "message": "is required" }));
    let problem = start_match(json!({ "dry_run": "no", "force": true })).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][1]["field"], "force");
    for plan in ["0193b6a0-0000-7000-8000-000000000000", "x", "%00"] {
        let answer = app.send(Method::POST, &format!("{MADE}/match/{plan}/undo"), None).await;
        let _ = answer.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_only_active_one_of_two_accounts_with_an_address_is_linked_with_its_evidence() {
    let inactive = |id: &str, email: &str| {
        let mut user = user(id, "", Some(email), &[]);
        user["active"] = json!(false);
        user
    };
    let app = start(with_users(&[
        inactive("old", "ada@acme.example"),
        user("new", "", Some("ada@home.example"), &["Ada <ada@acme.example>"]),
        user("b1", "", Some("bob@acme.example"), &[]),
        user("b2", "", Some("bob@acme.example"), &[]),
    ]))
    .await;
    person(&app, "Ada", "ada@acme.example").await;
    person(&app, "Bob", "bob@acme.example").await;
    let plan = ask(&app, MADE, false).await.ok();
    assert_eq!(
        match_summary(&plan),
        ["Ada matched new old(email, inactive) new(alias+only_active)", "Bob ambiguous - b1(email) b2(email)"]
    );
    assert_eq!(accounts(&app).await, ["Ada new"]);
}
