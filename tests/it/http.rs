//! What callers see over HTTP, with each database.

mod activity;
mod audit;
mod callers;
mod catalog;
mod configured_apps;
mod connect;
mod console;
mod contract_versions;
mod database;
mod disconnect;
mod disconnect_preview;
mod edited_rows;
mod events;
mod failures;
mod framing;
mod google_workspace;
mod health;
mod hostile;
mod identities;
mod jwt;
mod mappings;
mod mappings_csv;
mod master_key;
mod match_runs;
mod matching;
mod new_plugin;
mod oauth;
mod oidc;
mod openapi;
mod people;
mod productive;
mod providers;
mod proxies;
mod races;
mod raw_socket;
mod refresh;
mod remote;
mod request_bodies;
mod retention;
mod scrapin;
mod sealed;
mod search;
mod secret_destinations;
mod service;
mod session;
mod sockets;
mod spreadsheets;
mod token_plugins;
mod upgrade;
mod users;

use std::time::Duration;

use jackfield_test_support::{
    app::{self, TestApp, TestAppBuilder, TestResponse},
    marked,
    slack::{CHANNEL, SlackStandIn},
};
use serde_json::{Value, json};

/// The path of Slack's connection.
const SLACK: &str = "/api/admin/connections/slack";

/// A service with Slack's plugin, whose requests go to the stand-in.
fn with_slack(slack: &SlackStandIn) -> TestAppBuilder {
    TestApp::builder().component("slack").reroute("slack.com", slack)
}

/// Limits the time of a request to a provider to what a test can wait for, and other requests keep on a busy machine.
fn with_short_timeouts(app: TestAppBuilder) -> TestAppBuilder {
    let time = Duration::from_secs(5);
    app.egress(|limits| (limits.first_byte, limits.idle, limits.total) = (time, time, time))
}

/// Creates a marked token in Slack's format that the stand-in accepts.
fn add_token(slack: &SlackStandIn) -> String {
    let token = marked::secret("xoxb-");
    slack.add_token(&token);
    token
}

/// The body that connects Slack.
pub(crate) fn body(token: &str) -> Value {
    json!({ "bot_token": token, "channel_id": CHANNEL })
}

/// Starts a service that is connected to Slack, and returns the token.
async fn start_connected(slack: &SlackStandIn) -> (TestApp, String) {
    start_connected_with(slack, with_slack(slack)).await
}

/// Like [`connected`], for a service that the test has configured.
async fn start_connected_with(slack: &SlackStandIn, made: TestAppBuilder) -> (TestApp, String) {
    let app = made.start().await;
    let token = add_token(slack);
    assert_eq!(app.put(SLACK, body(&token)).await.ok()["ok"], true);
    (app, token)
}

/// Repeats a request until the response is as expected.
async fn eventually<F: Future<Output = TestResponse>>(
    send: impl Fn() -> F,
    is_expected: impl Fn(&TestResponse) -> bool,
) -> TestResponse {
    app::eventually(async || {
        let response = send().await;
        if is_expected(&response) { Ok(response) } else { Err(response.text) }
    })
    .await
}
