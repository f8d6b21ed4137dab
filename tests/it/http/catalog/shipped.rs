//! Plugins shipped with the program: approved automatically, replaced by newer shipped versions, and overridden by an
//! Executive's decision.

use jackfield_sandbox::Trust;
use jackfield_test_support::app::{TestApp, digest};
use serde_json::json;

use super::{PROVIDERS, added, approve, connect, decide, entry, made, send_in, serves};

fn shipping(version: &str) -> Trust {
    Trust::Shipped([("made".to_owned(), digest(&made(version)))].into())
}

/// Stops the service, puts another version into the folder, and starts a program that ships that version.
async fn upgraded(mut app: TestApp, version: &str) -> TestApp {
    app.stop().await;
    std::fs::write(app.plugins().join("made.wasm"), made(version)).expect("replaced");
    app.with_trust(shipping(version)).start_again().await
}

async fn started() -> TestApp {
    TestApp::builder().file("made.wasm", made("1.0.0")).trust(shipping("1.0.0")).start().await
}

#[tokio::test]
async fn shipped_plugins_are_approved_automatically_and_stay_removed() {
    let app = started().await;
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
    let _ = approve(&app, "made", &digest(&made("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
}

#[tokio::test]
async fn a_newer_program_brings_newer_plugins_and_they_roll_back() {
    let app = started().await;
    assert_eq!(connect(&app).await.status, 200);
    let app = upgraded(app, "2.0.0").await;
    let provider = entry(&app, "made").await;
    assert_eq!((&provider["version"], &provider["previous"]["version"]), (&json!("2.0.0"), &json!("1.0.0")));
    assert_eq!(serves(&app).await, "2.0.0");
    let _ = decide(&app, "made", "rollback").await.ok();
    assert_eq!(serves(&app).await, "1.0.0");
    let mut app = app;
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(serves(&app).await, "1.0.0", "the same program does not bring it again");
    let app = upgraded(app, "3.0.0").await;
    assert_eq!(serves(&app).await, "1.0.0", "nor does a newer one overrule whoever went back");
    assert_eq!(entry(&app, "made").await["waiting"][0]["version"], "3.0.0");
}

#[tokio::test]
async fn an_executives_decision_outlasts_a_newer_program() {
    let app = started().await;
    assert_eq!(connect(&app).await.status, 200);
    added(&app, made("1.5.0")).await;
    let _ = approve(&app, "made", &digest(&made("1.5.0"))).await.ok();
    let app = upgraded(app, "2.0.0").await;
    let provider = entry(&app, "made").await;
    assert_eq!((&provider["version"], &provider["waiting"][0]["version"]), (&json!("1.5.0"), &json!("2.0.0")));
    let _ = decide(&app, "made", "disable").await.ok();
    let app = upgraded(app, "3.0.0").await;
    assert_eq!(entry(&app, "made").await["state"], "disabled");
}

#[tokio::test]
async fn a_sealed_service_lists_plugins_and_decides_nothing() {
    let mut app = started().await;
    added(&app, made("2.0.0")).await;
    let _ = approve(&app, "made", &digest(&made("2.0.0"))).await.ok();
    app.stop().await;
    let (key, away) = (app.data().join("master.key"), app.data().join("away.key"));
    std::fs::rename(&key, &away).expect("the key is taken away");
    let mut app = app.start_again().await;
    let provider = entry(&app, "made").await;
    assert_eq!(
        (&provider["state"], &provider["version"]),
        (&json!("approved"), &json!("1.0.0")),
        "no approval is read"
    );
    let _ = send_in(&app, made("3.0.0")).await.problem(503, "sealed");
    for what in ["disable", "rollback"] {
        let _ = decide(&app, "made", what).await.problem(503, "sealed");
    }
    let _ = approve(&app, "made", &digest(&made("1.0.0"))).await.problem(503, "sealed");
    let _ = app.delete(&format!("{PROVIDERS}/made")).await.problem(503, "sealed");
    app.stop().await;
    std::fs::rename(&away, &key).expect("the key is put back");
    let app = app.start_again().await;
    assert_eq!(entry(&app, "made").await["version"], "2.0.0", "nothing was lost");
}
