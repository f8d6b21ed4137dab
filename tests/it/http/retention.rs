//! What the service removes when it is no longer needed, and when.

use std::time::Duration;

use jackfield_core::{
    Level,
    audit::{Action, Actor},
};
use jackfield_store::NewAudit;
use jackfield_test_support::{
    app::{GUARD, TestApp},
    xero::{TENANT, XeroStandIn},
};
use jiff::SignedDuration;
use serde_json::json;

use super::oauth::{auth_url, callback, record_secrets, with_xero};

/// Advances the clock by days, and removes what is outdated then.
async fn clean_up_after(app: &TestApp, days: i64) {
    app.clock.advance(SignedDuration::from_hours(24 * days));
    app.store.delete_outdated().await.expect("outdated rows are removed");
}

async fn token_names(app: &TestApp) -> Vec<String> {
    let mut names: Vec<String> =
        app.store.tokens().await.expect("listed").into_iter().map(|token| token.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_token_is_listed_for_90_days_after_it_has_ended() {
    let app = TestApp::builder().start().await;
    let _revoked = app.create_token("a-revoked", Level::Executive, None).await;
    let _expired = app.create_token("a-expired", Level::Service, Some(Duration::from_secs(60))).await;
    let _later = app.create_token("a-later", Level::Service, Some(Duration::from_secs(24 * 3600))).await;
    app.revoke_tokens("a-revoked").await;
    let ours = |names: Vec<String>| -> Vec<String> { names.into_iter().filter(|n| n.starts_with("a-")).collect() };
    clean_up_after(&app, 89).await;
    assert_eq!(ours(token_names(&app).await), ["a-expired", "a-later", "a-revoked"]);
    app.clock.advance(SignedDuration::from_secs(120));
    clean_up_after(&app, 1).await;
    assert_eq!(ours(token_names(&app).await), ["a-later"]);
    clean_up_after(&app, 1).await;
    assert_eq!(token_names(&app).await, ["executive", "manager", "member", "service"], "valid tokens stay");
    assert_eq!(app.get("/api/admin/service").await.status, 200);
}

#[tokio::test]
async fn a_service_whose_executive_tokens_are_gone_prints_no_link_for_newcomers() {
    let app = TestApp::builder().start().await;
    app.tamper("delete from tokens where level = 'executive'").await;
    assert!(app.store.was_never_used().await.expect("asked"));
    let audit = NewAudit::done(&Actor::named("ada"), Action::TokenCreate);
    app.store.audit(audit.clone().with_detail("ci, executive, service".to_owned())).await.expect("audited");
    assert!(app.store.was_never_used().await.expect("asked"), "that token was for a service");
    app.store.audit(audit.with_detail("ci, executive".to_owned())).await.expect("audited");
    assert!(!app.store.was_never_used().await.expect("asked"));
}

#[tokio::test]
async fn an_oauth_flow_and_its_secret_are_removed_a_day_after_it_has_expired() {
    let xero = XeroStandIn::start().await;
    let app = with_xero(&xero).start().await;
    let (url, abandoned) = auth_url(&app).await;
    let landing = xero.authorize(&url).allow(&[TENANT]);
    record_secrets(&xero);
    let secrets = "sealed_values where owner_table = 'oauth_flows'";
    clean_up_after(&app, 0).await;
    assert_eq!((app.store.count_rows("oauth_flows").await, app.store.count_rows(secrets).await), (1, 1));
    clean_up_after(&app, 2).await;
    assert_eq!((app.store.count_rows("oauth_flows").await, app.store.count_rows(secrets).await), (0, 0));
    assert_eq!(app.store.find_flow(&abandoned).await.expect("asked"), None);
    let late = callback(&app, json!({ "code": landing.code, "state": landing.state })).await;
    assert_eq!(late.status, 422, "{}", late.text);
    // Another one begins and ends as before.
    let (url, _) = auth_url(&app).await;
    clean_up_after(&app, 0).await;
    let landing = xero.authorize(&url).allow(&[TENANT]);
    record_secrets(&xero);
    let answer = callback(&app, json!({ "code": landing.code, "state": landing.state })).await;
    record_secrets(&xero);
    assert_eq!(answer.ok()["ok"], true);
    assert!(app.store.count_rows("sealed_values").await > 0, "other secrets stay");
}

#[tokio::test]
async fn more_rows_than_a_batch_are_removed_at_once() {
    let app = TestApp::builder().start().await;
    let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1234)";
    app.tamper(format!(
        "insert into tokens (id, name, hash, level, providers, created_at, expires_at) {numbers} \
         select 'old-' || i, 'old', {}, 'service', '[]', 0, 1 from n",
        unique_hash(&app)
    ))
    .await;
    app.tamper(format!(
        "insert into match_runs (id, provider, dry_run, started_at, host, run, beat_at, state, pages, accounts) \
         {numbers} select 'old-' || i, 'slack', 1, 0, 'h', 'r', 0, 'running', 0, 0 from n where i <= 25"
    ))
    .await;
    app.tamper(
        "insert into match_run_parts (match_id, position, json) select id, 0, '{}' from match_runs where id like 'old-%'",
    )
    .await;
    app.tamper(format!(
        "insert into oauth_flows (id, provider, caller, state_hash, redirect_uri, outcome, created_at, expires_at) \
         {numbers} select 'old-' || i, 'xero', 'c', {}, 'r', 'pending', 0, 1 from n",
        unique_hash(&app)
    ))
    .await;
    app.tamper(format!(
        "insert into match_plans (id, provider, applied_by, applied_at, links) {numbers} \
         select 'old-' || i, 'slack', 'ada', 0, 600 from n where i <= 2"
    ))
    .await;
    app.tamper(format!(
        "insert into people (id, name, email, email_key, active, created_at, updated_at) {numbers} \
         select 'p-' || i, 'p', i || '@acme.example', i || '@acme.example', 1, 0, 0 from n"
    ))
    .await;
    app.tamper(
        "insert into match_links (plan_id, person_id, external_id) select l.id, p.id, p.id from match_plans l, people p",
    )
    .await;
    assert_eq!(app.store.count_rows("match_links").await, 2 * 1234);
    app.store.delete_outdated().await.expect("removed");
    for table in ["match_runs", "match_run_parts", "oauth_flows", "match_plans", "match_links"] {
        assert_eq!(app.store.count_rows(table).await, 0, "{table}");
    }
    assert_eq!(app.store.count_rows("tokens where id like 'old-%'").await, 0);
    assert_eq!(app.store.count_rows("people").await, 1234, "nobody is removed");
}

#[tokio::test]
async fn outdated_rows_and_expired_sessions_are_removed_regularly_without_a_request() {
    let app = TestApp::builder().intervals(Duration::from_millis(5)).start().await;
    // Twice, so that the work is repeated.
    for round in ["first", "second"] {
        app.tamper(format!(
            "insert into tokens (id, name, hash, level, providers, created_at, expires_at) \
             values ('{round}', 'old', {}, 'service', '[]', 0, 1)",
            app.database().blob(round.as_bytes())
        ))
        .await;
        app.tamper(format!(
            "insert into sessions (id, hash, identity, name, level, began_at, seen_at, ends_at) \
             values ('{round}', {}, 'link:x', 'x', 'member', 0, 0, 1)",
            app.database().blob(round.as_bytes())
        ))
        .await;
        let removed = async {
            while app.store.count_rows("tokens where name = 'old'").await > 0
                || app.store.count_rows("sessions").await > 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GUARD, removed).await.expect("the service removes them by itself");
    }
}

/// Returns an expression for a different hash in each row `i`.
fn unique_hash(app: &TestApp) -> &'static str {
    match app.store.kind() {
        "postgres" => "cast('h' || i as bytea)",
        _ => "cast('h' || i as blob)",
    }
}

#[tokio::test]
async fn the_audit_log_is_kept() {
    let app = TestApp::builder().start().await;
    app.revoke_tokens("member").await;
    let rows = app.store.count_rows("audit").await;
    assert!(rows > 0);
    clean_up_after(&app, 4000).await;
    assert_eq!(app.store.count_rows("audit").await, rows);
    assert_eq!(app.store.first_broken_audit_row().await.expect("readable"), None);
}
