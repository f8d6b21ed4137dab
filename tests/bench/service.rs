//! The program as a whole: time until ready, memory, cost of a response, and calls in flight.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    program::{BenchInstallation, Program, SLACK},
    report::{Report, Target},
    samples::Samples,
    slack_thread::SlackThread,
};

/// Starts of the program, cold and warm each.
const STARTS: usize = 7;
/// How long a started program is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// Measured requests, and requests that warm up.
const REQUESTS: usize = 4_000;
const WARM_UP: usize = 500;
/// Concurrent calls, and how long the provider takes for each.
const IN_FLIGHT: usize = 1_000;
const LATENCY: Duration = Duration::from_secs(1);
/// Rounds, each on a freshly started program.
const ROUNDS: usize = 5;

/// From the program's start to the first 200 from `/readyz`, and its memory a second later.
pub(crate) fn start(slack: &SlackThread, report: &mut Report) {
    let (mut cold, mut warm) = (Samples::default(), Samples::default());
    let (mut cold_rss, mut warm_rss) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let place = BenchInstallation::new(slack);
        for (times, memory) in [(&mut cold, &mut cold_rss), (&mut warm, &mut warm_rss)] {
            let program = place.serve();
            times.add(program.ready);
            thread::sleep(SETTLE);
            memory.push(program.rss_kib() / 1_024.0);
        }
    }
    let cold_rss = cold_rss.into_iter().collect::<Samples>().median();
    let warm_rss = warm_rss.into_iter().collect::<Samples>().median();
    report.time("start.ready_ms_cold", cold.median() / 1e3, cold.p99() / 1e3, Target::AtMost(3_000.0));
    report.time("start.ready_ms_warm", warm.median() / 1e3, warm.p99() / 1e3, Target::AtMost(150.0));
    report.number("memory.idle_rss_mb", cold_rss.max(warm_rss), Target::AtMost(60.0));
    report.note(format!(
        "start: one component; cold is an empty data folder, where key, tables and compiled code are made; of {STARTS} \
         starts the p99 is the second slowest"
    ));
    report.note(format!(
        "memory.idle: MiB, a second after /readyz; the larger of {cold_rss:.1} after a cold start and {warm_rss:.1} \
         after a warm one"
    ));
}

/// A response from the store alone on a kept socket: caller, database and JSON, as the client sees it.
pub(crate) fn overhead(slack: &SlackThread, report: &mut Report) {
    let (_place, program, token) = start_connected(slack);
    let mut wire = program.wire();
    let path = format!("{SLACK}/status");
    let mut samples = Samples::default();
    for number in 0..WARM_UP + REQUESTS {
        let begun = Instant::now();
        let answer = wire.send("GET", &path, &token, "").and_then(|()| wire.answer());
        let time = begun.elapsed();
        let (status, body) = answer.expect("the service answers");
        assert!(status == 200 && body.contains("true"), "{status} {body}");
        if number >= WARM_UP {
            samples.add(time);
        }
    }
    report.time("overhead.http_us", samples.median(), samples.p99(), Target::AtMost(300.0));
    report.note("overhead.http: GET …/slack/status of the program, SQLite, 1 in flight, client and kernel included");
}

/// 1,000 concurrent pages of users from a provider that takes a second, and the memory they use.
pub(crate) fn flight(slack: &SlackThread, report: &mut Report) {
    let rounds: Vec<Flight> = (0..ROUNDS).map(|_| one_flight(slack)).collect();
    let middle = |of: fn(&Flight) -> f64| rounds.iter().map(of).collect::<Samples>();
    let times = middle(|flight| flight.time_ms);
    report.number("memory.per_call_in_flight_kb", middle(|flight| flight.waiting_kib).median(), Target::AtMost(512.0));
    report.time("flight.calls_1000_ms", times.median(), times.p99(), Target::AtMost(3_000.0));
    report.note(format!(
        "memory.per_call_in_flight: KiB of the program, its HTTP connections both ways included, while {IN_FLIGHT} \
         calls wait for the provider; at most {:.0} while all their pages arrive at once",
        middle(|flight| flight.peak_kib).median(),
    ));
    report.note("flight: concurrent pages of 200 members, each on its own socket, until the last byte of all");
}

struct Flight {
    time_ms: f64,
    waiting_kib: f64,
    peak_kib: f64,
}

fn one_flight(slack: &SlackThread) -> Flight {
    let (_place, program, token) = start_connected(slack);
    let path = format!("{SLACK}/users?limit=200");
    // A first call, so that one-time allocations do not count.
    program.ask("GET", &path, &token, "");
    let before = program.rss_kib();
    slack.with_latency(LATENCY, || {
        let ready = Barrier::new(IN_FLIGHT + 1);
        thread::scope(|scope| {
            let callers: Vec<_> = (0..IN_FLIGHT)
                .map(|_| {
                    let mut wire = program.wire();
                    let (ready, path, token) = (&ready, &path, &token);
                    let caller = move || {
                        ready.wait();
                        let answer = wire.send("GET", path, token, "").and_then(|()| wire.answer());
                        let (status, body) = answer.expect("the service answers");
                        assert_eq!(status, 200, "{body}");
                        Instant::now()
                    };
                    thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, caller).expect("a thread")
                })
                .collect();
            ready.wait();
            let begun = Instant::now();
            let (mut waiting, mut peak) = (before, before);
            while !callers.iter().all(thread::ScopedJoinHandle::is_finished) {
                let rss = program.rss_kib();
                peak = rss.max(peak);
                // No response can arrive before that.
                if begun.elapsed() < LATENCY {
                    waiting = rss.max(waiting);
                }
                thread::sleep(Duration::from_millis(10));
            }
            let ends = callers.into_iter().map(|caller| caller.join().expect("the client thread ends"));
            let end = ends.max().unwrap_or(begun);
            Flight {
                time_ms: end.duration_since(begun).as_secs_f64() * 1e3,
                waiting_kib: (waiting - before) / IN_FLIGHT as f64,
                peak_kib: (peak - before) / IN_FLIGHT as f64,
            }
        })
    })
}

/// Starts the program with Slack connected.
fn start_connected(slack: &SlackThread) -> (BenchInstallation, Program, String) {
    let place = BenchInstallation::new(slack);
    let program = place.serve();
    let token = place.token();
    program.connect(slack, &token);
    (place, program, token)
}
