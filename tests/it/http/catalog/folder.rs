//! The plugins folder while the service runs: new, changed, invalid and removed files.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, digest},
    guests,
};
use serde_json::json;

use super::{MADE, PROVIDERS, approve, connect, empty, entry, made, serves, until, wants_more};

#[tokio::test]
async fn a_file_in_the_plugins_folder_is_pending_with_its_requests() {
    let app = empty().await;
    fs::write(app.plugins().join("made.wasm"), made("1.0.0")).expect("dropped in");
    let waits = until(&app, "made", |entry| entry["state"] == "pending").await;
    assert_eq!((&waits["file"], &waits["version"]), (&json!("made.wasm"), &json!("1.0.0")));
    let _ = approve(&app, "made", &digest(&made("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(serves(&app).await, "1.0.0");

    fs::write(app.plugins().join("made.wasm"), wants_more("1.1.0")).expect("replaced");
    let waits = until(&app, "made", |entry| entry["waiting"][0]["version"] == "1.1.0").await;
    assert_eq!((&waits["state"], &waits["version"]), (&json!("approved"), &json!("1.0.0")));
    assert_eq!((&waits["file"], &waits["waiting"][0]["file"]), (&json!(null), &json!("made.wasm")));
    assert_eq!(serves(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_removed_file_keeps_serving_only_if_it_was_approved() {
    let app = empty().await;
    let file = app.plugins().join("made.wasm");
    fs::write(&file, made("1.0.0")).expect("dropped in");
    until(&app, "made", |entry| entry["state"] == "pending").await;
    fs::remove_file(&file).expect("removed");
    until(&app, "made", serde_json::Value::is_null).await;

    fs::write(&file, made("1.0.0")).expect("dropped in again");
    until(&app, "made", |entry| entry["state"] == "pending").await;
    let _ = approve(&app, "made", &digest(&made("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    fs::remove_file(&file).expect("removed");
    until(&app, "made", |entry| entry["file"].is_null()).await;
    assert_eq!(serves(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_file_replaced_after_it_was_shown_is_not_approved() {
    let app = empty().await;
    let file = app.plugins().join("made.wasm");
    fs::write(&file, made("1.0.0")).expect("dropped in");
    let shown = until(&app, "made", |entry| entry["state"] == "pending").await["digest"].clone();
    let beside = app.plugins().join("made.part");
    fs::write(&beside, wants_more("1.0.0")).expect("written beside");
    fs::rename(&beside, &file).expect("swapped");
    // The bytes that were read are approved, not those currently in the file.
    let early = approve(&app, "made", shown.as_str().expect("a digest")).await;
    assert!([200, 409].contains(&early.status), "{}", early.text);
    if early.status == 200 {
        assert_eq!(early.json()["provider"]["hosts"], json!(["api.made.example.com"]));
    }
    let swapped = digest(&wants_more("1.0.0"));
    let shows = |entry: &serde_json::Value| {
        entry["digest"] == swapped.as_str() || entry["waiting"][0]["digest"] == swapped.as_str()
    };
    until(&app, "made", shows).await;
    if early.status != 200 {
        let _ = approve(&app, "made", shown.as_str().expect("a digest")).await.problem(409, "conflict");
    }
}

#[tokio::test]
async fn half_a_file_is_broken_and_the_complete_file_is_pending() {
    let app = empty().await;
    let bytes = made("1.0.0");
    let path = app.plugins().join("made.wasm");
    let mut file = fs::File::create(&path).expect("a file");
    file.write_all(&bytes[..bytes.len() / 2]).expect("half of it");
    let half = until(&app, "made.wasm", |entry| entry["state"] == "broken").await;
    assert!(half["reason"].as_str().is_some_and(|why| why.contains("not a valid component")), "{half}");
    file.write_all(&bytes[bytes.len() / 2..]).expect("the rest");
    until(&app, "made", |entry| entry["state"] == "pending").await;
    assert_eq!(entry(&app, "made.wasm").await, json!(null));
}

#[tokio::test]
async fn links_pipes_large_files_and_duplicates_are_broken_with_a_reason() {
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().join("made.wasm");
    fs::write(&target, made("1.0.0")).expect("written");
    let trust = Trust::Shipped(std::collections::BTreeMap::new());
    let app = TestApp::builder().trust(trust).limits(|limits| limits.component_bytes = 1 << 20).start().await;
    let plugins = app.plugins();
    fs::write(plugins.join("b.wasm"), made("1.0.0")).expect("dropped in");
    until(&app, "made", |entry| entry["state"] == "pending").await;
    symlink(&target, plugins.join("link.wasm")).expect("linked");
    fs::create_dir(plugins.join("folder.wasm")).expect("a folder");
    assert!(std::process::Command::new("mkfifo").arg(plugins.join("pipe.wasm")).status().expect("runs").success());
    fs::write(plugins.join("large.wasm"), vec![0; (1 << 20) + 1]).expect("dropped in");
    fs::write(plugins.join("a.wasm"), made("1.0.0")).expect("the same twice");
    fs::write(plugins.join("squatter.wasm"), wants_more("9.0.0")).expect("dropped in");
    fs::write(plugins.join("notes.txt"), made("1.0.0")).expect("no component by its name");
    for (file, why) in [
        ("link.wasm", "cannot be opened"),
        ("folder.wasm", "not a regular file"),
        ("pipe.wasm", "not a regular file"),
        ("large.wasm", "larger than 1 MiB"),
        ("a.wasm", "b.wasm already has the id"),
        ("squatter.wasm", "b.wasm already has the id"),
    ] {
        let broken = until(&app, file, |entry| entry["state"] == "broken").await;
        assert!(broken["reason"].as_str().is_some_and(|said| said.contains(why)), "{file}: {broken}");
    }
    let made = entry(&app, "made").await;
    assert_eq!((&made["file"], &made["waiting"]), (&json!("b.wasm"), &json!([])));
    assert_eq!(entry(&app, "notes.txt").await, json!(null));
}

#[tokio::test]
async fn a_world_writable_folder_is_not_read() {
    let app = empty().await;
    let list = app.get(PROVIDERS).await.ok();
    assert_eq!(list["folder_problem"], json!(null));
    fs::set_permissions(app.plugins(), fs::Permissions::from_mode(0o777)).expect("opened wide");
    fs::write(app.plugins().join("made.wasm"), made("1.0.0")).expect("dropped in");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let list = app.get(PROVIDERS).await.ok();
        if list["folder_problem"].as_str().is_some_and(|why| why.contains("everybody")) {
            assert_eq!(list["providers"], json!([]));
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{list}");
        // Between two attempts; the response above is what the test waits for.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    fs::set_permissions(app.plugins(), fs::Permissions::from_mode(0o755)).expect("closed");
    until(&app, "made", |entry| entry["state"] == "pending").await;
}

#[tokio::test]
async fn an_approved_plugin_needs_no_file_while_broken_ones_come_and_go() {
    let app = empty().await;
    fs::write(app.plugins().join("made.wasm"), made("1.0.0")).expect("dropped in");
    until(&app, "made", |entry| entry["state"] == "pending").await;
    let _ = approve(&app, "made", &digest(&made("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    for (bytes, why) in [(guests::elf(), "not a WebAssembly"), (guests::describe_loops(), "`describe` did not return")]
    {
        fs::write(app.plugins().join("made.wasm"), bytes).expect("replaced");
        let says = |entry: &serde_json::Value| entry["reason"].as_str().is_some_and(|said| said.contains(why));
        until(&app, "made.wasm", says).await;
        assert_eq!(app.get(&format!("{MADE}/health")).await.ok()["healthy"], true);
    }
}
