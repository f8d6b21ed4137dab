//! The same attacks through `wasi:http`, the second door: it leads to the very gate of the first.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Arena;

/// The facts that a behaviour reported, and that nothing of it was sent where nothing may be.
fn texts(health: &Value) -> Map<String, Value> {
    assert_eq!(health["healthy"], true, "{health}");
    health.as_object().expect("an object").clone()
}

#[tokio::test]
async fn what_http_libraries_set_by_themselves_is_left_out() {
    let arena = Arena::open().await;
    arena.upstream.forget();
    let health = arena.health("wasi-http-library").await;
    assert_eq!(health["library"], "sent 200", "{health}");
    let sent = arena.upstream.requests();
    let [request] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(request.header("x-auth-token"), Some(arena.token.as_str()), "the credential stands at its place");
    assert_eq!(request.header("user-agent"), Some("library/1"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(request.header("host"), Some(jackfield_test_support::hostile::HOST));
    for name in ["connection", "te", "transfer-encoding", "keep-alive"] {
        assert_eq!(request.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_second_door_lets_out_nothing_that_the_first_does_not() {
    let arena = Arena::unhurried().await;
    assert_eq!(arena.connect("wasi-http-undeclared").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    let facts = texts(&health);
    let tried: Vec<_> = facts
        .iter()
        .filter(|(name, _)| ["path_", "host_", "field_", "method_"].iter().any(|of| name.starts_with(of)))
        .collect();
    assert_eq!(tried.len(), 30, "{health}");
    for (name, outcome) in &facts {
        assert!(!outcome.as_str().is_some_and(|outcome| outcome.starts_with("sent")), "{name}: {health}");
    }
    for name in ["path_0", "host_0", "field_0", "field_1", "field_2", "field_3", "http"] {
        assert_eq!(facts[name], "denied", "{name}: {health}");
    }
    let sent = arena.upstream.requests();
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test]
async fn an_echoed_credential_is_taken_out_on_the_second_door_too() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("wasi-http-echo").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get("/api/admin/connections/hostile/health").await;
    assert!(format!("{:?}", arena.upstream.requests()).contains(&arena.token), "the upstream got it");
    assert!(health.text.contains("[secret]"), "the echo came back: {}", health.text);
    for (name, dress) in jackfield_test_support::upstream::dresses(&arena.token) {
        assert!(!health.text.contains(&dress), "{name} in {}", health.text);
    }
}

#[tokio::test]
async fn both_doors_share_the_budget_of_a_call() {
    let arena = Arena::unhurried().await;
    assert_eq!(arena.connect("wasi-http-flood").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    assert_eq!(arena.upstream.requests().len(), 32, "{health}");
    assert_eq!((&health["sent"], &health["refusal"]), (&32.0.into(), &"denied".into()), "{health}");
    arena.others_answer().await;
}

#[tokio::test]
async fn a_silent_provider_is_named_on_the_second_door_too() {
    let arena = Arena::open().await;
    let health = arena.health("wasi-http-slow").await;
    assert!(health["slow"].as_str().is_some_and(|slow| slow.contains("Timeout")), "{health}");

    // Where the call's time ends first, nobody is left to report, and yet it was not the component's fault.
    let waits = (Duration::from_secs(8), Duration::from_secs(10));
    let arena = Arena::open_with(waits, |limits| limits.call_time = Duration::from_secs(1)).await;
    for behaviour in ["slow", "wasi-http-slow"] {
        let health = arena.health(behaviour).await;
        assert_eq!(health["code"], "provider_timeout", "{behaviour}: {health}");
    }
    arena.others_answer().await;
}

#[tokio::test]
async fn what_the_standard_has_beyond_a_request_is_bounded_and_goes_nowhere() {
    let arena = Arena::unhurried().await;
    assert_eq!(arena.connect("wasi-http-beyond").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    let facts = texts(&health);
    assert!(facts["large_body"].as_str().is_some_and(|told| told.contains("BodySize")), "{health}");
    assert_eq!(facts["bare_host"], "sent 200", "{health}");
    let sent = arena.upstream.requests();
    assert!(sent.iter().any(|request| request.body.len() == 1 << 20), "the bound itself is taken: {health}");
    assert!(sent.iter().all(|request| request.header("x-auth-token") != Some("own")), "no trailer went out");
    assert!(sent.iter().filter(|request| request.path == "/bare").all(|bare| bare.header("x-auth-token").is_none()));
}

#[tokio::test]
async fn a_set_of_fields_grows_no_further_than_it_may() {
    Arena::open().await.faults("wasi-http-fields").await;
}

#[tokio::test]
async fn requests_that_are_never_finished_cost_no_more_than_a_call_may() {
    let arena = Arena::open().await;
    let health = arena.health("wasi-http-unfinished").await;
    assert!(
        health["code"] == "plugin_fault" || health["open"].as_f64().is_some_and(|open| open <= 1_000.0),
        "{health}"
    );
    arena.others_answer().await;
}

#[tokio::test]
async fn while_a_component_describes_itself_both_doors_are_closed() {
    let arena = Arena::open().await;
    let list = arena.app.get("/api/admin/providers").await.ok();
    let providers = list["providers"].as_array().expect("providers");
    let hostile = providers.iter().find(|provider| provider["id"] == "hostile").expect("it is listed");
    let help = hostile["fields"][0]["help"].as_str().expect("a help text");
    assert!(help.contains("request denied: closed") && help.contains("by wasi:http denied"), "{help}");
}
