//! `GET /api/admin/audit`: every change and every rejection in order, and detection of edits.

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse},
    marked,
    slack::SlackStandIn,
};
use serde_json::json;

use super::{
    SLACK, body,
    people::{PEOPLE, person},
    start_connected,
};

#[tokio::test]
async fn every_change_and_rejection_is_audited() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let _ = app.put(SLACK, body(&marked::secret("xoxb-"))).await.problem(422, "credential_rejected");
    assert_eq!(app.delete(SLACK).await.status, 200);
    let audit = app.get("/api/admin/audit").await.ok();
    let lines: Vec<String> = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            format!("{} {} {} {}", entry["actor"], entry["action"], entry["provider"], entry["outcome"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(
        lines[..3],
        [
            "executive connection.disconnect slack done",
            "executive connection.connect slack refused",
            "executive connection.connect slack done",
        ]
    );
    let newest = &audit["entries"][0];
    assert_eq!(newest["origin"], "127.0.0.1");
    assert!(newest["request_id"].as_str().is_some_and(|id| id.len() == 32), "{newest}");
}

#[tokio::test]
async fn the_audit_log_is_paged() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let first = app.get("/api/admin/audit?limit=2").await.ok();
    let before = first["next_before"].as_i64().expect("a next page");
    let second = app.get(&format!("/api/admin/audit?limit=2&before={before}")).await.ok();
    assert_eq!(second["entries"][0]["seq"].as_i64(), Some(before - 1));
    let _ = app.get("/api/admin/audit?limit=0").await.problem(422, "invalid_request");
}

/// Returns the actions of a page, newest first, without those for the test's own tokens.
async fn actions(app: &TestApp, query: &str) -> Vec<String> {
    let audit = app.get(&format!("/api/admin/audit?{query}")).await.ok();
    let actions = audit["entries"].as_array().expect("entries").iter().filter_map(|entry| entry["action"].as_str());
    actions.filter(|action| !action.starts_with("token.")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_audit_log_is_filtered() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let _ = app.put(SLACK, body(&marked::secret("xoxb-"))).await.problem(422, "credential_rejected");
    let before = app.clock.now();
    app.clock.advance(jiff::SignedDuration::from_secs(60));
    let _ada = person(&app, "Ada", "ada@acme.example").await;
    let other = app.second_executive().await;
    let made = json!({ "name": "Bob", "email": "bob@acme.example" });
    assert_eq!(app.send_with_token(&other, Method::POST, PEOPLE, Some(made)).await.status, 201);
    let connects = ["connection.connect", "connection.connect"];
    let whole = ["person.create", "person.create", "connection.connect", "connection.connect"];
    let late = before + jiff::SignedDuration::from_secs(1);
    for (query, expected) in [
        ("provider=slack".to_owned(), &connects[..]),
        ("provider=slack&outcome=refused".to_owned(), &connects[..1]),
        ("action=person.create".to_owned(), &whole[..2]),
        ("action=person".to_owned(), &whole[..2]),
        ("action=perso".to_owned(), &[]),
        ("action=%25".to_owned(), &[]),
        ("actor=executive".to_owned(), &whole),
        ("actor=executiv".to_owned(), &[]),
        (format!("since={late}"), &whole[..2]),
        (format!("until={late}&action=connection"), &connects),
        ("outcome=done&provider=slack&actor=executive&action=connection.connect".to_owned(), &connects[..1]),
    ] {
        assert_eq!(actions(&app, &query).await, expected, "{query}");
    }
    let first = app.get("/api/admin/audit?action=person&limit=1").await.ok();
    let next = first["next_before"].as_i64().expect("a next page");
    let second = app.get(&format!("/api/admin/audit?action=person&limit=1&before={next}")).await.ok();
    assert_eq!(second["entries"][0]["action"], "person.create");
    assert_eq!(app.get("/api/admin/audit?action=person&limit=9").await.ok()["next_before"], json!(null));
    for query in ["outcome=perhaps", "since=yesterday", "until=1", "who=ada"] {
        let _ = app.get(&format!("/api/admin/audit?{query}")).await.problem(400, "invalid_request");
    }
    let _ = app.get("/api/admin/audit?actor=a%00").await.problem(422, "invalid_request");
}

async fn csv(app: &TestApp, query: &str) -> TestResponse {
    let wants = |request: reqwest::RequestBuilder| request.header("accept", "text/csv");
    app.send_request_as(TestCaller::Executive, Method::GET, &format!("/api/admin/audit?{query}"), wants).await
}

#[tokio::test]
async fn the_filtered_audit_log_exports_as_csv_without_formulas() {
    let app = TestApp::builder().start().await;
    let _ada = person(&app, "Ada", "ada@acme.example").await;
    let _bob = person(&app, "Bob", "bob@acme.example").await;
    app.tamper("update audit set detail = '=cmd(\"x\")', actor = '@SUM(1)' where action = 'person.create'").await;
    let file = csv(&app, "action=person").await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    let lines: Vec<&str> = file.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", file.text);
    let titles = r#""seq","at","actor","action","provider","outcome","detail","origin","request_id""#;
    assert_eq!(lines[0].strip_prefix('\u{feff}'), Some(titles));
    let expected = r#","'@SUM(1)","person.create","","done","'=cmd(""x"")","127.0.0.1",""#;
    assert!(lines[1..].iter().all(|line| line.contains(expected)), "{}", file.text);
    let whole = csv(&app, "").await;
    assert!(whole.text.lines().count() > 3, "{}", whole.text);
    let _ = csv(&app, "limit=5").await.problem(422, "invalid_request");
}

#[tokio::test]
async fn an_edited_row_is_reported() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), None);
    app.tamper("update audit set actor = 'somebody else' where seq = 3").await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), Some(3));
}

#[tokio::test]
async fn a_row_removed_from_the_end_is_detected() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let newest = app.get("/api/admin/audit?limit=1").await.ok()["entries"][0]["seq"].as_i64().expect("a row");
    app.tamper("delete from audit where seq = (select max(seq) from audit)").await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), Some(newest));
}

#[tokio::test]
async fn entries_about_a_person_name_them_until_they_are_removed() {
    let app = TestApp::builder().start().await;
    let id = person(&app, "Ada Okafor", "ada@acme.example").await;
    let entries = app.get("/api/admin/audit?action=person").await.ok()["entries"].clone();
    assert_eq!((&entries[0]["detail"], &entries[0]["person_name"]), (&json!(id), &json!("Ada Okafor")));
    let _ = app.delete(&format!("{PEOPLE}/{id}")).await.ok();
    let entries = app.get("/api/admin/audit?action=person").await.ok()["entries"].clone();
    assert_eq!((&entries[1]["detail"], &entries[1]["person_name"]), (&json!(id), &json!(null)));
}
