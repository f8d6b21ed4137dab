//! Components that attack the host. Each call ends with an error within its limits, and other components still work.

mod secrets;
mod wasi_http;

use std::time::Duration;

use jackfield_sandbox::{Limits, Pooling};
use jackfield_test_support::{
    app::{TestApp, TestResponse},
    guests, hostile, marked,
    slack::SlackStandIn,
    stand_in_server::StandInServer,
};
use serde_json::{Value, json};

use super::{SLACK, add_token, body, eventually};

const HOSTILE: &str = "/api/admin/connections/hostile";

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// A time limit that a test waits for, and that all other calls of the test keep on a busy machine.
const WAITED: Duration = Duration::from_secs(10);

/// A service with two connections: one of the hostile component, and one of Slack's.
struct Arena {
    app: TestApp,
    upstream: StandInServer,
    token: String,
    _slack: SlackStandIn,
}

impl Arena {
    /// Starts it with little processor time for each call. What else the machine does cannot use it up.
    async fn open() -> Self {
        Self::open_with((LONG, LONG), |limits| {
            limits.call_time = LONG;
            limits.guest_time = Duration::from_secs(1);
        })
        .await
    }

    /// Starts it with enough time for behaviours that do much, so that no time limit ends them.
    async fn with_enough_time() -> Self {
        Self::open_with((LONG, LONG), |limits| (limits.call_time, limits.guest_time) = (LONG, LONG)).await
    }

    /// Starts it with other limits, and other timeouts for the first byte and the whole response.
    async fn open_with(timeouts: (Duration, Duration), change: impl FnOnce(&mut Limits)) -> Self {
        let slack = SlackStandIn::start().await;
        let upstream = hostile::start().await.expect("a stand-in");
        let app = TestApp::builder()
            .component("slack")
            .component("guests/hostile")
            .reroute("slack.com", &slack)
            .reroute(hostile::HOST, &upstream)
            .reroute(hostile::BARE_HOST, &upstream)
            .limits(change)
            .egress(|limits| (limits.first_byte, limits.total) = timeouts)
            .start()
            .await;
        assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.ok()["ok"], true);
        let arena = Self { app, upstream, token: marked::secret("tok-"), _slack: slack };
        assert_eq!(arena.connect("ok").await.ok()["ok"], true);
        arena
    }

    async fn connect(&self, behaviour: &str) -> TestResponse {
        self.app.put(HOSTILE, json!({ "behaviour": behaviour, "token": self.token })).await
    }

    /// Runs a health check in which the component shows a behaviour.
    async fn health(&self, behaviour: &str) -> Value {
        assert_eq!(self.connect(behaviour).await.ok()["ok"], true);
        self.app.get(&format!("{HOSTILE}/health")).await.ok()
    }

    async fn users(&self, behaviour: &str) -> TestResponse {
        assert_eq!(self.connect(behaviour).await.ok()["ok"], true);
        self.app.get(&format!("{HOSTILE}/users")).await
    }

    /// Expects a fault, and that Slack's component still works.
    async fn expect_fault(&self, behaviour: &str) {
        let health = self.health(behaviour).await;
        assert_eq!(health["code"], "plugin_fault", "{behaviour}: {health}");
        self.expect_others_work().await;
    }

    /// Starts this many calls of the hostile component. While all of them run, expects that everything else works.
    async fn expect_others_work_during(&self, flood: usize) {
        let path = format!("{HOSTILE}/health");
        let running = futures_util::future::join_all((0..flood).map(|_| self.app.get(&path)));
        let others = async {
            // Each of them has sent its request, and then waits or computes.
            self.upstream.wait_for_requests(flood).await;
            for _ in 0..5 {
                self.expect_others_work().await;
                assert_eq!(self.app.get("/healthz").await.status, 200);
            }
        };
        match futures_util::future::select(Box::pin(running), Box::pin(others)).await {
            // Drops the calls, as when their clients disconnect.
            futures_util::future::Either::Right(_) => {}
            futures_util::future::Either::Left(_) => panic!("the calls ended before the others were served"),
        }
        assert_eq!(self.connect("ok").await.status, 200);
        eventually(|| self.app.get(&path), |health| health.status == 200).await;
    }

    async fn expect_others_work(&self) {
        assert_eq!(self.app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    }
}

#[tokio::test]
async fn a_guest_that_never_stops_computing_is_stopped() {
    let arena = Arena::open().await;
    arena.expect_fault("spin").await;
    arena.expect_fault("spin-bulk").await;
}

#[tokio::test]
async fn a_guest_that_sleeps_in_a_host_function_is_stopped() {
    let arena = Arena::open_with((LONG, LONG), |limits| limits.call_time = WAITED).await;
    arena.expect_fault("sleep").await;
}

#[tokio::test]
async fn a_silent_provider_is_reported_as_a_timeout_of_the_provider() {
    let arena = Arena::open_with((WAITED, LONG), |limits| limits.call_time = LONG).await;
    let health = arena.health("slow").await;
    // Egress times out before the call does, and the guest reports the error.
    assert!(health["slow"].as_str().is_some_and(|slow| slow.contains("timed")), "{health}");
    arena.expect_others_work().await;
}

#[tokio::test]
async fn a_guest_that_exits_panics_or_recurses_ends_only_its_own_call() {
    let arena = Arena::open().await;
    arena.expect_fault("exit").await;
    arena.expect_fault("panic").await;
    arena.expect_fault("recursion").await;
}

#[tokio::test]
async fn a_guest_cannot_exceed_the_memory_of_a_call() {
    let arena = Arena::open().await;
    let health = arena.health("grow-memory").await;
    if health["healthy"] == true {
        let got = health["mebibytes"].as_f64().expect("the reported memory");
        assert!(got <= 128.0, "{health}");
    } else {
        assert_eq!(health["code"], "plugin_fault");
    }
    arena.expect_others_work().await;
}

#[tokio::test]
async fn a_guest_cannot_exceed_the_handles_of_a_call() {
    let arena = Arena::open().await;
    let health = arena.health("handles").await;
    assert!(
        health["code"] == "plugin_fault" || health["handles"].as_f64().is_some_and(|got| got <= 1_000.0),
        "{health}"
    );
    arena.expect_others_work().await;
}

#[tokio::test]
async fn every_value_from_a_guest_has_a_limit() {
    let arena = Arena::open().await;
    for behaviour in ["huge-string", "bad-report", "many-reports", "long-fields"] {
        arena.expect_fault(behaviour).await;
    }
    for behaviour in ["many-records", "long-cursor:2049"] {
        let _ = arena.users(behaviour).await.problem(502, "plugin_fault");
    }
    for (behaviour, users, skipped) in
        [("many-records:1001", 1_000, 1), ("long-fields", 0, 1), ("long-fields:321", 0, 1)]
    {
        let page = arena.users(behaviour).await.ok();
        assert_eq!(page["users"].as_array().map(Vec::len), Some(users), "{behaviour}");
        assert_eq!(page["skipped"], skipped, "{behaviour}");
    }
    for behaviour in ["many-records:1000", "long-cursor:2048"] {
        let answer = arena.users(behaviour).await;
        assert!(answer.status == 200 || answer.code() == "plugin_fault", "{behaviour}: {}", answer.text);
        assert_eq!(answer.status, 200, "{behaviour}: the limit itself is allowed: {}", answer.text);
    }
    arena.expect_others_work().await;
}

#[tokio::test]
async fn a_list_that_repeats_a_cursor_ends() {
    let arena = Arena::open().await;
    for behaviour in ["same-cursor", "two-page-loop"] {
        let (mut cursor, mut pages) = (String::new(), 0);
        assert_eq!(arena.connect(behaviour).await.ok()["ok"], true);
        loop {
            let page = arena.app.get(&format!("{HOSTILE}/users{cursor}")).await;
            pages += 1;
            assert!(pages < 10, "{behaviour} does not end");
            if page.status != 200 {
                let _ = page.problem(502, "provider_error");
                break;
            }
            cursor = format!("?cursor={}", page.json()["next_cursor"].as_str().expect("a cursor"));
        }
    }
}

#[tokio::test]
async fn a_guest_cannot_exceed_the_requests_of_a_call() {
    let arena = Arena::open().await;
    for behaviour in ["thousand-requests", "flood-send"] {
        arena.upstream.clear_requests();
        let health = arena.health(behaviour).await;
        let sent = arena.upstream.requests().len();
        assert!(sent <= 32, "{behaviour}: sent {sent}; {health}");
        arena.expect_others_work().await;
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_is_limited() {
    let arena = Arena::open().await;
    let before = arena.app.log_bytes();
    let health = arena.health("flood-log").await;
    let written = arena.app.log_bytes() - before;
    assert!(written < 1 << 20, "wrote {written} bytes; {health}");
    arena.expect_others_work().await;
}

#[tokio::test]
async fn only_declared_endpoints_receive_requests() {
    let arena = Arena::open().await;
    for behaviour in ["undeclared-path", "undeclared-method", "undeclared-host"] {
        assert_eq!(arena.connect(behaviour).await.status, 200);
        arena.upstream.clear_requests();
        let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
        assert_eq!(health["healthy"], true, "{health}");
        let reports = health.as_object().expect("an object");
        let said: Vec<&str> = reports.values().filter_map(Value::as_str).collect();
        assert!(said.iter().any(|text| text.contains("denied")), "{behaviour}: {health}");
        let sent = arena.upstream.requests();
        assert!(sent.is_empty(), "{behaviour}: {sent:?}");
    }
}

#[tokio::test]
async fn a_guest_cannot_set_the_credentials_placement_or_the_hosts_headers() {
    let arena = Arena::open().await;
    for behaviour in ["own-authorization", "own-place", "header-injection"] {
        assert_eq!(arena.connect(behaviour).await.status, 200);
        arena.upstream.clear_requests();
        let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
        assert_eq!(health["healthy"], true, "{health}");
        let sent = arena.upstream.requests();
        assert!(sent.is_empty(), "{behaviour}: {sent:?}; {health}");
    }
}

#[tokio::test]
async fn a_host_without_a_declared_credential_receives_none() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("bare-host").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
    let sent = arena.upstream.requests();
    assert_eq!(sent.len(), 1, "{health}");
    assert!(!format!("{sent:?}").contains(&arena.token), "{sent:?}");
}

#[tokio::test]
async fn an_echoed_credential_is_masked_before_the_guest_sees_it() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("echo").await.status, 200);
    arena.upstream.clear_requests();
    let health = arena.app.get(&format!("{HOSTILE}/health")).await;
    let sent = arena.upstream.requests();
    assert!(format!("{sent:?}").contains(&arena.token), "the upstream receives it: {sent:?}");
    assert_eq!(health.status, 200);
    assert!(health.text.contains("[secret]"), "the response contains the masked echo: {}", health.text);
    for (name, encoded) in jackfield_test_support::stand_in_server::encodings(&arena.token) {
        assert!(!health.text.contains(&encoded), "{name} in {}", health.text);
    }
}

#[tokio::test]
async fn a_guest_has_no_files_arguments_environment_or_sockets() {
    let arena = Arena::open().await;
    let health = arena.health("dump-environment").await;
    assert_eq!(health["healthy"], true, "{health}");
    insta::assert_json_snapshot!("dump_environment", health, {
        ".latency_ms" => "[ms]",
        ".checked_at" => "[time]",
    });
}

#[tokio::test]
async fn no_data_of_a_call_is_left_for_the_next() {
    let slack = SlackStandIn::start().await;
    let upstream = hostile::start().await.expect("a stand-in");
    let app = TestApp::builder()
        .component("guests/hostile")
        .reroute("slack.com", &slack)
        .reroute(hostile::HOST, &upstream)
        // One slot, so that each call gets the memory of the previous one.
        .limits(|limits| {
            limits.pooling = Pooling::WherePossible;
            limits.calls = 1;
            limits.calls_per_component = 1;
        })
        .start()
        .await;
    let token = marked::secret("tok-");
    assert_eq!(app.put(HOSTILE, json!({ "behaviour": "leftovers", "token": token })).await.status, 200);
    for _ in 0..10 {
        let health = app.get(&format!("{HOSTILE}/health")).await.ok();
        assert_eq!(health["healthy"], true, "{health}");
        assert!(health["filled_bytes"].as_f64().is_some_and(|filled| filled > 1e7), "{health}");
        assert_eq!(health["non_zero_bytes"].as_f64(), Some(0.0), "{health}");
        assert_eq!(health["calls_before"].as_f64(), Some(0.0), "{health}");
    }
}

#[tokio::test]
async fn describe_always_returns_the_same_manifest() {
    let mut manifests = Vec::new();
    for _ in 0..2 {
        let app = TestApp::builder().component("guests/hostile").start().await;
        let list = app.get("/api/admin/providers").await.ok();
        manifests.push(list["providers"][0]["fields"].to_string());
    }
    assert_eq!(manifests[0], manifests[1]);
}

#[tokio::test]
async fn aborted_calls_release_their_permits() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("slow").await.status, 200);
    for _ in 0..25 {
        let calls = (0..40).map(|_| async {
            let request = arena.app.get("/api/admin/connections/hostile/health");
            // Dropped before it ends, as when a client disconnects.
            tokio::time::timeout(Duration::from_millis(30), request).await.ok();
        });
        futures_util::future::join_all(calls).await;
    }
    assert_eq!(arena.connect("ok").await.status, 200);
    let health = || arena.app.get("/api/admin/connections/hostile/health");
    eventually(health, |health| health.status == 200).await;
    arena.expect_others_work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_component_at_its_limit_does_not_stop_the_others() {
    const FLOOD: usize = 200;
    let arena = Arena::open_with((LONG, LONG), |limits| {
        (limits.calls, limits.calls_per_component) = (FLOOD + 100, FLOOD);
        limits.call_time = LONG;
    })
    .await;
    assert_eq!(arena.connect("slow").await.status, 200);
    arena.upstream.clear_requests();
    arena.expect_others_work_during(FLOOD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_calls_of_one_component_compute_the_others_get_their_turns() {
    const FLOOD: usize = 100;
    let arena = Arena::open_with((LONG, LONG), |limits| {
        (limits.calls, limits.calls_per_component) = (FLOOD + 100, FLOOD);
        (limits.call_time, limits.guest_time) = (LONG, LONG);
        limits.computing_slots = 1;
    })
    .await;
    assert_eq!(arena.connect("ask-and-spin").await.status, 200);
    arena.upstream.clear_requests();
    arena.expect_others_work_during(FLOOD).await;
}

#[tokio::test]
async fn a_call_that_finds_no_memory_is_overloaded_and_works_once_another_has_ended() {
    let arena = Arena::open_with((LONG, LONG), |limits| {
        limits.call_time = LONG;
        (limits.shared_memory, limits.component_memory) = (64 << 20, 32 << 20);
        limits.memory_wait = Duration::ZERO;
    })
    .await;
    assert_eq!(arena.connect("hold-memory").await.status, 200);
    let path = format!("{HOSTILE}/health");
    let holder = Box::pin(arena.app.get(&path));
    let rejected = async {
        while arena.upstream.requests_to("/slow").is_empty() {
            tokio::task::yield_now().await;
        }
        let second = arena.app.get(&path).await;
        // The other half of the memory is left to other components.
        arena.expect_others_work().await;
        second
    };
    let second = match futures_util::future::select(holder, Box::pin(rejected)).await {
        // Drops the first call, as when its client disconnects.
        futures_util::future::Either::Right((second, _holder)) => second,
        futures_util::future::Either::Left((first, _)) => panic!("the first call waits: {}", first.text),
    };
    assert_eq!(second.header("retry-after"), Some("1"));
    let _ = second.problem(503, "overloaded");
    assert_eq!(arena.connect("leftovers").await.ok()["ok"], true);
    let health = eventually(|| arena.app.get(&path), |health| health.status == 200).await.ok();
    assert!(health["filled_bytes"].as_f64().is_some_and(|filled| filled > 1e7), "{health}");
}

#[tokio::test]
async fn components_that_no_compiler_produces_only_fault() {
    let slack = SlackStandIn::start().await;
    let components: [(&str, Vec<u8>); 9] = [
        ("tables", guests::table_grows()),
        ("many tables", guests::many_tables(20, 10_000)),
        ("many instances", guests::many_core_instances(500)),
        ("loop", guests::realloc_loops()),
        ("discriminant", guests::health_bad_discriminant()),
        ("utf8", guests::health_invalid_utf8()),
        ("bounds", guests::health_out_of_bounds()),
        ("realloc", guests::realloc_out_of_bounds()),
        ("post", guests::post_return_loops()),
    ];
    for (name, bytes) in components {
        let app = TestApp::builder()
            .component("slack")
            .reroute("slack.com", &slack)
            .file(&format!("{name}.wasm"), bytes)
            .limits(|limits| limits.guest_time = Duration::from_secs(1))
            .start()
            .await;
        let list = app.get("/api/admin/providers").await.ok();
        let made = list["providers"].as_array().expect("providers").iter().find(|provider| provider["id"] != "slack");
        let made = made.expect("the provider is listed");
        if made["state"] == "approved" {
            let id = made["id"].as_str().expect("an id");
            let path = format!("/api/admin/connections/{id}");
            let connect = app.put(&path, json!({ "token": marked::secret("tok-") })).await;
            if connect.status == 200 {
                let health = app.get(&format!("{path}/health")).await.ok();
                // Growing a table beyond the limit fails, which the guest may handle.
                let survives = name == "tables" && health["healthy"] == true;
                assert!(survives || health["code"] == "plugin_fault", "{name}: {health}");
            } else {
                let _ = connect.problem(502, "plugin_fault");
            }
        } else {
            assert_eq!(made["state"], "broken", "{name}: {made}");
        }
        assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.ok()["ok"], true, "{name}");
    }
}
