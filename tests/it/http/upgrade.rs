//! A database that a version wrote before rows had MACs: it opens, nobody has to connect again, and its rows are
//! accepted once.

use std::fs;

use http::Method;
use jackfield_core::Level;
use jackfield_test_support::{
    app::{TestApp, TestCaller},
    marked,
    slack::SlackStandIn,
};
use jackfield_vault::{Location, Vault};
use sha2::{Digest, Sha256};

use super::{SLACK, start_connected, with_slack};

/// The known value of the master key in versions before rows had MACs.
const OLD_KNOWN_VALUE: &[u8] = b"jackfield";

/// The file in the data folder that records that this host has seen rows with MACs.
const SIGNED_ROWS: &str = "signed-rows.id";

/// Makes the database of a stopped service one of the version before rows had MACs.
async fn make_old(app: &TestApp) {
    for table in ["tokens", "sessions", "signin_links", "oauth_apps", "oauth_flows", "connections"] {
        app.tamper(format!("alter table {table} drop column mac")).await;
    }
    app.tamper("delete from _sqlx_migrations where version = 7").await;
    restore_old_known_value(app).await;
}

/// Restores the known value of an old copy, as somebody with such a copy could.
async fn restore_old_known_value(app: &TestApp) {
    let key = fs::read_to_string(app.data().join("master.key")).expect("the key");
    let vault = Vault::new(jackfield_vault::parse_base64(&key).expect("a key"));
    let location = Location { table: "keyring", row: vault.key_id(), column: "check" };
    let sealed = vault.seal(location, OLD_KNOWN_VALUE).expect("sealed");
    let (wrapped, ciphertext) = (app.database().blob(&sealed.wrapped_key), app.database().blob(&sealed.ciphertext));
    app.tamper(format!("update keyring set check_wrapped_key = {wrapped}, check_ciphertext = {ciphertext}")).await;
}

/// Removes the record that this host has seen rows with MACs, as on a host of the older version.
pub(super) fn forget_signed_rows(app: &TestApp) {
    fs::remove_file(app.data().join(SIGNED_ROWS)).expect("the file is removed");
}

/// Inserts a token as somebody who can write the database could.
async fn plant_token(app: &TestApp) -> String {
    let token = marked::secret("jf_");
    let hash = app.database().blob(&Sha256::digest(token.as_bytes()));
    app.tamper(format!(
        "insert into tokens (id, name, hash, level, providers, created_at) \
         values ('planted', 'planted', {hash}, 'executive', '[]', 0)"
    ))
    .await;
    token
}

async fn ask(app: &TestApp, token: &str) -> u16 {
    app.send_with_token(token, Method::GET, "/api/admin/audit", None).await.status
}

async fn adopted(app: &TestApp) -> Vec<String> {
    let list = app.get("/api/admin/audit?action=token.adopt&limit=100").await.ok();
    let entries = list["entries"].as_array().expect("entries").iter();
    entries.map(|entry| entry["detail"].as_str().expect("a detail").to_owned()).collect()
}

#[tokio::test]
async fn a_database_of_an_older_version_opens_and_nobody_connects_again() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    let session = app.sign_in(TestCaller::Executive).await;
    app.stop().await;
    make_old(&app).await;
    forget_signed_rows(&app);
    let mut app = app.start_again().await;
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 401, "sign in again");
    let names: Vec<String> =
        adopted(&app).await.iter().map(|detail| detail.split(',').next().expect("a name").to_owned()).collect();
    assert_eq!(names, ["service", "executive", "manager", "member"], "the valid tokens, newest first");
    for caller in [TestCaller::Expired, TestCaller::Revoked] {
        assert_eq!(ask(&app, app.token(caller).expect("a token")).await, 401, "{caller:?}");
    }
    app.stop().await;
    let app = app.start_again().await;
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(adopted(&app).await.len(), 4, "only once");
}

#[tokio::test]
async fn rows_without_a_mac_are_accepted_at_the_first_start_only() {
    let slack = SlackStandIn::start().await;
    for sql in [
        "update tokens set mac = null where name <> 'executive'; update connections set mac = null",
        "delete from keyring",
        "delete from keyring; delete from audit; delete from tokens where id <> 'planted'",
        "delete from _sqlx_migrations where version = 7; alter table tokens drop column mac; \
         alter table sessions drop column mac; alter table signin_links drop column mac; \
         alter table oauth_apps drop column mac; alter table oauth_flows drop column mac; \
         alter table connections drop column mac",
    ] {
        let (mut app, _) = start_connected(&slack).await;
        let planted = plant_token(&app).await;
        app.stop().await;
        app.tamper(sql).await;
        forget_signed_rows(&app);
        let app = app.start_again().await;
        assert_eq!(ask(&app, &planted).await, 401, "{sql}");
    }
}

#[tokio::test]
async fn a_host_that_has_seen_macs_does_not_authenticate_the_rows_of_an_old_copy() {
    let app = with_slack(&SlackStandIn::start().await).start().await;
    let planted = plant_token(&app).await;
    let mut app = app;
    app.stop().await;
    restore_old_known_value(&app).await;
    let mut app = app.start_again().await;
    let state = app.get("/api/admin/service").await.ok();
    assert_eq!(state["key"]["state"], "sealed");
    assert!(state["key"]["reason"].as_str().expect("a reason").contains(SIGNED_ROWS), "{state}");
    let refused = app.send_with_token(&planted, Method::DELETE, SLACK, None).await;
    let _ = refused.problem(503, "sealed");
    app.stop().await;
    // The operator did restore an old copy.
    forget_signed_rows(&app);
    let app = app.start_again().await;
    assert_eq!(app.get("/readyz").await.status, 200);
    assert!(adopted(&app).await.iter().any(|detail| detail.starts_with("planted, executive")), "it is audited");
}

#[tokio::test]
async fn two_hosts_that_start_at_once_authenticate_the_rows_once() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    app.stop().await;
    // The migration has run, because hosts with different data folders do not share the lock for migrations of SQLite.
    app.tamper("update tokens set mac = null; update connections set mac = null").await;
    restore_old_known_value(&app).await;
    let (one, other) = tokio::join!(app.start_second_host(), app.start_second_host());
    for host in [&one, &other] {
        assert_eq!(host.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
        assert_eq!(adopted(host).await.len(), 4);
    }
}

#[tokio::test]
async fn without_the_right_key_no_row_is_authenticated() {
    let slack = SlackStandIn::start().await;
    let (mut app, _) = start_connected(&slack).await;
    app.stop().await;
    make_old(&app).await;
    forget_signed_rows(&app);
    let (key, elsewhere) = (app.data().join("master.key"), app.data().join("elsewhere.key"));
    fs::rename(&key, &elsewhere).expect("the key is moved");
    let mut app = app.start_again().await;
    assert_eq!(app.get("/api/admin/service").await.ok()["key"]["state"], "sealed");
    app.stop().await;
    assert!(!app.data().join(SIGNED_ROWS).exists());
    fs::rename(&elsewhere, &key).expect("the key is back");
    let app = app.start_again().await;
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true);
    assert_eq!(adopted(&app).await.len(), 4);
}

#[tokio::test]
async fn the_first_start_is_claimed_once_and_not_again_after_the_key_row_was_deleted() {
    let mut app = TestApp::builder().start().await;
    assert!(app.store.claim_first_start().await.expect("claimed"));
    assert!(!app.store.claim_first_start().await.expect("claimed"));
    app.stop().await;
    app.tamper("delete from keyring").await;
    forget_signed_rows(&app);
    let mut app = app.start_again().await;
    assert!(!app.store.claim_first_start().await.expect("claimed"));
    app.stop().await;
    // Somebody moves all rows elsewhere for a while; this host still knows the key.
    app.tamper("delete from keyring; delete from tokens; delete from audit").await;
    let app = app.start_again().await;
    assert!(!app.store.claim_first_start().await.expect("claimed"));
    let (_, token) = app.create_token("other", Level::Executive, None).await;
    assert_eq!(ask(&app, &token).await, 200);
}
