//! Components that try to learn a secret: from echoes, by comparison with guesses, and by time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{Either, join_all, select};
use http::Method;
use jackfield_test_support::{
    app::{GUARD, TestResponse},
    stand_in_server::encodings,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Arena, HOSTILE, eventually};

const GUESSES: &str = "/api/admin/audit?action=provider.secret_guess";

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

        let audit = arena.app.get(GUESSES).await;
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

/// Makes the next call of the hostile component guess its token.
async fn connect_to_guess(arena: &Arena) {
    assert_eq!(arena.connect(&format!("guess-url:{}", reversed(&arena.token))).await.status, 200);
    arena.upstream.clear_requests();
}

#[tokio::test]
async fn the_calls_that_run_when_a_guess_is_found_end_with_it() {
    const CALLS: usize = 3;
    let arena = Arena::with_enough_time().await;
    assert_eq!(arena.connect("slow").await.status, 200);
    arena.upstream.clear_requests();
    let path = format!("{HOSTILE}/health");
    let running = join_all((0..CALLS).map(|_| arena.app.get(&path)));
    let guess = async {
        arena.upstream.wait_for_requests(CALLS).await;
        connect_to_guess(&arena).await;
        arena.app.get(&path).await.ok()
    };
    let both = async { tokio::join!(running, guess) };
    let (ended, guessed) = tokio::time::timeout(GUARD, both).await.expect("the running calls end");
    assert_eq!(guessed["code"], "plugin_fault", "{guessed}");
    assert!(!guessed["reason"].as_str().expect("a reason").contains("is paused"), "it guessed: {guessed}");
    for health in ended {
        let health = health.ok();
        assert_eq!(health["code"], "plugin_fault", "{health}");
        assert!(health["reason"].as_str().is_some_and(|reason| reason.contains("is paused")), "{health}");
    }
    let audit = arena.app.get(GUESSES).await.ok();
    assert_eq!(audit["entries"].as_array().map(Vec::len), Some(1), "only one of the calls guessed: {audit}");
    arena.expect_others_work().await;
}

#[tokio::test]
async fn the_pause_after_a_guess_survives_a_restart() {
    let mut arena = Arena::open().await;
    for hours in [1, 2] {
        connect_to_guess(&arena).await;
        assert_eq!(arena.app.get(&format!("{HOSTILE}/health")).await.ok()["code"], "plugin_fault");
        arena.app.stop().await;
        arena.app = arena.app.start_again().await;
        let service = arena.app.get("/api/admin/service").await.ok();
        assert_eq!(service["providers"]["paused"][0], "hostile", "{service}");
        let paused = arena.app.get(&format!("{HOSTILE}/users")).await;
        assert_eq!(paused.header("retry-after"), Some((hours * 3_600).to_string().as_str()));
        let _ = paused.problem(502, "plugin_fault");
        assert!(arena.upstream.requests().is_empty());
        arena.app.clock.advance(SignedDuration::from_hours(hours));
    }
    assert_eq!(arena.health("ok").await["healthy"], true);
}

#[tokio::test]
async fn an_executive_who_approves_the_plugin_again_ends_its_pause() {
    let mut arena = Arena::open().await;
    connect_to_guess(&arena).await;
    assert_eq!(arena.app.get(&format!("{HOSTILE}/health")).await.ok()["code"], "plugin_fault");
    let _ = arena.connect("ok").await.problem(502, "plugin_fault");
    let provider = arena.app.get("/api/admin/providers").await.ok();
    let all = provider["providers"].as_array().expect("providers");
    let digest = all.iter().find(|entry| entry["id"] == "hostile").expect("the plugin")["digest"].clone();
    let approve =
        arena.app.send(Method::POST, "/api/admin/providers/hostile/approve", Some(json!({ "digest": digest })));
    assert_eq!(approve.await.status, 200);
    assert_eq!(arena.health("ok").await["healthy"], true);
    arena.app.stop().await;
    arena.app = arena.app.start_again().await;
    assert_eq!(arena.health("ok").await["healthy"], true, "also after a restart");
}

#[tokio::test]
async fn a_guess_is_audited_although_its_caller_has_gone() {
    let arena = Arena::open().await;
    connect_to_guess(&arena).await;
    // The audit log cannot be written yet.
    let lock = arena.app.hold_writes().await;
    {
        let call = Box::pin(arena.app.connections.check_health("hostile"));
        let is_paused = |service: &TestResponse| service.json()["providers"]["paused"][0] == "hostile";
        let paused = Box::pin(eventually(|| arena.app.get("/api/admin/service"), is_paused));
        match select(call, paused).await {
            // Drops the call, as when its client disconnects.
            Either::Right(_) => {}
            Either::Left(_) => panic!("the call ended before its guess was audited"),
        }
    }
    lock.release().await;
    let audit = eventually(|| arena.app.get(GUESSES), |audit| audit.json()["entries"][0].is_object()).await.ok();
    assert_eq!(audit["entries"].as_array().map(Vec::len), Some(1), "{audit}");
}

#[tokio::test]
async fn a_caller_cannot_have_a_component_send_a_secret_in_a_cursor() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("same-cursor").await.status, 200);
    let page = arena.app.get(&format!("{HOSTILE}/users")).await.ok();
    let given = page["next_cursor"].as_str().expect("a cursor").to_owned();
    let decoded = URL_SAFE_NO_PAD.decode(&given).expect("base64");
    let json = json!({ "c": arena.token, "h": 1, "s": 1, "p": 1 }).to_string().into_bytes();
    let with_other_mac = [&decoded[..32], &json].concat();
    arena.upstream.clear_requests();
    for cursor in [json, with_other_mac] {
        let forged = URL_SAFE_NO_PAD.encode(cursor);
        let problem = arena.app.get(&format!("{HOSTILE}/users?cursor={forged}")).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "cursor", "{problem}");
    }
    assert_eq!(arena.app.get("/api/admin/service").await.ok()["providers"]["paused"], json!([]));
}
