//! `GET /api/admin/audit`: every change and every refusal, in order, and an edit shows.

use jackfield_test_support::{marked, slack::Slack};

use super::{SLACK, body, connected};

#[tokio::test]
async fn every_change_and_refusal_is_written_down() {
    let slack = Slack::start().await;
    let (app, _) = connected(&slack).await;
    let _ = app.put(SLACK, body(&marked::secret("xoxb-"))).await.refused(422, "credential_rejected");
    assert_eq!(app.delete(SLACK).await.status, 200);
    let audit = app.get("/api/admin/audit").await.ok();
    let lines: Vec<String> = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            format!("{} {} {} {}", entry["actor"], entry["action"], entry["provider"], entry["outcome"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(
        lines[..3],
        [
            "executive connection.disconnect slack done",
            "executive connection.connect slack refused",
            "executive connection.connect slack done",
        ]
    );
    let newest = &audit["entries"][0];
    assert_eq!(newest["origin"], "127.0.0.1");
    assert!(newest["request_id"].as_str().is_some_and(|id| id.len() == 32), "{newest}");
}

#[tokio::test]
async fn the_audit_is_paged() {
    let slack = Slack::start().await;
    let (app, _) = connected(&slack).await;
    let first = app.get("/api/admin/audit?limit=2").await.ok();
    let before = first["next_before"].as_i64().expect("a next page");
    let second = app.get(&format!("/api/admin/audit?limit=2&before={before}")).await.ok();
    assert_eq!(second["entries"][0]["seq"].as_i64(), Some(before - 1));
    let _ = app.get("/api/admin/audit?limit=0").await.refused(422, "invalid_request");
}

#[tokio::test]
async fn an_edited_row_is_named() {
    let slack = Slack::start().await;
    let (app, _) = connected(&slack).await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("walked"), None);
    app.tamper("update audit set actor = 'somebody else' where seq = 3").await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("walked"), Some(3));
}

#[tokio::test]
async fn a_row_cut_off_the_end_is_noticed() {
    let slack = Slack::start().await;
    let (app, _) = connected(&slack).await;
    let newest = app.get("/api/admin/audit?limit=1").await.ok()["entries"][0]["seq"].as_i64().expect("a row");
    app.tamper("delete from audit where seq = (select max(seq) from audit)").await;
    assert_eq!(app.store.first_broken_audit_row().await.expect("walked"), Some(newest));
}
