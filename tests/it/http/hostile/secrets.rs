//! Components that try to learn a secret: from echoes, by comparison with guesses, and by time.

use jackfield_test_support::{app::TestResponse, stand_in_server::encodings};
use serde_json::Value;

use super::{Arena, HOSTILE};

/// The token backwards: nobody recognizes it in the field of the connection that passes it to the component.
fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Expects that the service said no form of the token.
fn expect_no_token(arena: &Arena, response: &TestResponse) {
    for (name, encoded) in encodings(&arena.token) {
        assert!(!response.text.contains(&encoded), "{name} in {}", response.text);
    }
}

#[tokio::test]
async fn a_long_echo_is_masked_in_one_piece_through_both_interfaces() {
    let arena = Arena::with_enough_time().await;
    for behaviour in ["echo-backwards", "wasi-http-echo-backwards"] {
        assert_eq!(arena.connect(behaviour).await.status, 200);
        arena.upstream.clear_requests();
        let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
        assert_eq!(health["collected"], "sent 200", "{behaviour}: {health}");
        assert!(health["bytes"].as_f64().is_some_and(|bytes| bytes > 64_000.0), "{behaviour}: {health}");
        let sent = arena.upstream.requests();
        let collected = sent.iter().find(|request| request.path == "/collect").expect("the response backwards");
        let seen = reversed(&String::from_utf8_lossy(&collected.body));
        // One for each encoding in a header and in the body.
        assert!(seen.matches("[secret]").count() > 32, "{behaviour}");
        for (name, encoded) in encodings(&arena.token) {
            assert!(!seen.contains(&encoded), "{behaviour}: the component saw {name}");
        }
    }
}

#[tokio::test]
async fn a_component_that_sends_a_secret_is_stopped_paused_and_audited() {
    for behaviour in ["guess-url", "guess-header", "guess-body", "wasi-http-guess"] {
        let arena = Arena::open().await;
        assert_eq!(arena.connect(&format!("{behaviour}:{}", reversed(&arena.token))).await.status, 200);
        arena.upstream.clear_requests();
        let health = arena.app.get(&format!("{HOSTILE}/health")).await;
        expect_no_token(&arena, &health);
        assert_eq!(health.ok()["code"], "plugin_fault", "{behaviour}");
        assert!(arena.upstream.requests().is_empty(), "{behaviour}: the guess was sent");

        let paused = arena.app.get(&format!("{HOSTILE}/users")).await;
        let _ = paused.problem(502, "plugin_fault");
        assert!(arena.upstream.requests().is_empty(), "{behaviour}: it is paused");
        let service = arena.app.get("/api/admin/service").await.ok();
        assert_eq!(service["providers"]["paused"][0], "hostile", "{service}");

        let audit = arena.app.get("/api/admin/audit?action=provider.secret_guess").await;
        expect_no_token(&arena, &audit);
        let audit = audit.ok();
        let [entry] = audit["entries"].as_array().expect("entries").as_slice() else { panic!("{audit}") };
        assert_eq!((&entry["provider"], &entry["outcome"]), (&"hostile".into(), &"refused".into()), "{entry}");
        assert_eq!(entry["actor"], "plugin:hostile");
        assert!(entry["detail"].as_str().is_some_and(|detail| detail.starts_with("health: the ")), "{entry}");
        arena.expect_others_work().await;
    }
}

#[tokio::test]
async fn an_accomplice_cannot_have_guesses_compared() {
    let arena = Arena::open().await;
    let (start, last) = arena.token.split_at(arena.token.len() - 1);
    let wrong = format!("{start}{}", if last == "x" { "y" } else { "x" });
    let mut seen = Vec::new();
    for guess in [arena.token.clone(), wrong] {
        let health = arena.health(&format!("guess-by-accomplice:{}", reversed(&guess))).await;
        let response = health["response"].as_str().expect("the response").to_owned();
        assert_eq!(response, reversed(&format!("before {guess} after")), "it is neither masked nor stopped");
        seen.push(response.len());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_guests_clocks_and_timers_tick_in_coarse_steps() {
    let arena = Arena::with_enough_time().await;
    let health = arena.health("read-clocks:300").await;
    let number = |name: &str| health[name].as_f64().unwrap_or_else(|| panic!("{name}: {health}"));
    assert_eq!(number("went_back"), 0.0, "{health}");
    for clock in ["monotonic", "wall", "timer"] {
        let (steps, smallest) = (number(&format!("{clock}_steps")), number(&format!("{clock}_smallest_us")));
        assert!((1.0..=31.0).contains(&steps), "{clock}: {health}");
        assert!(smallest >= 10_000.0, "{clock}: {health}");
    }
}

#[tokio::test]
async fn a_secret_that_is_also_a_public_value_is_rejected_with_the_name_of_its_field() {
    let arena = Arena::open().await;
    let rejected = arena.connect(&arena.token.clone()).await;
    assert_eq!(rejected.status, 422, "{}", rejected.text);
    let problem: Value = rejected.json();
    let text = problem.to_string();
    assert!(text.contains("the same as `behaviour`") && !text.contains(&arena.token), "{text}");
}
