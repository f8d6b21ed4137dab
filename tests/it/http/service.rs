//! `GET /api/admin/service`: the state of the service, also while it is sealed.

use std::fs;

use jackfield_test_support::{app::TestApp, slack::SlackStandIn};
use serde_json::json;

use super::{start_connected, with_slack};

const SERVICE: &str = "/api/admin/service";

#[tokio::test]
async fn the_service_page_reports_key_database_versions_and_plugins() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).file("broken.wasm", b"no component".to_vec()).start().await;
    let shown = app.get(SERVICE).await.ok();
    assert_eq!(shown["key"], json!({ "state": "open", "reason": null }));
    assert_eq!(shown["database"]["ok"], true);
    assert!(shown["database"]["migration"].as_i64().is_some_and(|number| number >= 6), "{shown}");
    assert!(["sqlite", "postgres"].contains(&shown["database"]["kind"].as_str().expect("a kind")), "{shown}");
    let expected = json!({ "approved": 1, "pending": 0, "checking": 0, "broken": 1, "disabled": 0, "paused": [] });
    assert_eq!(shown["providers"], expected);
    assert_eq!(shown["contract_versions"], json!(["0.1.0", "0.2.0"]));
    assert!(shown["public_url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1")), "{shown}");
}

#[tokio::test]
async fn a_sealed_service_says_why_and_how_to_fix_it() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    app.stop().await;
    fs::remove_file(app.data().join("master.key")).expect("removed");
    let app: TestApp = app.start_again().await;
    let shown = app.get(SERVICE).await.ok();
    assert_eq!(shown["key"]["state"], "sealed");
    assert!(shown["key"]["reason"].as_str().is_some_and(|reason| reason.contains("is missing")), "{shown}");
    assert_eq!(shown["database"]["ok"], true);
}
