//! `kill -9` at any moment: acknowledged changes are stored, others are complete or absent, and the service starts
//! again.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jackfield_test_support::{
    app::{client, eventually},
    marked,
    slack::SlackStandIn,
};
use serde_json::{Value, json};

use super::{
    program::{Installation, copy_to_sinks},
    xorshift::Xorshift,
};

/// Operations in all rounds together.
const OPERATIONS: usize = 1_000;

/// The last acknowledged state, and the requested state that was not acknowledged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ExpectedState {
    answered: Option<usize>,
    asked: Option<Option<usize>>,
}

fn channel(number: usize) -> String {
    format!("C{number:05}")
}

/// A client that connects and disconnects repeatedly, and knows what the service acknowledged.
struct ChangingClient {
    slack: Arc<SlackStandIn>,
    tokens: Vec<String>,
    client: reqwest::Client,
    url: String,
    bearer: String,
    done: AtomicUsize,
    expected: Mutex<ExpectedState>,
}

impl ChangingClient {
    fn new(slack: &Arc<SlackStandIn>, place: &Installation) -> Self {
        Self {
            slack: Arc::clone(slack),
            tokens: (0..7).map(|_| marked::secret("xoxb-")).collect(),
            client: client(),
            url: format!("{}/api/admin/connections/slack", place.base()),
            bearer: place.token(),
            done: AtomicUsize::new(0),
            expected: Mutex::default(),
        }
    }

    fn operations(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Accepts all tokens, also one that a disconnect revoked.
    fn restore_tokens(&self) {
        for token in &self.tokens {
            self.slack.add_token(token);
        }
    }

    /// Changes the connection until it is stopped or gets no response.
    async fn change_until(&self, stopped: &AtomicBool) {
        while !stopped.load(Ordering::Relaxed) {
            self.restore_tokens();
            let number = self.done.fetch_add(1, Ordering::Relaxed);
            let wanted = (number % 3 != 2).then_some(number);
            self.expected.lock().expect("the lock is held briefly").asked = Some(wanted);
            let request =
                match wanted {
                    Some(number) => self.client.put(&self.url).header("content-type", "application/json").body(
                        json!({ "bot_token": self.tokens[number % 7], "channel_id": channel(number) }).to_string(),
                    ),
                    None => self.client.delete(&self.url),
                };
            let Ok(answer) = request.bearer_auth(&self.bearer).send().await else { return };
            let status = answer.status();
            if answer.bytes().await.is_err() {
                return;
            }
            let mut expected = self.expected.lock().expect("the lock is held briefly");
            if status == 200 {
                expected.answered = wanted;
            }
            expected.asked = None;
        }
    }

    /// Compares the stored state with the acknowledged one and with a change that may have happened without a response.
    async fn check(&self) {
        self.wait_for_interrupted_disconnect().await;
        let status = self.get("/status").await;
        let stored = status["channel_id"].as_str().map(|id| id[1..].parse::<usize>().expect("a channel's number"));
        let allowed = {
            let expected = self.expected.lock().expect("the lock is held briefly");
            let mut allowed = vec![expected.answered];
            allowed.extend(expected.asked);
            allowed
        };
        assert!(allowed.contains(&stored), "{stored:?} is stored, {allowed:?} could be");
        assert_eq!(status["configured"], stored.is_some());
        if let Some(number) = stored {
            self.restore_tokens();
            self.slack.clear_requests();
            let health = self.get("/health").await;
            assert_eq!(health["healthy"], true, "the credential can be opened and is complete: {health}");
            let used = self.slack.requests()[0].bearer().expect("a token").to_owned();
            assert_eq!(used, self.tokens[number % 7], "the token of another connect is stored with this channel");
        }
        let mut expected = self.expected.lock().expect("the lock is held briefly");
        *expected = ExpectedState { answered: stored, asked: None };
    }

    /// Waits until the start of the service has completed a disconnect that the kill interrupted.
    async fn wait_for_interrupted_disconnect(&self) {
        let list = self.url.strip_suffix("/slack").expect("the path of the connection");
        eventually(async || {
            self.restore_tokens();
            let connections = self.get_url(list).await;
            let reason = connections["connections"][0]["reason"].as_str().unwrap_or_default();
            if reason.contains("started to disconnect") { Err(reason.to_owned()) } else { Ok(()) }
        })
        .await;
    }

    async fn get(&self, path: &str) -> Value {
        self.get_url(&format!("{}{path}", self.url)).await
    }

    async fn get_url(&self, url: &str) -> Value {
        let request = self.client.get(url).bearer_auth(&self.bearer);
        let text = request.send().await.expect("an answer").text().await.expect("a complete response");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[tokio::test]
async fn every_acknowledged_change_survives_a_kill_at_any_moment() {
    let slack = Arc::new(SlackStandIn::start().await);
    for number in 0..OPERATIONS + 100 {
        slack.add_channel(&channel(number), "kill");
    }
    let place = Installation::with_slack(&slack).await;
    let client = Arc::new(ChangingClient::new(&slack, &place));
    let mut kills = 0_u32;
    let mut delays = Xorshift(0x9e37_79b9_7f4a_7c15);
    while client.operations() < OPERATIONS {
        let service = place.serve().await;
        client.check().await;
        let stopped = Arc::new(AtomicBool::new(false));
        let worker = {
            let (client, stopped) = (Arc::clone(&client), Arc::clone(&stopped));
            tokio::spawn(async move { client.change_until(&stopped).await })
        };
        service.kill_after(Duration::from_micros(20_000 + delays.below(400_000))).await;
        kills += 1;
        stopped.store(true, Ordering::Relaxed);
        worker.await.expect("the worker ends");
    }
    let service = place.serve().await;
    client.check().await;
    assert!(kills >= 5, "{kills} kills");
    println!("{} operations, {kills} kills", client.operations());
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}
