//! Components that attack their host: each ends in a typed error within its limit, and the others keep answering.

mod wasi_http;

use std::time::{Duration, Instant};

use jackfield_sandbox::{Limits, Pooling};
use jackfield_test_support::{
    app::{Answer, TestApp},
    guests, hostile, marked,
    slack::Slack,
    upstream::Upstream,
};
use serde_json::{Value, json};

use super::{SLACK, body, known_token};

const HOSTILE: &str = "/api/admin/connections/hostile";

/// A service with the hostile component, connected, beside Slack's, connected too.
struct Arena {
    app: TestApp,
    upstream: Upstream,
    token: String,
    _slack: Slack,
}

impl Arena {
    async fn open() -> Self {
        let waits = (Duration::from_secs(1), Duration::from_secs(2));
        Self::open_with(waits, |limits| limits.call_time = Duration::from_secs(2)).await
    }

    /// Opens it with time for a behaviour that does much: what ends it is not to be the clock.
    async fn unhurried() -> Self {
        let waits = (Duration::from_secs(10), Duration::from_secs(15));
        Self::open_with(waits, |limits| {
            limits.call_time = Duration::from_secs(30);
            limits.guest_time = Duration::from_secs(15);
        })
        .await
    }

    /// Opens it with other limits, and other waits for the first byte and the whole answer.
    async fn open_with(waits: (Duration, Duration), change: impl FnOnce(&mut Limits)) -> Self {
        let slack = Slack::start().await;
        let upstream = hostile::start().await.expect("a stand-in");
        let app = TestApp::builder()
            .component("slack")
            .component("guests/hostile")
            .reroute("slack.com", &slack)
            .reroute(hostile::HOST, &upstream)
            .reroute(hostile::BARE_HOST, &upstream)
            .limits(change)
            .egress(|limits| (limits.first_byte, limits.total) = waits)
            .start()
            .await;
        assert_eq!(app.put(SLACK, body(&known_token(&slack))).await.ok()["ok"], true);
        let arena = Self { app, upstream, token: marked::secret("tok-"), _slack: slack };
        assert_eq!(arena.connect("ok").await.ok()["ok"], true);
        arena
    }

    async fn connect(&self, behaviour: &str) -> Answer {
        self.app.put(HOSTILE, json!({ "behaviour": behaviour, "token": self.token })).await
    }

    /// Lets the component behave in one way in a health check.
    async fn health(&self, behaviour: &str) -> Value {
        assert_eq!(self.connect(behaviour).await.ok()["ok"], true);
        self.app.get(&format!("{HOSTILE}/health")).await.ok()
    }

    async fn users(&self, behaviour: &str) -> Answer {
        assert_eq!(self.connect(behaviour).await.ok()["ok"], true);
        self.app.get(&format!("{HOSTILE}/users")).await
    }

    /// Expects a fault within the call's time and a moment, and that Slack's component still answers.
    async fn faults(&self, behaviour: &str) {
        let started = Instant::now();
        let health = self.health(behaviour).await;
        assert_eq!(health["code"], "plugin_fault", "{behaviour}: {health}");
        assert!(started.elapsed() < Duration::from_millis(2_500), "{behaviour} took {:?}", started.elapsed());
        self.others_answer().await;
    }

    async fn others_answer(&self) {
        assert_eq!(self.app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    }
}

#[tokio::test]
async fn a_guest_that_computes_for_ever_is_ended() {
    let arena = Arena::open().await;
    arena.faults("spin").await;
    arena.faults("spin-bulk").await;
}

#[tokio::test]
async fn a_guest_that_sleeps_in_the_host_is_ended() {
    Arena::open().await.faults("sleep").await;
}

#[tokio::test]
async fn a_guest_that_waits_for_a_silent_provider_is_ended_and_the_provider_named() {
    let arena = Arena::open().await;
    let health = arena.health("slow").await;
    // Egress gives up before the call does, and the guest reports what it was told.
    assert!(health["slow"].as_str().is_some_and(|slow| slow.contains("timed")), "{health}");
    arena.others_answer().await;
}

#[tokio::test]
async fn a_guest_that_ends_the_program_ends_its_call_alone() {
    let arena = Arena::open().await;
    arena.faults("exit").await;
    arena.faults("panic").await;
    arena.faults("recursion").await;
}

#[tokio::test]
async fn a_guest_gets_no_more_memory_than_a_call_may_have() {
    let arena = Arena::open().await;
    let health = arena.health("grow-memory").await;
    if health["healthy"] == true {
        let got = health["mebibytes"].as_f64().expect("how much it got");
        assert!(got <= 128.0, "{health}");
    } else {
        assert_eq!(health["code"], "plugin_fault");
    }
    arena.others_answer().await;
}

#[tokio::test]
async fn a_guest_holds_no_more_handles_than_a_call_may() {
    let arena = Arena::open().await;
    let health = arena.health("handles").await;
    assert!(
        health["code"] == "plugin_fault" || health["handles"].as_f64().is_some_and(|got| got <= 1_000.0),
        "{health}"
    );
    arena.others_answer().await;
}

#[tokio::test]
async fn what_a_guest_hands_over_is_bounded() {
    let arena = Arena::open().await;
    for behaviour in ["huge-string", "bad-report", "many-reports", "long-fields"] {
        arena.faults(behaviour).await;
    }
    for behaviour in ["many-records", "many-records:1001", "long-fields", "long-fields:321", "long-cursor:2049"] {
        let _ = arena.users(behaviour).await.refused(502, "plugin_fault");
    }
    for behaviour in ["many-records:1000", "long-cursor:2048"] {
        let answer = arena.users(behaviour).await;
        assert!(answer.status == 200 || answer.code() == "plugin_fault", "{behaviour}: {}", answer.text);
        assert_eq!(answer.status, 200, "{behaviour}: the bound itself is taken: {}", answer.text);
    }
    arena.others_answer().await;
}

#[tokio::test]
async fn a_list_that_names_a_page_twice_ends() {
    let arena = Arena::open().await;
    for behaviour in ["same-cursor", "two-page-loop"] {
        let (mut cursor, mut pages) = (String::new(), 0);
        assert_eq!(arena.connect(behaviour).await.ok()["ok"], true);
        loop {
            let page = arena.app.get(&format!("{HOSTILE}/users{cursor}")).await;
            pages += 1;
            assert!(pages < 10, "{behaviour} goes on");
            if page.status != 200 {
                let _ = page.refused(502, "provider_error");
                break;
            }
            cursor = format!("?cursor={}", page.json()["next_cursor"].as_str().expect("a cursor"));
        }
    }
}

#[tokio::test]
async fn a_guest_sends_no_more_requests_than_a_call_may() {
    let arena = Arena::open().await;
    for behaviour in ["thousand-requests", "flood-send"] {
        arena.upstream.forget();
        let health = arena.health(behaviour).await;
        let sent = arena.upstream.requests().len();
        assert!(sent <= 32, "{behaviour}: {sent} were sent; {health}");
        arena.others_answer().await;
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut() {
    let arena = Arena::open().await;
    let before = arena.app.log_bytes();
    let health = arena.health("flood-log").await;
    let written = arena.app.log_bytes() - before;
    assert!(written < 1 << 20, "{written} bytes were written; {health}");
    arena.others_answer().await;
}

#[tokio::test]
async fn only_declared_endpoints_are_called() {
    let arena = Arena::open().await;
    for behaviour in ["undeclared-path", "undeclared-method", "undeclared-host"] {
        assert_eq!(arena.connect(behaviour).await.status, 200);
        arena.upstream.forget();
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
async fn the_credentials_place_and_the_hosts_fields_are_not_the_guests() {
    let arena = Arena::open().await;
    for behaviour in ["own-authorization", "own-place", "header-injection"] {
        assert_eq!(arena.connect(behaviour).await.status, 200);
        arena.upstream.forget();
        let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
        assert_eq!(health["healthy"], true, "{health}");
        let sent = arena.upstream.requests();
        assert!(sent.is_empty(), "{behaviour}: {sent:?}; {health}");
    }
}

#[tokio::test]
async fn a_host_without_a_declared_credential_sees_none() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("bare-host").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get(&format!("{HOSTILE}/health")).await.ok();
    let sent = arena.upstream.requests();
    assert_eq!(sent.len(), 1, "{health}");
    assert!(!format!("{sent:?}").contains(&arena.token), "{sent:?}");
}

#[tokio::test]
async fn an_echoed_credential_is_taken_out_before_the_guest_sees_it() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("echo").await.status, 200);
    arena.upstream.forget();
    let health = arena.app.get(&format!("{HOSTILE}/health")).await;
    let sent = arena.upstream.requests();
    assert!(format!("{sent:?}").contains(&arena.token), "the upstream got it: {sent:?}");
    assert_eq!(health.status, 200);
    assert!(health.text.contains("[secret]"), "the echo came back: {}", health.text);
    for (name, dress) in jackfield_test_support::upstream::dresses(&arena.token) {
        assert!(!health.text.contains(&dress), "{name} in {}", health.text);
    }
}

#[tokio::test]
async fn a_guest_finds_no_files_arguments_environment_or_sockets() {
    let arena = Arena::open().await;
    let health = arena.health("dump-environment").await;
    assert_eq!(health["healthy"], true, "{health}");
    insta::assert_json_snapshot!("dump_environment", health, {
        ".latency_ms" => "[ms]",
        ".checked_at" => "[time]",
    });
}

#[tokio::test]
async fn nothing_of_a_call_is_left_for_the_next() {
    let slack = Slack::start().await;
    let upstream = hostile::start().await.expect("a stand-in");
    let app = TestApp::builder()
        .component("guests/hostile")
        .reroute("slack.com", &slack)
        .reroute(hostile::HOST, &upstream)
        // One slot, so that the next call gets the memory of the one before.
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
async fn a_description_does_not_depend_on_the_moment() {
    let mut said = Vec::new();
    for _ in 0..2 {
        let app = TestApp::builder().component("guests/hostile").start().await;
        let list = app.get("/api/admin/providers").await.ok();
        said.push(list["providers"][0]["fields"].to_string());
    }
    assert_eq!(said[0], said[1]);
}

#[tokio::test]
async fn while_many_calls_are_aborted_every_place_becomes_free_again() {
    let arena = Arena::open().await;
    assert_eq!(arena.connect("slow").await.status, 200);
    for _ in 0..25 {
        let calls = (0..40).map(|_| async {
            let asked = arena.app.get("/api/admin/connections/hostile/health");
            // Dropped in the middle, as when a client goes away.
            tokio::time::timeout(Duration::from_millis(30), asked).await.ok();
        });
        futures_util::future::join_all(calls).await;
    }
    assert_eq!(arena.connect("ok").await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while arena.app.get("/api/admin/connections/hostile/health").await.status != 200 {
        assert!(Instant::now() < deadline, "the places are not free again");
        tokio::task::yield_now().await;
    }
    arena.others_answer().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_component_at_its_bound_leaves_the_others_their_speed() {
    const FLOOD: usize = 500;
    let waits = (Duration::from_secs(8), Duration::from_secs(10));
    let arena = Arena::open_with(waits, |limits| {
        (limits.calls, limits.calls_per_component) = (FLOOD + 100, FLOOD);
        limits.call_time = Duration::from_secs(20);
    })
    .await;
    assert_eq!(arena.connect("slow").await.status, 200);
    arena.upstream.forget();
    let path = format!("{HOSTILE}/health");
    let flood = futures_util::future::join_all((0..FLOOD).map(|_| arena.app.get(&path)));
    let others = async {
        // All of them wait for the silent provider by now.
        while arena.upstream.requests().len() < FLOOD {
            tokio::task::yield_now().await;
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let started = Instant::now();
            arena.others_answer().await;
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let (flood, slowest) = tokio::join!(flood, others);
    assert!(flood.iter().all(|answer| answer.status == 200));
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
}

#[tokio::test]
async fn components_that_fail_in_ways_no_compiler_makes_fault_and_no_more() {
    let slack = Slack::start().await;
    let made: [(&str, Vec<u8>); 9] = [
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
    for (name, bytes) in made {
        let app = TestApp::builder()
            .component("slack")
            .reroute("slack.com", &slack)
            .file(&format!("{name}.wasm"), bytes)
            .limits(|limits| limits.describe_time = Duration::from_millis(500))
            .start()
            .await;
        let list = app.get("/api/admin/providers").await.ok();
        let made = list["providers"].as_array().expect("providers").iter().find(|provider| provider["id"] != "slack");
        let made = made.expect("it is listed");
        if made["state"] == "approved" {
            let id = made["id"].as_str().expect("an id");
            let path = format!("/api/admin/connections/{id}");
            let connect = app.put(&path, json!({ "token": marked::secret("tok-") })).await;
            if connect.status == 200 {
                let health = app.get(&format!("{path}/health")).await.ok();
                // A table that may not grow is refused to the guest, which may live with that.
                let lives = name == "tables" && health["healthy"] == true;
                assert!(lives || health["code"] == "plugin_fault", "{name}: {health}");
            } else {
                let _ = connect.refused(502, "plugin_fault");
            }
        } else {
            assert_eq!(made["state"], "broken", "{name}: {made}");
        }
        assert_eq!(app.put(SLACK, body(&known_token(&slack))).await.ok()["ok"], true, "{name}");
    }
}
