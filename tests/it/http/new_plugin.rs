//! A plugin that the host, the SDK and the other plugins do not know: it works without changes to them.

use http::Method;
use jackfield_test_support::{
    app::TestApp,
    marked,
    stand_in_server::{ReceivedRequest, StandInResponse, StandInServer},
};
use serde_json::json;

const ACME_HR: &str = "/api/admin/connections/acme-hr";

fn acme_hr(request: &ReceivedRequest, key: &str) -> StandInResponse {
    if request.header("x-api-key") != Some(key) {
        return StandInResponse::empty(401);
    }
    match (&request.method, request.path.as_str(), request.query.as_deref()) {
        (&Method::GET, "/v1/company", None) => StandInResponse::json(&json!({ "name": "Acme Instruments" })),
        (&Method::GET, "/v1/people", Some("page=1")) => StandInResponse::json(&json!({
            "people": [{ "id": "1", "name": "Ada Lee", "email": "ada.lee@acme.example" }], "more": true,
        })),
        (&Method::GET, "/v1/people", Some("page=2")) => StandInResponse::json(
            &json!({ "people": [{ "id": "2", "name": "Kim Smith", "email": null }], "more": false }),
        ),
        _ => StandInResponse::empty(404),
    }
}

#[tokio::test]
async fn a_seventh_provider_needs_only_its_plugin() {
    let key = marked::secret("acme_");
    let known = key.clone();
    let upstream = StandInServer::start(move |request| acme_hr(request, &known)).await;
    let app = TestApp::builder().component("guests/example").reroute("api.acme-hr.example", &upstream).start().await;
    let providers = app.get("/api/admin/providers").await.ok();
    assert_eq!(providers["providers"][0]["id"], "acme-hr");

    let wrong = app.put(ACME_HR, json!({ "api_key": marked::secret("acme_") })).await;
    let _ = wrong.problem(422, "credential_rejected");
    let connected = app.put(ACME_HR, json!({ "api_key": key })).await.ok();
    assert_eq!(connected, json!({ "ok": true, "org_name": "Acme Instruments" }));
    assert_eq!(app.get(&format!("{ACME_HR}/health")).await.ok()["company"], "Acme Instruments");
    let first = app.get(&format!("{ACME_HR}/users")).await.ok();
    assert_eq!(first["users"][0]["email"], "ada.lee@acme.example");
    let cursor = first["next_cursor"].as_str().expect("a second page");
    let last = app.get(&format!("{ACME_HR}/users?cursor={cursor}")).await.ok();
    assert_eq!((&last["users"][0]["external_id"], &last["next_cursor"]), (&json!("2"), &json!(null)));
    assert_eq!(app.delete(ACME_HR).await.ok()["ok"], true);
}
