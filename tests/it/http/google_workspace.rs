//! Google Workspace through the host: the host signs with the key, tokens are cached, and each failure has its own
//! message.

use jackfield_test_support::{
    app::{TestApp, TestAppBuilder},
    google_workspace::{ADMIN, CALENDAR, CLIENT_EMAIL, GoogleApi, GoogleWorkspaceStandIn, HOSTS, SCOPES},
    marked,
    stand_in_server::Failure,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::oauth::text;

const GOOGLE: &str = "/api/admin/connections/google-workspace";

fn with_google(google: &GoogleWorkspaceStandIn) -> TestAppBuilder {
    let builder = TestApp::builder().component("google-workspace");
    HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, google))
}

/// Returns a key file as an administrator would paste it, and records its secrets for the secret scan.
fn key(google: &GoogleWorkspaceStandIn) -> Value {
    let file: Value = serde_json::from_str(&google.key_file()).expect("a key file");
    let pem = text(&file, "private_key");
    // Each line separately, because the file may be stored with other line breaks.
    for line in pem.lines().filter(|line| line.len() > 32) {
        let _noted = marked::record(line.to_owned());
    }
    file
}

fn record_tokens(google: &GoogleWorkspaceStandIn) {
    for token in google.access_tokens() {
        let _noted = marked::record(token);
    }
}

fn body(google: &GoogleWorkspaceStandIn) -> Value {
    json!({ "service_account_key": key(google), "calendar_id": CALENDAR, "admin_email": ADMIN })
}

/// Starts a connected service and makes the stand-in use its clock.
async fn start_connected(google: &GoogleWorkspaceStandIn) -> TestApp {
    google.delegate(&SCOPES).share(CALENDAR, ADMIN).promote(ADMIN);
    let app = with_google(google).start().await;
    let clock = app.clock.clone();
    google.follow_clock(move || clock.now().as_second());
    assert_eq!(app.put(GOOGLE, body(google)).await.ok()["ok"], true);
    record_tokens(google);
    app
}

#[tokio::test]
async fn a_token_endpoint_that_asks_to_wait_is_a_rate_limit() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = with_google(&google).start().await;
    google.fail_next(1, Failure::TooManyRequests { retry_after: Some(17) });
    let limited = app.put(GOOGLE, body(&google)).await;
    assert_eq!(limited.header("retry-after"), Some("17"));
    let _ = limited.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_key_connects_and_lists_the_directory_and_is_never_sent() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    let health = app.get(&format!("{GOOGLE}/health")).await.ok();
    assert_eq!(health["healthy"], true, "{health}");
    assert!(health["calendar"].is_string(), "{health}");
    let users = app.get(&format!("{GOOGLE}/users?limit=200")).await.ok();
    assert!(users["users"].as_array().expect("users").len() > 100);
    record_tokens(&google);
    let status = app.get(&format!("{GOOGLE}/status")).await.ok();
    assert_eq!(status, json!({ "configured": true, "calendar_id": CALENDAR, "admin_email": ADMIN }));
    for request in google.requests() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains("PRIVATE KEY"), "{}", request.path);
        assert!(request.path == "/token" || request.bearer().is_some(), "{} without a token", request.path);
    }
    let gone = app.delete(GOOGLE).await.ok();
    assert_eq!(gone["upstream"], "kept");
    assert!(text(&gone, "note").contains("Google Cloud"), "{gone}");
}

#[tokio::test]
async fn a_token_is_cached_until_it_expires() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    let health = format!("{GOOGLE}/health");
    assert_eq!(app.get(&health).await.ok()["healthy"], true);
    let minted = google.access_tokens().len();
    for _ in 0..5 {
        assert_eq!(app.get(&health).await.ok()["healthy"], true);
    }
    assert_eq!(google.access_tokens().len(), minted, "the tokens were cached");
    app.clock.advance(SignedDuration::from_secs(3_600));
    assert_eq!(app.get(&health).await.ok()["healthy"], true);
    record_tokens(&google);
    assert!(google.access_tokens().len() > minted, "and ended");
}

#[tokio::test]
async fn an_update_needs_no_key() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    google.add_calendar("team@group.calendar.google.com", "Team").share("team@group.calendar.google.com", ADMIN);
    assert_eq!(app.put(GOOGLE, json!({ "calendar_id": "team@group.calendar.google.com" })).await.ok()["ok"], true);
    assert_eq!(app.get(&format!("{GOOGLE}/health")).await.ok()["calendar"], "Team");
    // Without an administrator, the service account itself needs access to the calendar, and there are no users.
    google.share("team@group.calendar.google.com", CLIENT_EMAIL);
    assert_eq!(app.put(GOOGLE, json!({ "admin_email": null })).await.ok()["ok"], true);
    record_tokens(&google);
    let _ = app.get(&format!("{GOOGLE}/users")).await.problem(409, "unsupported");
}

#[tokio::test]
async fn a_key_file_with_another_token_endpoint_is_rejected_without_a_request() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = with_google(&google).start().await;
    for (name, value, words) in [
        ("token_uri", "https://evil.example/token", "token_uri"),
        ("universe_domain", "evil.example", "universe_domain"),
        ("type", "external_account", "service_account"),
        ("private_key", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n", "PKCS#8"),
        ("client_email", "", "client_email"),
    ] {
        let mut file = key(&google);
        file[name] = value.into();
        let body = json!({ "service_account_key": file, "calendar_id": CALENDAR });
        let problem = app.put(GOOGLE, body).await.problem(422, "invalid_request");
        assert_eq!(problem["errors"][0]["field"], "service_account_key", "{problem}");
        assert!(text(&problem["errors"][0], "message").contains(words), "{name}: {problem}");
    }
    let pasted = google.key_file().replace("\\n", "\\\\n");
    let body = json!({ "service_account_key": pasted, "calendar_id": CALENDAR });
    let problem = app.put(GOOGLE, body).await.problem(422, "invalid_request");
    assert!(text(&problem["errors"][0], "message").contains("\\n"), "{problem}");
    assert!(google.requests().is_empty(), "no request was sent");
    // A real key file from some years ago names the old token endpoint; the request goes to the current one.
    google.share(CALENDAR, CLIENT_EMAIL);
    let mut old = key(&google);
    old["token_uri"] = "https://accounts.google.com/o/oauth2/token".into();
    let body = json!({ "service_account_key": old, "calendar_id": CALENDAR });
    assert_eq!(app.put(GOOGLE, body).await.ok()["ok"], true);
    record_tokens(&google);
    assert_eq!(google.requests()[0].header("host"), Some("oauth2.googleapis.com"));
}

#[tokio::test]
async fn each_missing_permission_has_its_own_message() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    let health = || async {
        let health = app.get(&format!("{GOOGLE}/health")).await.ok();
        record_tokens(&google);
        (text(&health, "code"), text(&health, "reason"))
    };
    google.unshare(CALENDAR);
    let (code, reason) = health().await;
    assert_eq!(code, "invalid_request");
    assert!(reason.contains("calendar_id") && reason.to_lowercase().contains("share"), "{reason}");
    google.share(CALENDAR, ADMIN).disable(GoogleApi::Calendar);
    let (code, reason) = health().await;
    assert_eq!(code, "permission_missing");
    assert!(reason.contains("Calendar API"), "{reason}");
}

#[tokio::test]
async fn a_missing_delegation_and_a_skewed_clock_are_explained() {
    let google = GoogleWorkspaceStandIn::start().await;
    google.delegate(&[]).share(CALENDAR, ADMIN).promote(ADMIN);
    let app = with_google(&google).start().await;
    let problem = app.put(GOOGLE, body(&google)).await.problem(422, "credential_rejected");
    let detail = text(&problem, "detail");
    assert!(detail.contains("delegation") && detail.contains("24"), "{detail}");
    google.delegate(&SCOPES).shift_clock(3 * 3_600);
    let skewed = app.put(GOOGLE, body(&google)).await;
    assert_eq!((skewed.status, skewed.code().as_str()), (502, "provider_error"), "{}", skewed.text);
    assert!(skewed.text.contains("clock"), "{}", skewed.text);
    record_tokens(&google);
}

#[tokio::test]
async fn a_deleted_key_needs_a_new_one() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    google.delete_keys();
    app.clock.advance(SignedDuration::from_secs(3_600));
    let health = app.get(&format!("{GOOGLE}/health")).await.ok();
    assert_eq!((&health["healthy"], &health["code"]), (&json!(false), &json!("needs_reauth")), "{health}");
    let list = app.get("/api/admin/connections").await.ok();
    assert_eq!(list["connections"][0]["status"], "needs_reauth");
    google.new_key();
    assert_eq!(app.put(GOOGLE, json!({ "service_account_key": key(&google) })).await.ok()["ok"], true);
    assert_eq!(app.get(&format!("{GOOGLE}/health")).await.ok()["healthy"], true);
    record_tokens(&google);
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_keeps_the_connection() {
    let google = GoogleWorkspaceStandIn::start().await;
    let app = start_connected(&google).await;
    app.clock.advance(SignedDuration::from_secs(3_600));
    google.fail_at("/token", jackfield_test_support::stand_in_server::Failure::Status(503));
    let health = app.get(&format!("{GOOGLE}/health")).await.ok();
    assert_eq!(health["code"], "provider_error", "{health}");
    google.recover();
    assert_eq!(app.get(&format!("{GOOGLE}/health")).await.ok()["healthy"], true);
    record_tokens(&google);
}
