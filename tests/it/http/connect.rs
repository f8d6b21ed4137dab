//! `PUT`, `DELETE`, `GET …/status` of a connection, and the list, from end to end.

use jackfield_test_support::{
    marked,
    people::COMPANY,
    slack::{CHANNEL, SlackStandIn},
};
use serde_json::json;

use super::{SLACK, add_token, body, start_connected, with_slack};

#[tokio::test]
async fn a_connection_goes_from_nothing_to_connected_and_back() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let token = add_token(&slack);
    assert_eq!(app.get(&format!("{SLACK}/status")).await.ok(), json!({ "configured": false }));

    let connected = app.put(SLACK, body(&token)).await.ok();
    assert_eq!(connected["ok"], true);
    assert_eq!(connected["org_name"], COMPANY);

    let list = app.get("/api/admin/connections").await.ok();
    let connection = &list["connections"][0];
    assert_eq!(connection["provider"], "slack");
    assert_eq!(connection["status"], "connected");
    assert_eq!(connection["connected_by"], "executive");
    assert_eq!(connection["last_check"]["healthy"], true);
    assert_eq!(app.get(&format!("{SLACK}/status")).await.ok(), json!({ "configured": true, "channel_id": CHANNEL }));

    let gone = app.delete(SLACK).await.ok();
    assert_eq!((&gone["ok"], &gone["upstream"]), (&json!(true), &json!("revoked")));
    assert!(!slack.is_alive(&token), "the token was revoked at the provider");
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
    assert_eq!(app.delete(SLACK).await.ok()["upstream"], "nothing", "repeating it is not an error");
}

#[tokio::test]
async fn the_token_reaches_slack_but_no_response_and_not_the_database() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    let requests = slack.requests();
    assert!(!requests.is_empty());
    for request in &requests {
        assert_eq!(request.bearer(), Some(token.as_str()), "{}", request.path);
    }
    for path in [
        "/api/admin/connections",
        &format!("{SLACK}/status"),
        &format!("{SLACK}/health"),
        "/api/admin/audit",
        "/metrics",
    ] {
        let answer = app.get(path).await;
        assert!(!answer.text.contains(&token), "{path}: {}", answer.text);
    }
    let stored = app.database_bytes().await;
    assert!(
        stored.windows(b"C0GENERAL".len()).any(|bytes| bytes == b"C0GENERAL"),
        "the search finds values in the database"
    );
    assert!(!stored.windows(token.len()).any(|bytes| bytes == token.as_bytes()));
}

#[tokio::test]
async fn a_wrong_token_is_rejected_and_nothing_is_stored() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let problem = app.put(SLACK, body(&marked::secret("xoxb-"))).await.problem(422, "credential_rejected");
    assert!(problem["detail"].as_str().expect("a detail").contains("invalid_auth"), "{problem}");
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
}

#[tokio::test]
async fn an_update_keeps_omitted_fields() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    slack.add_channel("C0RANDOM", "random");
    slack.clear_requests();
    assert_eq!(app.put(SLACK, json!({ "channel_id": "C0RANDOM" })).await.ok()["ok"], true);
    assert!(slack.requests().iter().all(|request| request.bearer() == Some(token.as_str())));
    let health = app.get(&format!("{SLACK}/health")).await.ok();
    assert_eq!(health["channel"], "random");
}

#[tokio::test]
async fn a_rejected_update_keeps_the_stored_values() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let _ = app.put(SLACK, body(&marked::secret("xoxb-"))).await.problem(422, "credential_rejected");
    let problem = app.put(SLACK, json!({ "channel_id": "C0NOWHERE" })).await.problem(422, "invalid_request");
    assert_eq!(problem["errors"][0]["field"], "channel_id");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
}

#[tokio::test]
async fn a_channel_that_cannot_be_used_is_named() {
    let slack = SlackStandIn::start().await;
    slack.add_channel("C0OLD", "old").archive_channel("C0OLD").add_private_channel("C0PRIVATE", "private");
    let app = with_slack(&slack).start().await;
    let token = add_token(&slack);
    for (channel, words) in [("C0OLD", "archived"), ("C0PRIVATE", "invite the app"), ("C0NOWHERE", "invite the app")] {
        let problem =
            app.put(SLACK, json!({ "bot_token": token, "channel_id": channel })).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "channel_id");
        let message = problem["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{channel}: {message}");
    }
}

#[tokio::test]
async fn a_token_that_lacks_a_scope_is_rejected_and_the_scope_is_named() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let token = marked::secret("xoxb-");
    slack.add_token_with_scopes(&token, &["users:read"]);
    let problem = app.put(SLACK, body(&token)).await.problem(422, "credential_rejected");
    assert!(problem["detail"].as_str().expect("a detail").contains("channels:read"), "{problem}");
}

#[tokio::test]
async fn a_disconnect_succeeds_while_the_provider_is_down() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    slack.fail(jackfield_test_support::stand_in_server::Failure::Status(500));
    let gone = app.delete(SLACK).await.ok();
    assert_eq!(gone["upstream"], "failed");
    assert!(gone["note"].as_str().expect("a note").contains("could not be revoked"), "{gone}");
    assert_eq!(app.get("/api/admin/connections").await.ok(), json!({ "connections": [] }));
    assert!(slack.is_alive(&token));
}
