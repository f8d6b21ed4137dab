//! The master key: missing, wrong or readable by others; sealed values that were moved or changed.

use std::{fs, os::unix::fs::PermissionsExt};

use jackfield_test_support::{app::TestApp, slack::SlackStandIn};

use super::{SLACK, start_connected, start_connected_with, with_slack};

/// Stops the service, changes its data folder, and starts it again.
async fn restart_after(mut app: TestApp, meanwhile: impl FnOnce(&std::path::Path)) -> TestApp {
    app.stop().await;
    meanwhile(&app.data());
    app.start_again().await
}

async fn is_sealed(app: &TestApp, words: &str) {
    assert_eq!(app.get("/healthz").await.status, 200);
    let ready = app.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["key"], "sealed", "anybody can read this, so it says no more");
    let service = app.get("/api/admin/service").await.ok();
    assert!(service["key"]["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{service}");
    for path in ["health", "users"] {
        let problem = app.get(&format!("{SLACK}/{path}")).await.problem(503, "sealed");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{problem}");
    }
    let _ = app.put(SLACK, super::body("xoxb-anything-at-all")).await.problem(503, "sealed");
    let _ = app.delete(SLACK).await.problem(503, "sealed");
    let list = app.get("/api/admin/connections").await.ok();
    assert_eq!(list["connections"][0]["status"], "unreadable");
    assert_eq!(app.get(&format!("{SLACK}/status")).await.ok()["configured"], true);
}

#[tokio::test]
async fn a_missing_key_seals_the_service_and_the_right_key_unseals_it() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let key = fs::read(app.data().join("master.key")).expect("the key");
    let app = restart_after(app, |data| fs::remove_file(data.join("master.key")).expect("removed")).await;
    is_sealed(&app, "is missing").await;
    let app = restart_after(app, |data| {
        assert!(!data.join("master.key").exists(), "a missing key is not created again");
        let path = data.join("master.key");
        fs::write(&path, key).expect("the file is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    })
    .await;
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "nothing was lost");
}

#[tokio::test]
async fn a_wrong_key_seals_the_service() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let app = restart_after(app, |data| {
        let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        fs::write(data.join("master.key"), wrong).expect("the file is written");
    })
    .await;
    is_sealed(&app, "not the right one").await;
}

#[tokio::test]
async fn a_key_that_others_can_read_is_rejected() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let app = restart_after(app, |data| {
        fs::set_permissions(data.join("master.key"), fs::Permissions::from_mode(0o640)).expect("set");
    })
    .await;
    is_sealed(&app, "chmod 600").await;
}

#[tokio::test]
async fn a_changed_or_moved_sealed_value_is_unreadable_and_breaks_no_list() {
    for sql in [
        "update sealed_values set owner_column = 'other'",
        "delete from sealed_values",
        "update sealed_values set format = 1",
        "update sealed_values set key_id = 'other'",
        "update sealed_values set ciphertext = wrapped_key",
        "update sealed_values set wrapped_key = ciphertext",
        "update sealed_values set owner_row = 'other'; update connections set id = 'other'",
    ] {
        let slack = SlackStandIn::start().await;
        let (app, token) = start_connected(&slack).await;
        app.tamper(sql).await;
        let list = app.get("/api/admin/connections").await.ok();
        assert_eq!(list["connections"][0]["status"], "unreadable", "{sql}");
        let _ = app.get(&format!("{SLACK}/health")).await.problem(503, "sealed");
        // Entering the credential again fixes it.
        assert_eq!(app.put(SLACK, super::body(&token)).await.ok()["ok"], true, "{sql}");
        assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "{sql}");
    }
}

#[tokio::test]
async fn a_key_past_its_usage_limit_seals_nothing_more() {
    let slack = SlackStandIn::start().await;
    let (app, token) = start_connected(&slack).await;
    app.tamper("update keyring set wraps = 4294967295").await;
    assert_eq!(app.put(SLACK, super::body(&token)).await.ok()["ok"], true, "the last one");
    let problem = app.put(SLACK, super::body(&token)).await.problem(503, "sealed");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("maximum number of values")), "{problem}");
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "sealed values can still be opened");
}

#[tokio::test]
async fn created_files_are_readable_by_their_owner_only() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected_with(&slack, with_slack(&slack).compile_in_data_folder()).await;
    let mut seen = Vec::new();
    for entry in fs::read_dir(app.data()).expect("the data folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        if name.starts_with("jackfield.db") || name == "master.key" {
            assert_eq!(mode, 0o600, "{name}");
            seen.push(name.clone());
        }
        if name == "compiled" {
            assert_eq!(mode, 0o700, "{name}");
            for file in fs::read_dir(entry.path()).expect("the cache") {
                let mode = file.expect("a file").metadata().expect("metadata").permissions().mode() & 0o777;
                assert_eq!(mode, 0o600);
            }
            seen.push(name);
        }
    }
    assert!(seen.contains(&"master.key".to_owned()) && seen.contains(&"compiled".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_damaged_or_foreign_compiled_component_is_compiled_again() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected_with(&slack, with_slack(&slack).compile_in_data_folder()).await;
    let cache = app.data().join("compiled");
    let file = fs::read_dir(&cache).expect("the cache").next().expect("a file").expect("a file").path();
    let good = fs::read(&file).expect("read");
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes[0] ^= 1,
        |bytes| *bytes.last_mut().expect("bytes") ^= 1,
        |bytes| bytes.truncate(40),
        Vec::clear,
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
    ];
    let mut app = app;
    for damage in damages {
        let mut bytes = good.clone();
        damage(&mut bytes);
        fs::write(&file, &bytes).expect("the file is written");
        app = restart_after(app, |_| {}).await;
        assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
        let mended = fs::read(&file).expect("read");
        assert_ne!(mended, bytes, "it was written again");
    }
}
