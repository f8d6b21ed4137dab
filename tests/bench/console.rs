//! Measures the console: bytes transferred, time to display, scrolling, and the cost of a thousand event listeners.
//!
//! The first three are measured in a browser by `tests/browser/bench.js`, and skipped without Node.js or a browser.

use std::{
    env,
    fmt::Write as _,
    io::{Read, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use jackfield_test_support::people::generated_employee;
use serde_json::Value;

use crate::{
    program::{BenchInstallation, Program},
    report::{Report, Target},
    slack_thread::SlackThread,
};

/// People in the table that is scrolled.
const PEOPLE: usize = 100_000;
/// Concurrent listeners to the events.
const CLIENTS: usize = 1_000;
/// How long they listen before memory is read: several polls of the task that watches for changes.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures everything about the console.
pub(crate) fn all(slack: &SlackThread, report: &mut Report) {
    listeners(slack, report);
    if env::var_os("JACKFIELD_BENCH_BROWSER").is_none() {
        report.note("console: SKIPPED except for the events, because Node.js or a browser is missing");
        return;
    }
    let crowd = SlackThread::with_crowd(PEOPLE);
    let place = BenchInstallation::new(&crowd);
    let program = place.serve();
    let token = place.token();
    program.connect(&crowd, &token);

    let sent = measure_in_browser(&place, &token, "transfer");
    let kib = |name: &str| sent[name].as_f64().expect("a number");
    report.number("console.transfer_kb", kib("all"), Target::AtMost(100.0));
    report.note(format!(
        "console.transfer: KiB of the {} files that coming to every page takes, compressed as they come; {:.1} of them \
         until the first page is there; the heads of the answers take {:.1} more",
        sent["files"],
        kib("first"),
        kib("heads"),
    ));
    let paint = measure_in_browser(&place, &token, "paint");
    let ms = |name: &str| paint[name].as_f64().expect("a number");
    report.time("console.first_paint_ms", ms("median"), ms("p99"), Target::AtMost(200.0));
    report.note(format!(
        "console.first_paint: from the beginning of the navigation to the frame that shows the cards, signed in, in a fresh \
         {} at rest with nothing in its cache; the p99 of 21 loads is the slowest",
        paint["browser"].as_str().expect("a name"),
    ));

    let file = (1..=PEOPLE).map(generated_employee).fold("name,email\n".to_owned(), |mut file, person| {
        writeln!(file, "{},{}", person.name(), person.email).expect("writing to a string");
        file
    });
    let mut wire = program.wire();
    let answer = wire.send_as("text/csv", "POST", "/api/admin/people", &token, &file).and_then(|()| wire.answer());
    assert_eq!(answer.expect("the service answers").0, 200);
    let scrolled = measure_in_browser(&place, &token, "scroll");
    assert!(scrolled["rows"].as_u64().is_some_and(|rows| rows > PEOPLE as u64 - 2), "{scrolled}");
    let p95 = scrolled["p95"].as_f64().expect("a number");
    report.number("console.mappings_100k_scroll_p95_frame_ms", p95, Target::AtMost(17.0));
    report.note(format!(
        "console.mappings_100k_scroll: the time between two frames, while the wheel turns without a pause for 6 s over \
         {PEOPLE} rows; the median of {} frames is {:.2} ms",
        scrolled["frames"],
        scrolled["median"].as_f64().expect("a number"),
    ));
}

/// The memory that a thousand event listeners use.
fn listeners(slack: &SlackThread, report: &mut Report) {
    let place = BenchInstallation::new(slack);
    let program = place.serve();
    let token = place.token();
    program.connect(slack, &token);
    // One listener first, so that one-time allocations do not count.
    let first = listen(&program, &token);
    thread::sleep(SETTLE);
    let before = program.rss_kib();
    let all: Vec<TcpStream> = (0..CLIENTS).map(|_| listen(&program, &token)).collect();
    let begun = Instant::now();
    let mut most = before;
    while begun.elapsed() < SETTLE {
        most = program.rss_kib().max(most);
        thread::sleep(Duration::from_millis(50));
    }
    drop((first, all));
    report.number("console.sse_clients_1000_rss_mb", (most - before) / 1_024.0, Target::AtMost(64.0));
    report.note(format!(
        "console.sse_clients_1000: MiB that {CLIENTS} who listen add to the resident memory, their connections included; \
         {:.1} in all",
        most / 1_024.0
    ));
}

/// Opens the event stream and reads its head.
fn listen(program: &Program, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(program.address()).expect("the service accepts the socket");
    let request = format!(
        "GET /api/admin/events HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n\r\n",
        program.address()
    );
    stream.write_all(request.as_bytes()).expect("the server reads the request");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the server responds");
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    stream
}

/// Runs one measurement of the console in a browser and returns the result.
fn measure_in_browser(place: &BenchInstallation, token: &str, what: &str) -> Value {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/browser/bench.js"));
    let done =
        Command::new("node").arg(script).args([&place.url(), token, what]).output().expect("Node.js is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}
