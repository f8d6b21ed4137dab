//! Measures the catalog of a running program: how soon a new file is listed, and how approvals and compilations affect
//! other calls.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use jackfield_test_support::{app::digest, guests};
use serde_json::{Value, json};

use crate::{
    http_connection::HttpConnection,
    program::{BenchInstallation, Program, SLACK},
    report::{Report, Target},
    samples::Samples,
    slack_thread::SlackThread,
};

const PROVIDERS: &str = "/api/admin/providers";
/// New plugin files, each with bytes that were never compiled before.
const DROPS: usize = 15;
/// Versions of one plugin that are approved one after the other under load.
const SWAPS: usize = 20;
/// Clients that call a provider continuously in the meantime.
const ASKING: usize = 4;
/// Calls that measure the time while nothing is compiled.
const QUIET: usize = 2_000;
/// Functions of the component that is compiled meanwhile: about as expensive as a JavaScript component.
const FUNCTIONS: u32 = 30_000;

/// Measures the program with the approvals that an administrator uses.
pub(crate) fn all(slack: &SlackThread, report: &mut Report) {
    let place = BenchInstallation::approving(slack);
    let token = place.token();
    let program = place.serve();
    let shown = provider(&program, &token, "slack");
    if shown["state"] == "pending" {
        approve(&program, &token, "slack", &shown["digest"]);
    }
    program.connect(slack, &token);
    drops(&place, &program, &token, report);
    swaps(&program, &token, report);
    stall(&program, &token, report);
}

/// From the last byte of the file to the first list that shows it as `pending`.
fn drops(place: &BenchInstallation, program: &Program, token: &str, report: &mut Report) {
    let mut times = Samples::default();
    let built = guests::read_component("guests/example");
    let (file, temporary) = (place.plugins().join("acme-hr.wasm"), place.plugins().join("acme-hr.part"));
    for drop in 0..DROPS {
        let bytes = with_custom_section(&built, &format!("drop {drop}"));
        let wanted = Value::from(digest(&bytes));
        fs::write(&temporary, bytes).expect("the temporary file is written");
        fs::rename(&temporary, &file).expect("the file is written to the plugins folder");
        let begun = Instant::now();
        while provider(program, token, "acme-hr")["digest"] != wanted {
            assert!(begun.elapsed() < Duration::from_secs(60), "the new file is not listed in time");
            thread::sleep(Duration::from_millis(1));
        }
        times.add(begun.elapsed());
    }
    fs::remove_file(&file).expect("the file is removed");
    report.time("catalog.drop_to_pending_ms", times.median() / 1e3, times.p99() / 1e3, Target::AtMost(2_000.0));
    report.note(
        "catalog.drop_to_pending: a Rust component of fresh bytes, moved into the folder whole; it counts once it has \
         looked the same twice, a quarter of a second apart",
    );
}

/// Failed calls of a provider while new versions of its plugin are approved.
fn swaps(program: &Program, token: &str, report: &mut Report) {
    let (stopped, failed, answered) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let built = guests::read_component("slack");
    thread::scope(|scope| {
        for _ in 0..ASKING {
            scope.spawn(|| {
                let mut wire = program.wire();
                while !stopped.load(Ordering::Relaxed) {
                    let counted = if health(&mut wire, token) { &answered } else { &failed };
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for swap in 0..SWAPS {
            let bytes = with_custom_section(&built, &format!("swap {swap}"));
            upload(program, token, &bytes);
            approve(program, token, "slack", &Value::from(digest(&bytes)));
        }
        stopped.store(true, Ordering::Relaxed);
    });
    report.number("catalog.swap_failed_calls", failed.into_inner() as f64, Target::AtMost(0.0));
    report.note(format!(
        "catalog.swap: of {} calls of the provider while {SWAPS} of its versions were uploaded and approved",
        answered.into_inner()
    ));
}

/// How much the 99th percentile of calls grows while a large component is compiled.
fn stall(program: &Program, token: &str, report: &mut Report) {
    let mut wire = program.wire();
    let mut call = |times: &mut Samples| {
        let begun = Instant::now();
        assert!(health(&mut wire, token), "a call fails");
        times.add(begun.elapsed());
    };
    let (mut quiet, mut busy) = (Samples::default(), Samples::default());
    (0..QUIET).for_each(|_| call(&mut quiet));
    let bytes = guests::many_functions(FUNCTIONS);
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        scope.spawn(|| {
            upload(program, token, &bytes);
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            call(&mut busy);
        }
    });
    let stall = (busy.p99() - quiet.p99()).max(0.0) / 1e3;
    report.number("catalog.compile_stall_p99_ms", stall, Target::AtMost(10.0));
    report.note(format!(
        "catalog.compile_stall: p99 of health calls, {:.2} ms alone and {:.2} ms during the {:.1} s in which a component \
         of {FUNCTIONS} functions was checked",
        quiet.p99() / 1e3,
        busy.p99() / 1e3,
        begun.elapsed().as_secs_f64()
    ));
}

fn health(wire: &mut HttpConnection, token: &str) -> bool {
    let answer = wire.send("GET", &format!("{SLACK}/health"), token, "").and_then(|()| wire.answer());
    answer.is_ok_and(|(status, text)| status == 200 && text.contains(r#""healthy":true"#))
}

fn provider(program: &Program, token: &str, id: &str) -> Value {
    let list: Value = serde_json::from_str(&program.ask("GET", PROVIDERS, token, "")).expect("JSON");
    let providers = list["providers"].as_array().expect("providers");
    providers.iter().find(|provider| provider["id"] == id).cloned().unwrap_or_default()
}

fn approve(program: &Program, token: &str, id: &str, digest: &Value) {
    program.ask("POST", &format!("{PROVIDERS}/{id}/approve"), token, &json!({ "digest": digest }).to_string());
}

fn upload(program: &Program, token: &str, bytes: &[u8]) {
    let mut wire = program.wire();
    let sent = wire.send_bytes("application/wasm", "POST", PROVIDERS, token, bytes).and_then(|()| wire.answer());
    let (status, text) = sent.expect("the service answers");
    assert_eq!(status, 201, "{text}");
}

/// Returns the same component with a custom section of this name, so that its bytes differ.
fn with_custom_section(component: &[u8], name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    [component, &[0, length + 1, length], name.as_bytes()].concat()
}
