//! Signals: the first one lets the load balancer notice and requests finish, the second one ends the process at once.

use std::{process::Command, time::Duration};

use jackfield_test_support::app::client;

use super::program::{Installation, Service};

#[tokio::test]
async fn after_a_signal_the_service_is_not_ready_and_still_serves_until_a_second_one() {
    let mut place = Installation::new(&[], &[], &[]).await;
    place.set("JACKFIELD_STOP_DELAY", "600".to_owned());
    let service = place.serve().await;
    signal(&service, "-TERM");
    let client = client();
    let get = async |path: &str| client.get(format!("{}{path}", place.base())).send().await.expect("an answer");
    let not_ready = loop {
        let answer = get("/readyz").await;
        if answer.status() == 503 {
            break answer;
        }
    };
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&not_ready.text().await.expect("a body")).expect("JSON")["stopping"],
        true
    );
    for path in ["/healthz", "/api/session", "/"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["connection"], "close", "{path}");
    }
    signal(&service, "-TERM");
    let ended = tokio::task::spawn_blocking(move || service.wait());
    let status = tokio::time::timeout(Duration::from_secs(120), ended).await.expect("it ends").expect("waited");
    assert!(status.success());
}

fn signal(service: &Service, signal: &str) {
    let sent = Command::new("kill").args([signal, &service.0.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}
