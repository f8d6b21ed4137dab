//! Tests that the stand-in responds as Google does, over a plain socket.

use std::collections::HashSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{Pkcs1v15Sign, PrivateKey, pkcs8::DecodePrivateKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    people::{PEOPLE, people},
    raw_http::{RawResponse, send},
};

/// The time of the tests.
const NOW: i64 = 1_790_000_000;

async fn google() -> GoogleWorkspaceStandIn {
    let google = GoogleWorkspaceStandIn::start().await;
    google.follow_clock(|| NOW);
    google
}

/// The claims of a valid assertion, for a person or the service account.
fn claims(person: Option<&str>, scope: &str) -> Value {
    let mut claims = json!({
        "iss": CLIENT_EMAIL, "scope": scope, "aud": "https://oauth2.googleapis.com/token", "iat": NOW - 30,
        "exp": NOW + 3_570,
    });
    if let Some(person) = person {
        claims["sub"] = json!(person);
    }
    claims
}

/// Signs claims with the key of a key file.
fn sign_assertion(key_file: &str, claims: &Value) -> String {
    let file: Value = serde_json::from_str(key_file).expect("JSON");
    let key = PrivateKey::from_pkcs8_pem(file["private_key"].as_str().expect("a key")).expect("PKCS #8");
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": file["private_key_id"]});
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&message)).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn token(google: &GoogleWorkspaceStandIn, claims: &Value) -> RawResponse {
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
        sign_assertion(&google.key_file(), claims)
    );
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    send(google, "POST oauth2.googleapis.com/token", &fields, &form).await
}

/// Returns the status, the error and the start of the description of an error response.
async fn refusal(google: &GoogleWorkspaceStandIn, claims: &Value) -> (u16, String, String) {
    let answer = token(google, claims).await;
    let text = |key: &str| answer.json()[key].as_str().unwrap_or_default().to_owned();
    (answer.status, text("error"), text("error_description").chars().take(24).collect())
}

fn expected_error(status: u16, error: &str, description: &str) -> (u16, String, String) {
    (status, error.to_owned(), description.to_owned())
}

async fn get(google: &GoogleWorkspaceStandIn, token: &str, address: &str) -> RawResponse {
    send(google, &format!("GET {address}"), &[("authorization", &format!("Bearer {token}"))], "").await
}

async fn calendar(google: &GoogleWorkspaceStandIn, token: &str, id: &str) -> RawResponse {
    get(google, token, &format!("www.googleapis.com/calendar/v3/calendars/{id}")).await
}

async fn directory(google: &GoogleWorkspaceStandIn, token: &str, query: &str) -> RawResponse {
    get(google, token, &format!("admin.googleapis.com/admin/directory/v1/users?{query}")).await
}

/// Returns the status and the reason of a response.
fn reason(answer: &RawResponse) -> (u16, String) {
    (answer.status, answer.json()["error"]["errors"][0]["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_valid_assertion_gets_a_token_for_the_account_or_a_person() {
    let google = google().await;
    let own = token(&google, &claims(None, SCOPES[0])).await;
    assert_eq!(own.header("date"), Some("Mon, 21 Sep 2026 14:13:20 GMT"));
    assert_eq!((own.status, &own.json()["expires_in"]), (200, &json!(3_599)));
    let persons = token(&google, &claims(Some(ADMIN), SCOPES[1])).await.json();
    let persons = persons["access_token"].as_str().expect("a token");
    assert_eq!(google.access_tokens().last().map(String::as_str), Some(persons));
    assert_eq!(directory(&google, persons, "customer=my_customer").await.status, 200);
}

#[tokio::test]
async fn every_refusal_is_told_in_googles_words() {
    let google = google().await;
    let good = claims(Some(ADMIN), SCOPES[0]);
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        claims
    };
    for (claims, expected) in [
        (with("iss", json!("other@acme.example")), expected_error(400, "invalid_grant", "Invalid grant: account n")),
        (with("aud", json!("https://evil.example/")), expected_error(400, "invalid_grant", "Invalid JWT: Failed audi")),
        (with("scope", json!("")), expected_error(400, "invalid_scope", "Invalid OAuth scope or I")),
        (
            with("scope", json!("https://mail.google.com/")),
            expected_error(400, "invalid_scope", "Invalid OAuth scope or I"),
        ),
        (with("sub", json!("nobody@acme.example")), expected_error(400, "invalid_grant", "Invalid email or User ID")),
        (with("iat", json!(NOW + 301)), expected_error(400, "invalid_grant", "Invalid JWT: Token must ")),
        (with("exp", json!(NOW)), expected_error(400, "invalid_grant", "Invalid JWT: Token must ")),
        (with("exp", json!(NOW + 3_571)), expected_error(400, "invalid_grant", "Invalid JWT: Token must ")),
        (with("exp", json!((NOW + 3_570) * 1_000)), expected_error(400, "invalid_grant", "Invalid JWT: Token must ")),
        (with("iat", json!("soon")), expected_error(400, "invalid_grant", "Invalid JWT: Token must ")),
    ] {
        assert_eq!(refusal(&google, &claims).await, expected, "{claims}");
    }
    google.delete_person(ADMIN);
    assert_eq!(refusal(&google, &good).await, expected_error(400, "invalid_grant", "The account has been del"));
    google.delegate(&SCOPES[1..]);
    assert_eq!(refusal(&google, &good).await, expected_error(401, "unauthorized_client", "Client is unauthorized t"));
    // The service account needs no delegation for itself, even if `sub` names it.
    assert_eq!(token(&google, &with("sub", json!(CLIENT_EMAIL))).await.status, 200);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let other = send(&google, "POST oauth2.googleapis.com/token", &form, "grant_type=refresh_token").await;
    assert_eq!(other.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn a_deleted_key_or_account_is_rejected_and_a_new_key_accepted() {
    let google = google().await;
    let good = claims(None, SCOPES[0]);
    let old = google.key_file();
    google.delete_keys();
    assert_eq!(refusal(&google, &good).await, expected_error(400, "invalid_grant", "Invalid JWT Signature."));
    google.new_key();
    assert_ne!(google.key_file(), old);
    assert_eq!(token(&google, &good).await.status, 200);
    google.disable_account();
    assert_eq!(refusal(&google, &good).await, expected_error(401, "disabled_client", "The OAuth client was dis"));
    google.delete_account();
    assert_eq!(refusal(&google, &good).await, expected_error(400, "invalid_grant", "Invalid grant: account n"));
}

#[tokio::test]
async fn an_assertion_dated_by_a_wrong_clock_is_rejected() {
    let google = google().await;
    for turned in [-301 - 30, 3_570] {
        google.follow_clock(move || NOW + turned);
        let refused = refusal(&google, &claims(None, SCOPES[0])).await;
        assert_eq!(refused, expected_error(400, "invalid_grant", "Invalid JWT: Token must "), "{turned}");
    }
    google.follow_clock(|| NOW).shift_clock(-330);
    assert_eq!(token(&google, &claims(None, SCOPES[0])).await.status, 200);
}

#[tokio::test]
async fn a_calendar_is_visible_to_those_it_is_shared_with() {
    let google = google().await;
    let id = CALENDAR.replace('@', "%40");
    let own = google.access_token(None, &SCOPES[..1]);
    assert_eq!(calendar(&google, &own, &id).await.json()["summary"], "Leave");
    assert_eq!(calendar(&google, &own, "primary").await.json()["id"], CLIENT_EMAIL);
    google.add_calendar("en.nl#holiday@group.v.calendar.google.com", "Holidays");
    let holidays = "en.nl%23holiday%40group.v.calendar.google.com";
    assert_eq!(reason(&calendar(&google, &own, holidays).await), (404, "notFound".to_owned()));
    google.share("en.nl#holiday@group.v.calendar.google.com", CLIENT_EMAIL);
    assert_eq!(calendar(&google, &own, holidays).await.status, 200);
    google.unshare(CALENDAR);
    assert_eq!(calendar(&google, &own, &id).await.status, 404);
}

#[tokio::test]
async fn the_apis_return_each_of_their_errors() {
    let google = google().await;
    let (both, poor) = (google.access_token(Some(ADMIN), &SCOPES), google.access_token(Some(ADMIN), &SCOPES[..1]));
    let list = async |token: &str| reason(&directory(&google, token, "customer=my_customer").await);
    assert_eq!(list("nonsense").await, (401, "authError".to_owned()));
    assert_eq!(list(&poor).await, (403, "insufficientPermissions".to_owned()));
    google.demote(ADMIN);
    assert_eq!(list(&both).await, (403, "forbidden".to_owned()));
    google.promote(ADMIN).exceed_quota(Some(9));
    let limited = calendar(&google, &both, "primary").await;
    assert_eq!((reason(&limited), limited.header("retry-after")), ((403, "rateLimitExceeded".to_owned()), Some("9")));
    assert_eq!(list(&both).await, (403, "quotaExceeded".to_owned()));
    google.restore_quota().disable(GoogleApi::Directory);
    assert_eq!(list(&both).await, (403, "accessNotConfigured".to_owned()));
    assert_eq!(calendar(&google, &both, "primary").await.status, 200);
    google.shift_clock(3_599);
    assert_eq!(list(&both).await, (401, "authError".to_owned()));
}

#[tokio::test]
async fn the_pages_list_every_person_once_with_the_requested_fields() {
    let google = google().await;
    let token = google.access_token(Some(ADMIN), &SCOPES);
    let mask = "nextPageToken,users(id,primaryEmail,name/fullName,suspended,archived)";
    let (mut ids, mut inactive, mut next) = (HashSet::new(), 0, String::new());
    loop {
        let query = format!("customer=my_customer&orderBy=email&maxResults=120&fields={mask}{next}");
        let page = directory(&google, &token, &query).await.json();
        for row in page["users"].as_array().expect("users") {
            assert!(ids.insert(row["id"].as_str().filter(|id| id.len() == 21).expect("an id").to_owned()));
            assert!(row.get("recoveryPhone").is_none() && row["name"].get("givenName").is_none(), "{row}");
            inactive += usize::from(row["suspended"] == true || row["archived"] == true);
        }
        match page["nextPageToken"].as_str() {
            Some(token) => next = format!("&pageToken={}", token.replace('=', "%3D")),
            None => break,
        }
    }
    let left = people().iter().filter(|person| !person.active || person.number % 60 == 30).count();
    assert_eq!((ids.len(), inactive), (PEOPLE, left));
    let whole = directory(&google, &token, "customer=my_customer").await.json();
    assert_eq!(whole["users"].as_array().map(Vec::len), Some(100));
    assert_eq!(whole["users"][0]["customerId"], "C03xxxxxx");
    for query in ["domain=acme.example", "customer=my_customer&maxResults=501", "customer=my_customer&pageToken=x"] {
        assert_eq!(directory(&google, &token, query).await.status, 400, "{query}");
    }
}
