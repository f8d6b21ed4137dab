//! A version approved during a call: the call ends on the version it began with.

use std::collections::BTreeMap;

use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, digest},
    guests, marked,
    stand_in_server::{StandInResponse, StandInServer},
};
use serde_json::json;

use super::{MADE, approve, component, component_with, connect, serving_version, start_empty, upload_new};

const ACME: &str = "/api/admin/connections/acme-hr";

#[tokio::test]
async fn a_call_ends_on_the_version_it_began_with() {
    let key = marked::secret("acme_");
    let upstream = StandInServer::start(|request| match request.path.as_str() {
        "/v1/people" => {
            let ada = json!({ "id": "1", "name": "Ada Lee", "email": null });
            StandInResponse::json(&json!({ "people": [ada], "more": false }))
        }
        _ => StandInResponse::json(&json!({ "name": "Acme Instruments" })),
    })
    .await;
    let app = TestApp::builder()
        .trust(Trust::Shipped(BTreeMap::new()))
        .reroute("api.acme-hr.example", &upstream)
        .start()
        .await;
    let first = guests::read_component("guests/example");
    upload_new(&app, first.clone()).await;
    let _ = approve(&app, "acme-hr", &digest(&first)).await.ok();
    assert_eq!(app.put(ACME, json!({ "api_key": key })).await.ok()["ok"], true);
    let second = component_with("9.0.0", |manifest| {
        manifest["id"] = json!("acme-hr");
        manifest["fields"][0]["name"] = json!("api_key");
        // The same destination, so that the stored key is used.
        manifest["endpoints"][0]["host"] = json!("api.acme-hr.example");
        manifest["endpoints"][0]["credential"]["source"]["field"] = json!("api_key");
        manifest["endpoints"][0]["credential"]["place"]["header"]["name"] = json!("X-Api-Key");
    });
    upload_new(&app, second.clone()).await;

    // The new version serves before the old one receives its response.
    upstream.hold();
    let path = format!("{ACME}/users");
    let in_flight = async { app.get(&path).await.ok() };
    let swap = async {
        while upstream.requests_to("/v1/people").is_empty() {
            tokio::task::yield_now().await;
        }
        let _ = approve(&app, "acme-hr", &digest(&second)).await.ok();
        let new = app.get(&path).await.ok();
        upstream.release();
        new
    };
    let (old, new) = tokio::join!(in_flight, swap);
    assert_eq!(old["users"][0]["name"], "Ada Lee");
    assert_eq!(new["users"][0]["name"], "9.0.0");
}

#[tokio::test]
async fn a_version_with_a_new_secret_keeps_the_connection_and_names_the_missing_field() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    let second = component_with("2.0.0", |manifest| {
        let mut field = manifest["fields"][0].clone();
        field["name"] = json!("second_token");
        manifest["fields"].as_array_mut().expect("fields").push(field);
    });
    let waiting = upload_new(&app, second.clone()).await["waiting"][0].clone();
    let words = waiting["changes"]["words"][0].as_str().expect("a sentence").to_owned();
    assert!(words.starts_with("adds the field second_token: "), "{words}");
    let missing = waiting["missing_fields"][0].as_str().expect("a sentence");
    assert!(missing.contains("`second_token`"), "{missing}");
    let _ = approve(&app, "made", &digest(&second)).await.ok();
    let connection = app.get("/api/admin/connections").await.ok()["connections"][0].clone();
    assert_eq!(connection["status"], "needs_reauth");
    let names = |text: &serde_json::Value| text.as_str().is_some_and(|text| text.contains("`second_token`"));
    assert!(names(&connection["reason"]), "{connection}");
    let refused = app.get(&format!("{MADE}/users")).await.problem(409, "needs_reauth");
    assert!(names(&refused["detail"]), "{refused}");
    let more = app.put(MADE, json!({ "second_token": marked::secret("made-") })).await;
    assert_eq!(more.ok()["ok"], true, "the first value is kept");
    assert_eq!(serving_version(&app).await, "2.0.0");
}

#[tokio::test]
async fn a_version_with_a_new_required_field_says_so_before_and_after_the_approval() {
    let app = start_empty().await;
    upload_new(&app, component("1.0.0")).await;
    let _ = approve(&app, "made", &digest(&component("1.0.0"))).await.ok();
    assert_eq!(connect(&app).await.status, 200);
    let second = component_with("2.0.0", |manifest| {
        let mut field = manifest["fields"][0].clone();
        (field["name"], field["secret"]) = (json!("region"), json!(false));
        manifest["fields"].as_array_mut().expect("fields").push(field);
    });
    let waiting = upload_new(&app, second.clone()).await["waiting"][0].clone();
    assert_eq!(waiting["missing_fields"].as_array().map(Vec::len), Some(1), "{waiting}");
    let _ = approve(&app, "made", &digest(&second)).await.ok();
    let connection = app.get("/api/admin/connections").await.ok()["connections"][0].clone();
    assert_eq!(connection["status"], "needs_reauth");
    assert!(connection["reason"].as_str().is_some_and(|reason| reason.contains("`region`")), "{connection}");
    let _ = app.get(&format!("{MADE}/users")).await.problem(409, "needs_reauth");
    assert_eq!(app.put(MADE, json!({ "region": "eu-central-1" })).await.ok()["ok"], true);
    assert_eq!(serving_version(&app).await, "2.0.0");
}
