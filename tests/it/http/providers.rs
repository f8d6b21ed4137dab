//! `GET /api/admin/providers`: which plugins exist, what they request, and that a broken file affects no other.

use std::collections::BTreeMap;

use jackfield_sandbox::Trust;
use jackfield_test_support::{guests, slack::SlackStandIn};
use serde_json::json;

use super::{SLACK, add_token, body, with_slack};

#[tokio::test]
async fn a_provider_lists_its_fields_and_endpoints() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let list = app.get("/api/admin/providers").await.ok();
    let provider = &list["providers"][0];
    assert_eq!(
        (&provider["id"], &provider["title"], &provider["state"]),
        (&json!("slack"), &json!("Slack"), &json!("approved"))
    );
    assert_eq!(provider["hosts"], json!(["slack.com"]));
    assert_eq!(
        provider["endpoints"],
        json!([
            "POST slack.com/api/auth.test",
            "POST slack.com/api/conversations.info",
            "POST slack.com/api/users.list",
            "POST slack.com/api/auth.revoke"
        ]),
        "its four methods and nothing else, not even posting a message"
    );
    assert_eq!(provider["fields"][0]["name"], "bot_token");
    assert_eq!(provider["fields"][0]["secret"], true);
    assert_eq!(provider["digest"].as_str().map(str::len), Some(64));
}

#[tokio::test]
async fn the_service_starts_with_broken_files_and_says_what_is_wrong() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack)
        .file("empty.wasm", guests::empty())
        .file("elf.wasm", guests::elf())
        .file("core.wasm", guests::core_module())
        .file("cut.wasm", guests::truncated())
        .file("zwilling.wasm", guests::read_component("slack"))
        .file("notes.txt", b"no component".to_vec())
        .start()
        .await;
    let list = app.get("/api/admin/providers").await.ok();
    let states: BTreeMap<String, String> = list["providers"]
        .as_array()
        .expect("providers")
        .iter()
        .map(|provider| {
            (
                provider["id"].as_str().expect("an id").to_owned(),
                format!("{} {}", provider["state"], provider["reason"]),
            )
        })
        .collect();
    assert!(states["slack"].starts_with("\"approved\""), "{states:?}");
    for (id, words) in [
        ("empty.wasm", "not a WebAssembly component"),
        ("elf.wasm", "not a WebAssembly component"),
        ("core.wasm", "core module"),
        ("cut.wasm", "not a valid component"),
        ("zwilling.wasm", "slack.wasm already has the id"),
    ] {
        assert!(states[id].starts_with("\"broken\"") && states[id].contains(words), "{id}: {}", states[id]);
    }
    assert_eq!(states.len(), 6);
    assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.status, 200);
}

#[tokio::test]
async fn an_unapproved_plugin_does_not_run() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).trust(Trust::Shipped(BTreeMap::new())).start().await;
    let list = app.get("/api/admin/providers").await.ok();
    assert_eq!(list["providers"][0]["state"], "pending");
    assert_eq!(list["providers"][0]["hosts"], json!(["slack.com"]), "its requests are shown");
    let _ = app.put(SLACK, body(&add_token(&slack))).await.problem(409, "plugin_not_approved");
    assert_eq!(slack.requests().len(), 0);
}

#[tokio::test]
async fn another_plugin_cannot_take_an_approved_id() {
    let slack = SlackStandIn::start().await;
    let mut manifest = guests::manifest();
    manifest["id"] = json!("slack");
    let shipped = jackfield_test_support::app::digest(&guests::read_component("slack"));
    let app = with_slack(&slack)
        .file("a-squatter.wasm", guests::with_manifest(&manifest))
        .trust(Trust::Shipped([("slack".to_owned(), shipped)].into()))
        .start()
        .await;
    let list = app.get("/api/admin/providers").await.ok();
    let state = |id: &str| {
        let providers = list["providers"].as_array().expect("providers");
        providers.iter().find(|provider| provider["id"] == id).expect("the provider is listed")["state"].clone()
    };
    assert_eq!((state("slack"), state("a-squatter.wasm")), (json!("approved"), json!("broken")));
    assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.status, 200);
}

#[tokio::test]
async fn an_invalid_manifest_makes_a_plugin_broken() {
    let credential = |place: serde_json::Value| json!({ "source": { "field": "token" }, "place": place });
    let endpoint = |host: &str, place: serde_json::Value| json!({ "method": "get", "host": host, "path": "/ok", "credential": credential(place) });
    let header = |name: &str| json!({ "header": { "name": name, "format": "Bearer {}" } });
    let mut builder = jackfield_test_support::app::TestApp::builder();
    let wrong = [
        ("host", "endpoints", json!([endpoint("localhost", header("Authorization"))])),
        ("star", "endpoints", json!([endpoint("*.github.io", header("Authorization"))])),
        ("place", "endpoints", json!([endpoint("api.example.com", header("Host"))])),
        ("terminal", "endpoints", json!([endpoint("api.example.com", json!({ "json": "/a\u{1b}[31m" }))])),
        ("title", "title", json!("Sl\u{202e}ack")),
        ("version", "version", json!("one")),
        ("id", "id", json!("Slack")),
        ("none", "endpoints", json!([])),
    ];
    for (name, key, value) in &wrong {
        let mut manifest = guests::manifest();
        manifest["id"] = json!(format!("made-{name}"));
        manifest[*key] = value.clone();
        builder = builder.file(&format!("{name}.wasm"), guests::with_manifest(&manifest));
    }
    let app = builder.start().await;
    let list = app.get("/api/admin/providers").await.ok();
    let providers = list["providers"].as_array().expect("providers");
    assert_eq!(providers.len(), wrong.len());
    for provider in providers {
        assert_eq!(provider["state"], "broken", "{provider}");
        let reason = provider["reason"].as_str().expect("a reason");
        assert!(reason.contains("cannot be approved"), "{provider}");
    }
}

#[tokio::test]
async fn a_changed_manifest_in_the_database_disables_its_plugin() {
    for sql in [
        "update components set manifest = '{}'",
        "update components set manifest = replace(manifest, 'Slack', 'Black')",
    ] {
        let slack = SlackStandIn::start().await;
        let mut app = with_slack(&slack).start().await;
        app.tamper(sql).await;
        app.stop().await;
        let app = app.start_again().await;
        let list = app.get("/api/admin/providers").await.ok();
        assert_eq!(list["providers"][0]["state"], "broken", "{sql}: {list}");
    }
}
