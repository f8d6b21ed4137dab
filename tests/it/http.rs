//! Through HTTP, on each database: what a caller sees.

mod activity;
mod audit;
mod callers;
mod catalog;
mod connect;
mod console;
mod contract_versions;
mod disconnect_preview;
mod events;
mod failures;
mod google_workspace;
mod health;
mod hostile;
mod jwt;
mod mappings;
mod mappings_csv;
mod master_key;
mod matching;
mod new_plugin;
mod oauth;
mod oidc;
mod openapi;
mod people;
mod productive;
mod providers;
mod races;
mod refresh;
mod remote;
mod request_bodies;
mod scrapin;
mod search;
mod service;
mod session;
mod token_plugins;
mod users;

use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    marked,
    slack::{CHANNEL, Slack},
};
use serde_json::{Value, json};

/// Where Slack's connection is.
const SLACK: &str = "/api/admin/connections/slack";

/// A service with Slack's component, whose requests go to the stand-in.
fn with_slack(slack: &Slack) -> TestAppBuilder {
    TestApp::builder().component("slack").reroute("slack.com", slack)
}

/// A token of Slack's form, marked, which the stand-in knows.
fn known_token(slack: &Slack) -> String {
    let token = marked::secret("xoxb-");
    slack.token(&token);
    token
}

/// The body that connects Slack.
pub(crate) fn body(token: &str) -> Value {
    json!({ "bot_token": token, "channel_id": CHANNEL })
}

/// A service that is connected to Slack, and the token.
async fn connected(slack: &Slack) -> (TestApp, String) {
    connected_by(slack, with_slack(slack)).await
}

/// The same, of a service that a test has had made.
async fn connected_by(slack: &Slack, made: TestAppBuilder) -> (TestApp, String) {
    let app = made.start().await;
    let token = known_token(slack);
    assert_eq!(app.put(SLACK, body(&token)).await.ok()["ok"], true);
    (app, token)
}
