//! The same attacks through `wasi:http`, whose requests take the same path as those of `http.send`.

use serde_json::{Map, Value};

use super::{Arena, LONG, WAITED};

/// Returns the facts of a successful health check.
fn facts_of(health: &Value) -> Map<String, Value> {
    assert_eq!(health["healthy"], true, "{health}");
    health.as_object().expect("an object").clone()
}

#[tokio::test]
async fn headers_that_http_libraries_set_are_removed() {
    let arena = Arena::open().await;
    arena.upstream.clear_requests();
    let health = arena.health("wasi-http-library").await;
    assert_eq!(health["library"], "sent 200", "{health}");
    let sent = arena.upstream.requests();
    let [request] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(request.header("x-auth-token"), Some(arena.token.as_str()), "the credential is in its header");
    assert_eq!(request.header("user-agent"), Some("library/1"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
    assert_eq!(request.header("host"), Some(jackfield_test_support::hostile::HOST));
    for name in ["connection", "te", "transfer-encoding", "keep-alive"] {
        assert_eq!(request.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn wasi_http_denies_what_http_send_denies() {
    let arena = Arena::with_enough_time().await;
    assert_eq!(arena.connect("wasi-http-undeclared").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    let facts = facts_of(&health);
    let attempts: Vec<_> = facts
        .iter()
        .filter(|(name, _)| ["path_", "host_", "field_", "method_"].iter().any(|of| name.starts_with(of)))
        .collect();
    assert_eq!(attempts.len(), 30, "{health}");
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
async fn wasi_http_masks_an_echoed_credential() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("wasi-http-echo").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get("/api/admin/connections/hostile/health").await;
    assert!(format!("{:?}", arena.upstream.requests()).contains(&arena.token), "the upstream receives it");
    assert!(health.text.contains("[secret]"), "the response contains the masked echo: {}", health.text);
    for (name, encoded) in jackfield_test_support::stand_in_server::encodings(&arena.token) {
        assert!(!health.text.contains(&encoded), "{name} in {}", health.text);
    }
}

#[tokio::test]
async fn both_interfaces_share_the_request_budget_of_a_call() {
    let arena = Arena::with_enough_time().await;
    assert_eq!(arena.connect("wasi-http-flood").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    assert_eq!(arena.upstream.requests().len(), 32, "{health}");
    assert_eq!((&health["sent"], &health["refusal"]), (&32.0.into(), &"denied".into()), "{health}");
    arena.expect_others_work().await;
}

#[tokio::test]
async fn wasi_http_reports_a_silent_provider_as_a_timeout_of_the_provider() {
    let arena = Arena::open_with((WAITED, LONG), |limits| limits.call_time = LONG).await;
    let health = arena.health("wasi-http-slow").await;
    assert!(health["slow"].as_str().is_some_and(|slow| slow.contains("Timeout")), "{health}");

    // If the call's time ends first, the guest cannot report it, but it is not a fault of the component.
    let arena = Arena::open_with((LONG, LONG), |limits| limits.call_time = WAITED).await;
    for behaviour in ["slow", "wasi-http-slow"] {
        let health = arena.health(behaviour).await;
        assert_eq!(health["code"], "provider_timeout", "{behaviour}: {health}");
    }
    arena.expect_others_work().await;
}

#[tokio::test]
async fn bodies_and_trailers_of_wasi_http_are_limited() {
    let arena = Arena::with_enough_time().await;
    assert_eq!(arena.connect("wasi-http-beyond").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get("/api/admin/connections/hostile/health").await.ok();
    let facts = facts_of(&health);
    assert!(facts["large_body"].as_str().is_some_and(|error| error.contains("BodySize")), "{health}");
    assert_eq!(facts["bare_host"], "sent 200", "{health}");
    let sent = arena.upstream.requests();
    assert!(sent.iter().any(|request| request.body.len() == 1 << 20), "the limit itself is allowed: {health}");
    assert!(sent.iter().all(|request| request.header("x-auth-token") != Some("own")), "no trailer was sent");
    assert!(sent.iter().filter(|request| request.path == "/bare").all(|bare| bare.header("x-auth-token").is_none()));
}

#[tokio::test]
async fn the_headers_of_wasi_http_have_a_size_limit() {
    Arena::open().await.expect_fault("wasi-http-fields").await;
}

#[tokio::test]
async fn unfinished_requests_of_wasi_http_are_limited() {
    let arena = Arena::open().await;
    let health = arena.health("wasi-http-unfinished").await;
    assert!(
        health["code"] == "plugin_fault" || health["open"].as_f64().is_some_and(|open| open <= 1_000.0),
        "{health}"
    );
    arena.expect_others_work().await;
}

#[tokio::test]
async fn describe_cannot_send_requests() {
    let arena = Arena::open().await;
    let list = arena.app.get("/api/admin/providers").await.ok();
    let providers = list["providers"].as_array().expect("providers");
    let hostile = providers.iter().find(|provider| provider["id"] == "hostile").expect("the provider is listed");
    let help = hostile["fields"][0]["help"].as_str().expect("a help text");
    assert!(help.contains("request denied: closed") && help.contains("by wasi:http denied"), "{help}");
}
