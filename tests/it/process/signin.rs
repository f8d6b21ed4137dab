//! The one-time sign-in link that the program prints, at the first start and with its command while a service runs; tokens
//! and links without the master key, and on two hosts.

use std::fs;

use jackfield_test_support::{app::client, marked, slack::SlackStandIn};
use serde_json::json;

use super::program::{Installation, Service, copy_to_sinks};

/// Starts the service and returns what it printed until it was ready.
async fn start_and_capture(place: &Installation) -> (Service, String) {
    let path = place.folder.path().join("output.txt");
    let service = place.serve_to(fs::File::create(&path).expect("a file").into()).await;
    (service, fs::read_to_string(&path).expect("text"))
}

async fn use_link(place: &Installation, link: &str) -> u16 {
    let (at, secret) = link.trim().split_once('#').expect("a fragment");
    assert_eq!(at, format!("{}/signin", place.base()));
    let request = client().post(format!("{}/api/session", place.base())).header("content-type", "application/json");
    let body = json!({ "link": marked::record(secret.to_owned()) }).to_string();
    request.body(body).send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn only_the_first_start_prints_a_sign_in_link_and_it_works_once() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let (service, output) = start_and_capture(&place).await;
    let link = output.lines().find(|line| line.contains("/signin#")).expect("a link").to_owned();
    assert_eq!((use_link(&place, &link).await, use_link(&place, &link).await), (200, 401));

    let printed = place.run(&["signin-link"]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert_eq!(printed.lines().count(), 1, "alone: {printed}");
    assert_ne!(printed.trim(), link.trim());
    assert_eq!((use_link(&place, &printed).await, use_link(&place, &printed).await), (200, 401));
    for name in ["jwt:ada", "oidc:ada", ""] {
        assert_eq!(place.run(&["signin-link", "--name", name]).status.code(), Some(1), "{name}");
    }
    assert!(service.stop().success());

    let (service, output) = start_and_capture(&place).await;
    assert_eq!(output, "", "somebody has signed in before");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}

#[tokio::test]
async fn no_later_start_prints_a_link_even_if_nobody_has_signed_in() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let (service, output) = start_and_capture(&place).await;
    assert!(output.contains("/signin#"), "{output}");
    assert!(service.stop().success());
    let (service, output) = start_and_capture(&place).await;
    assert_eq!(output, "");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}

#[tokio::test]
async fn with_an_identity_provider_no_start_prints_a_link() {
    let jwt = [
        ("JACKFIELD_JWT_ISSUER", "https://id.example.com"),
        ("JACKFIELD_JWT_AUDIENCE", "jackfield"),
        ("JACKFIELD_JWT_JWKS_URL", "https://id.example.com/keys"),
        ("JACKFIELD_JWT_LEVEL_CLAIM", "level"),
    ];
    let oidc = [
        ("JACKFIELD_OIDC_ISSUER", "https://id.example.com"),
        ("JACKFIELD_OIDC_CLIENT_ID", "jackfield"),
        ("JACKFIELD_OIDC_CLIENT_SECRET", "not-a-real-secret"),
        ("JACKFIELD_OIDC_LEVEL_CLAIM", "level"),
    ];
    for settings in [jwt, oidc] {
        let mut place = Installation::with_slack(&*SlackStandIn::start().await).await;
        for (name, value) in settings {
            place.set(name, value.to_owned());
        }
        let (service, output) = start_and_capture(&place).await;
        assert_eq!(output, "", "{settings:?}");
        assert!(service.stop().success());
    }
}

#[tokio::test]
async fn without_the_master_key_tokens_and_links_are_not_created_but_revoked() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let _token = place.token();
    let listed = place.run(&["token", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let (key, elsewhere) = (place.data().join("master.key"), place.data().join("elsewhere.key"));
    fs::rename(&key, &elsewhere).expect("the key is moved");
    for arguments in [&["token", "create", "--name", "x", "--level", "member"][..], &["signin-link"]] {
        let refused = place.run(arguments);
        let printed = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{printed}");
        assert!(printed.contains("without the master key") && printed.contains("is missing"), "{printed}");
    }
    assert!(place.run(&["token", "list"]).status.success());
    assert!(place.run(&["token", "revoke", list[0]["id"].as_str().expect("an id")]).status.success());
    fs::rename(&elsewhere, &key).expect("the key is back");
    let listed = place.run(&["token", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("revoked"));
}

#[tokio::test]
async fn a_token_that_one_host_revokes_is_rejected_by_another() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let token = place.token();
    let one = place.serve().await;
    let other_place = place.second_host();
    let other = other_place.serve().await;
    let ask = async |place: &Installation| {
        let request = client().get(format!("{}/api/admin/audit", place.base())).bearer_auth(&token);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((ask(&place).await, ask(&other_place).await), (200, 200));
    let listed = place.run(&["token", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert!(place.run(&["token", "revoke", list[0]["id"].as_str().expect("an id")]).status.success());
    assert_eq!((ask(&other_place).await, ask(&place).await), (401, 401));
    assert!(one.stop().success() && other.stop().success());
    copy_to_sinks(&place.data());
    copy_to_sinks(&other_place.data());
}
