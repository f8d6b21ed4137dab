//! Concurrency: two connects, a disconnect during a check, many calls.

use std::time::Duration;

use futures_util::future::join_all;
use jackfield_test_support::{marked, slack::SlackStandIn};
use serde_json::json;

use super::{SLACK, add_token, body, start_connected, with_slack};

#[tokio::test]
async fn two_concurrent_connects_leave_one_complete_connection() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    slack.set_latency(Duration::from_millis(20));
    for round in 0..5 {
        let pairs: Vec<(String, String)> = (0..4)
            .map(|number| {
                let channel = format!("C{round}X{number}");
                slack.add_channel(&channel, &channel.to_lowercase());
                (add_token(&slack), channel)
            })
            .collect();
        let puts =
            pairs.iter().map(|(token, channel)| app.put(SLACK, json!({ "bot_token": token, "channel_id": channel })));
        for answer in join_all(puts).await {
            assert_eq!(answer.ok()["ok"], true);
        }
        let channel =
            app.get(&format!("{SLACK}/status")).await.ok()["channel_id"].as_str().expect("a channel").to_owned();
        slack.clear_requests();
        assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["channel"], channel.to_lowercase());
        let used = slack.requests()[0].bearer().expect("a token").to_owned();
        assert!(pairs.contains(&(used, channel)), "the token and the channel come from one connect");
    }
}

#[tokio::test]
async fn an_update_never_mixes_with_another() {
    let slack = SlackStandIn::start().await;
    let (app, first) = start_connected(&slack).await;
    slack.add_channel("C0ONE", "one").add_channel("C0TWO", "two");
    slack.set_latency(Duration::from_millis(30));
    let second = marked::secret("xoxb-");
    slack.add_token(&second);
    let (a, b) = tokio::join!(
        app.put(SLACK, json!({ "channel_id": "C0ONE" })),
        app.put(SLACK, json!({ "bot_token": second, "channel_id": "C0TWO" })),
    );
    let (a, b) = (a.ok(), b.ok());
    assert_eq!((&a["ok"], &b["ok"]), (&json!(true), &json!(true)));
    slack.clear_requests();
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    let used = slack.requests()[0].bearer().expect("a token").to_owned();
    // Either order is valid: the update applied to the complete connection, or the complete connection alone. The first
    // token with the second channel is not.
    assert!(used == second || used == first);
    assert!(!(used == first && health["channel"] == "two"), "{health}");
}

#[tokio::test]
async fn a_disconnect_between_a_connects_commit_and_its_answer_is_not_undone() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let token = add_token(&slack);
    let mut paused = app.store.pause_next_save();
    let (connect, disconnect) = tokio::join!(app.put(SLACK, body(&token)), async {
        paused.wait_for_commit().await;
        let disconnect = app.delete(SLACK).await;
        paused.resume();
        disconnect
    });
    assert_eq!(disconnect.ok()["ok"], true);
    assert_eq!(connect.ok()["ok"], true);
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
}

#[tokio::test]
async fn a_disconnect_during_a_check_leaves_nothing_behind() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    slack.set_latency(Duration::from_millis(200));
    slack.clear_requests();
    let path = format!("{SLACK}/health");
    let (health, gone) = tokio::join!(app.get(&path), async {
        // The check is running once it has sent a request.
        while slack.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        app.delete(SLACK).await
    });
    assert_eq!(gone.status, 200);
    assert_eq!(health.status, 200);
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
    assert_eq!(app.get(&format!("{SLACK}/status")).await.ok(), json!({ "configured": false }));
}

#[tokio::test]
async fn excess_calls_are_rejected_and_the_others_are_served() {
    /// The calls of one component that a test's service runs at once.
    const CALLS: usize = 48;
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    slack.clear_requests();
    slack.hold();
    let path = format!("{SLACK}/users");
    let served = join_all((0..CALLS).map(|_| app.get(&path)));
    let overloaded = async {
        slack.wait_for_requests(CALLS).await;
        let answers = join_all((0..20).map(|_| app.get(&path))).await;
        slack.release();
        answers
    };
    let (served, overloaded) = tokio::join!(served, overloaded);
    assert!(served.iter().all(|answer| answer.status == 200));
    for answer in overloaded {
        assert_eq!(answer.header("retry-after"), Some("1"));
        let _ = answer.problem(503, "overloaded");
    }
    let connection = &app.get("/api/admin/connections").await.ok()["connections"][0];
    assert_eq!(connection["status"], "connected", "our overload does not change the connection's health");
    assert_eq!(app.get(&format!("{SLACK}/users")).await.status, 200, "every permit is released");
}
