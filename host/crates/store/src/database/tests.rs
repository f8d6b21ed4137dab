//! Failures of the database leave nothing behind: the next change works as soon as the cause is gone.

use jackfield_core::{
    Clock,
    audit::{Action, Actor},
};
use tempfile::TempDir;

use crate::{NewAudit, Store, StoreError, StoreOptions};

/// A store on a new SQLite file.
async fn open() -> (Store, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("jackfield.db").display());
    let store = Store::open(StoreOptions { url, clock: Clock::system() }).await.expect("the store opens");
    (store, folder)
}

fn entry(detail: &str) -> NewAudit {
    NewAudit::done(&Actor::named("ada"), Action::TokenCreate).with_detail(detail.to_owned())
}

/// Polls a future a number of times at most, and drops it.
async fn poll_and_drop<T>(future: impl Future<Output = T>, polls: u32) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() || left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}

/// Sets a limit of a connection that makes writing fail with SQLITE_FULL, without a full disk.
async fn limit_pages(store: &Store, pages: u32) {
    // The limit belongs to a connection, so every connection of the pool gets it.
    let mut connections = Vec::new();
    for _ in 0..crate::POOL_SIZE {
        let mut connection = store.pool.acquire().await.expect("a connection");
        let limit = sqlx::AssertSqlSafe(format!("pragma max_page_count = {pages}"));
        sqlx::query(limit).execute(&mut connection).await.expect("the limit is set");
        connections.push(connection);
    }
    drop(connections);
    // They return to the pool in tasks of their own. Until then, the pool may open another one, without the limit.
    while store.pool.idle_connections() < crate::POOL_SIZE as usize {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_write_works_as_soon_as_a_full_disk_has_room_again() {
    let (store, _folder) = open().await;
    let large = "x".repeat(100_000);
    for _ in 0..10 {
        limit_pages(&store, 1).await;
        // Each connection of the pool fails once.
        for _ in 0..crate::POOL_SIZE {
            let failed = store.audit(entry(&large)).await.expect_err("there is no room");
            let error = jackfield_core::Error::from(failed);
            assert_eq!(error.code(), "overloaded", "{error:?}");
            assert!(error.to_string().contains("its disk is full"), "{error}");
        }
        limit_pages(&store, u32::MAX - 1).await;
        for _ in 0..2 * crate::POOL_SIZE {
            store.audit(entry("small")).await.expect("there is room");
        }
    }
    assert_eq!(store.first_broken_audit_row().await.expect("the audit log is read"), None);
    store.close().await;
}

#[tokio::test]
async fn a_statement_that_fails_at_any_place_leaves_the_pool_usable() {
    let (store, _folder) = open().await;
    let mut statements = Vec::new();
    for after in 0..100 {
        store.fail_statement(after);
        let result = store.audit(entry("one")).await;
        let Some(statement) = store.failed_statement() else { break };
        assert!(result.is_err() || statement == "begin", "{statement}");
        statements.push(statement);
        for _ in 0..2 * crate::POOL_SIZE {
            store.audit(entry("next")).await.expect("the next change works");
        }
    }
    assert_eq!(statements.len(), 5, "begin, three statements, commit: {statements:?}");
    assert_eq!(store.first_broken_audit_row().await.expect("the audit log is read"), None);
}

#[tokio::test]
async fn a_commit_without_a_response_is_reported_as_such_and_not_repeated() {
    let (store, _folder) = open().await;
    let before = store.audit_end().await.expect("the end");
    store.fail_statement(4);
    let error = store.audit(entry("one")).await.expect_err("the commit fails");
    assert_eq!(store.failed_statement().as_deref(), Some("commit"));
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
    assert!(jackfield_core::Error::from(error).to_string().contains("may or may not be stored"));
    assert_eq!(store.audit_end().await.expect("the end"), before);
}

#[tokio::test]
async fn a_cancelled_change_leaves_no_open_transaction() {
    let (store, _folder) = open().await;
    for polls in 0..200_u32 {
        poll_and_drop(store.audit(entry("cancelled")), polls).await;
        store.audit(entry("next")).await.expect("the next change works");
    }
    assert_eq!(store.first_broken_audit_row().await.expect("the audit log is read"), None);
}

#[tokio::test]
async fn writers_that_wait_for_a_lock_leave_connections_to_readers() {
    let (store, _folder) = open().await;
    let held = store.begin().await.expect("a transaction");
    let writers: Vec<_> = (0..3 * crate::POOL_SIZE)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.audit(entry("waits")).await })
        })
        .collect();
    // All permits but the one of `held` are in use.
    while store.pool.free_writers() > 0 {
        tokio::task::yield_now().await;
    }
    store.audit_end().await.expect("the end");
    assert!(writers.iter().all(|writer| !writer.is_finished()), "a reader does not wait for a writer");
    for _ in 0..100 {
        store.audit_end().await.expect("the end");
    }
    drop(held);
    for writer in writers {
        writer.await.expect("no panic").expect("the change works once the lock is free");
    }
}

#[tokio::test]
async fn readiness_proves_a_write_and_recovers() {
    let (store, _folder) = open().await;
    let end = store.audit_end().await.expect("the end");
    store.fail_statement(1);
    assert_eq!(store.check_write().await, Err("the connection to the database was lost"));
    assert!(store.failed_statement().is_some());
    // The result is shared for five seconds.
    assert!(store.clone().check_write().await.is_err());
    store.forget_write_check().await;
    assert_eq!(store.check_write().await, Ok(()));
    store.fail_statement(0);
    assert_eq!(store.check_write().await, Ok(()));
    assert_eq!(store.failed_statement(), None, "nothing was written for the second caller");
    assert_eq!(store.audit_end().await.expect("the end"), end);
}

#[tokio::test]
async fn a_read_on_a_connection_that_is_lost_runs_again() {
    let (store, _folder) = open().await;
    store.fail_statement(0);
    assert_eq!(store.audit_end().await.expect("the second attempt works"), 0);
    assert!(store.failed_statement().is_some());
}
