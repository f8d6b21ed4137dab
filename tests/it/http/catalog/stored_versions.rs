//! Which versions' bytes, manifests and compiled code are kept.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;

/// Uploads and approves versions, one after the other.
async fn approve_versions(app: &TestApp, versions: &[&str]) {
    for version in versions {
        upload_new(app, component(version)).await;
        let _ = approve(app, "made", &digest(&component(version))).await.ok();
    }
}

async fn clean_up(app: &TestApp) {
    app.store.delete_outdated().await.expect("outdated rows are removed");
}

#[tokio::test]
async fn only_the_five_latest_earlier_versions_can_be_restored() {
    let app = start_empty().await;
    approve_versions(&app, &["1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0", "6.0.0"]).await;
    let with_bytes = "components where bytes is not null";
    clean_up(&app).await;
    assert_eq!(app.store.count_rows(with_bytes).await, 6, "one that runs, and five before it");
    approve_versions(&app, &["7.0.0", "8.0.0"]).await;
    upload_new(&app, component("9.0.0")).await;
    clean_up(&app).await;
    assert_eq!(app.store.count_rows(with_bytes).await, 7, "and one that waits for approval");
    assert_eq!(connect(&app).await.status, 200);
    for version in ["7.0.0", "6.0.0", "5.0.0", "4.0.0", "3.0.0"] {
        let provider = decide(&app, "made", "rollback").await.ok()["provider"].clone();
        assert_eq!((&provider["state"], &provider["version"]), (&json!("approved"), &json!(version)));
    }
    assert_eq!(entry(&app, "made").await["previous"], Value::Null, "what it names can be restored");
    let problem = decide(&app, "made", "rollback").await.problem(409, "conflict");
    assert!(problem["detail"].as_str().expect("a detail").contains("is stored"), "{problem}");
    assert_eq!(serving_version(&app).await, "3.0.0");
    clean_up(&app).await;
    let _ = approve(&app, "made", &digest(&component("8.0.0"))).await.ok();
    assert_eq!(serving_version(&app).await, "8.0.0", "a version that was rolled back waits with its bytes");
}

#[tokio::test]
async fn a_version_that_nobody_decided_about_is_forgotten_after_90_days() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    assert_eq!(app.store.count_rows("components").await, 1);
    app.clock.advance(SignedDuration::from_hours(24 * 91));
    clean_up(&app).await;
    assert_eq!(entry(&app, "made").await["state"], "pending", "an offer does not end by itself");
    let _ = app.delete(&format!("{PROVIDERS}/made")).await.ok();
    clean_up(&app).await;
    assert_eq!(app.store.count_rows("components").await, 0);
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    app.clock.advance(SignedDuration::from_hours(24 * 91));
    clean_up(&app).await;
    assert_eq!(entry(&app, "made").await["state"], "approved");
    assert_eq!(app.store.count_rows("components where bytes is not null").await, 1);
}

#[tokio::test]
async fn compiled_code_is_kept_for_versions_that_run_wait_or_can_be_restored() {
    let app = TestApp::builder().trust(Trust::Shipped(BTreeMap::new())).compile_in_data_folder().start().await;
    approve_versions(&app, &["1.0.0", "2.0.0"]).await;
    upload_new(&app, component("3.0.0")).await;
    let compiled = || -> BTreeSet<String> {
        let files = std::fs::read_dir(app.data().join("compiled")).expect("the cache");
        let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
        names.map(|name| name.split('-').next().expect("a digest").to_owned()).collect()
    };
    let digests = |versions: &[&str]| -> BTreeSet<String> {
        versions.iter().map(|version| digest(&component(version))).collect()
    };
    app.catalog.delete_unused_code().await;
    assert_eq!(compiled(), digests(&["1.0.0", "2.0.0", "3.0.0"]));
    let _ = app.delete(&format!("{PROVIDERS}/made")).await.ok();
    upload_new(&app, component("2.0.0")).await;
    app.catalog.delete_unused_code().await;
    assert_eq!(compiled(), digests(&["2.0.0"]));
}
