//! Races between two writers of one connection, and rows that were edited.

use jackfield_core::{
    Clock, ProviderId, Secret,
    audit::{Action, Actor},
    manifest::MappingFate,
};
use jackfield_vault::Vault;

use super::*;
use crate::{OldRows, ServiceRun, StoreOptions, TrustedPlugins};

async fn store(folder: &tempfile::TempDir) -> Store {
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let mut store = Store::open(StoreOptions { url, clock: Clock::system() }).await.expect("the database opens");
    let vault = Vault::new(Secret::new([7; 32]));
    store.unlock(vault, OldRows::Adopt(TrustedPlugins::Approved)).await.expect("the store is unlocked");
    store
}

fn new_connection() -> NewConnection {
    NewConnection {
        provider: ProviderId::parse("acme").expect("a provider id"),
        org_name: Some("Acme".to_owned()),
        account: None,
        fields: BTreeMap::new(),
        secrets: BTreeMap::from([(
            "api_key".to_owned(),
            BoundSecret::new(Secret::new("secret-1".to_owned()), Destinations::default()),
        )]),
        grant: None,
        connected_by: "ada".to_owned(),
        status: Status::Connected,
        reason: None,
        check: Check {
            at: Timestamp::UNIX_EPOCH,
            healthy: true,
            code: None,
            reason: None,
            latency_ms: 1,
            facts: serde_json::Map::new(),
        },
    }
}

fn audit(action: Action) -> NewAudit {
    NewAudit::done(&Actor::named("ada"), action)
}

#[tokio::test]
async fn a_committed_connect_succeeds_although_a_disconnect_follows_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let mut paused = store.pause_next_save();
    let save = store.save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect));
    let disconnect = async {
        paused.wait_for_commit().await;
        let provider = ProviderId::parse("acme").expect("a provider id");
        let connection = store.connection(&provider).await.expect("the database works").expect("it is committed");
        store
            .delete_connection(&connection, MappingFate::Keep, audit(Action::ConnectionDisconnect))
            .await
            .expect("the connection is deleted");
        paused.resume();
    };
    let (saved, ()) = tokio::join!(save, disconnect);
    assert!(saved.is_ok(), "{saved:?}");
    assert!(store.connections().await.expect("the database works").is_empty());
}

async fn tamper(store: &Store, statement: &'static str) {
    let changed = sqlx::query(statement).execute(&store.pool).await.expect("the row is edited");
    assert_eq!(changed.rows_affected(), 1, "{statement}");
}

fn run() -> ServiceRun {
    ServiceRun { host: "host".to_owned(), run: "second run".to_owned() }
}

#[tokio::test]
async fn an_edited_status_does_not_end_a_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    store
        .save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect))
        .await
        .expect("it is saved");
    for statement in [
        "update connections set since = 'abc'",
        "update connections set since = 9223372036854775807",
        "update connections set status = x'ff'",
        "update connections set reason = cast(x'ff' as text)",
        "update connections set retry_at = x'ff', held_until = -9223372036854775808, token_expires_at = 'abc'",
        "update connections set last_check = 5",
    ] {
        tamper(&store, statement).await;
        let listed = store.connections().await.expect("they are listed").remove(0);
        assert_eq!(listed.readable, SecretsReadable::Yes, "{statement}");
        assert_eq!(store.connection_secrets(&listed.connection).await.expect(statement).len(), 1);
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_can_be_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let provider = ProviderId::parse("acme").expect("a provider id");
    for statement in [
        "update connections set id = x'ff'",
        "update connections set generation = 'abc'",
        "update connections set org_name = cast(x'ff' as text)",
        "update connections set disconnect_at = 'abc'",
        "update connections set mac = 'abc'",
    ] {
        let save = store.save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect));
        save.await.expect("it is saved");
        tamper(&store, statement).await;
        let found = store.connection(&provider).await.expect("it is read").expect(statement);
        let opened = store.connection_secrets(&found).await;
        assert!(matches!(opened, Err(StoreError::Edited(..))), "{statement}: {opened:?}");
        store.begin_disconnect(&found, "ada", &run()).await.expect(statement);
        let removed = store.delete_connection(&found, MappingFate::Keep, audit(Action::ConnectionDisconnect)).await;
        removed.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(store.connection(&provider).await.expect("it is read").is_none());
        let secrets = sqlx::query("select 1 from sealed_values").fetch_all(&store.pool).await.expect("they are read");
        assert!(secrets.is_empty(), "{statement}");
    }
}

#[tokio::test]
async fn a_row_with_impossible_values_breaks_no_list_and_connecting_again_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let provider = ProviderId::parse("acme").expect("a provider id");
    let other = NewConnection { provider: ProviderId::parse("other").expect("a provider id"), ..new_connection() };
    store.save_connection(other, Expected::Anything, audit(Action::ConnectionConnect)).await.expect("it is saved");
    for statement in [
        "update connections set id = x'ff' where provider = 'acme'",
        "update connections set generation = 'abc' where provider = 'acme'",
        "update connections set generation = 9223372036854775807 where provider = 'acme'",
        "update connections set org_name = x'ff' where provider = 'acme'",
        "update connections set fields = '{' where provider = 'acme'",
        "update connections set connected_at = 9223372036854775807 where provider = 'acme'",
        "update connections set mac = 'abc' where provider = 'acme'",
    ] {
        let save = || store.save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect));
        save().await.expect("it is saved");
        tamper(&store, statement).await;
        let listed = store.connections().await.expect("the others are listed");
        assert!(listed.iter().any(|listed| listed.connection.provider.as_str() == "other"), "{statement}");
        let usable = store
            .connections()
            .await
            .expect("they are listed")
            .into_iter()
            .any(|listed| listed.connection.provider.as_str() == "acme" && listed.readable == SecretsReadable::Yes);
        assert!(!usable, "{statement}");
        save().await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        let connection = store.connection(&provider).await.expect("it is read").expect("it is stored");
        assert_eq!(store.connection_secrets(&connection).await.expect(statement).len(), 1);
    }
}

#[tokio::test]
async fn one_unreadable_row_hides_no_other_edited_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    for name in ["acme", "other"] {
        let connection =
            NewConnection { provider: ProviderId::parse(name).expect("a provider id"), ..new_connection() };
        store.save_connection(connection, Expected::Anything, audit(Action::ConnectionConnect)).await.expect("saved");
    }
    tamper(&store, "update connections set org_name = x'ff' where provider = 'acme'").await;
    tamper(&store, "update connections set org_name = 'Elsewhere' where provider = 'other'").await;
    tamper(
        &store,
        "insert into tokens (id, name, hash, level, providers, created_at) values ('planted', x'ff', 'text', 'x', 'x', 1)",
    )
    .await;
    let rows: Vec<_> =
        store.edited_rows().await.expect("they are listed").into_iter().map(|edited| edited.row).collect();
    assert_eq!(rows, ["planted", "acme", "other"]);
    assert!(store.tokens().await.expect("the tokens are listed").is_empty());
}

#[tokio::test]
async fn nobody_starts_a_disconnect_by_editing_the_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    let save = || store.save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect));
    save().await.expect("it is saved");
    let provider = ProviderId::parse("acme").expect("a provider id");
    let run = run();
    let interrupted = || store.interrupted_disconnects(&run, Timestamp::UNIX_EPOCH);
    tamper(
        &store,
        "update connections set disconnect_by = 'alice', disconnect_at = -1, disconnect_host = 'x', disconnect_run = 'y'",
    )
    .await;
    assert!(interrupted().await.expect("they are listed").is_empty());
    let edited = store.connection(&provider).await.expect("it is read").expect("it is stored");
    assert!(edited.disconnect.is_none());

    save().await.expect("it is saved");
    let connection = store.connection(&provider).await.expect("it is read").expect("it is stored");
    let first_run = ServiceRun { run: "first run".to_owned(), ..run.clone() };
    store.begin_disconnect(&connection, "ada", &first_run).await.expect("it is started");
    let started: Vec<_> = interrupted().await.expect("they are listed");
    assert_eq!(started[0].disconnect.as_ref().expect("it has started").by, "ada");
    tamper(&store, "update connections set disconnect_by = 'alice'").await;
    assert!(interrupted().await.expect("they are listed").is_empty());
}

#[tokio::test]
async fn a_sealed_value_with_impossible_values_breaks_no_list_and_cannot_be_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder).await;
    for statement in [
        "update sealed_values set entered_for = x'ff'",
        "update sealed_values set ciphertext = 'text'",
        "update sealed_values set wrapped_key = 'text'",
        "update sealed_values set format = 'x'",
        "update sealed_values set key_id = x'ff'",
        "update sealed_values set owner_column = x'ff'",
    ] {
        let save = store.save_connection(new_connection(), Expected::Anything, audit(Action::ConnectionConnect));
        save.await.expect("it is saved");
        tamper(&store, statement).await;
        assert_eq!(store.connections().await.expect(statement).len(), 1);
        let found = store.connections().await.expect("it is listed").remove(0).connection;
        let opened = store.connection_secrets(&found).await;
        assert!(matches!(opened, Err(StoreError::Unreadable)), "{statement}: {opened:?}");
    }
}
