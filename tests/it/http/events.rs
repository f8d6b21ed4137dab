//! `GET /api/admin/events`: changes made by any host, and the end of a stream.

use std::{fs, time::Duration};

use http::Method;
use jackfield_core::Level;
use jackfield_test_support::{
    app::{TestApp, TestCaller, client},
    guests,
    slack::SlackStandIn,
    stand_in_server::Failure,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    SLACK, add_token, body,
    jwt::{
        self,
        issuer::{Issuer, SigningKey},
    },
    match_runs::{end_wait, start_long_match, start_match},
    people::{PEOPLE, person},
    start_connected, with_slack,
};

const EVENTS: &str = "/api/admin/events";

/// Longer than any event in these tests takes.
const LONG: Duration = Duration::from_secs(120);

/// A stream of events, read one at a time.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(app: &TestApp, caller: TestCaller) -> Self {
        Self::open_with(app, app.token(caller).expect("a token")).await
    }

    async fn open_with(app: &TestApp, token: &str) -> Self {
        Self::open_by(app, "authorization", &format!("Bearer {token}")).await
    }

    async fn open_by(app: &TestApp, header: &str, value: &str) -> Self {
        let asked = client().get(format!("{}{EVENTS}", app.base)).timeout(LONG * 3).header(header, value);
        let response = asked.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// Returns the next event and its data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                let found =
                    line("event: ").map(|kind| (kind.to_owned(), line("data: ").unwrap_or_default().to_owned()));
                self.text = rest.to_owned();
                if let Some((kind, data)) = found {
                    return Some((kind, serde_json::from_str(&data).expect("JSON")));
                }
            }
            let chunk = timeout(LONG, self.response.chunk())
                .await
                .expect("an event arrives")
                .expect("the stream does not fail")?;
            self.text.push_str(str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// Returns the data of the next event of a kind that satisfies a condition, and skips others.
    async fn wait_until(&mut self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (found, data) = self.next().await.expect("the stream continues");
            if found == kind && wanted(&data) {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn creating_changing_and_removing_a_connection_sends_events() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let mut stream = Stream::open(&app, TestCaller::Executive).await;
    let token = add_token(&slack);
    let _ = app.put(SLACK, body(&token)).await.ok();
    let data = stream.wait_until("connection", |_| true).await;
    assert_eq!(data, app.get("/api/admin/connections").await.ok()["connections"][0], "as the list says");
    slack.revoke(&token);
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], false);
    let data = stream.wait_until("connection", |data| data["status"] != "connected").await;
    assert_eq!(data["status"], "needs_reauth");
    let _ = app.delete(SLACK).await.ok();
    let gone = stream.wait_until("connection", |data| data["removed"] == true).await;
    assert_eq!(gone, json!({ "provider": "slack", "removed": true }));
}

#[tokio::test]
async fn changes_by_another_host_send_events() {
    let app = TestApp::builder().start().await;
    let second_host = app.start_second_host().await;
    let (mut here, mut there) =
        (Stream::open(&app, TestCaller::Executive).await, Stream::open(&second_host, TestCaller::Executive).await);
    let _ada = person(&second_host, "Ada", "ada@acme.example").await;
    assert_eq!(here.next().await, Some(("mappings".to_owned(), json!({}))));
    assert_eq!(there.next().await, Some(("mappings".to_owned(), json!({}))));
    let _bob = person(&app, "Bob", "bob@acme.example").await;
    assert_eq!(there.next().await, Some(("mappings".to_owned(), json!({}))));
}

#[tokio::test]
async fn adding_and_removing_a_plugin_file_sends_events() {
    let app = TestApp::builder().start().await;
    let mut stream = Stream::open(&app, TestCaller::Executive).await;
    let file = app.plugins().join("made.wasm");
    fs::write(&file, guests::with_manifest(&guests::manifest())).expect("the file is written to the plugins folder");
    let data = stream.wait_until("provider", |_| true).await;
    assert_eq!(data, app.get("/api/admin/providers").await.ok()["providers"][0], "as the list says");
    fs::remove_file(file).expect("the file is removed");
    let gone = stream.wait_until("provider", |data| data["removed"] == true).await;
    assert_eq!(gone, json!({ "id": data["id"], "removed": true }));
}

#[tokio::test]
async fn a_late_listener_receives_later_events() {
    let app = TestApp::builder().start().await;
    let mut first = Stream::open(&app, TestCaller::Executive).await;
    let ada = person(&app, "Ada", "ada@acme.example").await;
    let _ = first.wait_until("mappings", |_| true).await;
    let mut second = Stream::open(&app, TestCaller::Executive).await;
    drop(first);
    let _ = app.send(Method::PATCH, &format!("{PEOPLE}/{ada}"), Some(json!({ "name": "Ada L." }))).await.ok();
    assert_eq!(second.next().await, Some(("mappings".to_owned(), json!({}))));
    // Without listeners nothing is polled; a new listener starts the polling again.
    drop(second);
    let _bob = person(&app, "Bob", "bob@acme.example").await;
    let mut third = Stream::open(&app, TestCaller::Executive).await;
    let _eve = person(&app, "Eve", "eve@acme.example").await;
    assert_eq!(third.next().await, Some(("mappings".to_owned(), json!({}))));
}

#[tokio::test]
async fn a_revoked_token_loses_its_stream_and_another_keeps_it() {
    let app = TestApp::builder().start().await;
    let (_, other) = app.create_token("another", Level::Executive, None).await;
    let mut revoked = Stream::open(&app, TestCaller::Executive).await;
    let mut kept = Stream::open_with(&app, &other).await;
    app.revoke_tokens("executive").await;
    assert_eq!(revoked.next().await, Some(("session".to_owned(), json!({ "ended": true }))));
    assert_eq!(revoked.next().await, None);
    let body = json!({ "name": "Ada", "email": "ada@acme.example" });
    assert_eq!(app.send_with_token(&other, Method::POST, PEOPLE, Some(body)).await.status, 201);
    assert_eq!(kept.next().await, Some(("mappings".to_owned(), json!({}))));
}

#[tokio::test]
async fn an_expired_jwt_loses_its_stream() {
    let key = SigningKey::ed25519("one");
    let issuer = Issuer::start(&[&key]).await;
    let app = jwt::start_service(&issuer).await;
    let token = key.token("EdDSA", &jwt::claims(&app, &json!({})));
    let mut stream = Stream::open_with(&app, &token).await;
    app.clock.advance(jiff::SignedDuration::from_mins(10));
    assert_eq!(stream.next().await, Some(("session".to_owned(), json!({ "ended": true }))));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn an_ended_session_loses_its_streams_in_every_tab() {
    let app = TestApp::builder().start().await;
    let (one, other) = (app.sign_in(TestCaller::Executive).await, app.sign_in(TestCaller::Executive).await);
    let mut tabs = Vec::new();
    for _ in 0..2 {
        tabs.push(Stream::open_by(&app, "cookie", &one.cookie).await);
    }
    let mut kept = Stream::open_by(&app, "cookie", &other.cookie).await;
    assert_eq!(app.send_in(&one, Method::DELETE, "/api/session", None).await.status, 200);
    for mut tab in tabs {
        assert_eq!(tab.next().await, Some(("session".to_owned(), json!({ "ended": true }))));
        assert_eq!(tab.next().await, None);
    }
    let _ada = person(&app, "Ada", "ada@acme.example").await;
    assert_eq!(kept.next().await, Some(("mappings".to_owned(), json!({}))));
}

#[tokio::test]
async fn stopping_the_service_ends_every_stream_immediately() {
    let mut app = TestApp::builder().start().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::open(&app, TestCaller::Executive).await);
    }
    timeout(LONG, app.stop()).await.expect("the service stops without waiting for streams");
    for mut stream in streams {
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test]
async fn a_match_sends_events_from_its_start_to_its_end() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let mut stream = Stream::open(&app, TestCaller::Executive).await;
    let location = start_long_match(&app, &slack, false).await;
    let started = stream.wait_until("match", |run| location.ends_with(run["plan_id"].as_str().expect("an id"))).await;
    let shown = app.get(&location).await.ok();
    assert_eq!(started, shown, "the event is what the route shows");
    assert_eq!(
        (&started["state"], &started["dry_run"], &started["pages"]),
        (&json!("running"), &json!(false), &json!(0))
    );
    end_wait(&app);
    let ended = stream.wait_until("match", |run| run["state"] != "running").await;
    let mut shown = app.get(&location).await.ok();
    assert!(shown.as_object_mut().expect("an object").remove("plan").is_some(), "{shown}");
    assert_eq!((&ended["state"], &ended), (&json!("ready"), &shown));
    assert!(ended["pages"].as_u64().is_some_and(|pages| pages >= 2), "{ended}");

    slack.fail_next(1, Failure::TooManyRequests { retry_after: Some(61) });
    let cancelled = start_match(&app, "respond-async", true).await;
    let location = cancelled.header("location").expect("a location").to_owned();
    let _ = app.delete(&location).await.ok();
    let other = |run: &Value| location.ends_with(run["plan_id"].as_str().expect("an id"));
    let ended = stream.wait_until("match", |run| other(run) && run["state"] != "running").await;
    assert_eq!((&ended["state"], &ended["dry_run"]), (&json!("cancelled"), &json!(true)));
}
