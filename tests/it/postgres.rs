//! What only PostgreSQL does: failovers, ended sessions, and PgBouncer in front of it.

mod pgbouncer;

use std::env;

use http::Method;
use jackfield_core::{
    Clock,
    audit::{Action, Actor},
};
use jackfield_store::{NewAudit, Store, StoreError, StoreOptions};
use jackfield_test_support::app::{Database, TestApp, TestResponse};
use serde_json::json;

/// Returns the URL of the cluster as its superuser.
fn cluster() -> String {
    env::var("JACKFIELD_TEST_POSTGRES_URL").expect("`cargo xtask test` sets the cluster's URL")
}

async fn open(url: &str) -> Result<Store, StoreError> {
    Store::open(StoreOptions { url: url.to_owned(), clock: Clock::system() }).await
}

fn entry() -> NewAudit {
    NewAudit::done(&Actor::named("ada"), Action::TokenCreate)
}

/// Adds a person with this number.
async fn add_person(app: &TestApp, number: u32) -> TestResponse {
    let body = json!({ "name": format!("Person {number}"), "email": format!("p{number}@acme.example") });
    app.send(Method::POST, "/api/admin/people", Some(body)).await
}

/// Ends all sessions of the app's database, as the restart of a server does.
async fn end_sessions(app: &TestApp) {
    app.tamper(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and \
         pid <> pg_backend_pid()",
    )
    .await;
}

#[tokio::test]
async fn changes_work_at_once_when_a_read_only_database_accepts_them_again() {
    let app = TestApp::builder().start().await;
    assert_eq!(add_person(&app, 1).await.status, 201);
    // New sessions are read-only, as those that lead to a standby, and stay so for as long as they live.
    app.tamper(
        "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); \
         end $$",
    )
    .await;
    end_sessions(&app).await;
    for number in 2..22 {
        let refused = add_person(&app, number).await;
        assert!(refused.header("retry-after").is_some());
        let problem = refused.problem(503, "overloaded");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("accepts no changes")), "{problem}");
        assert_eq!(app.get("/api/admin/people").await.status, 200, "reading works");
    }
    app.store.forget_write_check().await;
    let ready = app.get("/readyz").await;
    assert_eq!(
        (ready.status, &ready.json()["database"]),
        (503, &json!("the database accepts no changes at the moment"))
    );
    app.tamper(
        "begin; set transaction read write; do $$ begin \
         execute format('alter database %I reset default_transaction_read_only', current_database()); end $$; commit",
    )
    .await;
    for number in 22..60 {
        assert_eq!(add_person(&app, number).await.status, 201, "sessions that were read-only are not used again");
    }
    app.store.forget_write_check().await;
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn ended_sessions_are_replaced_without_a_failed_request() {
    let app = TestApp::builder().start().await;
    for round in 0..10 {
        // Fills the pool.
        let changes = (0..20).map(|number| add_person(&app, round * 100 + number));
        assert!(futures_util::future::join_all(changes).await.iter().all(|answer| answer.status == 201));
        end_sessions(&app).await;
        for number in 20..40 {
            assert_eq!(add_person(&app, round * 100 + number).await.status, 201);
            assert_eq!(app.get("/api/admin/people").await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_session_ends_if_its_transaction_is_idle_for_too_long() {
    let Database::Postgres(url) = Database::create_in_cluster(&cluster()).await else { unreachable!() };
    let store = open(&url).await.expect("the store opens");
    for setting in ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"] {
        let value = store.session_setting(setting).await.expect("the setting is read");
        assert_ne!(value, "0", "{setting} has a limit");
    }
    store.close().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_with_the_reason_and_without_the_password() {
    let Database::Postgres(url) = Database::create_in_cluster(&cluster()).await else { unreachable!() };
    let mut parsed = url::Url::parse(&url).expect("a URL");
    parsed.set_password(Some("canary-password")).expect("a password");
    let host = format!("127.0.0.1:{}", parsed.port().expect("a port"));
    let mut without_tls = url::Url::parse(&url).expect("a URL");
    without_tls.set_query(Some("sslmode=verify-full"));
    let mut missing = url::Url::parse(&url).expect("a URL");
    missing.set_path("canary_database");
    for (url, expected) in [
        (parsed.as_str(), vec!["rejected the user or the password", &host]),
        (without_tls.as_str(), vec!["does not support TLS", "sslmode=disable", "JACKFIELD_DATABASE_URL", &host]),
        (missing.as_str(), vec!["no such database", "canary_database", &host]),
        // Nothing listens on the port 1.
        ("postgres://u:canary-password@127.0.0.1:1/x", vec!["127.0.0.1:1 cannot be reached", "refused"]),
    ] {
        let error = open(url).await.expect_err("the database cannot be used").to_string();
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("canary-password"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_once_with_the_remedy() {
    let Database::Postgres(url) = Database::create_in_cluster(&cluster()).await else { unreachable!() };
    let superuser = url::Url::parse(&url).expect("a URL");
    let role = superuser.path().trim_start_matches('/').replace("test_", "role_");
    Database::Postgres(url.clone()).run(format!("create role {role} login password 'limited'")).await;
    let mut limited = superuser.clone();
    limited.set_username(&role).expect("a user");
    limited.set_password(Some("limited")).expect("a password");
    let error = open(limited.as_str()).await.expect_err("the role is not allowed to create tables");
    let text = error.to_string();
    assert_eq!(text.matches("permission denied for schema public").count(), 1, "{text}");
    assert!(text.contains("grant usage, create on schema"), "{text}");
    assert!(std::error::Error::source(&error).is_none(), "nothing repeats it");
}
