//! `user-mappings`: single mappings, lists that are applied whole or not at all, and mappings deleted by a disconnect.

use http::Method;
use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    guests, marked,
};
use serde_json::{Value, json};

use super::people::{PEOPLE, actions, error_messages, import, person};

/// The path of the mappings.
const MAPPINGS: &str = "/api/admin/connections/user-mappings";

/// A service with plugins named like the providers of the four named ids, and one more.
fn with_providers() -> TestAppBuilder {
    ["xero", "productive", "remote", "google-workspace", "made"].iter().fold(TestApp::builder(), |builder, id| {
        let mut manifest = guests::manifest();
        manifest["id"] = json!(id);
        manifest["on-disconnect"] = json!(if *id == "remote" { "clear" } else { "keep" });
        builder.file(&format!("{id}.wasm"), guests::with_manifest(&manifest))
    })
}

/// A service with two plugins whose accounts can be mapped.
pub(super) async fn start_with_two_plugins() -> TestApp {
    let made = |id: &str| {
        let mut manifest = guests::manifest();
        manifest["id"] = json!(id);
        guests::with_manifest(&manifest)
    };
    TestApp::builder().file("made.wasm", made("made")).file("other.wasm", made("other")).start().await
}

async fn set(app: &TestApp, person: &str, provider: &str, external_id: &str) {
    let body = json!({ "provider": provider, "external_id": external_id });
    assert_eq!(app.put(&format!("{MAPPINGS}/{person}"), body).await.ok(), json!({ "ok": true }));
}

async fn sync(app: &TestApp, provider: &str, rows: &[(&str, &str)]) -> jackfield_test_support::app::TestResponse {
    let rows: Vec<Value> =
        rows.iter().map(|(email, external_id)| json!({ "email": email, "external_id": external_id })).collect();
    app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(json!({ "provider": provider, "mappings": rows }))).await
}

/// Returns the ids of everybody at a provider by name.
async fn accounts(app: &TestApp, provider: &str) -> Vec<(String, String)> {
    let list = app.get(MAPPINGS).await.ok();
    let users = list["users"].as_array().expect("users").iter();
    let mut found: Vec<(String, String)> = users
        .filter_map(|user| {
            let id = user["external_ids"][provider].as_str()?;
            Some((user["name"].as_str()?.to_owned(), id.to_owned()))
        })
        .collect();
    found.sort();
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
}

#[tokio::test]
async fn accounts_are_assigned_listed_and_removed() {
    let app = with_providers().start().await;
    let body = json!({ "name": "Ada", "email": "ada@acme.example", "user_id": "7" });
    let ada = app.send(Method::POST, PEOPLE, Some(body)).await.json()["id"].as_str().expect("an id").to_owned();
    let gone = person(&app, "Gone", "gone@acme.example").await;
    let _ = app.send(Method::PATCH, &format!("{PEOPLE}/{gone}"), Some(json!({ "active": false }))).await.ok();
    for (provider, id) in
        [("xero", "x-1"), ("productive", "p-1"), ("remote", "r-1"), ("google-workspace", "g-1"), ("made", "m-1")]
    {
        set(&app, &ada, provider, id).await;
    }
    set(&app, &gone, "made", "m-2").await;
    assert_eq!(
        app.get(MAPPINGS).await.ok(),
        json!({ "users": [{
            "person_id": ada, "user_id": "7", "name": "Ada", "email": "ada@acme.example",
            "xero_id": "x-1", "productive_id": "p-1", "remote_id": "r-1", "google_id": "g-1",
            "external_ids": {
                "google-workspace": "g-1", "made": "m-1", "productive": "p-1", "remote": "r-1", "xero": "x-1",
            },
        }], "next_cursor": null }),
        "inactive people are omitted"
    );
    assert_eq!(app.delete(&format!("{MAPPINGS}/{ada}/xero")).await.ok(), json!({ "ok": true }));
    assert_eq!(
        app.delete(&format!("{MAPPINGS}/{ada}/xero")).await.ok(),
        json!({ "ok": true }),
        "repeating it is not an error"
    );
    let user = &app.get(&format!("{MAPPINGS}?limit=1")).await.ok()["users"][0];
    assert_eq!((&user["xero_id"], &user["remote_id"]), (&Value::Null, &json!("r-1")));
    assert_eq!(app.delete(&format!("{PEOPLE}/{ada}")).await.status, 200);
    set(&app, &gone, "xero", "x-1").await;
    assert_eq!(actions(&app).await[..4], ["mapping.set", "person.delete", "mapping.remove", "mapping.set"]);
}

#[tokio::test]
async fn an_account_belongs_to_one_person() {
    let app = with_providers().start().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let bob = person(&app, "Bob", "bob@acme.example").await;
    set(&app, &ada, "made", " m-1 ").await;
    let body = json!({ "provider": "made", "external_id": "m-1" });
    let problem = app.put(&format!("{MAPPINGS}/{bob}"), body).await.problem(422, "invalid_request");
    assert_eq!(error_messages(&problem), ["external_id is already the account of Ada <ada@acme.example>"]);
    set(&app, &ada, "made", "m-1").await;
    assert_eq!(actions(&app).await[0], "mapping.set");
    assert_eq!(actions(&app).await.len(), 3, "a request that changes nothing is not audited as a change");
    set(&app, &bob, "xero", "m-1").await;
    set(&app, &bob, "made", "M-1").await;
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "m-1"), ("Bob", "M-1")]));
    // Of two concurrent requests for one account, one succeeds.
    let put = async |person: &str| {
        app.put(&format!("{MAPPINGS}/{person}"), json!({ "provider": "made", "external_id": "m-9" })).await
    };
    let (a, b) = tokio::join!(put(&ada), put(&bob));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
}

#[tokio::test]
async fn an_invalid_mapping_names_its_problem() {
    let app = with_providers().start().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let nobody = "0193b6a0-0000-7000-8000-000000000000";
    let put = async |person: &str, body: Value| app.put(&format!("{MAPPINGS}/{person}"), body).await;
    for (body, expected) in [
        (json!({}), vec!["provider is required", "external_id is required"]),
        (json!({ "provider": "made", "external_id": 7 }), vec!["external_id must be a string"]),
        (json!({ "provider": "made", "external_id": " " }), vec!["external_id is empty"]),
        (json!({ "provider": "made", "external_id": "x".repeat(257) }), vec!["external_id is longer than 256 bytes"]),
        (
            json!({ "provider": "made", "external_id": "x\u{0}" }),
            vec!["external_id contains a character that is not allowed: U+0000 NULL"],
        ),
        (json!({ "provider": "made", "external_id": "x", "source": "y" }), vec!["source is not a field of this body"]),
    ] {
        let problem = put(&ada, body.clone()).await.problem(422, "invalid_request");
        assert_eq!(error_messages(&problem), expected, "{body}");
    }
    let good = |provider: &str| json!({ "provider": provider, "external_id": "x" });
    let _ = put(nobody, good("made")).await.problem(404, "unknown_person");
    let _ = put("nobody", good("made")).await.problem(404, "unknown_person");
    let _ = put(&ada, good("nowhere")).await.problem(404, "unknown_provider");
    let _ = put(&ada, good("'; --")).await.problem(404, "unknown_provider");
    let _ = app.delete(&format!("{MAPPINGS}/{nobody}/made")).await.problem(404, "unknown_person");
    let _ = app.delete(&format!("{MAPPINGS}/{ada}/nowhere")).await.problem(404, "unknown_provider");
    let _ = sync(&app, "nowhere", &[]).await.problem(404, "unknown_provider");
    assert_eq!(accounts(&app, "made").await, []);
}

#[tokio::test]
async fn a_list_is_synchronized_by_email() {
    let app = with_providers().start().await;
    let file = "name,email,active\nAda,ada@acme.example,1\nZoë,zoë@acme.example,1\nGone,gone@acme.example,0\nKim,kim@acme.example,1\n";
    let _ = import(&app, file).await.ok();
    let rows = [
        (" ADA@acme.example", "m-1"),
        ("ZOE\u{308}@acme.example", "m-2 "),
        ("gone@acme.example", "m-3"),
        ("stranger@acme.example", "m-4"),
        ("no address", "m-5"),
        ("ada@acme.example", "m-1"),
    ];
    let done = sync(&app, "made", &rows).await.ok();
    let unmatched = ["stranger@acme.example", "no address"];
    assert_eq!(done, json!({ "ok": true, "matched": 4, "total": 6, "changed": 3, "unmatched": unmatched }));
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "m-1"), ("Zoë", "m-2")]));
    let again = sync(&app, "made", &rows).await.ok();
    assert_eq!((&again["matched"], &again["changed"]), (&json!(4), &json!(0)));
    let none = sync(&app, "made", &[]).await.ok();
    assert_eq!(none, json!({ "ok": true, "matched": 0, "total": 0, "changed": 0, "unmatched": [] }));
    let _ = sync(&app, "made", &[("kim@acme.example", "m-6")]).await.ok();
    let expected = pairs(&[("Ada", "m-1"), ("Kim", "m-6"), ("Zoë", "m-2")]);
    assert_eq!(accounts(&app, "made").await, expected, "people who are not in the list keep their mapping");
    assert_eq!(actions(&app).await[..4], ["mappings.sync"; 4]);
}

#[tokio::test]
async fn a_list_in_which_two_people_share_an_account_is_rejected_whole() {
    let app = with_providers().start().await;
    let file = "name,email\nAda,ada@acme.example\nBob,bob@acme.example\nEve,eve@acme.example\n";
    let _ = import(&app, file).await.ok();
    let _ = sync(&app, "made", &[("eve@acme.example", "m-9")]).await.ok();
    let before = accounts(&app, "made").await;
    for (rows, expected) in [
        (
            vec![("ada@acme.example", "m-1"), ("Bob@acme.example", "m-1")],
            "mappings[1].external_id is already assigned to ada@acme.example in mappings[0]",
        ),
        (
            vec![("ada@acme.example", "m-1"), ("bob@acme.example", "m-9")],
            "mappings[1].external_id is already the account of Eve <eve@acme.example>",
        ),
        (
            vec![("bob@acme.example", "m-9"), ("eve@acme.example", "m-9")],
            "mappings[1].external_id is already assigned to bob@acme.example in mappings[0]",
        ),
        (
            vec![("ada@acme.example", "m-1"), ("ADA@acme.example", "m-2")],
            "mappings[1].email already has another account in mappings[0]",
        ),
        (vec![("ada@acme.example", "m-1"), ("", "m-2")], "mappings[1].email is empty"),
        (vec![("ada@acme.example", "m-1"), ("bob@acme.example", "")], "mappings[1].external_id is empty"),
    ] {
        let problem = sync(&app, "made", &rows).await.problem(422, "invalid_request");
        assert_eq!(error_messages(&problem), [expected], "{rows:?}");
        assert_eq!(accounts(&app, "made").await, before, "{rows:?}");
    }
    let long = "x".repeat(400);
    let problem = sync(&app, "made", &[(&long, &long), ("a\u{0}@b", "x\u{7}")]).await.problem(422, "invalid_request");
    assert_eq!(error_messages(&problem).len(), 4);
    let wrong = json!({ "provider": "made", "mappings": [{ "email": "a@b", "external_id": "x", "extra": 1 }] });
    let problem =
        app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(wrong)).await.problem(400, "invalid_request");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`extra`")), "{problem}");
    let lacking = json!({ "mappings": [] });
    let problem =
        app.send(Method::POST, &format!("{MAPPINGS}/sync"), Some(lacking)).await.problem(400, "invalid_request");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`provider`")), "{problem}");
}

#[tokio::test]
async fn a_list_may_swap_and_reassign_accounts() {
    let app = with_providers().start().await;
    let file = "name,email\nAda,ada@acme.example\nBob,bob@acme.example\nEve,eve@acme.example\n";
    let _ = import(&app, file).await.ok();
    let (ada, bob, eve) = ("ada@acme.example", "bob@acme.example", "eve@acme.example");
    let _ = sync(&app, "made", &[(ada, "1"), (bob, "2"), (eve, "3")]).await.ok();
    assert_eq!(sync(&app, "made", &[(ada, "2"), (bob, "1")]).await.ok()["changed"], 2);
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "2"), ("Bob", "1"), ("Eve", "3")]));
    assert_eq!(sync(&app, "made", &[(ada, "3"), (bob, "2"), (eve, "4")]).await.ok()["changed"], 3);
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "3"), ("Bob", "2"), ("Eve", "4")]));
    assert_eq!(app.store.first_broken_audit_row().await.expect("the folder is readable"), None);
}

#[tokio::test]
async fn a_list_longer_than_one_statement_is_applied_as_one() {
    let app = with_providers().start().await;
    let file: String = (0..6_000)
        .fold("name,email\n".to_owned(), |file, number| file + &format!("P{number},p{number}@acme.example\n"));
    let _ = import(&app, file).await.ok();
    let emails: Vec<String> = (0..6_000).map(|number| format!("P{number}@acme.example")).collect();
    let ids: Vec<String> = (0..6_000).map(|number| format!("U{number}")).collect();
    let mut rows: Vec<(&str, &str)> =
        emails.iter().zip(&ids).map(|(email, id)| (email.as_str(), id.as_str())).collect();
    assert_eq!(sync(&app, "made", &rows).await.ok()["matched"], 6_000);
    // Everybody gets the next person's account, across every statement boundary.
    ids.iter().cycle().skip(1).zip(&mut rows).for_each(|(id, row)| row.1 = id);
    assert_eq!(sync(&app, "made", &rows).await.ok()["changed"], 6_000);
    rows[5_999].1 = "U1";
    let problem = sync(&app, "made", &rows).await.problem(422, "invalid_request");
    assert_eq!(
        error_messages(&problem),
        ["mappings[5999].external_id is already assigned to P0@acme.example in mappings[0]"]
    );
    let listed = accounts(&app, "made").await;
    assert_eq!(listed.len(), 6_000);
    assert!(listed.contains(&("P5999".to_owned(), "U0".to_owned())));
}

#[tokio::test]
async fn quotes_and_sql_in_every_mapping_field_are_plain_text() {
    let app = with_providers().start().await;
    let ada = person(&app, "Ada", "o'ada\"@acme.example").await;
    for id in ["'; drop table mappings; --", "\" or 1=1", "\\\"]', '", "$1 %s ?", "<b>&amp;"] {
        set(&app, &ada, "made", id).await;
        assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", id)]));
        let other = format!("{id}'");
        assert_eq!(sync(&app, "made", &[("O'ADA\"@acme.example", &other)]).await.ok()["matched"], 1);
        assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", &other)]));
    }
    let injected = sync(&app, "made", &[("' or 1=1 --", "x")]).await.ok();
    assert_eq!(injected["matched"], 0);
}

#[tokio::test]
async fn a_disconnect_deletes_the_mappings_that_the_plugin_declares() {
    let app = with_providers().start().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    for provider in ["remote", "made"] {
        set(&app, &ada, provider, "1").await;
        let connection = format!("/api/admin/connections/{provider}");
        assert_eq!(app.put(&connection, json!({ "token": marked::secret("made-") })).await.ok()["ok"], true);
        assert_eq!(app.delete(&connection).await.ok()["ok"], true);
    }
    assert_eq!(accounts(&app, "remote").await, []);
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "1")]));
}

#[tokio::test]
async fn a_sealed_service_lists_people_and_changes_none() {
    let mut app = with_providers().start().await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    set(&app, &ada, "made", "1").await;
    app.stop().await;
    std::fs::remove_file(app.data().join("master.key")).expect("removed");
    let app = app.start_again().await;
    let _ = app.send(Method::POST, PEOPLE, Some(json!({ "name": "B", "email": "b@b" }))).await.problem(503, "sealed");
    let _ = import(&app, "name,email\nB,b@b\n").await.problem(503, "sealed");
    let _ = app.delete(&format!("{PEOPLE}/{ada}")).await.problem(503, "sealed");
    let _ = app.delete(&format!("{MAPPINGS}/{ada}/made")).await.problem(503, "sealed");
    let _ = sync(&app, "made", &[("ada@acme.example", "2")]).await.problem(503, "sealed");
    assert_eq!(accounts(&app, "made").await, pairs(&[("Ada", "1")]));
}
