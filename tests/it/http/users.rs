//! `GET …/users`: pages, cursors, and accounts that are not people.

use std::collections::HashSet;

use jackfield_test_support::slack::{MEMBERS, NOBODY, SlackStandIn};
use serde_json::{Value, json};

use super::{SLACK, people::person, start_connected, with_slack};

#[tokio::test]
async fn every_person_is_listed_once_and_no_bot() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let (mut seen, mut cursor, mut pages) = (HashSet::new(), None::<String>, 0);
    loop {
        let query = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = app.get(&format!("{SLACK}/users?limit=50{query}")).await.ok();
        pages += 1;
        for user in page["users"].as_array().expect("users") {
            let id = user["external_id"].as_str().expect("an id").to_owned();
            assert!(seen.insert(id.clone()), "{id} twice");
            assert!(user["name"].is_string() && user["active"].is_boolean(), "{user}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => {
                assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
                cursor = Some(next.to_owned());
            }
            None => break,
        }
    }
    assert_eq!(seen.len(), MEMBERS - NOBODY, "on {pages} pages");
    assert!(pages >= 6);
    assert!(!seen.contains("USLACKBOT"));
}

#[tokio::test]
async fn users_include_their_person_on_request() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let first = app.get(&format!("{SLACK}/users?limit=50")).await.ok()["users"][0].clone();
    let account = first["external_id"].as_str().expect("an id");
    let body = json!({ "provider": "slack", "external_id": account });
    let _ = app.put(&format!("/api/admin/connections/user-mappings/{ada}"), body).await.ok();
    assert_eq!(first.get("person"), None, "only on request");
    let page = app.get(&format!("{SLACK}/users?limit=50&with=person")).await.ok();
    let users = page["users"].as_array().expect("users");
    assert_eq!(users[0]["person"], json!({ "id": ada, "name": "Ada" }));
    assert!(users[1..].iter().all(|user| user["person"] == Value::Null && user.get("person").is_some()), "{page}");
    let _ = app.get(&format!("{SLACK}/users?with=friends")).await.problem(400, "invalid_request");
}

#[tokio::test]
async fn an_invalid_limit_or_cursor_is_rejected() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    for query in ["limit=0", "limit=201", "cursor=nonsense"] {
        let _ = app.get(&format!("{SLACK}/users?{query}")).await.problem(422, "invalid_request");
    }
    for query in ["limit=x", "curser=x"] {
        let _ = app.get(&format!("{SLACK}/users?{query}")).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn without_a_connection_there_are_no_users() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let _ = app.get(&format!("{SLACK}/users")).await.problem(409, "not_connected");
    let _ = app.get("/api/admin/connections/nowhere/users").await.problem(404, "unknown_provider");
}
