//! The one-time sign-in link that the program prints, at the first start and with its command while a service runs.

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
