//! Rows that somebody inserts or edits in the database, without the master key: they give no level, no approval and no
//! secret. Every column of every table is listed here, with what protects it.

pub(super) mod columns;
mod inserted;
mod wrong_types;

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use jackfield_core::{
    Level,
    audit::{Action, Actor},
};
use jackfield_store::NewAudit;
use jackfield_test_support::{
    app::{TestApp, TestCaller, TestResponse, TestSession},
    marked,
    productive::{HOST, ProductiveStandIn},
    slack::SlackStandIn,
    xero::{HOSTS, TENANT, XeroStandIn},
};
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest, Sha256};

use self::columns::{COLUMNS, Protection, edits};
use super::{
    SLACK, add_token, body,
    oauth::{XERO, auth_url, callback, text},
    with_slack,
};

const AUDIT: &str = "/api/admin/audit";
const SESSION: &str = "/api/session";

#[tokio::test]
async fn every_column_of_the_database_is_listed_with_what_protects_it() {
    let app = TestApp::builder().start().await;
    let listed: BTreeSet<(String, String)> = COLUMNS
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(|(column, _)| ((*table).to_owned(), (*column).to_owned())))
        .collect();
    assert_eq!(app.database().columns().await, listed, "a new column needs a line in COLUMNS: what protects it?");
    for (table, columns) in COLUMNS {
        for (column, protection) in *columns {
            if let Protection::GrantsNothing(why) = protection {
                assert!(why.len() > 20, "{table}.{column}: say why it grants nothing");
            }
        }
    }
}

/// Returns the status of a request with a token.
async fn ask(app: &TestApp, token: &str) -> u16 {
    app.send_with_token(token, Method::GET, AUDIT, None).await.status
}

#[tokio::test]
async fn an_edited_token_is_rejected() {
    let app = TestApp::builder().start().await;
    let (_, other) = app.create_token("other", Level::Executive, None).await;
    for (column, value) in edits("tokens") {
        let level = if column == "level" { Level::Manager } else { Level::Executive };
        let lifetime = (column == "expires_at").then_some(Duration::from_secs(1));
        let (id, token) = app.create_token("edited", level, lifetime).await;
        // What the edit is meant to give: a higher level, a longer life, or the identity of another token.
        match column {
            "expires_at" => app.clock.advance(SignedDuration::from_secs(2)),
            "revoked_at" => app.revoke_tokens("edited").await,
            "level" => assert_eq!(ask(&app, &token).await, 403),
            _ => assert_eq!(ask(&app, &token).await, 200, "{column}"),
        }
        let used = if column == "hash" { marked::secret("jf_") } else { token };
        let value = if column == "hash" { hash_literal(&app, used.as_bytes()) } else { value.to_owned() };
        app.tamper(format!("update tokens set {column} = {value} where id = '{id}'")).await;
        assert_eq!(ask(&app, &used).await, 401, "tokens.{column}");
        assert_eq!(ask(&app, &other).await, 200);
    }
}

fn hash_literal(app: &TestApp, secret: &[u8]) -> String {
    app.database().blob(&Sha256::digest(secret))
}

/// Returns the status of a request with the cookie of a session.
async fn visit(app: &TestApp, session: &TestSession) -> u16 {
    app.send_in(session, Method::GET, AUDIT, None).await.status
}

#[tokio::test]
async fn an_edited_session_is_rejected() {
    let app = TestApp::builder().start().await;
    let other = app.sign_in(TestCaller::Executive).await;
    for (column, value) in edits("sessions") {
        let caller = if column == "level" { TestCaller::Manager } else { TestCaller::Executive };
        let mut session = app.sign_in(caller).await;
        assert_eq!(visit(&app, &session).await, if column == "level" { 403 } else { 200 }, "{column}");
        let mut value = value.to_owned();
        if column == "hash" {
            // A cookie contains 32 bytes in base64url, here zeros.
            session.cookie = format!("jackfield={}", "A".repeat(43));
            value = hash_literal(&app, &[0; 32]);
        }
        app.tamper(format!("update sessions set {column} = {value} where id = (select max(id) from sessions)")).await;
        assert_eq!(visit(&app, &session).await, 401, "sessions.{column}");
        assert_eq!(visit(&app, &other).await, 200);
        app.tamper("delete from sessions where id <> (select min(id) from sessions)").await;
    }
}

#[tokio::test]
async fn an_edited_time_does_not_extend_a_session() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    app.clock.advance(SignedDuration::from_mins(59));
    assert_eq!(visit(&app, &session).await, 200);
    app.clock.advance(SignedDuration::from_mins(61));
    let now = app.clock.now().as_microsecond();
    app.tamper(format!("update sessions set seen_at = {now}")).await;
    assert_eq!(visit(&app, &session).await, 401);
}

#[tokio::test]
async fn an_edited_sign_in_link_is_rejected() {
    let app = TestApp::builder().start().await;
    for (column, value) in edits("signin_links") {
        let audit = NewAudit::done(&Actor::named("test"), Action::SigninLinkCreate);
        let link = app.store.create_signin_link("edited", audit).await.expect("the link is created");
        let used = if column == "hash" { marked::secret("link") } else { marked::record(link.expose().clone()) };
        let value = if column == "hash" { hash_literal(&app, used.as_bytes()) } else { value.to_owned() };
        app.tamper(format!("update signin_links set {column} = {value}")).await;
        let answer = app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(json!({ "link": used }))).await;
        assert_eq!(answer.status, 401, "signin_links.{column}: {}", answer.text);
        app.tamper("delete from signin_links").await;
    }
}

/// A service with Xero's plugin, and an OAuth app that was set through the API.
async fn start_with_oauth_app(xero: &XeroStandIn) -> TestApp {
    let builder = TestApp::builder().component("xero");
    let app = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, xero)).start().await;
    set_oauth_app(&app, xero).await;
    app
}

async fn set_oauth_app(app: &TestApp, xero: &XeroStandIn) {
    let secret = marked::secret("cs-");
    xero.add_app("edited-client", &secret, "http://127.0.0.1:7420/oauth/callback");
    let path = "/api/admin/providers/xero/oauth-app";
    let _ = app.put(path, json!({ "client_id": "edited-client", "client_secret": secret })).await.ok();
}

#[tokio::test]
async fn an_edited_oauth_app_is_not_used() {
    let xero = XeroStandIn::start().await;
    let app = start_with_oauth_app(&xero).await;
    for (column, value) in edits("oauth_apps") {
        assert_eq!(app.get(&format!("{XERO}/auth-url")).await.status, 200, "{column}");
        app.tamper(format!("update oauth_apps set {column} = {value}")).await;
        let refused = app.get(&format!("{XERO}/auth-url")).await;
        match column {
            "provider" => _ = refused.problem(409, "unsupported"),
            _ => assert!(text(&refused.problem(503, "sealed"), "detail").contains("set it again"), "{column}"),
        }
        app.tamper("delete from oauth_apps").await;
        set_oauth_app(&app, &xero).await;
    }
    // Without its secret, it would be a public client.
    app.tamper("delete from sealed_values where owner_table = 'oauth_apps'").await;
    let _ = app.get(&format!("{XERO}/auth-url")).await.problem(503, "sealed");
}

#[tokio::test]
async fn an_edited_oauth_flow_is_not_completed() {
    let xero = XeroStandIn::start().await;
    let app = start_with_oauth_app(&xero).await;
    for (column, value) in edits("oauth_flows") {
        let (url, flow) = auth_url(&app).await;
        let landing = xero.authorize(&url).allow(&[TENANT]);
        super::oauth::record_secrets(&xero);
        let state = if column == "state_hash" { Some("planted".to_owned()) } else { landing.state };
        let state = state.expect("a state");
        let value = if column == "state_hash" { hash_literal(&app, state.as_bytes()) } else { value.to_owned() };
        app.tamper(format!("update oauth_flows set {column} = {value} where id = '{flow}'")).await;
        let _ = app.get(&format!("{XERO}/auth-flows/{flow}")).await.problem(404, "not_found");
        let refused = callback(&app, json!({ "code": landing.code, "state": state })).await;
        assert_eq!(refused.problem(422, "invalid_request")["errors"][0]["field"], "state", "{column}");
        let stateless = callback(&app, json!({ "code": landing.code })).await;
        assert_eq!(stateless.problem(422, "invalid_request")["errors"][0]["field"], "state", "{column}");
        assert!(xero.requests_to("/connect/token").is_empty(), "{column}: the code was not sent");
    }
}

#[tokio::test]
async fn an_edited_connection_is_not_used_and_connecting_again_repairs_it() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let token = add_token(&slack);
    for (column, value) in edits("connections") {
        assert_eq!(app.put(SLACK, body(&token)).await.ok()["ok"], true, "{column}");
        assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "{column}");
        app.tamper(format!("update connections set {column} = {value}")).await;
        let before = slack.requests().len();
        for path in ["health", "users"] {
            expect_unused(column, app.get(&format!("{SLACK}/{path}")).await);
        }
        assert_eq!(slack.requests().len(), before, "connections.{column}: nothing was sent");
        let list = app.get("/api/admin/connections").await.ok();
        assert_eq!(list["connections"][0]["status"], "unreadable", "{column}: {list}");
        let edited = app.get("/api/admin/service").await.ok()["edited_rows"].clone();
        assert_eq!(edited[0]["table"], "connections", "{column}");
        // Entering a part of it again must not authenticate the edited rest.
        let part = app.put(SLACK, json!({ "channel_id": body(&token)["channel_id"] })).await;
        assert_eq!(part.status, 422, "{column}: {}", part.text);
        app.tamper("delete from connections where provider <> 'slack'").await;
    }
    assert_eq!(app.put(SLACK, body(&token)).await.ok()["ok"], true);
    assert_eq!(app.get("/api/admin/service").await.ok()["edited_rows"], json!([]));
}

fn expect_unused(column: &str, answer: TestResponse) {
    match column {
        // The connection is no longer one of this provider.
        "provider" if answer.status == 200 => assert_eq!(answer.json()["configured"], false),
        "provider" => _ = answer.problem(409, "not_connected"),
        _ => assert!(text(&answer.problem(503, "sealed"), "detail").contains("connect again"), "{column}"),
    }
}

#[tokio::test]
async fn a_secret_does_not_move_to_another_provider() {
    let (slack, productive) = (SlackStandIn::start().await, ProductiveStandIn::start().await);
    let app = with_slack(&slack).component("productive").reroute(HOST, &productive).start().await;
    let token = add_token(&slack);
    assert_eq!(app.put(SLACK, body(&token)).await.ok()["ok"], true);
    app.tamper(
        "update connections set provider = 'productive'; update sealed_values set owner_column = 'api_token' where \
         owner_column = 'bot_token'",
    )
    .await;
    let _ = app.get("/api/admin/connections/productive/health").await.problem(503, "sealed");
    let _ = app.get("/api/admin/connections/productive/users").await.problem(503, "sealed");
    assert_eq!(productive.requests().len(), 0, "nothing was sent to the other provider");
}

#[tokio::test]
async fn an_edited_account_or_field_is_not_authenticated_by_choosing_an_account() {
    let productive = ProductiveStandIn::start().await;
    let app = TestApp::builder().component("productive").reroute(HOST, &productive).start().await;
    let token = marked::secret("");
    productive.add_token(&token);
    productive.join(&token, "4202", "Acme Trading");
    let _ = app.put("/api/admin/connections/productive", json!({ "api_token": token })).await.ok();
    app.tamper("update connections set connected_by = 'somebody else'").await;
    let choose = json!({ "id": jackfield_test_support::productive::ORGANIZATION });
    let _ = app.put("/api/admin/connections/productive/account", choose).await.problem(503, "sealed");
}
