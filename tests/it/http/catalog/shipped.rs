//! Plugins shipped with the program: approved automatically, replaced by newer shipped versions, and overridden by an
//! Executive's decision.

use jackfield_sandbox::Trust;
use jackfield_test_support::app::{TestApp, digest};
use serde_json::json;

use super::{PROVIDERS, approve, component, connect, decide, entry, serving_version, upload, upload_new};

fn ship(version: &str) -> Trust {
    Trust::Shipped([("made".to_owned(), digest(&component(version)))].into())
}

/// Stops the service, puts another version into the folder, and starts a program that ships that version.
async fn upgrade(mut app: TestApp, version: &str) -> TestApp {
    app.stop().await;
    std::fs::write(app.plugins().join("made.wasm"), component(version)).expect("replaced");
    app.with_trust(ship(version)).start_again().await
}

async fn start_shipped() -> TestApp {
    TestApp::builder().file("made.wasm", component("1.0.0")).trust(ship("1.0.0")).start().await
}

#[tokio::test]
async fn shipped_plugins_are_approved_automatically_and_stay_removed() {
    let app = start_shipped().await;
    assert_eq!(entry(&app, "made").await["state"], "approved");
    let audit = app.get("/api/admin/audit").await.ok();
    let by_itself = audit["entries"].as_array().expect("entries").iter().find(|row| row["actor"] == "this program");
    assert_eq!(by_itself.map(|row| row["action"].clone()), Some(json!("provider.approve")));

    let left = app.delete(&format!("{PROVIDERS}/made")).await.ok()["provider"].clone();
    assert_eq!((&left["state"], &left["file"]), (&json!("pending"), &json!("made.wasm")));
    let mut app = app;
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(entry(&app, "made").await["state"], "pending");
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
}

#[tokio::test]
async fn a_newer_program_brings_newer_plugins_and_they_roll_back() {
    let app = start_shipped().await;
    assert_eq!(connect(&app).await.status, 200);
    let app = upgrade(app, "2.0.0").await;
    let provider = entry(&app, "made").await;
    assert_eq!((&provider["version"], &provider["previous"]["version"]), (&json!("2.0.0"), &json!("1.0.0")));
    assert_eq!(serving_version(&app).await, "2.0.0");
    let _ = decide(&app, "made", "rollback").await.ok();
    assert_eq!(serving_version(&app).await, "1.0.0");
    let mut app = app;
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(serving_version(&app).await, "1.0.0", "the same program does not add it again");
    let app = upgrade(app, "3.0.0").await;
    assert_eq!(serving_version(&app).await, "1.0.0", "a newer program does not override a rollback");
    assert_eq!(entry(&app, "made").await["waiting"][0]["version"], "3.0.0");
}

#[tokio::test]
async fn an_executives_decision_outlasts_a_newer_program() {
    let app = start_shipped().await;
    assert_eq!(connect(&app).await.status, 200);
    upload_new(&app, component("1.5.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.5.0"))).await.ok();
    let app = upgrade(app, "2.0.0").await;
    let provider = entry(&app, "made").await;
    assert_eq!((&provider["version"], &provider["waiting"][0]["version"]), (&json!("1.5.0"), &json!("2.0.0")));
    let _ = decide(&app, "made", "disable").await.ok();
    let app = upgrade(app, "3.0.0").await;
    assert_eq!(entry(&app, "made").await["state"], "disabled");
}

#[tokio::test]
async fn a_sealed_service_lists_plugins_and_decides_nothing() {
    let mut app = start_shipped().await;
    upload_new(&app, component("2.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("2.0.0"))).await.ok();
    app.stop().await;
    let (key, away) = (app.data().join("master.key"), app.data().join("away.key"));
    std::fs::rename(&key, &away).expect("the key file is removed");
    let mut app = app.start_again().await;
    let provider = entry(&app, "made").await;
    assert_eq!(
        (&provider["state"], &provider["version"]),
        (&json!("approved"), &json!("1.0.0")),
        "approvals are not read"
    );
    let _ = upload(&app, component("3.0.0")).await.problem(503, "sealed");
    for what in ["disable", "rollback"] {
        let _ = decide(&app, "made", what).await.problem(503, "sealed");
    }
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.problem(503, "sealed");
    let _ = app.delete(&format!("{PROVIDERS}/made")).await.problem(503, "sealed");
    app.stop().await;
    std::fs::rename(&away, &key).expect("the key is put back");
    let app = app.start_again().await;
    assert_eq!(entry(&app, "made").await["version"], "2.0.0", "nothing was lost");
}
