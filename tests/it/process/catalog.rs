//! The catalog commands while a service runs, and a second host on the same database.

use http::Method;
use jackfield_test_support::{
    app::{client, digest, eventually},
    guests,
    slack::SlackStandIn,
};
use serde_json::{Value, json};

use super::program::{Installation, copy_to_sinks};

async fn place() -> Installation {
    let slack = SlackStandIn::start().await;
    let trust = [("JACKFIELD_PLUGINS_TRUST", "approve".to_owned())];
    Installation::new(&["slack"], &[slack.reroute("slack.com")], &trust).await
}

async fn ask(place: &Installation, bearer: &str, method: Method, path: &str) -> Value {
    let request = client().request(method, format!("{}{path}", place.base())).bearer_auth(bearer);
    let text = request.send().await.expect("an answer").text().await.expect("a complete response");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Waits until a host reports this state of a provider.
async fn wait_until(place: &Installation, bearer: &str, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
    eventually(async || {
        let list = ask(place, bearer, Method::GET, "/api/admin/providers").await;
        let providers = list["providers"].as_array().expect("providers");
        let provider = providers.iter().find(|provider| provider["id"] == id).cloned().unwrap_or_default();
        if condition(&provider) { Ok(provider) } else { Err(format!("the state of {id}: {provider}")) }
    })
    .await
}

fn version(version: &str) -> Vec<u8> {
    let mut manifest = guests::manifest();
    manifest["version"] = json!(version);
    guests::with_manifest(&manifest)
}

#[tokio::test]
async fn a_running_service_applies_a_decision_made_by_a_command() {
    let place = place().await;
    let bearer = place.token();
    let service = place.serve().await;
    let file = place.folder.path().join("plugins/made.wasm");
    std::fs::write(&file, version("1.0.0")).expect("the file is written to the plugins folder");
    wait_until(&place, &bearer, "made", |provider| provider["state"] == "pending").await;
    let run = |arguments: &[&str]| {
        let done = place.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let wrong = place.run(&["plugin", "approve", "made", "--digest", &digest(b"another")]);
    assert_eq!(wrong.status.code(), Some(1));
    let printed = run(&["plugin", "approve", "made", "--digest", &digest(&version("1.0.0"))]);
    assert!(printed.starts_with("made 1.0.0 approved"), "{printed}");
    wait_until(&place, &bearer, "made", |provider| provider["state"] == "approved").await;

    std::fs::write(&file, version("2.0.0")).expect("replaced");
    wait_until(&place, &bearer, "made", |provider| provider["waiting"][0]["version"] == "2.0.0").await;
    let _said = run(&["plugin", "approve", "made", "--digest", &digest(&version("2.0.0"))]);
    wait_until(&place, &bearer, "made", |provider| provider["version"] == "2.0.0").await;
    assert!(run(&["plugin", "rollback", "made"]).starts_with("made 1.0.0 approved"));
    wait_until(&place, &bearer, "made", |provider| provider["version"] == "1.0.0").await;
    assert!(run(&["plugin", "disable", "made"]).starts_with("made 1.0.0 disabled"));
    wait_until(&place, &bearer, "made", |provider| provider["state"] == "disabled").await;
    let list: Value = serde_json::from_str(&run(&["plugin", "list", "--json"])).expect("JSON");
    let made =
        list.as_array().expect("a list").iter().find(|entry| entry["id"] == "made").expect("the provider is listed");
    assert_eq!(made["state"]["state"], "disabled");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}

#[tokio::test]
async fn a_second_host_on_the_database_serves_a_plugin_uploaded_at_the_first() {
    let place = place().await;
    let bearer = place.token();
    let first = place.serve().await;
    let second_place = place.second_host();
    let second = second_place.serve().await;
    let sent = client()
        .post(format!("{}/api/admin/providers", place.base()))
        .bearer_auth(&bearer)
        .header("content-type", "application/wasm")
        .body(version("1.0.0"));
    assert_eq!(sent.send().await.expect("an answer").status(), 201);
    wait_until(&second_place, &bearer, "made", |provider| provider["state"] == "pending").await;
    // Approved on one host, it works on the other.
    let approve = client()
        .post(format!("{}/api/admin/providers/made/approve", second_place.base()))
        .bearer_auth(&bearer)
        .header("content-type", "application/json")
        .body(json!({ "digest": digest(&version("1.0.0")) }).to_string());
    assert_eq!(approve.send().await.expect("an answer").status(), 200);
    wait_until(&place, &bearer, "made", |provider| provider["state"] == "approved").await;
    assert!(first.stop().success() && second.stop().success());
    copy_to_sinks(&place.data());
}
