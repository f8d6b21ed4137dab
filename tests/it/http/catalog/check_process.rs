//! Components that are expensive to compile, checked in a child process: rejected, while the service keeps responding.

use std::{
    cell::Cell,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use jackfield_sandbox::{CHECK_COMMAND, Trust};
use jackfield_test_support::{
    app::{GUARD, TestApp, digest},
    guests,
};

use super::{approve, component, connect, serving_version, upload, upload_new};

#[test]
fn the_check_process_confines_itself_before_it_reads_input() {
    let mut child = Command::new(program())
        .arg(CHECK_COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let process = format!("/proc/{}", child.id());
    let deadline = Instant::now() + GUARD;
    loop {
        let limits = std::fs::read_to_string(format!("{process}/limits")).expect("its limits");
        let hard = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().nth(1).and_then(|limit| limit.parse::<u64>().ok())
        };
        let stat = std::fs::read_to_string(format!("{process}/stat")).expect("its state");
        let politeness = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(16)).expect("a number");
        let found = (hard("Max data size"), hard("Max cpu time"), hard("Max open files"), politeness);
        if found == (Some(1_536 << 20), Some(60), Some(64), "10") {
            break;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        std::thread::yield_now();
    }
    child.kill().expect("the process is killed");
    child.wait().expect("the process ended");
}

/// Returns the path of the program that was built for the tests.
fn program() -> PathBuf {
    std::env::var_os("JACKFIELD_BIN")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/jackfield")), PathBuf::from)
}

async fn service() -> TestApp {
    TestApp::builder().trust(Trust::Shipped(std::collections::BTreeMap::new())).check_in_child(&program()).start().await
}

#[tokio::test]
async fn the_checked_component_is_the_uploaded_one() {
    let mut app = service().await;
    let provider = upload_new(&app, component("1.0.0")).await;
    assert_eq!(provider["digest"], digest(&component("1.0.0")));
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(serving_version(&app).await, "1.0.0");
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(serving_version(&app).await, "1.0.0", "also when loaded from the cache");
}

#[tokio::test]
async fn every_failure_of_the_check_process_is_reported_as_a_reason() {
    let app = service().await;
    for (name, bytes, why) in [
        ("cut", guests::truncated(), "not a valid component"),
        ("stranger", guests::unknown_import(guests::UNKNOWN_INTERFACES[0]), "imports something that is not allowed"),
        ("traps", guests::describe_traps(), "`describe` failed"),
        ("loops", guests::describe_loops(), "`describe` did not return"),
        ("endless start", guests::start_loops(), "`describe` did not return"),
    ] {
        let refused = upload(&app, bytes).await.problem(422, "invalid_request");
        let message = refused["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{name}: {message}");
    }
}

/// What the reason for a rejection contains if the child reached its limit of memory or processor time, or if a busy
/// machine did not give it that much time.
const LIMITS: [&str; 2] = ["exceeded its memory or time limit", "the check took longer than"];

#[tokio::test]
async fn a_component_that_is_expensive_to_compile_fails_alone() {
    /// The calls of another component during each check.
    const CALLS: usize = 20;
    let app = service().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    for (name, bomb, reasons) in [
        ("exponential types", guests::exponential_types(), &["type size exceeds the limit"][..]),
        ("nested components", guests::nested_components(20_000), &LIMITS),
        // 16 MB that need more memory than a check may have.
        ("types", guests::many_types(700_000), &LIMITS),
        // 7 MB that need more processor time than a check may have.
        ("nested blocks", guests::deep_nesting(1_000_000), &LIMITS),
    ] {
        let served = Cell::new(0);
        let upload = async {
            let answer = upload(&app, bomb).await;
            (answer, served.get())
        };
        let others = async {
            for _ in 0..CALLS {
                assert_eq!(serving_version(&app).await, "1.0.0", "{name}");
                served.set(served.get() + 1);
            }
        };
        let ((answer, during), ()) = tokio::join!(upload, others);
        let problem = answer.problem(422, "invalid_request");
        let why = problem["errors"][0]["message"].as_str().expect("a message");
        assert!(reasons.iter().any(|reason| why.contains(reason)), "{name}: {why}");
        println!("{name}: {why}; {during} of {CALLS} calls were served in the meantime");
        // The child ran for many times as long as all these calls take together.
        assert!(name != "nested blocks" || during == CALLS, "{name}: {during} of {CALLS} calls were served before");
    }
    assert_eq!(serving_version(&app).await, "1.0.0");
}
