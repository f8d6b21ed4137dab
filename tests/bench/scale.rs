//! A hundred plugins in one service compared with one: time until ready, memory, and duration of a call.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use jackfield_test_support::guests;
use serde_json::json;

use crate::{
    program::{BenchInstallation, Program},
    report::{Report, Target},
    samples::Samples,
    slack_thread::SlackThread,
};

/// Two of these letters make a name; none of them imitates another.
const LETTERS: &str = "abcdefghjk";
/// Starts after the first one.
const STARTS: usize = 7;
/// How long a started program is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);
/// Measured calls, and calls that warm up.
const CALLS: usize = 2_000;
const WARM_UP: usize = 200;

/// Measures the program twice: with Slack's plugin and one generated plugin, and with a hundred more.
pub(crate) fn hundred(slack: &SlackThread, report: &mut Report) {
    let names: Vec<String> =
        LETTERS.chars().flat_map(|one| LETTERS.chars().map(move |two| format!("made-{one}{two}"))).collect();
    let few = measure(slack, &names[..1]);
    let many = measure(slack, &names);
    report.time(
        "scale.components_100_ready_ms",
        many.ready.median() / 1e3,
        many.ready.p99() / 1e3,
        Target::AtMost(1_000.0),
    );
    report.number("scale.components_100_idle_mb", many.idle_mb, Target::AtMost(250.0));
    report.number("scale.components_100_call_ratio", many.call_us / few.call_us, Target::AtMost(1.2));
    report.note(format!(
        "scale.components_100: {} components in addition to Slack's, from the compilation cache; a health call of one of them takes \
         {:.0} µs over HTTP, {:.0} µs in a service that has no other",
        names.len(),
        many.call_us,
        few.call_us,
    ));
}

/// The measurements of one service.
struct Measured {
    ready: Samples,
    idle_mb: f64,
    call_us: f64,
}

fn measure(slack: &SlackThread, names: &[String]) -> Measured {
    let place = BenchInstallation::new(slack);
    for name in names {
        let mut manifest = guests::manifest();
        manifest["id"] = json!(name);
        manifest["title"] = json!(name);
        let file = place.plugins().join(format!("{name}.wasm"));
        fs::write(file, guests::with_manifest(&manifest)).expect("the component is written to the plugins folder");
    }
    // The first start compiles them all.
    drop(place.serve());
    let mut ready = Samples::default();
    for _ in 1..STARTS {
        ready.add(place.serve().ready);
    }
    let program = place.serve();
    ready.add(program.ready);
    thread::sleep(SETTLE);
    let idle_mb = program.rss_kib() / 1_024.0;
    Measured { ready, idle_mb, call_us: call(&place, &program, &names[names.len() / 2]) }
}

/// The median of a health call of one component.
fn call(place: &BenchInstallation, program: &Program, name: &str) -> f64 {
    let token = place.token();
    let path = format!("/api/admin/connections/{name}");
    program.ask("PUT", &path, &token, &json!({ "token": "a-token-of-eight" }).to_string());
    let path = format!("{path}/health");
    let mut wire = program.wire();
    let mut samples = Samples::default();
    for number in 0..WARM_UP + CALLS {
        let begun = Instant::now();
        let answer = wire.send("GET", &path, &token, "").and_then(|()| wire.answer());
        let time = begun.elapsed();
        let (status, body) = answer.expect("the service answers");
        assert!(status == 200 && body.contains("\"healthy\":true"), "{status} {body}");
        if number >= WARM_UP {
            samples.add(time);
        }
    }
    samples.median()
}
