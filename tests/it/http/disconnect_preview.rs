//! `GET …/{provider}/disconnect`: the preview of a disconnect, and the disconnect itself.

use jackfield_core::{
    Level,
    audit::{Action, Actor},
};
use jackfield_store::{NewAudit, NewToken};
use jackfield_test_support::{app::TestApp, guests, marked, slack::SlackStandIn};
use serde_json::json;

use super::{SLACK, people::person, start_connected, with_slack};

async fn service_token(app: &TestApp, name: &str, providers: &[&str]) -> String {
    let audit = NewAudit::done(&Actor::named("test"), Action::TokenCreate);
    let providers = providers.iter().map(|provider| (*provider).to_owned()).collect();
    let new = NewToken { name: name.to_owned(), level: Level::Service, providers, lifetime: None };
    let (token, text) = app.store.create_token(new, audit).await.expect("the token is created");
    let _noted = marked::record(text.expose().clone());
    token.id
}

#[tokio::test]
async fn a_provider_that_is_not_connected_loses_nothing() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).start().await;
    let foreseen = app.get(&format!("{SLACK}/disconnect")).await.ok();
    let expected = json!({
        "provider": "slack", "configured": false, "org_name": null, "mappings": 0, "mappings_kept": 0, "alerts": false,
        "revokes": "upstream", "services": [],
    });
    assert_eq!(foreseen, expected);
    let _ = app.get("/api/admin/connections/nowhere/disconnect").await.problem(404, "unknown_provider");
}

#[tokio::test]
async fn the_services_that_use_a_connection_are_named() {
    let slack = SlackStandIn::start().await;
    let (app, _) = start_connected(&slack).await;
    let _uses = service_token(&app, "reminders", &["acme", "slack"]).await;
    let _other = service_token(&app, "payroll", &["acme"]).await;
    let _gone = service_token(&app, "gone", &["slack"]).await;
    app.revoke_tokens("gone").await;
    let foreseen = app.get(&format!("{SLACK}/disconnect")).await.ok();
    assert_eq!(foreseen["services"], json!([{ "name": "reminders" }]));
    assert_eq!((&foreseen["configured"], &foreseen["alerts"]), (&json!(true), &json!(false)));
    assert_eq!(app.get(&format!("{SLACK}/health")).await.ok()["healthy"], true, "nothing was changed");
}

#[tokio::test]
async fn mappings_to_be_deleted_are_counted_separately_from_kept_ones() {
    for (fate, gone, kept) in [("clear", 1, 0), ("keep", 0, 1)] {
        let mut manifest = guests::manifest();
        manifest["on-disconnect"] = json!(fate);
        let app = TestApp::builder().file("made.wasm", guests::with_manifest(&manifest)).start().await;
        let made = manifest["id"].as_str().expect("an id");
        let connection = format!("/api/admin/connections/{made}");
        let _ = app.put(&connection, json!({ "token": marked::secret("made-") })).await.ok();
        let ada = person(&app, "Ada", "ada@acme.example").await;
        let mapping = json!({ "provider": made, "external_id": "1" });
        let _ = app.put(&format!("/api/admin/connections/user-mappings/{ada}"), mapping).await.ok();
        let foreseen = app.get(&format!("{connection}/disconnect")).await.ok();
        assert_eq!((&foreseen["mappings"], &foreseen["mappings_kept"]), (&json!(gone), &json!(kept)), "{fate}");
        assert_eq!(foreseen["revokes"], "local");
        assert_eq!(app.delete(&connection).await.ok()["ok"], true);
        let left = app.get("/api/admin/connections/user-mappings?state=mapped").await.ok();
        assert_eq!(left["total"], kept, "{fate}");
    }
}
