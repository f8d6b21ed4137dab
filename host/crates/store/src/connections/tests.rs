//! Races between two writers of one connection.

use jackfield_core::{
    Clock, ProviderId, Secret,
    audit::{Action, Actor},
    manifest::MappingFate,
};
use jackfield_vault::Vault;

use super::*;
use crate::{OldRows, StoreOptions, TrustedPlugins};

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
        check: Check { at: Timestamp::UNIX_EPOCH, healthy: true, code: None, reason: None, latency_ms: 1 },
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
