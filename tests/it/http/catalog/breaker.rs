//! A plugin that keeps faulting is paused, says so, and is retried after growing waits.

use jackfield_test_support::{app::TestApp, hostile, marked};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::entry;

const HOSTILE: &str = "/api/admin/connections/hostile";

#[tokio::test]
async fn a_plugin_that_keeps_faulting_is_paused_and_retried_later() {
    let upstream = hostile::start().await.expect("a stand-in");
    let app = TestApp::builder()
        .component("guests/hostile")
        .reroute(hostile::HOST, &upstream)
        .reroute(hostile::BARE_HOST, &upstream)
        .start()
        .await;
    let token = marked::secret("tok-");
    let behave = async |behaviour: &str| app.put(HOSTILE, json!({ "behaviour": behaviour, "token": token })).await;
    let health = async || app.get(&format!("{HOSTILE}/health")).await.ok();
    let is_paused = |health: &Value| {
        health["reason"].as_str().is_some_and(|reason| reason.contains("is paused")) && health["healthy"] == false
    };

    assert_eq!(behave("exit").await.ok()["ok"], true);
    for _ in 0..5 {
        let answer = health().await;
        assert_eq!(answer["code"], "plugin_fault", "{answer}");
        assert!(!is_paused(&answer), "{answer}");
    }
    let answer = health().await;
    assert!(is_paused(&answer), "{answer}");
    assert!(entry(&app, "hostile").await["paused_until"].is_string());
    let refused = behave("ok").await;
    assert_eq!(refused.header("retry-after"), Some("30"));
    let _ = refused.problem(502, "plugin_fault");

    app.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(entry(&app, "hostile").await["paused_until"], json!(null));
    let trial = health().await;
    assert!(trial["code"] == "plugin_fault" && !is_paused(&trial), "it was retried and faulted again: {trial}");
    app.clock.advance(SignedDuration::from_secs(30));
    assert!(is_paused(&health().await), "the second wait is twice the first");
    app.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(behave("ok").await.ok()["ok"], true);
    assert_eq!(health().await["healthy"], true);
}
