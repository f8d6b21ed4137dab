//! Measures a company of 100,000 people: imported, mapped, matched and listed by the program on each available
//! database.

use std::{
    env,
    fmt::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use jackfield_test_support::{app::Database, people::generated_employee};
use serde_json::{Value, json};

use crate::{
    program::{BenchInstallation, Program, SLACK},
    report::{Report, Target},
    samples::Samples,
    slack_thread::SlackThread,
};

/// People of the company, and users of the provider.
const PEOPLE: usize = 100_000;
/// Fresh installations; every step runs once on each.
const ROUNDS: usize = 3;
/// Lists read on each installation.
const LISTS: usize = 3;
/// Concurrent requests when measuring throughput, and for how long.
const IN_FLIGHT: usize = 8;
const ROUND: Duration = Duration::from_secs(2);

const MAPPINGS: &str = "/api/admin/connections/user-mappings";

/// The report's keys for one database.
struct PersonKeys {
    import: &'static str,
    sync: &'static str,
    matched: &'static str,
    peak: &'static str,
    list: &'static str,
    connections: &'static str,
}

const SQLITE: PersonKeys = PersonKeys {
    import: "import.rows_100k_ms",
    sync: "sync.rows_100k_ms",
    matched: "match.users_100k_ms",
    peak: "match.peak_mb",
    list: "list.mappings_100k_ms",
    connections: "list.connections_rps",
};

const POSTGRES: PersonKeys = PersonKeys {
    import: "import.rows_100k_postgres_ms",
    sync: "sync.rows_100k_postgres_ms",
    matched: "match.users_100k_postgres_ms",
    peak: "match.peak_postgres_mb",
    list: "list.mappings_100k_postgres_ms",
    connections: "list.connections_postgres_rps",
};

/// Measures everything about people.
pub(crate) fn all(report: &mut Report) {
    let crowd = SlackThread::with_crowd(PEOPLE);
    on(&SQLITE, None, &crowd, report);
    if let Some(cluster) = env::var_os("JACKFIELD_BENCH_POSTGRES_URL") {
        on(&POSTGRES, Some(&cluster.into_string().expect("an address")), &crowd, report);
    }
    report.note(format!(
        "import, sync, list, match: {PEOPLE} people; from the first byte of the request to the last of the answer. \
         import: a CSV file of people who were not there. sync: accounts for everybody who had none."
    ));
    report.note(
        "match: a dry run over 500 pages of 200 users, which the stand-in makes meanwhile on the same cores; peak is \
         the program's whole resident memory (MiB) until the answer's last byte.",
    );
}

fn on(keys: &PersonKeys, cluster: Option<&str>, crowd: &SlackThread, report: &mut Report) {
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(cluster, crowd)).collect();
    let of = |number: fn(&Round) -> f64| rounds.iter().map(number).collect::<Samples>().median();
    report.number(keys.import, of(|round| round.import_ms), Target::None);
    report.number(keys.sync, of(|round| round.sync_ms), Target::AtMost(2_000.0));
    report.number(keys.matched, of(|round| round.match_ms), Target::None);
    report.number(keys.peak, of(|round| round.match_peak), Target::AtMost(200.0));
    report.number(keys.list, of(|round| round.list_ms), Target::AtMost(1_500.0));
    report.number(keys.connections, of(|round| round.connections), Target::None);
    report.note(format!(
        "{}: {:.0} ms if nothing changes, {:.0} ms if everything does; {}: at most {:.0} MiB resident meanwhile",
        keys.sync,
        of(|round| round.sync_same_ms),
        of(|round| round.sync_other_ms),
        keys.list,
        of(|round| round.list_peak),
    ));
}

struct Round {
    import_ms: f64,
    sync_ms: f64,
    sync_same_ms: f64,
    sync_other_ms: f64,
    match_ms: f64,
    match_peak: f64,
    list_ms: f64,
    list_peak: f64,
    connections: f64,
}

fn round(cluster: Option<&str>, crowd: &SlackThread) -> Round {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let database = cluster.map(|cluster| runtime.block_on(Database::create_in_cluster(cluster)).url());
    let place = BenchInstallation::on(crowd, database.as_deref());
    let program = place.serve();
    let token = place.token();
    program.connect(crowd, &token);

    let file = (1..=PEOPLE).map(generated_employee).fold("name,email\n".to_owned(), |mut file, person| {
        writeln!(file, "{},{}", person.name(), person.email).expect("writing to a string");
        file
    });
    let (import_ms, answer) = time_request(&program, "text/csv", "POST", "/api/admin/people", &token, &file);
    assert!(answer.contains(&format!("\"created\":{PEOPLE}")), "{answer}");

    // Before anybody is mapped, so that all of them must be matched.
    let body = json!({ "dry_run": true }).to_string();
    let ((match_ms, answer), match_peak) = with_peak_memory(&program, || {
        time_request(&program, "application/json", "POST", &format!("{SLACK}/match"), &token, &body)
    });
    let plan: Value = serde_json::from_str(&answer).expect("JSON");
    let found = plan["counts"]["matched"].as_u64().expect("a count");
    // Eleven in a hundred have no email at the provider; see the stand-in's gaps.
    assert!(found > 85_000 && plan["people"].as_array().map(Vec::len) == Some(PEOPLE), "{}", plan["counts"]);
    drop(plan);

    let [sync_ms, sync_same_ms, sync_other_ms] = [("a", PEOPLE), ("a", 0), ("b", PEOPLE)].map(|(prefix, changed)| {
        let (ms, answer) =
            time_request(&program, "application/json", "POST", &format!("{MAPPINGS}/sync"), &token, &rows(prefix));
        let expected = format!("\"matched\":{PEOPLE},\"total\":{PEOPLE},\"changed\":{changed},");
        assert!(answer.contains(&expected), "{}", answer.chars().take(200).collect::<String>());
        ms
    });

    let (lists, list_peak) = with_peak_memory(&program, || {
        (0..LISTS)
            .map(|_| {
                let (ms, answer) = time_request(&program, "application/json", "GET", MAPPINGS, &token, "");
                assert_eq!(answer.matches("\"person_id\"").count(), PEOPLE);
                ms
            })
            .collect::<Samples>()
    });
    Round {
        import_ms,
        sync_ms,
        sync_same_ms,
        sync_other_ms,
        match_ms,
        match_peak,
        list_ms: lists.median(),
        list_peak,
        connections: connections(&program, &token),
    }
}

/// Returns the body of a sync that gives everybody the account of a prefix and their number.
fn rows(prefix: &str) -> String {
    let rows: Vec<Value> = (1..=PEOPLE)
        .map(|number| json!({ "email": generated_employee(number).email, "external_id": format!("{prefix}{number}") }))
        .collect();
    json!({ "provider": "slack", "mappings": rows }).to_string()
}

/// Returns the duration in milliseconds and the response of a request that succeeds.
fn time_request(program: &Program, kind: &str, method: &str, path: &str, token: &str, body: &str) -> (f64, String) {
    let mut wire = program.wire();
    let begun = Instant::now();
    let answer = wire.send_as(kind, method, path, token, body).and_then(|()| wire.answer());
    let time = begun.elapsed().as_secs_f64() * 1e3;
    let (status, text) = answer.expect("the service answers");
    assert_eq!(status, 200, "{}", text.chars().take(500).collect::<String>());
    (time, text)
}

/// Returns the result of some work and the maximum memory of the program meanwhile, in MiB.
fn with_peak_memory<R: Send>(program: &Program, work: impl FnOnce() -> R + Send) -> (R, f64) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak: f64 = 0.0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(program.rss_kib() / 1_024.0);
                thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watch.join().expect("the watching task ends"))
    })
}

/// Lists of the connections per second, on a database with many people.
fn connections(program: &Program, token: &str) -> f64 {
    let begun = Instant::now();
    let counts: usize = thread::scope(|scope| {
        let callers: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                scope.spawn(|| {
                    let (mut wire, mut count) = (program.wire(), 0);
                    while begun.elapsed() < ROUND {
                        let answer = wire.send("GET", "/api/admin/connections", token, "").and_then(|()| wire.answer());
                        assert_eq!(answer.expect("the service answers").0, 200);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("the client thread ends")).sum()
    });
    counts as f64 / begun.elapsed().as_secs_f64()
}
