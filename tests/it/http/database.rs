//! Failures of the database, on both databases: each is a 503, leaves nothing behind, and the next request works.

use std::cell::Cell;

use http::Method;
use jackfield_test_support::{app::TestApp, slack::SlackStandIn};
use serde_json::{Value, json};

use super::{SLACK, add_token, body, with_slack};

/// More statements than any request of this file executes.
const MAX_STATEMENTS: u32 = 80;

/// Sends a request again and again, with a failure of one statement after the other, until no statement is left to
/// fail.
///
/// Returns how many statements failed. After each failure, the request is sent once more without one.
async fn fail_each_statement(app: &TestApp, method: Method, path: &str, body: Option<Value>) -> u32 {
    for after in 0..MAX_STATEMENTS {
        app.store.fail_statement(after);
        let first = app.send(method.clone(), path, body.clone()).await;
        let Some(statement) = app.store.failed_statement() else { return after };
        assert_ne!(first.status, 500, "{method} {path}, {statement}: {first:?}");
        if first.status >= 400 {
            assert!(first.header("retry-after").is_some(), "{method} {path}, {statement}");
            let _ = first.problem(503, "overloaded");
        }
        let second = app.send(method.clone(), path, body.clone()).await;
        assert!(second.status < 300, "{method} {path} works after the failure of {statement}: {second:?}");
    }
    panic!("{method} {path} executes more than {MAX_STATEMENTS} statements");
}

#[tokio::test]
async fn no_failed_statement_of_a_change_is_a_500_or_prevents_the_next_attempt() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let token = add_token(&slack);
    let person = app
        .send(Method::POST, "/api/admin/people", Some(json!({ "name": "Ada", "email": "ada@acme.example" })))
        .await
        .json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mapping = format!("/api/admin/connections/user-mappings/{person}");
    let changed = format!("/api/admin/people/{person}");
    let sync = "/api/admin/connections/user-mappings/sync";
    let list = json!({ "provider": "slack", "mappings": [{ "email": "ada@acme.example", "external_id": "U0ADA" }] });
    for (method, path, body) in [
        (Method::PUT, SLACK, Some(body(&token))),
        (Method::PATCH, changed.as_str(), Some(json!({ "name": "Ada Lovelace" }))),
        (Method::PUT, mapping.as_str(), Some(json!({ "provider": "slack", "external_id": "U0ADA" }))),
        (Method::POST, sync, Some(list)),
        (Method::GET, &format!("{SLACK}/health"), None),
        (Method::GET, "/api/admin/people", None),
        (Method::GET, "/api/admin/connections", None),
        (Method::GET, "/api/admin/audit", None),
    ] {
        let failed = fail_each_statement(&app, method.clone(), path, body).await;
        assert!(failed > 0, "{method} {path} executes statements");
    }
    assert_eq!(app.store.first_broken_audit_row().await.expect("the audit log is read"), None);
    let status = app.get("/api/admin/connections").await.ok();
    assert_eq!(status["connections"][0]["status"], "connected", "a failure of the database is not one of the provider");
}

#[tokio::test]
async fn a_person_is_added_whole_or_not_at_all_whichever_statement_fails() {
    let app = TestApp::builder().start().await;
    for after in 0..MAX_STATEMENTS {
        let person = json!({ "name": "Ada", "email": format!("ada{after}@acme.example") });
        app.store.fail_statement(after);
        let first = app.send(Method::POST, "/api/admin/people", Some(person.clone())).await;
        let failed = app.store.failed_statement();
        if first.status != 201 {
            let _ = first.problem(503, "overloaded");
            assert_eq!(app.send(Method::POST, "/api/admin/people", Some(person)).await.status, 201, "{failed:?}");
        }
        if failed.is_none() {
            assert!(after > 4, "begin, three statements and commit");
            return;
        }
    }
    panic!("adding a person executes more than {MAX_STATEMENTS} statements");
}

#[tokio::test]
async fn a_lock_of_another_program_is_a_503_and_keeps_no_reader_waiting() {
    let app = TestApp::builder().start().await;
    let lock = app.hold_writes().await;
    let ended = Cell::new(0);
    let changes = (0..40).map(async |number| {
        let person = json!({ "name": "Ada", "email": format!("ada{number}@acme.example") });
        let answer = app.send(Method::POST, "/api/admin/people", Some(person)).await;
        ended.set(ended.get() + 1);
        answer
    });
    let reads = async {
        let mut before_a_change_ended = 0;
        for _ in 0..20 {
            assert_eq!(app.get("/api/admin/people").await.status, 200);
            before_a_change_ended += usize::from(ended.get() == 0);
        }
        assert_ne!(before_a_change_ended, 0, "a reader does not wait for the lock");
        assert_eq!(app.get("/readyz").await.status, 503, "no change is possible");
    };
    let (changes, ()) = tokio::join!(futures_util::future::join_all(changes), reads);
    for change in changes {
        assert!(change.header("retry-after").is_some());
        let _ = change.problem(503, "overloaded");
    }
    lock.release().await;
    let person = json!({ "name": "Ada", "email": "ada@acme.example" });
    assert_eq!(app.send(Method::POST, "/api/admin/people", Some(person)).await.status, 201);
    app.store.forget_write_check().await;
    assert_eq!(app.get("/readyz").await.status, 200);
}
