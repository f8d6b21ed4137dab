//! Rows that were inserted by hand, and rows that were copied or restored in part.

use super::*;

#[tokio::test]
async fn an_inserted_token_session_or_link_is_rejected_and_reported() {
    let app = TestApp::builder().start().await;
    let (token, link) = (marked::secret("jf_"), marked::secret("link"));
    let hash = hash_literal(&app, token.as_bytes());
    app.tamper(format!(
        "insert into tokens (id, name, hash, level, providers, created_at) \
         values ('planted', 'executive', {hash}, 'executive', '[]', 0)"
    ))
    .await;
    let end = app.clock.now().as_microsecond() + 1_000_000_000;
    let (now, hash) = (app.clock.now().as_microsecond(), hash_literal(&app, &[0; 32]));
    app.tamper(format!(
        "insert into sessions (id, hash, identity, name, level, began_at, seen_at, ends_at) \
         values ('planted', {hash}, 'link:x', 'executive', 'executive', {now}, {now}, {end})"
    ))
    .await;
    let hash = hash_literal(&app, link.as_bytes());
    app.tamper(format!("insert into signin_links (hash, name, ends_at) values ({hash}, 'planted', {end})")).await;

    let log = app.log_bytes();
    for _ in 0..2 {
        assert_eq!(ask(&app, &token).await, 401);
    }
    let approve = json!({ "digest": "00" });
    let path = "/api/admin/providers/slack/approve";
    assert_eq!(app.send_with_token(&token, Method::POST, path, Some(approve)).await.status, 401);
    let sign_in = |body| app.send_as(TestCaller::Anonymous, Method::POST, SESSION, Some(body));
    assert_eq!(sign_in(json!({ "token": token })).await.status, 401);
    assert_eq!(sign_in(json!({ "link": link })).await.status, 401);
    let session = TestSession { cookie: format!("jackfield={}", "A".repeat(43)), csrf: "x".to_owned() };
    assert_eq!(visit(&app, &session).await, 401);
    assert!(app.log_bytes() > log);

    let reported = app.get("/api/admin/service").await.ok()["edited_rows"].clone();
    let expected = ["tokens", "sessions", "signin_links"].map(|table| json!({ "table": table, "row": "planted" }));
    assert_eq!(reported, json!(expected));
    let listed = app.store.tokens().await.expect("the tokens are listed");
    let edited: Vec<&str> = listed.iter().filter(|token| token.edited).map(|token| token.id.as_str()).collect();
    assert_eq!(edited, ["planted"]);
}

#[tokio::test]
async fn a_planted_row_with_impossible_values_breaks_no_list() {
    let app = TestApp::builder().start().await;
    let hash = hash_literal(&app, b"x");
    app.tamper(format!(
        "insert into tokens (id, name, hash, level, providers, created_at) \
         values ('planted', 'x', {hash}, 'root', 'no JSON', 0)"
    ))
    .await;
    let listed = app.store.tokens().await.expect("the tokens are listed");
    assert!(!listed.is_empty() && listed.iter().all(|token| token.id != "planted"));
    assert_eq!(app.get("/api/admin/service").await.ok()["edited_rows"][0]["row"], "planted");
}

#[tokio::test]
async fn the_mac_of_another_row_does_not_help() {
    let app = TestApp::builder().start().await;
    let manager = app.token(TestCaller::Manager).expect("a token").to_owned();
    app.tamper(
        "update tokens set level = 'executive', mac = (select mac from tokens where name = 'executive') \
         where name = 'manager'",
    )
    .await;
    assert_eq!(ask(&app, &manager).await, 401);
    assert_eq!(app.get(AUDIT).await.status, 200);
}

#[tokio::test]
async fn a_revoked_token_stays_revoked_if_its_columns_are_restored() {
    let app = TestApp::builder().start().await;
    let other = app.start_second_host().await;
    let (id, token) = app.create_token("gone", Level::Executive, None).await;
    assert_eq!(ask(&other, &token).await, 200);
    app.revoke_tokens("gone").await;
    assert_eq!((ask(&app, &token).await, ask(&other, &token).await), (401, 401));
    app.tamper(format!("update tokens set revoked_at = null where id = '{id}'")).await;
    assert_eq!((ask(&app, &token).await, ask(&other, &token).await), (401, 401));
}

#[tokio::test]
async fn revoking_an_edited_token_does_not_authenticate_it() {
    let app = TestApp::builder().start().await;
    let (id, token) = app.create_token("edited", Level::Manager, None).await;
    app.tamper(format!("update tokens set level = 'executive' where id = '{id}'")).await;
    app.revoke_tokens("edited").await;
    app.tamper(format!("update tokens set revoked_at = null where id = '{id}'")).await;
    assert_eq!(ask(&app, &token).await, 401);
}

#[tokio::test]
async fn a_session_of_a_token_that_was_edited_ends() {
    let app = TestApp::builder().start().await;
    let session = app.sign_in(TestCaller::Executive).await;
    app.tamper("update tokens set expires_at = 9000000000000000 where name = 'executive'").await;
    assert_eq!(visit(&app, &session).await, 401);
}
