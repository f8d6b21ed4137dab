//! Calls of one provider while a thousand calls of another component compute without end.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use jackfield_test_support::{guests, marked};
use serde_json::json;

use crate::{
    program::{BenchInstallation, Program, SLACK},
    report::{Report, Target},
    samples::Samples,
    slack_thread::SlackThread,
};

/// The connection of the component that computes.
const HOSTILE: &str = "/api/admin/connections/hostile";
/// Calls that compute. One component may have 1,024, and so may one address have HTTP connections.
const FLOOD: usize = 1_000;
/// How long after the last of them was sent the others are measured.
const SETTLE: Duration = Duration::from_secs(1);
/// Calls of the other provider, one after the other, and calls that warm up.
const CALLS: usize = 2_000;
const WARM_UP: usize = 200;
/// Between a call that ended and the next.
const PAUSE: Duration = Duration::from_millis(50);
/// Requests to the store alone.
const REQUESTS: usize = 2_000;

/// Measures the other provider's calls, requests to the store, and the memory, first alone and then next to the flood.
pub(crate) fn all(slack: &SlackThread, report: &mut Report) {
    let place = BenchInstallation::new(slack);
    fs::write(place.plugins().join("hostile.wasm"), guests::read_component("guests/hostile"))
        .expect("the component is written to the plugins folder");
    let program = place.serve();
    let token = place.token();
    program.connect(slack, &token);
    let body = json!({ "behaviour": "spin", "token": marked::secret("tok-") }).to_string();
    program.ask("PUT", HOSTILE, &token, &body);

    let alone = measure(&program, &token);
    let idle_mb = program.rss_kib() / 1_024.0;
    let sent = AtomicUsize::new(0);
    let (beside, rss_mb) = thread::scope(|scope| {
        for _ in 0..FLOOD {
            let (mut wire, token, sent) = (program.wire(), &token, &sent);
            let caller = move || {
                // Until the program ends. A call that has used up its time is repeated.
                while wire.send("GET", &health_of(HOSTILE), token, "").is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                    if wire.answer().is_err() {
                        break;
                    }
                    thread::sleep(PAUSE);
                }
            };
            thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, caller).expect("a thread");
        }
        while sent.load(Ordering::Relaxed) < FLOOD {
            thread::sleep(PAUSE);
        }
        thread::sleep(SETTLE);
        let beside = measure(&program, &token);
        let rss_mb = program.rss_kib() / 1_024.0;
        drop(program);
        (beside, rss_mb)
    });
    report.time("computing.call_alone_us", alone.calls.median(), alone.calls.p99(), Target::None);
    report.time("computing.call_us", beside.calls.median(), beside.calls.p99(), Target::None);
    report.number("computing.call_p99_ms", beside.calls.p99() / 1e3, Target::AtMost(100.0));
    report.time("computing.http_alone_us", alone.requests.median(), alone.requests.p99(), Target::None);
    report.time("computing.http_us", beside.requests.median(), beside.requests.p99(), Target::None);
    report.number("computing.rss_mb", rss_mb, Target::AtMost(1_536.0));
    report.note(format!(
        "computing: {FLOOD} calls of one component are in an endless loop; {CALLS} health calls of Slack, \
         one after the other, and {REQUESTS} responses from the store alone, compared with the same service alone"
    ));
    report.note(format!("computing.rss: MiB of the program with these calls; {idle_mb:.1} before them"));
}

/// What another caller sees.
struct Measured {
    /// Health checks, for which a component runs.
    calls: Samples,
    /// Responses from the store alone.
    requests: Samples,
}

fn measure(program: &Program, token: &str) -> Measured {
    let health = health_of(SLACK);
    Measured {
        calls: times(program, &health, token, CALLS),
        requests: times(program, &format!("{SLACK}/status"), token, REQUESTS),
    }
}

/// The times of successful requests, one after the other on one socket.
fn times(program: &Program, path: &str, token: &str, count: usize) -> Samples {
    let mut wire = program.wire();
    let mut samples = Samples::default();
    for number in 0..WARM_UP + count {
        let begun = Instant::now();
        let answer = wire.send("GET", path, token, "").and_then(|()| wire.answer());
        let time = begun.elapsed();
        let (status, body) = answer.expect("the service answers");
        assert!(status == 200 && !body.contains("\"healthy\":false"), "{status} {body}");
        if number >= WARM_UP {
            samples.add(time);
        }
    }
    samples
}

fn health_of(connection: &str) -> String {
    format!("{connection}/health")
}
