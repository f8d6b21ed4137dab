//! `kill -9` at any moment of a disconnect: the connection works, or it is gone after the next start.

use std::time::Duration;

use jackfield_test_support::{
    app::{client, eventually},
    marked,
    slack::{CHANNEL, SlackStandIn},
};
use serde_json::{Value, json};

use super::{
    program::{Installation, copy_to_sinks},
    xorshift::Xorshift,
};

#[tokio::test]
async fn a_kill_at_any_moment_of_a_disconnect_leaves_it_connected_or_completes_it() {
    const KILLS: usize = 40;
    let slack = SlackStandIn::start().await;
    let place = Installation::with_slack(&slack).await;
    let (bearer, client) = (place.token(), client());
    let url = format!("{}/api/admin/connections", place.base());
    let send =
        |method: reqwest::Method, path: &str| client.request(method, format!("{url}{path}")).bearer_auth(&bearer);
    let mut numbers = Xorshift(0x9e37_79b9_7f4a_7c15);
    let (mut kept, mut gone) = (0, 0);
    for kill in 0..KILLS {
        let service = place.serve().await;
        let token = marked::secret("xoxb-");
        slack.add_token(&token);
        let body = json!({ "bot_token": token, "channel_id": CHANNEL }).to_string();
        let put = send(reqwest::Method::PUT, "/slack").header("content-type", "application/json").body(body);
        assert_eq!(put.send().await.expect("an answer").status(), 200);
        // A third of the kills hit the time between the request to the provider and its answer.
        slack.set_latency(Duration::from_millis(if kill % 3 == 0 { 15 } else { 0 }));
        let disconnect = send(reqwest::Method::DELETE, "/slack").send();
        let killed = service.kill_after(Duration::from_micros(numbers.below(30_000)));
        // The response is irrelevant; the state after the next start decides.
        let (_answer, ()) = tokio::join!(disconnect, killed);
        slack.set_latency(Duration::ZERO);
        let service = place.serve().await;
        eventually(async || {
            let text = send(reqwest::Method::GET, "").send().await.expect("an answer").text().await.expect("a body");
            let list: Value = serde_json::from_str(&text).expect("JSON");
            let connections = list["connections"].as_array().expect("connections");
            if connections.is_empty() {
                gone += 1;
                return Ok(());
            }
            if connections[0]["status"] == "connected" {
                assert!(slack.is_alive(&token), "kill {kill}: listed as connected, and revoked: {list}");
                kept += 1;
                return Ok(());
            }
            Err(format!("kill {kill}: not completed: {list}"))
        })
        .await;
        service.kill();
    }
    println!("{KILLS} kills: {kept} connections kept, {gone} gone");
    copy_to_sinks(&place.data());
}
