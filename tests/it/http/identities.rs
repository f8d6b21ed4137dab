//! A person's `user_id` is an identity: it is unique, and it finds the person whose address has changed.

use http::Method;
use jackfield_test_support::app::TestApp;
use serde_json::{Value, json};

use super::{
    mappings::start_with_two_plugins,
    people::{PEOPLE, import},
};

const MAPPINGS: &str = "/api/admin/connections/user-mappings";

async fn people(app: &TestApp) -> Vec<(String, String, String)> {
    let list = app.get(PEOPLE).await.ok();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let people = list["people"].as_array().expect("people").iter();
    people.map(|person| (text(&person["name"]), text(&person["email"]), text(&person["user_id"]))).collect()
}

fn row(name: &str, email: &str, user_id: &str) -> (String, String, String) {
    (name.to_owned(), email.to_owned(), user_id.to_owned())
}

/// Returns the first error of a rejected file.
async fn rejected(app: &TestApp, file: &str) -> String {
    let problem = import(app, file.to_owned()).await.problem(422, "invalid_request");
    let error = &problem["errors"][0];
    format!(
        "{} {} {}",
        error["line"],
        error["field"].as_str().expect("a field"),
        error["message"].as_str().expect("a text")
    )
}

#[tokio::test]
async fn a_known_user_id_with_another_address_is_the_same_person_with_the_same_accounts() {
    let app = start_with_two_plugins().await;
    let _ = import(&app, "name,email,user_id\nAda Lovelace,ada@acme.example,7\nBob,bob@acme.example,8\n").await.ok();
    let list = json!({ "provider": "made", "mappings": [{ "email": "ada@acme.example", "external_id": "U1" }] });
    let _ = app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(list)).await.ok();

    // The address that she had goes to somebody new in the same file.
    let file = "name,email,user_id\nAda Byron,ada.byron@acme.example,7\nAda New,ada@acme.example,9\n";
    let done = import(&app, file).await.ok();
    assert_eq!((&done["created"], &done["updated"]), (&json!(1), &json!(1)));
    let expected = [
        row("Ada Byron", "ada.byron@acme.example", "7"),
        row("Bob", "bob@acme.example", "8"),
        row("Ada New", "ada@acme.example", "9"),
    ];
    assert_eq!(people(&app).await, expected);
    let mapped = app.get(&format!("{MAPPINGS}?provider=made&state=mapped")).await.ok();
    assert_eq!((&mapped["total"], &mapped["users"][0]["email"]), (&json!(1), &json!("ada.byron@acme.example")));
    // She is found by her new address.
    let list = json!({ "provider": "made", "mappings": [{ "email": "ADA.byron@acme.example", "external_id": "U2" }] });
    assert_eq!(app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(list)).await.ok()["changed"], 1);
    assert_eq!(import(&app, file).await.ok()["unchanged"], 2);
}

#[tokio::test]
async fn two_people_with_one_user_id_are_rejected() {
    let app = TestApp::builder().start().await;
    let _ = import(&app, "name,email,user_id\nAda,ada@acme.example,7\nBob,bob@acme.example,8\n").await.ok();
    let body = json!({ "name": "Eve", "email": "eve@acme.example", "user_id": " 7 " });
    let problem = app.send(Method::POST, PEOPLE, Some(body)).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Ada <ada@acme.example>")), "{problem}");
    let list = app.get(PEOPLE).await.ok();
    let bob = format!("{PEOPLE}/{}", list["people"][1]["id"].as_str().expect("an id"));
    let _ = app.send(Method::PATCH, &bob, Some(json!({ "user_id": "7" }))).await.problem(409, "conflict");
    let _ = app.send(Method::PATCH, &bob, Some(json!({ "user_id": "8", "name": "Robert" }))).await.ok();

    let twice = "name,email,user_id\nEve,eve@acme.example,9\nKim,kim@acme.example,9\n";
    assert_eq!(rejected(&app, twice).await, "3 user_id is already on line 2");
    let two = rejected(&app, "name,email,user_id\nAda,bob@acme.example,7\n").await;
    assert!(
        two.starts_with("2 user_id belongs to Ada <ada@acme.example>, but the email address belongs to Robert"),
        "{two}"
    );
    assert_eq!(people(&app).await, [row("Ada", "ada@acme.example", "7"), row("Robert", "bob@acme.example", "8")]);
}

#[tokio::test]
async fn a_database_with_shared_user_ids_opens_and_names_them() {
    let mut app = TestApp::builder().start().await;
    let _ =
        import(&app, "name,email,user_id\nAda,ada@acme.example,7\nBob,bob@acme.example,8\nEve,eve@acme.example,9\n")
            .await
            .ok();
    assert_eq!(app.get("/api/admin/service").await.ok()["shared_user_ids"], Value::Null);
    app.stop().await;
    app.tamper("update people set user_id = '7' where name = 'Bob'").await;
    let app = app.start_again().await;
    let told = app.get("/api/admin/service").await.ok();
    let told: Vec<&str> =
        told["shared_user_ids"].as_array().expect("people").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(told, ["Ada", "Bob"]);

    // A row whose address belongs to one of them is about that person, and any other is not certain.
    let file = "name,email,user_id\nAda,ada@acme.example,7\nEve Two,eve@acme.example,9\n";
    let done = import(&app, file).await.ok();
    assert_eq!((&done["updated"], &done["unchanged"]), (&json!(1), &json!(1)));
    let uncertain = rejected(&app, "name,email,user_id\nAda,ada.new@acme.example,7\n").await;
    assert!(uncertain.contains("Ada <ada@acme.example>, Bob <bob@acme.example>"), "{uncertain}");
    let list = app.get(PEOPLE).await.ok();
    let bob = format!("{PEOPLE}/{}", list["people"][1]["id"].as_str().expect("an id"));
    assert_eq!(app.send(Method::PATCH, &bob, Some(json!({ "active": false }))).await.ok()["user_id"], "7");
    let _ = app.send(Method::PATCH, &bob, Some(json!({ "user_id": "8" }))).await.ok();
    assert_eq!(import(&app, "name,email,user_id\nAda,ada.new@acme.example,7\n").await.ok()["updated"], 1);
}

#[tokio::test]
async fn an_address_that_an_earlier_version_stored_uncleaned_is_found_by_the_clean_one() {
    let mut app = start_with_two_plugins().await;
    let _ = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\nEve,eve@acme.example\n").await.ok();
    app.stop().await;
    for (name, stored) in
        [("Ada", "mailto:ada@acme.example"), ("Bob", "b\u{200b}ob@acme.example;"), ("Eve", "<bob@acme.example>")]
    {
        app.tamper(format!("update people set email = '{stored}', email_key = '{stored}' where name = '{name}'")).await;
    }
    let app = app.start_again().await;
    let rows = json!([
        { "email": "ada@acme.example", "external_id": "U1" },
        { "email": "mailto:bob@acme.example", "external_id": "U2" },
        { "email": "eve@acme.example", "external_id": "U3" },
    ]);
    let body = json!({ "provider": "made", "mappings": rows });
    let done = app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(body)).await.ok();
    assert_eq!((&done["changed"], &done["unmatched"]), (&json!(2), &json!(["eve@acme.example"])));
    let done = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n").await.ok();
    assert_eq!((&done["created"], &done["updated"]), (&json!(0), &json!(2)), "and an import cleans it");
    let expected = ["ada@acme.example", "bob@acme.example", "<bob@acme.example>"];
    let emails: Vec<String> = people(&app).await.into_iter().map(|(_, email, _)| email).collect();
    assert_eq!(emails, expected, "two people with one address are both kept");
}
