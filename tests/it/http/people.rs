//! `/api/admin/people`: single people, CSV import and export whole or not at all, and every character.

use std::collections::HashSet;

use http::Method;
use jackfield_test_support::app::{TestApp, TestCaller, TestResponse};
use serde_json::{Value, json};

/// The path of the people.
pub(super) const PEOPLE: &str = "/api/admin/people";

/// Adds a person and returns the id.
pub(super) async fn person(app: &TestApp, name: &str, email: &str) -> String {
    let made = app.send(Method::POST, PEOPLE, Some(json!({ "name": name, "email": email }))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// Sends a CSV file.
pub(super) async fn import(app: &TestApp, file: impl Into<Vec<u8>>) -> TestResponse {
    let file = file.into();
    app.send_request_as(TestCaller::Executive, Method::POST, PEOPLE, |request| {
        request.header("content-type", "text/csv; charset=utf-8").body(file)
    })
    .await
}

async fn export(app: &TestApp) -> TestResponse {
    app.send_request_as(TestCaller::Executive, Method::GET, PEOPLE, |request| request.header("accept", "text/csv"))
        .await
}

async fn everybody(app: &TestApp) -> Vec<Value> {
    app.get(PEOPLE).await.ok()["people"].as_array().expect("people").clone()
}

fn patch(id: &str) -> String {
    format!("{PEOPLE}/{id}")
}

/// Returns the audited actions, newest first, without those for the test's own tokens.
pub(super) async fn actions(app: &TestApp) -> Vec<String> {
    let audit = app.get("/api/admin/audit").await.ok();
    let actions = audit["entries"].as_array().expect("entries").iter().map(|entry| entry["action"].as_str());
    actions.flatten().filter(|action| !action.starts_with("token.")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_person_is_added_changed_listed_and_removed() {
    let app = TestApp::builder().start().await;
    let body = json!({ "name": " Ada Lovelace ", "email": "Ada@acme.example", "user_id": "7" });
    let made = app.send(Method::POST, PEOPLE, Some(body)).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let id = made["id"].as_str().expect("an id").to_owned();
    let expected =
        json!({ "id": id, "name": "Ada Lovelace", "email": "Ada@acme.example", "user_id": "7", "active": true });
    assert_eq!(made, expected);

    let changed = app.send(Method::PATCH, &patch(&id), Some(json!({ "active": false, "user_id": null }))).await.ok();
    let expected =
        json!({ "id": id, "name": "Ada Lovelace", "email": "Ada@acme.example", "user_id": null, "active": false });
    assert_eq!(changed, expected, "omitted fields are kept");
    assert_eq!(everybody(&app).await, [expected], "inactive people are listed as well");

    assert_eq!(app.delete(&patch(&id)).await.ok(), json!({ "ok": true }));
    let _ = app.delete(&patch(&id)).await.problem(404, "unknown_person");
    assert_eq!(app.get(PEOPLE).await.ok(), json!({ "people": [], "next_cursor": null }));
    assert_eq!(actions(&app).await, ["person.delete", "person.update", "person.create"]);
}

#[tokio::test]
async fn each_wrong_field_of_a_person_is_named() {
    let app = TestApp::builder().start().await;
    let id = person(&app, "Ada", "ada@acme.example").await;
    let long = "x".repeat(400);
    for (body, expected) in [
        (json!({}), vec!["name is required", "email is required"]),
        (json!({ "name": " ", "email": "ada" }), vec!["name is empty", "email is not an email address"]),
        (
            json!({ "name": "A\u{0}", "email": "a@b" }),
            vec!["name contains a character that is not allowed: U+0000 NULL"],
        ),
        (
            json!({ "name": long, "email": "a@b", "user_id": long }),
            vec!["name is longer than 200 characters", "user_id is longer than 256 bytes"],
        ),
        (json!({ "name": "A", "email": format!("{long}@b") }), vec!["email is longer than 320 bytes"]),
        (json!({ "name": "A", "email": "a@b", "user_id": "" }), vec!["user_id is empty"]),
        (
            json!({ "name": 1, "email": "a@b", "active": "yes", "nick": "x" }),
            vec!["name must be a string", "active must be true or false", "nick is not a field of this body"],
        ),
        (
            json!({ "name": "A", "email": " ADA@ACME.example" }),
            vec!["email is already the email address of Ada <ada@acme.example>"],
        ),
    ] {
        let problem = app.send(Method::POST, PEOPLE, Some(body.clone())).await.problem(422, "invalid_request");
        assert_eq!(error_messages(&problem), expected, "{body}");
    }
    for (method, path) in [(Method::PATCH, patch(&id)), (Method::POST, PEOPLE.to_owned())] {
        let _ = app.send(method, &path, Some(json!(["Ada"]))).await.problem(400, "invalid_request");
    }
    for nobody in ["0193b6a0-0000-7000-8000-000000000000", "x", "%00", &id.to_uppercase(), "{}"] {
        let answer = app.send(Method::PATCH, &patch(nobody), Some(json!({ "name": "B" }))).await;
        let _ = answer.problem(404, "unknown_person");
    }
    assert_eq!(everybody(&app).await.len(), 1);
    assert_eq!(actions(&app).await, ["person.create"], "the rejected request changed nothing");
}

/// Returns the fields and messages of a problem.
pub(super) fn error_messages(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().expect("errors").iter();
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    errors.map(|error| format!("{} {}", word(&error["field"]), word(&error["message"]))).collect()
}

#[tokio::test]
async fn an_email_belongs_to_one_person_whatever_its_case_and_form() {
    let app = TestApp::builder().start().await;
    person(&app, "Zoë", "zoë@acme.example").await;
    let other = person(&app, "Zoe", "zoe@acme.example").await;
    for same in ["ZOË@ACME.EXAMPLE", "zoe\u{308}@acme.example", "\tZOE\u{308}@Acme.Example "] {
        let body = json!({ "name": "Somebody", "email": same });
        let _ = app.send(Method::POST, PEOPLE, Some(body)).await.problem(422, "invalid_request");
        let taken = app.send(Method::PATCH, &patch(&other), Some(json!({ "email": same }))).await;
        assert_eq!(
            error_messages(&taken.problem(422, "invalid_request")),
            ["email is already the email address of Zoë <zoë@acme.example>"]
        );
    }
    let own = app.send(Method::PATCH, &patch(&other), Some(json!({ "email": "ZOE@acme.example" }))).await.ok();
    assert_eq!(own["email"], "ZOE@acme.example", "a person's own email may change its spelling");
    // Of two concurrent requests with one email, one succeeds.
    let body = || Some(json!({ "name": "Twin", "email": "twin@acme.example" }));
    let (a, b) = tokio::join!(app.send(Method::POST, PEOPLE, body()), app.send(Method::POST, PEOPLE, body()));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
}

#[tokio::test]
async fn a_file_is_imported_whole_or_not_at_all() {
    let app = TestApp::builder().start().await;
    let good = "\u{feff}email,Name\r\nada@acme.example,Ada\r\nzoë@acme.example,\"Lee, Zoë\"\r\n";
    let done = import(&app, good).await.ok();
    assert_eq!(done, json!({ "created": 2, "updated": 0, "unchanged": 0, "errors": [] }));
    let ids: HashSet<String> = ids(&everybody(&app).await);

    let mixed = "name,email,active\nAda Lovelace,ADA@acme.example,true\nNew,new@acme.example,no\n,x,maybe\nB,b@b\n";
    let problem = import(&app, mixed).await.problem(422, "invalid_request");
    assert_eq!(
        problem["errors"],
        json!([
            { "line": 4, "field": "name", "message": "is empty" },
            { "line": 4, "field": "email", "message": "is not an email address" },
            { "line": 4, "field": "active", "message": "must be true or false" },
            { "line": 5, "field": "row", "message": "has 2 cells, but the header has 3" },
        ])
    );
    assert_eq!(everybody(&app).await[0]["name"], "Ada", "nothing of it was stored");

    let better = "name,email,active\nAda Lovelace,ADA@acme.example,true\nNew,new@acme.example,no\n\"Lee, Zoë\",zoe\u{308}@acme.example,1\n";
    let done = import(&app, better).await.ok();
    assert_eq!(done, json!({ "created": 1, "updated": 1, "unchanged": 1, "errors": [] }));
    assert!(ids.is_subset(&self::ids(&everybody(&app).await)), "a person keeps the id");
    assert_eq!(actions(&app).await, ["people.import", "people.import"]);
}

fn ids(people: &[Value]) -> HashSet<String> {
    people.iter().map(|person| person["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn an_omitted_column_keeps_the_stored_values() {
    let app = TestApp::builder().start().await;
    let _ = import(&app, "name,email,user_id,active\nAda,ada@acme.example,7,false\n").await.ok();
    let _ = import(&app, "name,email\nAda Lovelace,ada@acme.example\n").await.ok();
    let ada = &everybody(&app).await[0];
    assert_eq!((&ada["name"], &ada["user_id"], &ada["active"]), (&json!("Ada Lovelace"), &json!("7"), &json!(false)));
    let _ = import(&app, "name,email,user_id\nAda Lovelace,ada@acme.example,\n").await.ok();
    assert_eq!(everybody(&app).await[0]["user_id"], Value::Null, "an empty cell removes the id");
}

#[tokio::test]
async fn no_exported_cell_is_a_formula_and_every_cell_reads_back_unchanged() {
    let app = TestApp::builder().start().await;
    let names = [
        "=cmd()",
        "+1+1",
        "-1",
        "@SUM(A1)",
        "'=cmd()",
        "<script>alert(1)</script>",
        "'t Hooft",
        "a;=cmd()",
        "O\"Brien",
    ];
    for (number, name) in names.iter().enumerate() {
        let body = json!({ "name": name, "email": format!("={number}@acme.example"), "user_id": format!("-{number}") });
        assert_eq!(app.send(Method::POST, PEOPLE, Some(body)).await.status, 201, "{name}");
    }
    let file = export(&app).await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"people.csv\""));
    assert!(
        file.text.starts_with(
            "\u{feff}\"name\",\"email\",\"user_id\",\"active\"\n\"'=cmd()\",\"'=0@acme.example\",\"'-0\",\"true\"\n"
        ),
        "{}",
        file.text
    );
    for cell in file.text.lines().flat_map(|line| line.split("\",\"")) {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
    }
    let again = import(&app, file.text.clone()).await.ok();
    assert_eq!((&again["unchanged"], &again["updated"]), (&json!(names.len()), &json!(0)));
    let elsewhere = TestApp::builder().start().await;
    assert_eq!(import(&elsewhere, file.text.clone()).await.ok()["created"], names.len());
    assert_eq!(export(&elsewhere).await.text, file.text);
}

#[tokio::test]
async fn quotes_and_sql_in_every_field_are_plain_text() {
    let app = TestApp::builder().start().await;
    let names = ["'; drop table people; --", "\" or 1=1 --", "\\'); delete from people; --", "{}[]$1 ? %s \\u0000"];
    for (number, name) in names.iter().enumerate() {
        let email = format!("o'{number}\"$1;--@acme.example");
        let body = json!({ "name": name, "email": email, "user_id": name });
        let made = app.send(Method::POST, PEOPLE, Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        assert_eq!((&made["name"], &made["email"], &made["user_id"]), (&json!(name), &json!(email), &json!(name)));
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let in_file = |text: &str| quoted(&format!("f{text}"));
        let file = format!("name,email,user_id\n{},{},{}\n", quoted(name), in_file(&email), in_file(name));
        assert_eq!(import(&app, file).await.ok()["created"], 1, "{name}");
    }
    let people = everybody(&app).await;
    assert_eq!(people.len(), 2 * names.len());
    for name in names {
        let ids = [name.to_owned(), format!("f{name}")];
        let found = people.iter().filter(|person| person["name"] == name);
        assert!(found.map(|person| person["user_id"].as_str().expect("an id")).eq(ids.iter().map(String::as_str)));
    }
    let _ = app.get(&format!("{PEOPLE}?cursor=JyBvciAxPTE")).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn every_person_is_listed_once_in_pages_and_in_one_list() {
    let app = TestApp::builder().start().await;
    let mut file = String::from("name,email,active\n");
    for number in 0..2_345 {
        file.push_str(&format!("Person {number},p{number}@acme.example,{}\n", number % 7 != 0));
    }
    assert_eq!(import(&app, file).await.ok()["created"], 2_345);
    let whole = everybody(&app).await;
    assert_eq!(ids(&whole).len(), 2_345);
    assert_eq!(whole[17]["name"], "Person 17", "in the order in which they were added");

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{PEOPLE}?limit=1000{cursor}")).await.ok();
        paged.extend(page["people"].as_array().expect("people").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, whole);
    assert_eq!(export(&app).await.text.lines().count(), 2_346);
    let by_default = app.get(&format!("{PEOPLE}?{}", &cursor[1..])).await.ok();
    assert_eq!(by_default["people"].as_array().map(Vec::len), Some(100));
    for query in ["limit=0", "limit=1001", "cursor=nonsense", "cursor="] {
        let _ = app.get(&format!("{PEOPLE}?{query}")).await.problem(422, "invalid_request");
    }
    let _ = app.get(&format!("{PEOPLE}?curser=x")).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn a_large_file_is_imported_and_a_larger_one_is_rejected() {
    let app = TestApp::builder().start().await;
    let row = |number: usize| format!("{},p{number}@acme.example\n", "x".repeat(190));
    let file: String = std::iter::once("name,email\n".to_owned()).chain((0..12_000).map(row)).collect();
    assert!(file.len() > 2 << 20);
    assert_eq!(import(&app, file).await.ok()["created"], 12_000);
    let _ = import(&app, vec![b'x'; (32 << 20) + 1]).await.problem(413, "invalid_request");
    let id = person(&app, "Ada", "ada@acme.example").await;
    let large = json!({ "name": "x".repeat(1 << 20) });
    let _ = app.send(Method::PATCH, &patch(&id), Some(large)).await.problem(413, "invalid_request");
    let other = app.send_request_as(TestCaller::Executive, Method::POST, PEOPLE, |request| {
        request.header("content-type", "application/x-www-form-urlencoded").body("name=x")
    });
    let _ = other.await.problem(400, "invalid_request");
}

#[tokio::test]
async fn json_is_returned_unless_csv_is_preferred() {
    let app = TestApp::builder().start().await;
    for (accept, kind) in [
        ("*/*", "application/json"),
        ("application/json, text/csv", "application/json"),
        ("text/html,*/*;q=0.8", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.1", "text/csv; charset=utf-8; header=present"),
        ("TEXT/CSV", "text/csv; charset=utf-8; header=present"),
    ] {
        let answer = app
            .send_request_as(TestCaller::Executive, Method::GET, PEOPLE, |request| request.header("accept", accept))
            .await;
        assert_eq!(answer.header("content-type"), Some(kind), "{accept}");
    }
    let page = format!("{PEOPLE}?limit=5");
    let paged =
        app.send_request_as(TestCaller::Executive, Method::GET, &page, |request| request.header("accept", "text/csv"));
    let _ = paged.await.problem(422, "invalid_request");
}
