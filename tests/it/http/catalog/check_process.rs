//! Components that are expensive to compile, checked in a child process: rejected, while the service keeps responding.

use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use jackfield_sandbox::{CHECK_COMMAND, Trust};
use jackfield_test_support::{
    app::{GUARD, TestApp, digest},
    guests,
};
use serde_json::json;

use super::{approve, component, connect, serving_version, upload, upload_new, wait_until};

#[test]
fn the_check_process_confines_itself_before_it_reads_input() {
    let mut child = Command::new(program())
        .arg(CHECK_COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let process = format!("/proc/{}", child.id());
    // 19 is the lowest priority that a process can have.
    let lower_priority = (nice_value("/proc/self") + 5).min(19);
    let deadline = Instant::now() + GUARD;
    loop {
        let limits = fs::read_to_string(format!("{process}/limits")).expect("its limits");
        let hard = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().nth(1).and_then(|limit| limit.parse::<u64>().ok())
        };
        let found = (hard("Max data size"), hard("Max cpu time"), hard("Max open files"), nice_value(&process));
        if found == (Some(1_536 << 20), Some(65), Some(64), lower_priority) {
            break;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        std::thread::yield_now();
    }
    child.kill().expect("the process is killed");
    child.wait().expect("the process ended");
}

/// Returns the nice value of a process, by its folder in `/proc` (proc(5)).
fn nice_value(process: &str) -> i32 {
    let stat = fs::read_to_string(format!("{process}/stat")).expect("its state");
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
    fields.and_then(|mut fields| fields.nth(16)?.parse().ok()).expect("a number")
}

/// Returns the path of the program that was built for the tests.
fn program() -> PathBuf {
    std::env::var_os("JACKFIELD_BIN")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/jackfield")), PathBuf::from)
}

async fn service() -> TestApp {
    TestApp::builder().trust(Trust::Shipped(std::collections::BTreeMap::new())).check_in_child(&program()).start().await
}

/// A program that checks components after it has run these shell commands.
struct CheckScript(tempfile::TempDir);

impl CheckScript {
    fn new(commands: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "#!/bin/sh\ncd {}\n{commands}\nexec {} \"$@\"\n",
            folder.path().display(),
            program().canonicalize().expect("the program").display()
        );
        let path = folder.path().join("check");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("its mode is set");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("check")
    }

    /// Starts a service that checks components with the script.
    async fn service(&self) -> TestApp {
        let trust = Trust::Shipped(std::collections::BTreeMap::new());
        let retry = |limits: &mut jackfield_sandbox::Limits| limits.check_retry = Duration::from_millis(50);
        TestApp::builder().trust(trust).limits(retry).check_in_child(&self.path()).start().await
    }
}

#[tokio::test]
async fn a_file_is_shown_as_being_checked_until_its_check_is_done() {
    // Reading waits until the test opens the pipe too.
    let script = CheckScript::new("read line < go");
    let go = script.0.path().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().expect("runs").success());
    let app = script.service().await;
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written");
    let waits = wait_until(&app, "made.wasm", |entry| entry["state"] == "checking").await;
    assert!(waits["reason"].as_str().is_some_and(|why| why.contains("being checked")), "{waits}");
    assert_eq!((&waits["file"], &waits["digest"]), (&json!("made.wasm"), &json!(null)));
    let service = app.get("/api/admin/service").await.ok();
    assert_eq!(service["providers"]["checking"], 1, "{service}");
    fs::write(&go, "go\n").expect("written");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    wait_until(&app, "made.wasm", serde_json::Value::is_null).await;
}

#[tokio::test]
async fn a_check_that_the_machine_prevented_is_done_again() {
    // The first two checks end as if the system had killed them to free memory.
    let script = CheckScript::new("echo x >> runs\nif [ $(wc -l < runs) -lt 3 ]; then kill -9 $$; fi");
    let app = script.service().await;
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    let runs = fs::read_to_string(script.0.path().join("runs")).expect("the script ran");
    assert_eq!(runs.lines().count(), 3);
}

#[tokio::test]
async fn an_upload_that_the_machine_could_not_check_can_be_sent_again() {
    let script = CheckScript::new("if [ ! -e runs ]; then echo x > runs; kill -9 $$; fi");
    let app = script.service().await;
    let busy = upload(&app, component("1.0.0")).await.problem(503, "overloaded");
    assert!(busy["detail"].as_str().is_some_and(|why| why.contains("was not checked")), "{busy}");
    let _ = upload_new(&app, component("1.0.0")).await;
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

/// What the reason for a rejection contains if the child reached its limit of memory or processor time.
const LIMITS: [&str; 2] = ["used more memory or stack", "of processor time"];

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
        if answer.status == 503 {
            // The machine is so busy that a minute of processor time takes longer than an upload waits.
            let busy = answer.problem(503, "overloaded");
            assert!(
                name == "nested blocks" && busy["detail"].as_str().is_some_and(|why| why.contains("busy")),
                "{busy}"
            );
            continue;
        }
        let problem = answer.problem(422, "invalid_request");
        let why = problem["errors"][0]["message"].as_str().expect("a message");
        assert!(reasons.iter().any(|reason| why.contains(reason)), "{name}: {why}");
        println!("{name}: {why}; {during} of {CALLS} calls were served in the meantime");
        // The child ran for many times as long as all these calls take together.
        assert!(name != "nested blocks" || during == CALLS, "{name}: {during} of {CALLS} calls were served before");
    }
    assert_eq!(serving_version(&app).await, "1.0.0");
}
