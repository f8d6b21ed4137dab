//! Files as spreadsheets write them: byte-order marks, damaged ids, garbled names, open quotes; told by line.

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse},
    guests, marked,
};
use serde_json::{Value, json};

use super::{
    mappings::start_with_two_plugins,
    people::{PEOPLE, import, person},
};

const MADE: &str = "/api/admin/connections/made";
const MAPPINGS: &str = "/api/admin/connections/user-mappings";
const SYNC: &str = "/api/admin/connections/user-mappings/sync";

async fn sync_csv(app: &TestApp, query: &str, file: &str) -> TestResponse {
    let file = file.to_owned();
    app.send_request_as(TestCaller::Executive, Method::POST, &format!("{SYNC}?provider=made{query}"), |request| {
        request.header("content-type", "text/csv").body(file)
    })
    .await
}

/// Returns the errors of a problem, one line each.
fn errors(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().expect("errors").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    errors.map(|error| format!("{} {} {}", error["line"], text(&error["field"]), text(&error["message"]))).collect()
}

fn rejected(answer: TestResponse) -> Vec<String> {
    errors(&answer.problem(422, "invalid_request"))
}

/// A service with a connected plugin that lists these accounts.
async fn start_connected(accounts: &[&str]) -> TestApp {
    let user = |id: &&str| json!({ "external-id": id, "name": id, "email": null, "aliases": [], "active": true });
    let users: Vec<Value> = accounts.iter().map(user).collect();
    let page = json!({ "users": users, "next-cursor": null });
    let component = guests::with_users_page(&guests::manifest(), &page);
    let app = TestApp::builder().file("made.wasm", component).start().await;
    assert_eq!(app.put(MADE, json!({ "token": marked::secret("made-") })).await.ok()["ok"], true);
    let _ = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\nEve,eve@acme.example\n").await.ok();
    app
}

async fn accounts(app: &TestApp) -> Vec<String> {
    let list = app.get(MAPPINGS).await.ok();
    let users = list["users"].as_array().expect("users").iter();
    users.filter_map(|user| user["external_ids"]["made"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn every_csv_file_starts_with_a_byte_order_mark_and_can_be_imported_again() {
    let app = start_with_two_plugins().await;
    person(&app, "Bjørn Østergård", "bjorn@acme.example").await;
    let token = app.token(TestCaller::Executive).expect("a token");
    for path in [PEOPLE, MAPPINGS, "/api/admin/audit"] {
        let request =
            reqwest::Client::new().get(format!("{}{path}", app.base)).bearer_auth(token).header("accept", "text/csv");
        let body = request.send().await.expect("an answer").bytes().await.expect("the response is complete");
        assert_eq!(body[..4], *b"\xef\xbb\xbf\"", "{path}");
        assert_eq!(body.windows(3).filter(|part| *part == b"\xef\xbb\xbf").count(), 1, "{path}");
        if path == PEOPLE {
            assert_eq!(import(&app, body.to_vec()).await.ok()["unchanged"], 1);
        }
    }
}

#[tokio::test]
async fn the_booleans_of_other_languages_are_imported() {
    let app = TestApp::builder().start().await;
    let file = "name;email;active\r\nA;a@acme.example;WAHR\r\nB;b@acme.example;FALSCH\r\n";
    assert_eq!(import(&app, file).await.ok()["created"], 2);
    let file = "name,email,active\nA,a@acme.example,VRAI\nB,b@acme.example,FAUX\nC,c@acme.example,VERDADERO\n";
    let done = import(&app, file).await.ok();
    assert_eq!((&done["created"], &done["unchanged"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn empty_rows_and_nameless_columns_are_ignored_and_the_real_mistake_is_told() {
    let app = start_with_two_plugins().await;
    let file = format!("name,email,,\nAda,ada@acme.example,,\n{}Bob,bob@,,\n", ",,,\n".repeat(60));
    assert_eq!(rejected(import(&app, file.clone()).await), ["63 email is not an email address"]);
    assert_eq!(import(&app, file.replace("bob@", "bob@acme.example")).await.ok()["created"], 2);
    let list = "email,external_id,\n,,\nada@acme.example,U1,\n,,\n";
    assert_eq!(sync_csv(&app, "", list).await.ok()["changed"], 1);
}

#[tokio::test]
async fn a_quotation_mark_that_is_not_closed_loses_no_row() {
    let app = start_with_two_plugins().await;
    let _ = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n").await.ok();
    let file =
        "email,external_id,note\nada@acme.example,U1,\"left open\nbob@acme.example,U2,x\neve@acme.example,U3,x\n";
    let found = rejected(sync_csv(&app, "", file).await);
    assert!(found.len() == 1 && found[0].starts_with("2 row contains a quotation mark"), "{found:?}");
    let found = rejected(import(&app, "name,email\nAda,\"ada@acme.example\nBob,bob@acme.example\n").await);
    assert!(found[0].starts_with("2 row contains a quotation mark"), "{found:?}");
    assert_eq!(accounts(&app).await, [""; 0]);
}

#[tokio::test]
async fn an_id_that_a_spreadsheet_damaged_is_rejected_in_every_list_and_can_be_set_alone() {
    let app = start_with_two_plugins().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    for id in ["1.08457E+20", "#N/A", "########", "TRUE", "n/a", "-", "0", "02-Jan", "108457000000000000000"] {
        let found = rejected(sync_csv(&app, "", &format!("email,external_id\nada@acme.example,{id}\n")).await);
        assert!(found.len() == 1 && found[0].starts_with("2 external_id "), "{id}: {found:?}");
        let body = json!({ "provider": "made", "mappings": [{ "email": "ada@acme.example", "external_id": id }] });
        let problem = app.send(Method::POST, SYNC, Some(body)).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "mappings[0].external_id", "{id}");
        let found = rejected(import(&app, format!("name,email,user_id\nAda,ada@acme.example,{id}\n")).await);
        assert!(found.len() == 1 && found[0].starts_with("2 user_id "), "{id}: {found:?}");
    }
    let found = rejected(sync_csv(&app, "", "email;external_id\nada@acme.example;1,08457E+20\n").await);
    assert!(found[0].contains("format the column as text"), "{found:?}");
    // Two ids that were rounded to the same number are not told as an account of two people.
    let _ = import(&app, "name,email\nBob,bob@acme.example\n").await.ok();
    let two = "email,external_id\nada@acme.example,1.08457E+20\nbob@acme.example,1.08457E+20\n";
    assert_eq!(rejected(sync_csv(&app, "", two).await).len(), 2);

    // An id can really have such a form.
    let _ = app.put(&format!("{MAPPINGS}/{ada}"), json!({ "provider": "made", "external_id": "0" })).await.ok();
    let _ = app.send(Method::PATCH, &format!("{PEOPLE}/{ada}"), Some(json!({ "user_id": "02-Jan" }))).await.ok();
    assert_eq!(sync_csv(&app, "", "email,external_id\nada@acme.example,0\n").await.ok()["changed"], 0);
    let again = import(&app, "name,email,user_id\nAda,ada@acme.example,02-Jan\n").await.ok();
    assert_eq!(again["unchanged"], 1, "what is stored is accepted");
}

#[tokio::test]
async fn a_name_in_the_wrong_encoding_is_rejected_by_line_and_can_be_set_alone() {
    let app = TestApp::builder().start().await;
    let bjorn = person(&app, "Bjørn", "bjorn@acme.example").await;
    let file = "name,email\nAda,ada@acme.example\nBjÃ¸rn,bjorn@acme.example\n";
    let found = rejected(import(&app, file).await);
    assert!(found.len() == 1 && found[0].starts_with("3 name contains characters of a wrong encoding"), "{found:?}");
    assert_eq!(app.get(PEOPLE).await.ok()["people"][0]["name"], "Bjørn");
    let marked = "ï»¿name,email\nAda,ada@acme.example\n";
    assert!(rejected(import(&app, marked).await)[0].contains("wrong encoding"));

    let renamed = app.send(Method::PATCH, &format!("{PEOPLE}/{bjorn}"), Some(json!({ "name": "BjÃ¸rn" }))).await.ok();
    assert_eq!(renamed["name"], "BjÃ¸rn", "a name of such characters can be set for one person");
    let done = import(&app, file).await.ok();
    assert_eq!((&done["created"], &done["unchanged"]), (&json!(1), &json!(1)), "and is then accepted in files");
}

#[tokio::test]
async fn an_account_that_the_provider_does_not_list_is_told_before_it_is_set() {
    let app = start_connected(&["U1", "U2"]).await;
    let list = "email,external_id\nada@acme.example,U1\nbob@acme.example,U9\nnobody@acme.example,U8\n";
    let unlisted = json!([{ "email": "bob@acme.example", "external_id": "U9" }]);
    let expected = json!({
        "ok": true, "matched": 2, "total": 3, "changed": 1, "unmatched": ["nobody@acme.example"],
        "unlisted": unlisted, "dry_run": true,
    });
    assert_eq!(sync_csv(&app, "&dry_run=true", list).await.ok(), expected);
    assert_eq!(accounts(&app).await, [""; 0], "a dry run changes nothing");
    let body = json!({ "provider": "made", "dry_run": true, "mappings": [
        { "email": "ada@acme.example", "external_id": "U1" },
        { "email": "bob@acme.example", "external_id": "U9" },
        { "email": "nobody@acme.example", "external_id": "U8" },
    ] });
    assert_eq!(app.send(Method::POST, SYNC, Some(body)).await.ok(), expected);

    let done = sync_csv(&app, "", list).await.ok();
    assert_eq!((&done["changed"], &done["unlisted"], &done["dry_run"]), (&json!(1), &unlisted, &Value::Null));
    assert_eq!(accounts(&app).await, ["U1"]);
    let done = sync_csv(&app, "&set_unlisted=true", list).await.ok();
    assert_eq!((&done["changed"], &done["unlisted"]), (&json!(1), &Value::Null));
    assert_eq!(accounts(&app).await, ["U1", "U9"]);
    // What is stored already is not asked about again.
    let again = sync_csv(&app, "", list).await.ok();
    assert_eq!((&again["matched"], &again["changed"], &again["unlisted"]), (&json!(2), &json!(0), &Value::Null));
    let (path, body) = (format!("{SYNC}?dry_run=true"), json!({ "provider": "made", "mappings": [] }));
    let _ = app.send(Method::POST, &path, Some(body)).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn what_surrounds_an_address_is_removed_and_an_invisible_character_is_named() {
    let app = start_with_two_plugins().await;
    for (number, text) in
        ["mailto:p{}@acme.example", "<p{}@acme.example>", "‘p{}@acme.example’;", "\u{feff}p{}@acme.example"]
            .iter()
            .enumerate()
    {
        let body = json!({ "name": "\u{200b}P", "email": text.replace("{}", &number.to_string()) });
        let made = app.send(Method::POST, PEOPLE, Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        assert_eq!((&made["name"], &made["email"]), (&json!("P"), &json!(format!("p{number}@acme.example"))));
    }
    let rows = json!([
        { "email": "P <P0@acme.example>", "external_id": "\u{200b}U0" },
        { "email": "mailto:p1@acme.example", "external_id": "U1\u{feff}" },
    ]);
    let body = json!({ "provider": "made", "mappings": rows });
    assert_eq!(app.send(Method::POST, SYNC, Some(body)).await.ok()["changed"], 2);
    assert_eq!(accounts(&app).await, ["U0", "U1"]);

    let named = "contains a character that is not allowed: U+200B ZERO WIDTH SPACE";
    for body in [
        json!({ "name": "A\u{200b}da", "email": "ada@acme.example" }),
        json!({ "name": "Ada", "email": "a\u{200b}da@acme.example" }),
        json!({ "name": "Ada", "email": "ada@acme.example", "user_id": "7\u{200b}7" }),
    ] {
        let problem = app.send(Method::POST, PEOPLE, Some(body)).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["message"], named);
    }
    let found = rejected(import(&app, "name,email\nAda,a\u{200b}da@acme.example\n\u{200b},eve@acme.example\n").await);
    assert_eq!(found[0], format!("2 email {named}"));
    assert!(found[1].starts_with("3 name ") && found[1].contains("U+200B ZERO WIDTH SPACE"), "{found:?}");
    let domain = json!({ "name": "Ada", "email": "user@.example.com" });
    let _ = app.send(Method::POST, PEOPLE, Some(domain)).await.problem(422, "invalid_request");
}
