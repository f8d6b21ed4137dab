//! A database edited by hand: a decision that was not made through the service is not applied, and is reported.

use jackfield_test_support::app::{TestApp, digest};
use serde_json::json;

use super::{
    approve, component, component_with_another_host, connect, entry, serving_version, start_empty, upload_new,
};

/// A service with two versions, of which the second serves; its database is edited, and it starts again.
async fn start_edited(sql: &'static str) -> TestApp {
    let mut app = start_empty().await;
    for version in ["1.0.0", "2.0.0"] {
        upload_new(&app, component(version)).await;
        let _ = approve(&app, "made", &digest(&component(version))).await.ok();
    }
    assert_eq!(connect(&app).await.status, 200);
    upload_new(&app, component_with_another_host("3.0.0")).await;
    app.tamper(sql).await;
    app.stop().await;
    app.start_again().await
}

#[tokio::test]
async fn an_edited_approval_is_ignored_and_reported() {
    for sql in [
        "update plugin_approvals set state = 'approved' where state = 'superseded'",
        "update plugin_approvals set state = 'superseded' where state = 'approved'",
        "update plugin_approvals set approved_by = 'mallory' where state = 'approved'",
        "update plugin_approvals set approved_at = approved_at + 1 where state = 'approved'",
        "update plugin_approvals set mac = (select mac from plugin_approvals where state = 'superseded') \
         where state = 'approved'",
        "update plugin_approvals set digest = (select digest from components where version = '3.0.0') \
         where state = 'approved'",
        "insert into plugin_approvals select provider, (select digest from components where version = '3.0.0'), \
         'approved', approved_by, approved_at, mac from plugin_approvals where state = 'approved'",
        "update components set manifest = replace(manifest, 'Made', 'Maid') where version = '2.0.0'",
    ] {
        let app = start_edited(sql).await;
        let broken = entry(&app, "made").await;
        assert_eq!(broken["state"], "broken", "{sql}: {broken}");
        let why = broken["reason"].as_str().expect("a reason");
        assert!(why.contains("changed by hand, in the row of "), "{sql}: {why}");
        let _ = app.get(&format!("{}/users", super::MADE)).await.problem(502, "plugin_fault");
        // A plugin that is listed can be approved again, which fixes it.
        let waiting = &broken["waiting"][0];
        assert_eq!(waiting["version"], "3.0.0", "{sql}: {broken}");
        let _ = approve(&app, "made", waiting["digest"].as_str().expect("a digest")).await.ok();
        assert_eq!(entry(&app, "made").await["state"], "approved", "{sql}");
        assert_eq!(serving_version(&app).await, "3.0.0");
    }
}

#[tokio::test]
async fn edited_bytes_of_an_approved_component_do_not_run() {
    for sql in [
        "update components set bytes = (select bytes from components where version = '3.0.0') where version = '2.0.0'",
        "update components set bytes = null where version = '2.0.0'",
    ] {
        let app = start_edited(sql).await;
        let broken = entry(&app, "made").await;
        assert_eq!(broken["state"], "broken", "{sql}: {broken}");
        assert!(broken["reason"].as_str().is_some_and(|why| why.contains("bytes")), "{sql}: {broken}");
        // The previous version is intact, so a rollback to it works.
        let _ = super::decide(&app, "made", "rollback").await.ok();
        assert_eq!(serving_version(&app).await, "1.0.0");
    }
}

#[tokio::test]
async fn a_row_moved_to_another_provider_is_reported_there() {
    let app = start_edited("update plugin_approvals set provider = 'mode'").await;
    let moved = entry(&app, "mode").await;
    assert_eq!(moved["state"], "broken", "{moved}");
    assert_eq!(entry(&app, "made").await["state"], json!("pending"));
    let _ = app.get(&format!("{}/users", super::MADE)).await.problem(409, "plugin_not_approved");
}
