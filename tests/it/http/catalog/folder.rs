//! The plugins folder while the service runs: new, changed, invalid and removed files.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, digest, eventually},
    guests,
};
use serde_json::json;

use super::{
    MADE, PROVIDERS, approve, component, component_with_another_host, connect, entry, serving_version, start_empty,
    wait_until,
};

#[tokio::test]
async fn a_file_in_the_plugins_folder_is_pending_with_its_requests() {
    let app = start_empty().await;
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written to the plugins folder");
    let waits = wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    assert_eq!((&waits["file"], &waits["version"]), (&json!("made.wasm"), &json!("1.0.0")));
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    assert_eq!(serving_version(&app).await, "1.0.0");

    fs::write(app.plugins().join("made.wasm"), component_with_another_host("1.1.0")).expect("replaced");
    let waits = wait_until(&app, "made", |entry| entry["waiting"][0]["version"] == "1.1.0").await;
    assert_eq!((&waits["state"], &waits["version"]), (&json!("approved"), &json!("1.0.0")));
    assert_eq!((&waits["file"], &waits["waiting"][0]["file"]), (&json!(null), &json!("made.wasm")));
    assert_eq!(serving_version(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_removed_file_keeps_serving_only_if_it_was_approved() {
    let app = start_empty().await;
    let file = app.plugins().join("made.wasm");
    fs::write(&file, component("1.0.0")).expect("the file is written to the plugins folder");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    fs::remove_file(&file).expect("removed");
    wait_until(&app, "made", serde_json::Value::is_null).await;

    fs::write(&file, component("1.0.0")).expect("the file is written to the plugins folder again");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    fs::remove_file(&file).expect("removed");
    wait_until(&app, "made", |entry| entry["file"].is_null()).await;
    assert_eq!(serving_version(&app).await, "1.0.0");
}

#[tokio::test]
async fn a_file_replaced_after_it_was_shown_is_not_approved() {
    let app = start_empty().await;
    let file = app.plugins().join("made.wasm");
    fs::write(&file, component("1.0.0")).expect("the file is written to the plugins folder");
    let shown = wait_until(&app, "made", |entry| entry["state"] == "pending").await["digest"].clone();
    let temporary = app.plugins().join("made.part");
    fs::write(&temporary, component_with_another_host("1.0.0")).expect("the temporary file is written");
    fs::rename(&temporary, &file).expect("the file is replaced");
    // The bytes that were read are approved, not those currently in the file.
    let early = approve(&app, "made", shown.as_str().expect("a digest")).await;
    assert!([200, 409].contains(&early.status), "{}", early.text);
    if early.status == 200 {
        assert_eq!(early.json()["provider"]["hosts"], json!(["api.made.example.com"]));
    }
    let swapped = digest(&component_with_another_host("1.0.0"));
    let shows = |entry: &serde_json::Value| {
        entry["digest"] == swapped.as_str() || entry["waiting"][0]["digest"] == swapped.as_str()
    };
    wait_until(&app, "made", shows).await;
    if early.status != 200 {
        let _ = approve(&app, "made", shown.as_str().expect("a digest")).await.problem(409, "conflict");
    }
}

#[tokio::test]
async fn half_a_file_is_broken_and_the_complete_file_is_pending() {
    let app = start_empty().await;
    let bytes = component("1.0.0");
    let path = app.plugins().join("made.wasm");
    let mut file = fs::File::create(&path).expect("a file");
    file.write_all(&bytes[..bytes.len() / 2]).expect("half of it");
    let half = wait_until(&app, "made.wasm", |entry| entry["state"] == "broken").await;
    assert!(half["reason"].as_str().is_some_and(|why| why.contains("not a valid component")), "{half}");
    file.write_all(&bytes[bytes.len() / 2..]).expect("the rest");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    assert_eq!(entry(&app, "made.wasm").await, json!(null));
}

#[tokio::test]
async fn links_pipes_large_files_and_duplicates_are_broken_with_a_reason() {
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().join("made.wasm");
    fs::write(&target, component("1.0.0")).expect("the file is written");
    let trust = Trust::Shipped(std::collections::BTreeMap::new());
    let app = TestApp::builder().trust(trust).limits(|limits| limits.component_bytes = 1 << 20).start().await;
    let plugins = app.plugins();
    fs::write(plugins.join("b.wasm"), component("1.0.0")).expect("the file is written to the plugins folder");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    symlink(&target, plugins.join("link.wasm")).expect("linked");
    fs::create_dir(plugins.join("folder.wasm")).expect("a folder");
    assert!(std::process::Command::new("mkfifo").arg(plugins.join("pipe.wasm")).status().expect("runs").success());
    fs::write(plugins.join("large.wasm"), vec![0; (1 << 20) + 1]).expect("the file is written to the plugins folder");
    fs::write(plugins.join("a.wasm"), component("1.0.0")).expect("the same twice");
    fs::write(plugins.join("squatter.wasm"), component_with_another_host("9.0.0"))
        .expect("the file is written to the plugins folder");
    fs::write(plugins.join("notes.txt"), component("1.0.0")).expect("the catalog has the component");
    for (file, why) in [
        ("link.wasm", "cannot be opened"),
        ("folder.wasm", "not a regular file"),
        ("pipe.wasm", "not a regular file"),
        ("large.wasm", "larger than 1 MiB"),
        ("a.wasm", "b.wasm already has the id"),
        ("squatter.wasm", "b.wasm already has the id"),
    ] {
        let broken = wait_until(&app, file, |entry| entry["state"] == "broken").await;
        assert!(broken["reason"].as_str().is_some_and(|said| said.contains(why)), "{file}: {broken}");
    }
    let made = entry(&app, "made").await;
    assert_eq!((&made["file"], &made["waiting"]), (&json!("b.wasm"), &json!([])));
    assert_eq!(entry(&app, "notes.txt").await, json!(null));
}

#[tokio::test]
async fn a_world_writable_folder_is_not_read() {
    let app = start_empty().await;
    let list = app.get(PROVIDERS).await.ok();
    assert_eq!(list["folder_problem"], json!(null));
    fs::set_permissions(app.plugins(), fs::Permissions::from_mode(0o777)).expect("the permissions are changed");
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written to the plugins folder");
    let list = eventually(async || {
        let list = app.get(PROVIDERS).await.ok();
        let is_rejected = list["folder_problem"].as_str().is_some_and(|why| why.contains("everybody"));
        if is_rejected { Ok(list) } else { Err(list) }
    })
    .await;
    assert_eq!(list["providers"], json!([]));
    fs::set_permissions(app.plugins(), fs::Permissions::from_mode(0o755)).expect("closed");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
}

#[tokio::test]
async fn an_approved_plugin_needs_no_file_while_broken_ones_come_and_go() {
    let app = start_empty().await;
    fs::write(app.plugins().join("made.wasm"), component("1.0.0")).expect("the file is written to the plugins folder");
    wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    for (bytes, why) in [(guests::elf(), "not a WebAssembly"), (guests::describe_loops(), "`describe` did not return")]
    {
        fs::write(app.plugins().join("made.wasm"), bytes).expect("replaced");
        let says = |entry: &serde_json::Value| entry["reason"].as_str().is_some_and(|said| said.contains(why));
        wait_until(&app, "made.wasm", says).await;
        assert_eq!(app.get(&format!("{MADE}/health")).await.ok()["healthy"], true);
    }
}

#[tokio::test]
async fn the_name_of_a_file_is_shown_without_characters_that_change_a_page() {
    let app = start_empty().await;
    let file = app.plugins().join("made\u{202e}\n.wasm");
    fs::write(file, component("1.0.0")).expect("the file is written to the plugins folder");
    let waits = wait_until(&app, "made", |entry| entry["state"] == "pending").await;
    let shown = waits["file"].as_str().expect("a name");
    assert!(shown.starts_with("made\u{fffd}") && shown.ends_with(".wasm"), "{shown:?}");
    assert!(!shown.contains(['\u{202e}', '\n']), "{shown:?}");
}
