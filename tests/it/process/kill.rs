//! `kill -9` at any moment: acknowledged changes are stored, others are complete or absent, and the service starts
//! again.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jackfield_test_support::{app::client, marked, slack::SlackStandIn};
use serde_json::{Value, json};

use super::program::{Installation, copy_to_sinks};

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

#[tokio::test]
async fn every_acknowledged_change_survives_a_kill_at_any_moment() {
    let slack = Arc::new(SlackStandIn::start().await);
    let tokens: Vec<String> = (0..7).map(|_| marked::secret("xoxb-")).collect();
    for number in 0..OPERATIONS + 100 {
        slack.add_channel(&channel(number), "kill");
    }
    let place = Installation::with_slack(&slack).await;
    let bearer = place.token();
    let client = client();
    let url = format!("{}/api/admin/connections/slack", place.base());
    let done = Arc::new(AtomicUsize::new(0));
    let believed = Arc::new(Mutex::new(ExpectedState::default()));
    let mut kills = 0_u32;
    // A fixed sequence of delays, so that a failure can be reproduced.
    let mut moment: u64 = 0x9e37_79b9_7f4a_7c15;
    while done.load(Ordering::Relaxed) < OPERATIONS {
        let service = place.serve().await;
        check(&client, &url, &bearer, &slack, &tokens, &believed).await;
        let stopped = Arc::new(AtomicBool::new(false));
        let worker = {
            let (client, url, bearer, tokens) = (client.clone(), url.clone(), bearer.clone(), tokens.clone());
            let slack = Arc::clone(&slack);
            let (done, believed, stopped) = (Arc::clone(&done), Arc::clone(&believed), Arc::clone(&stopped));
            tokio::spawn(async move {
                while !stopped.load(Ordering::Relaxed) {
                    // Restores a token that a disconnect revoked, so that the next connect can use it.
                    for token in &tokens {
                        slack.add_token(token);
                    }
                    let number = done.fetch_add(1, Ordering::Relaxed);
                    let wanted = (number % 3 != 2).then_some(number);
                    believed.lock().expect("the lock is held briefly").asked = Some(wanted);
                    let request = match wanted {
                        Some(number) => client.put(&url).header("content-type", "application/json").body(
                            json!({ "bot_token": tokens[number % 7], "channel_id": channel(number) }).to_string(),
                        ),
                        None => client.delete(&url),
                    };
                    let Ok(answer) = request.bearer_auth(&bearer).send().await else { return };
                    let status = answer.status();
                    if answer.bytes().await.is_err() {
                        return;
                    }
                    let mut believed = believed.lock().expect("the lock is held briefly");
                    if status == 200 {
                        believed.answered = wanted;
                    }
                    believed.asked = None;
                }
            })
        };
        moment ^= moment << 13;
        moment ^= moment >> 7;
        moment ^= moment << 17;
        service.kill_after(Duration::from_micros(20_000 + moment % 400_000)).await;
        kills += 1;
        stopped.store(true, Ordering::Relaxed);
        worker.await.expect("the worker ends");
    }
    let service = place.serve().await;
    check(&client, &url, &bearer, &slack, &tokens, &believed).await;
    assert!(kills >= 5, "{kills} kills");
    println!("{} operations, {kills} kills", done.load(Ordering::Relaxed));
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}

/// Compares the stored state with the acknowledged one and with a change that may have happened without a response.
async fn check(
    client: &reqwest::Client,
    url: &str,
    bearer: &str,
    slack: &SlackStandIn,
    tokens: &[String],
    believed: &Mutex<ExpectedState>,
) {
    let get = |path: &'static str| {
        let request = client.get(format!("{url}{path}")).bearer_auth(bearer);
        async move {
            let text = request.send().await.expect("an answer").text().await.expect("a complete response");
            serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
        }
    };
    let status = get("/status").await;
    let stored = status["channel_id"].as_str().map(|id| id[1..].parse::<usize>().expect("a channel's number"));
    let allowed = {
        let believed = believed.lock().expect("the lock is held briefly");
        let mut allowed = vec![believed.answered];
        allowed.extend(believed.asked);
        allowed
    };
    assert!(allowed.contains(&stored), "{stored:?} is stored, {allowed:?} could be");
    assert_eq!(status["configured"], stored.is_some());
    if let Some(number) = stored {
        for token in tokens {
            slack.add_token(token);
        }
        slack.clear_requests();
        let health = get("/health").await;
        assert_eq!(health["healthy"], true, "the credential can be opened and is complete: {health}");
        let used = slack.requests()[0].bearer().expect("a token").to_owned();
        assert_eq!(used, tokens[number % 7], "the token of another connect is stored with this channel");
    }
    let mut believed = believed.lock().expect("the lock is held briefly");
    *believed = ExpectedState { answered: stored, asked: None };
}
