//! A service without its master key: people can sign in and look, and change nothing.

use std::{collections::BTreeSet, fs};

use http::Method;
use jackfield_api as api;
use jackfield_test_support::{
    app::{TestApp, TestCaller},
    slack::SlackStandIn,
};
use serde_json::json;

use super::{callers::example, start_connected};

/// Connects, then starts again without the key. Returns the key.
async fn start_sealed() -> (TestApp, Vec<u8>) {
    let (mut app, _) = start_connected(&SlackStandIn::start().await).await;
    let file = app.data().join("master.key");
    let key = fs::read(&file).expect("the key");
    app.stop().await;
    fs::rename(&file, app.data().join("elsewhere.key")).expect("the key is moved");
    (app.start_again().await, key)
}

#[tokio::test]
async fn a_sealed_service_rejects_every_change_and_shows_everything() {
    let (app, _) = start_sealed().await;
    let routes = api::testing::routes();
    let paths: BTreeSet<&str> = routes.iter().map(|route| route.path).collect();
    let mut rejected = 0;
    for path in paths {
        let session = app.sign_in(TestCaller::Executive).await;
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = example(path);
            let answers = [
                app.send(method.clone(), &request, None).await,
                app.send_in(&session, method.clone(), &request, None).await,
            ];
            let route = routes.iter().find(|route| (route.path, &route.method) == (path, &method));
            for (answer, has_session) in answers.iter().zip([false, true]) {
                let (status, code) = (answer.status, answer.code());
                match route {
                    None => assert_eq!(status, 405, "{method} {path}"),
                    // Signing in and out is possible; here, the body is missing.
                    Some(_) if path == "/api/session" && method == Method::POST => {
                        assert_eq!((status, code.as_str()), (400, "invalid_request"));
                    }
                    Some(_) if path == "/api/session" => assert_eq!(status, if has_session { 200 } else { 401 }),
                    Some(route) if route.requires_session && !has_session => assert_eq!(status, 401, "{method} {path}"),
                    Some(_) => {
                        assert_eq!((status, code.as_str()), (503, "sealed"), "{method} {path}");
                        rejected += 1;
                    }
                }
            }
        }
    }
    assert!(rejected > 30, "{rejected}");
    for path in ["/api/admin/connections", "/api/admin/people", "/api/admin/audit", "/api/admin/service"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    let refused = app.send_as(TestCaller::Member, Method::DELETE, "/api/admin/providers/slack", None).await;
    assert_eq!(refused.status, 403, "the level comes first");
    let inserted = app.get("/api/admin/service").await.ok();
    assert_eq!(inserted["edited_rows"], json!([]), "without the key, nobody can tell");
}

#[tokio::test]
async fn a_session_that_began_while_sealed_ends_when_the_service_is_unsealed() {
    let (mut app, _) = start_sealed().await;
    let session = app.sign_in(TestCaller::Executive).await;
    assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 200);
    let body = json!({ "name": "Ada", "email": "ada@acme.example" });
    let _ = app.send_in(&session, Method::POST, "/api/admin/people", Some(body)).await.problem(503, "sealed");
    app.stop().await;
    fs::rename(app.data().join("elsewhere.key"), app.data().join("master.key")).expect("the key is back");
    let app = app.start_again().await;
    assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 401);
    assert_eq!(app.get("/api/admin/audit").await.status, 200, "a token from before is valid again");
}

#[tokio::test]
async fn a_session_from_before_survives_a_sealed_start() {
    let (mut app, _) = start_connected(&SlackStandIn::start().await).await;
    let session = app.sign_in(TestCaller::Executive).await;
    let (key, elsewhere) = (app.data().join("master.key"), app.data().join("elsewhere.key"));
    app.stop().await;
    fs::rename(&key, &elsewhere).expect("the key is moved");
    let mut app = app.start_again().await;
    // Enough time that the activity would be stored.
    app.clock.advance(jiff::SignedDuration::from_mins(5));
    assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 200);
    app.stop().await;
    fs::rename(&elsewhere, &key).expect("the key is back");
    let app = app.start_again().await;
    assert_eq!(app.send_in(&session, Method::GET, "/api/admin/audit", None).await.status, 200);
}

#[tokio::test]
async fn a_token_can_be_revoked_while_sealed_and_stays_revoked() {
    let (mut app, _) = start_sealed().await;
    app.revoke_tokens("executive").await;
    assert_eq!(app.get("/api/admin/audit").await.status, 401);
    app.stop().await;
    fs::rename(app.data().join("elsewhere.key"), app.data().join("master.key")).expect("the key is back");
    let app = app.start_again().await;
    assert_eq!(app.get("/api/admin/audit").await.status, 401);
    app.tamper("update tokens set revoked_at = null").await;
    assert_eq!(app.get("/api/admin/audit").await.status, 401);
}
