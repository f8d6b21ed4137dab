//! Mappings as CSV: export of all mappings, import of a list whole or not at all, and no formulas in either.

use http::Method;
use jackfield_test_support::app::{TestApp, TestCaller, TestResponse};
use serde_json::{Value, json};

use super::{
    mappings::start_with_two_plugins,
    people::{import, person},
};

const MAPPINGS: &str = "/api/admin/connections/user-mappings";

async fn sync(app: &TestApp, query: &str, file: &str) -> TestResponse {
    let file = file.to_owned();
    app.send_request_as(TestCaller::Executive, Method::POST, &format!("{MAPPINGS}/sync{query}"), |request| {
        request.header("content-type", "text/csv").body(file)
    })
    .await
}

async fn export(app: &TestApp, query: &str) -> TestResponse {
    let wants = |request: reqwest::RequestBuilder| request.header("accept", "text/csv, application/json;q=0.5");
    app.send_request_as(TestCaller::Executive, Method::GET, &format!("{MAPPINGS}{query}"), wants).await
}

/// Returns the problems of a file, one line each.
fn error_lines(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().expect("errors").iter();
    errors
        .map(|error| {
            let text = |key: &str| error[key].as_str().unwrap_or_default();
            format!("{} {} {}", error["line"], text("field"), text("message"))
        })
        .collect()
}

#[tokio::test]
async fn a_mappings_file_is_imported_exported_and_imported_again() {
    let app = start_with_two_plugins().await;
    let _ = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n=Eve,eve@acme.example\n").await.ok();
    let list = "email,external_id\nADA@acme.example,U1\n\nbob@acme.example,'=2\nnobody@acme.example,U3\n";
    let done = sync(&app, "?provider=made", list).await.ok();
    let expected = json!({
        "ok": true, "matched": 2, "total": 3, "changed": 2, "unmatched": ["nobody@acme.example"],
    });
    assert_eq!(done, expected);
    let file = export(&app, "").await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"mappings.csv\""));
    let expected = [
        "\u{feff}\"name\",\"email\",\"made\",\"other\"",
        r#""Ada","ada@acme.example","U1","""#,
        r#""Bob","bob@acme.example","'=2","""#,
        r#""'=Eve","eve@acme.example","","""#,
        "",
    ];
    assert_eq!(file.text, expected.join("\n"));
    let again = sync(&app, "?provider=made", &file.text).await.ok();
    assert_eq!((&again["matched"], &again["total"], &again["changed"]), (&json!(2), &json!(2), &json!(0)));
    let _ = export(&app, "?limit=5").await.problem(422, "invalid_request");
}

#[tokio::test]
async fn an_invalid_file_names_its_lines_and_changes_nothing() {
    let app = start_with_two_plugins().await;
    let _ = import(&app, "name,email\nAda,ada@acme.example\nBob,bob@acme.example\n").await.ok();
    let eve = person(&app, "Eve", "eve@acme.example").await;
    let held = json!({ "provider": "made", "external_id": "U9" });
    let _ = app.put(&format!("{MAPPINGS}/{eve}"), held).await.ok();
    for (file, expected) in [
        ("", vec!["1 file is empty; the first line must contain the names of the columns"]),
        ("email\n", vec!["1 external_id is a required column, unless the file is an exported table with `made`"]),
        (
            "email,external_id\nada@acme.example,\n\n,U2\nbob@acme.example\n",
            vec!["5 row has 1 cells, but the header has 2"],
        ),
        ("email,external_id\nada@acme.example,\n\n,U2\n", vec!["2 external_id is empty", "4 email is empty"]),
        (
            "email,external_id\nada@acme.example,U1\n\nbob@acme.example,U1\n",
            vec!["4 external_id is already assigned to ada@acme.example on line 2"],
        ),
        (
            "email,external_id\nada@acme.example,U9\n",
            vec!["2 external_id is already the account of Eve <eve@acme.example>"],
        ),
        (
            "email,external_id\nada@acme.example,U1\nAda@acme.example,U2\n",
            vec!["3 email already has another account on line 2"],
        ),
    ] {
        let problem = sync(&app, "?provider=made", file).await.problem(422, "invalid_request");
        assert_eq!(error_lines(&problem), expected, "{file}");
    }
    let mapped = app.get(&format!("{MAPPINGS}?state=mapped")).await.ok();
    assert_eq!(mapped["total"], 1, "nothing was imported");
    let _ = sync(&app, "", "email,external_id\n").await.problem(422, "invalid_request");
    let _ = sync(&app, "?provider=nowhere", "email,external_id\n").await.problem(404, "unknown_provider");
    let both = json!({ "provider": "made", "mappings": [] });
    let both = app.send(Method::POST, &format!("{MAPPINGS}/sync?provider=made"), Some(both)).await;
    let _ = both.problem(422, "invalid_request");
}

#[tokio::test]
async fn a_file_of_five_thousand_rows_is_applied_as_one() {
    let app = start_with_two_plugins().await;
    let people = (0..5_000).fold("name,email\n".to_owned(), |file, n| file + &format!("P{n},p{n}@acme.example\n"));
    let _ = import(&app, people).await.ok();
    let list = (0..5_000).fold("email,external_id\n".to_owned(), |file, n| file + &format!("P{n}@acme.example,U{n}\n"));
    assert_eq!(sync(&app, "?provider=made", &list).await.ok()["changed"], 5_000);
    assert_eq!(export(&app, "").await.text.lines().count(), 5_001);
}
