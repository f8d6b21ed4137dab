//! Tests that the stand-in responds as Remote does, over a plain socket.

use std::collections::HashSet;

use super::*;
use crate::{
    people::PEOPLE,
    raw_http::{RawResponse, send},
};

/// Starts a stand-in with a token for each environment.
async fn remote() -> RemoteStandIn {
    let remote = RemoteStandIn::start().await;
    remote.add_token("ra_live_good").add_token("ra_test_good");
    remote
}

async fn get(remote: &RemoteStandIn, token: &str, address: &str) -> RawResponse {
    send(remote, &format!("GET {address}"), &[("authorization", &format!("Bearer {token}"))], "").await
}

#[tokio::test]
async fn a_token_is_valid_in_its_own_environment_only() {
    let remote = remote().await;
    for (token, address, status) in [
        ("ra_live_good", "gateway.remote.com/v1/identity/current", 201),
        ("ra_test_good", "gateway.remote-sandbox.com/v1/identity/current", 201),
        ("ra_live_good", "gateway.remote-sandbox.com/v1/identity/current", 401),
        ("ra_test_good", "gateway.remote.com/v1/identity/current", 401),
        ("ra_live_none", "gateway.remote.com/v1/identity/current", 401),
        ("ra_live_good", "gateway.example.com/v1/identity/current", 404),
    ] {
        assert_eq!(get(&remote, token, address).await.status, status, "{token} at {address}");
    }
    remote.revoke("ra_live_good");
    let answer = get(&remote, "ra_live_good", "gateway.remote.com/v1/identity/current").await;
    assert_eq!((answer.status, answer.json()), (401, json!({"message": "Unauthorized"})));
}

#[tokio::test]
async fn a_company_token_and_a_partner_client_see_different_data() {
    let remote = remote().await;
    remote.add_client_token("ra_live_client").set_status("review");
    let company = format!("gateway.remote.com/v1/companies/{COMPANY_ID}");
    let identity = get(&remote, "ra_live_good", "gateway.remote.com/v1/identity/current").await.json();
    assert_eq!(identity["data"]["company"]["name"], COMPANY);
    let client = get(&remote, "ra_live_client", "gateway.remote.com/v1/identity/current").await.json();
    assert_eq!((&client["data"]["company"], &client["data"]["user"]), (&Value::Null, &Value::Null));

    assert_eq!(get(&remote, "ra_live_good", "gateway.remote.com/v1/companies").await.status, 403);
    assert_eq!(get(&remote, "ra_live_client", "gateway.remote.com/v1/companies").await.status, 200);
    assert_eq!(get(&remote, "ra_live_client", "gateway.remote.com/v1/employments").await.status, 403);
    assert_eq!(get(&remote, "ra_live_good", &company).await.json()["data"]["company"]["status"], "review");
    assert_eq!(get(&remote, "ra_live_good", "gateway.remote.com/v1/companies/other").await.status, 404);
    remote.hide_company();
    assert_eq!(get(&remote, "ra_live_good", &company).await.status, 403);
    assert_eq!(get(&remote, "ra_live_client", &company).await.status, 200);
}

#[tokio::test]
async fn the_pages_list_every_employment_once_and_at_most_a_hundred_each() {
    let remote = remote().await;
    let (mut ids, mut number, mut bare, mut statuses) = (HashSet::new(), 1, 0, HashSet::new());
    loop {
        let address = format!("gateway.remote.com/v1/employments?page={number}&page_size=500");
        let page = get(&remote, "ra_live_good", &address).await.json()["data"].clone();
        assert_eq!(page["current_page"], number);
        for row in page["employments"].as_array().expect("employments") {
            assert!(ids.insert(row["id"].as_str().expect("an id").to_owned()), "{row}");
            statuses.insert(row["status"].as_str().expect("a status").to_owned());
            bare += usize::from(row["work_email"].is_null());
        }
        if page["total_pages"] == number {
            break;
        }
        number += 1;
    }
    assert_eq!((ids.len(), number, bare), (PEOPLE, 3, 20));
    for status in ["active", "archived", "offboarding", "invited", "created", "sabbatical"] {
        assert!(statuses.contains(status), "{status}");
    }
    let default = get(&remote, "ra_live_good", "gateway.remote.com/v1/employments").await.json();
    assert_eq!(default["data"]["employments"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn errors_come_in_every_documented_shape() {
    let remote = remote().await;
    let body = async |query: &str| {
        let answer = get(&remote, "ra_live_good", &format!("gateway.remote.com/v1/employments?{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
        answer.json()
    };
    assert!(body("page=x").await["message"].is_string());
    assert_eq!(body("page_size=0").await["message"]["param"], "page_size");
    assert!(body("status=activated").await["message"].is_array());
    assert!(body("employment_type=robot").await["errors"]["employment_type"].is_array());
    assert!(body("company_id=other").await["message"]["action"].is_string());
}

#[tokio::test]
async fn a_429_gives_its_wait_in_the_configured_form() {
    let remote = remote().await;
    let identity = async || get(&remote, "ra_live_good", "gateway.remote.com/v1/identity/current").await;
    assert_eq!(identity().await.header("x-ratelimit-remaining"), Some("299"));
    remote.set_requests_left(1);
    assert_eq!(identity().await.status, 201);
    let limited = identity().await;
    assert_eq!((limited.status, limited.header("x-ratelimit-reset")), (429, Some("1500")));
    assert_eq!(limited.header("retry-after"), None);
    remote.set_wait_hint(WaitHint::RetryAfter(7));
    assert_eq!(identity().await.header("retry-after"), Some("7"));
    remote.set_wait_hint(WaitHint::Unsaid);
    assert_eq!(identity().await.header("x-ratelimit-reset"), None);
    remote.set_requests_left(10);
    assert_eq!(identity().await.status, 201);
}
