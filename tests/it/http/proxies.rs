//! Behind a proxy or a load balancer: host names, HTTP/1.0, and the address of the client.

use http::Method;
use jackfield_test_support::app::{TestApp, TestCaller, TestResponse};

use super::raw_socket::{exchange, only_problem};

/// Sends one request and reads the answer; the service closes.
async fn get(app: &TestApp, version: &str, path: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    exchange(app, format!("GET {path} HTTP/{version}\r\n{fields}Connection: close\r\n\r\n").as_bytes()).await
}

#[tokio::test]
async fn health_checks_answer_any_host_name_or_none() {
    let app = TestApp::builder().start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        for (version, fields) in [
            ("1.0", &[][..]),
            ("1.0", &["Host: jackfield:7420"]),
            ("1.1", &["Host: jackfield:7420"]),
            ("1.1", &["Host: localhost."]),
            ("1.1", &["Host: "]),
        ] {
            let answer = get(&app, version, path, fields).await;
            assert_eq!(answer.split(' ').nth(1), Some("200"), "{path} {version} {fields:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn every_other_route_requires_a_known_host_name() {
    let hosts = "jackfield.internal:7420, Proxy.Acme.example.";
    let app = TestApp::builder().setting("JACKFIELD_HOSTS", hosts).start().await;
    for (version, host, status) in [
        ("1.1", "jackfield.internal:7420", 200),
        ("1.1", "jackfield.internal.:7420", 200),
        ("1.1", "jackfield.internal", 421),
        ("1.1", "proxy.acme.example:8443", 200),
        ("1.0", "proxy.acme.example", 200),
        ("1.1", "localhost.", 200),
        ("1.1", "evil.test", 421),
        ("1.1", "evil@localhost", 421),
    ] {
        for path in ["/api/session", "/", "/signin", "/docs", "/oauth/callback"] {
            let answer = get(&app, version, path, &[&format!("Host: {host}")]).await;
            assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{host} {path}: {answer}");
        }
    }
    let answer = get(&app, "1.0", "/api/session", &[]).await;
    let problem = only_problem(&answer, 421);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("JACKFIELD_HOSTS") && detail.contains("JACKFIELD_PUBLIC_URL"), "{detail}");
}

#[tokio::test]
async fn two_host_fields_are_rejected() {
    let app = TestApp::builder().start().await;
    for path in ["/healthz", "/api/session"] {
        for hosts in [["Host: localhost", "Host: evil.test"], ["Host: localhost", "Host: localhost"]] {
            only_problem(&get(&app, "1.1", path, &hosts).await, 400);
        }
    }
}

async fn with_field(app: &TestApp, caller: TestCaller, name: &str, value: &str) -> TestResponse {
    app.send_request_as(caller, Method::GET, "/api/admin/connections", |request| request.header(name, value)).await
}

#[tokio::test]
async fn failed_attempts_count_for_the_client_behind_a_trusted_proxy() {
    let app = TestApp::builder().setting("JACKFIELD_TRUSTED_PROXIES", "127.0.0.0/8, ::1").start().await;
    for (name, client, other) in [
        ("x-forwarded-for", "203.0.113.1, 198.51.100.1", "198.51.100.2"),
        ("forwarded", "for=\"[2001:db8:1::1]:4711\"", "for=\"[2001:db8:2::1]:4711\""),
    ] {
        let mut status = 401;
        for _ in 0..60 {
            status = with_field(&app, TestCaller::UnknownToken, name, client).await.status;
            if status == 429 {
                break;
            }
        }
        assert_eq!(status, 429, "{name}");
        assert_eq!(with_field(&app, TestCaller::UnknownToken, name, other).await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn nobody_else_chooses_the_address_that_failed_attempts_count_for() {
    let app = TestApp::builder().setting("JACKFIELD_TRUSTED_PROXIES", "192.0.2.0/24").start().await;
    let mut is_throttled = false;
    for number in 0..60 {
        let forged = format!("198.51.100.{number}");
        is_throttled |= with_field(&app, TestCaller::UnknownToken, "x-forwarded-for", &forged).await.status == 429;
    }
    assert!(is_throttled);
}

#[tokio::test]
async fn the_audit_log_names_the_client_behind_a_trusted_proxy() {
    for (trusted, origin) in [("127.0.0.1", "198.51.100.7"), ("", "127.0.0.1")] {
        let app = TestApp::builder().setting("JACKFIELD_TRUSTED_PROXIES", trusted).start().await;
        let created = app
            .send_request_as(TestCaller::Executive, Method::POST, "/api/admin/people", |request| {
                request
                    .header("x-forwarded-for", "1.1.1.1, ::ffff:198.51.100.7")
                    .header("x-forwarded-host", "evil.test")
                    .header("x-forwarded-proto", "https")
                    .header("content-type", "application/json")
                    .body(r#"{"name":"Ada Okafor","email":"ada@acme.example"}"#)
            })
            .await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert!(created.header("strict-transport-security").is_none(), "X-Forwarded-Proto is not used");
        assert_eq!(app.get("/api/admin/audit").await.ok()["entries"][0]["origin"], origin);
    }
}
