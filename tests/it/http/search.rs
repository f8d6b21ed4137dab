//! Searching people and mappings: ordered by name, by part of a name, from any offset.

use jackfield_test_support::{
    app::TestApp,
    people::{PEOPLE as COUNT, people},
};
use serde_json::{Value, json};

use super::{
    mappings::start_with_two_plugins,
    people::{PEOPLE, error_messages, import, person},
};

const MAPPINGS: &str = "/api/admin/connections/user-mappings";

/// Returns the names of a page and the total number of results.
async fn search_names(app: &TestApp, query: &str) -> (Vec<String>, u64) {
    let list = app.get(&format!("{MAPPINGS}?{query}")).await.ok();
    let name = |user: &Value| user["name"].as_str().expect("a name").to_owned();
    let names = list["users"].as_array().expect("users").iter().map(name).collect();
    (names, list["total"].as_u64().expect("a total"))
}

async fn expect(app: &TestApp, query: &str, names: &[&str]) {
    let total = names.len() as u64;
    assert_eq!(
        search_names(app, query).await,
        (names.iter().map(|name| (*name).to_owned()).collect(), total),
        "{query}"
    );
}

async fn link(app: &TestApp, person: &str, provider: &str, account: &str) {
    let body = json!({ "provider": provider, "external_id": account });
    let _ = app.put(&format!("{MAPPINGS}/{person}"), body).await.ok();
}

#[tokio::test]
async fn people_are_found_by_part_of_their_name_or_email_however_it_is_typed() {
    let app = start_with_two_plugins().await;
    let file = "name,email,active\nZoë Lee,zl@acme.example,1\nada Øster,ada@acme.example,1\nBjørn O'Brien,bj@acme.example,1\n\
                100%_sure!,x@acme.example,1\nВладимир,v@acme.example,1\nGone Zoe,gone@acme.example,0\n山田 太郎,taro@acme.example,1\n";
    let _ = import(&app, file).await.ok();
    expect(&app, "offset=0", &["100%_sure!", "ada Øster", "Bjørn O'Brien", "Zoë Lee", "Владимир", "山田 太郎"]).await;
    for (typed, names) in [
        ("zoe", &["Zoë Lee"][..]),
        ("ZOË", &["Zoë Lee"]),
        ("oster", &["ada Øster"]),
        ("  bjorn%20O'b ", &["Bjørn O'Brien"]),
        ("ВЛАД", &["Владимир"]),
        ("山田", &["山田 太郎"]),
        ("BJ@acme", &["Bjørn O'Brien"]),
        ("%25", &["100%_sure!"]),
        ("_", &["100%_sure!"]),
        ("!", &["100%_sure!"]),
        ("nobody", &[]),
        ("' or 1=1 --", &[]),
    ] {
        expect(&app, &format!("q={typed}"), names).await;
    }
    assert_eq!(search_names(&app, "q=").await.1, 6, "an empty text matches every name");
    let everybody = app.get(&format!("{PEOPLE}?q=zoe")).await.ok();
    let names: Vec<&str> =
        everybody["people"].as_array().expect("people").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!((names, &everybody["total"]), (vec!["Gone Zoe", "Zoë Lee"], &json!(2)), "inactive people as well");
}

#[tokio::test]
async fn a_changed_name_is_found_by_the_new_one() {
    let app = start_with_two_plugins().await;
    let ada = person(&app, "Ada Byron", "ada@acme.example").await;
    let change = json!({ "name": "Ada Lovelace" });
    let _ = app.send(http::Method::PATCH, &format!("{PEOPLE}/{ada}"), Some(change)).await.ok();
    expect(&app, "q=byron", &[]).await;
    expect(&app, "q=lovelace", &["Ada Lovelace"]).await;
    let _ = import(&app, "name,email\nÉmilie,ada@acme.example\n").await.ok();
    expect(&app, "q=lovelace", &[]).await;
    expect(&app, "q=emilie", &["Émilie"]).await;
}

#[tokio::test]
async fn people_with_and_without_an_account_are_filtered() {
    let app = start_with_two_plugins().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let bob = person(&app, "Bob", "bob@acme.example").await;
    let _eve = person(&app, "Eve", "eve@acme.example").await;
    link(&app, &ada, "made", "1").await;
    link(&app, &ada, "other", "1").await;
    link(&app, &bob, "other", "2").await;
    for (query, names) in [
        ("provider=made&state=mapped", &["Ada"][..]),
        ("provider=made&state=unmapped", &["Bob", "Eve"]),
        ("provider=other&state=mapped", &["Ada", "Bob"]),
        ("state=mapped", &["Ada", "Bob"]),
        ("state=unmapped", &["Eve"]),
        ("provider=made", &["Ada", "Bob", "Eve"]),
        ("provider=gone-long-ago&state=mapped", &[]),
        ("provider=other&state=mapped&q=b", &["Bob"]),
    ] {
        expect(&app, query, names).await;
    }
    let users = app.get(&format!("{MAPPINGS}?q=ada")).await.ok();
    assert_eq!(users["users"][0]["external_ids"], json!({ "made": "1", "other": "1" }));
}

#[tokio::test]
async fn pages_by_offset_list_everybody_once_and_in_order() {
    let app = start_with_two_plugins().await;
    let file =
        people().iter().fold("name,email\n".to_owned(), |file, one| file + &format!("{},{}\n", one.name(), one.email));
    let _ = import(&app, file).await.ok();
    let mut emails = Vec::new();
    for offset in (0..COUNT).step_by(70) {
        let page = app.get(&format!("{MAPPINGS}?offset={offset}&limit=70")).await.ok();
        assert_eq!(page["total"], COUNT);
        emails.extend(page["users"].as_array().expect("users").iter().map(|user| user["email"].to_string()));
    }
    assert_eq!(emails.len(), COUNT);
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), COUNT);
    assert_eq!(search_names(&app, "offset=1000000").await, (Vec::new(), COUNT as u64));
}

#[tokio::test]
async fn an_invalid_search_is_explained() {
    let app = start_with_two_plugins().await;
    let long = format!("q={}", "x".repeat(201));
    for (query, expected) in [
        ("offset=0&limit=0", "limit must be 1 to 1000"),
        ("offset=0&limit=1001", "limit must be 1 to 1000"),
        ("q=a&cursor=x", "cursor cannot be combined with `offset`, `q`, `provider` or `state`; use `offset`"),
        (long.as_str(), "q is longer than 200 characters"),
        ("q=a%00", "q contains a control character"),
        (
            "provider=No%20One&state=mapped",
            "provider is not a provider id: a provider id is 2 to 40 characters of a-z, 0-9 and single hyphens, starting with a letter",
        ),
    ] {
        let problem = app.get(&format!("{MAPPINGS}?{query}")).await.problem(422, "invalid_request");
        assert_eq!(error_messages(&problem), [expected], "{query}");
    }
    for query in ["offset=-1", "offset=x", "state=perhaps", "sort=name"] {
        let _ = app.get(&format!("{MAPPINGS}?{query}")).await.problem(400, "invalid_request");
    }
    let _ = app.get(&format!("{PEOPLE}?state=mapped")).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn people_stored_by_an_older_version_are_found_after_the_next_start() {
    let mut app = start_with_two_plugins().await;
    let _zoe = person(&app, "Zoë", "zoe@acme.example").await;
    app.stop().await;
    app.tamper("update people set sought_name = null").await;
    let app = app.start_again().await;
    expect(&app, "q=zoe", &["Zoë"]).await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), None);
}
