//! Tests that the stand-in responds as Productive does, over a plain socket.

use std::collections::HashSet;

use super::*;
use crate::{
    people::PEOPLE,
    raw_http::{RawResponse, send},
};

const WITH_ORGANIZATION: &str = "organization_memberships?include=organization&fields[organizations]=name";

/// Starts a stand-in with one token.
async fn productive() -> ProductiveStandIn {
    let productive = ProductiveStandIn::start().await;
    productive.add_token("good");
    productive
}

async fn get(productive: &ProductiveStandIn, token: &str, organization: &str, path: &str) -> RawResponse {
    let fields = [("x-auth-token", token), ("x-organization-id", organization), ("content-type", MEDIA_TYPE)];
    send(productive, &format!("GET {HOST}/api/v2/{path}"), &fields, "").await
}

/// Returns the status and the first error of a response.
async fn refusal(productive: &ProductiveStandIn, token: &str, organization: &str, path: &str) -> (u16, Value) {
    let answer = get(productive, token, organization, path).await;
    (answer.status, answer.json()["errors"][0].clone())
}

#[tokio::test]
async fn a_request_without_the_content_type_is_rejected() {
    let productive = productive().await;
    let bare = send(&productive, "GET api.productive.io/api/v2/people", &[("x-auth-token", "good")], "").await;
    assert_eq!(bare.status, 415);
    assert_eq!(get(&productive, "good", ORGANIZATION, "people").await.status, 200);
}

#[tokio::test]
async fn memberships_depend_on_the_token_and_not_on_the_header() {
    let productive = productive().await;
    productive.join("good", "4202", "Acme Labs");
    let names = |answer: &Value| {
        answer["included"]
            .as_array()
            .map(|list| list.iter().map(|record| record["attributes"].to_string()).collect::<Vec<_>>())
    };
    let both = Some(vec![json!({"name": COMPANY}).to_string(), json!({"name": "Acme Labs"}).to_string()]);
    for organization in [ORGANIZATION, "4202", "999"] {
        let answer = get(&productive, "good", organization, WITH_ORGANIZATION).await.json();
        assert_eq!(names(&answer), both);
        assert_eq!(answer["data"][1]["relationships"]["organization"]["data"]["id"], "4202");
        assert_eq!(answer["data"][1]["relationships"]["person"], json!({"meta": {"included": false}}));
    }
    productive.leave("good", ORGANIZATION);
    let answer = get(&productive, "good", ORGANIZATION, "organization_memberships").await.json();
    assert_eq!(answer["meta"]["total_count"], 1);
    assert_eq!(answer["data"][0]["relationships"]["organization"]["data"], Value::Null);
    let (status, error) = refusal(&productive, "good", ORGANIZATION, "people").await;
    assert_eq!((status, &error["code"]), (403, &json!("no_person")));
}

#[tokio::test]
async fn an_error_has_every_type_of_status_and_code() {
    let productive = productive().await;
    let (status, error) = refusal(&productive, "none", ORGANIZATION, "people").await;
    assert_eq!((status, &error["status"], &error["code"]), (401, &json!("401"), &json!("invalid_auth_token")));
    let (status, error) = refusal(&productive, "good", ORGANIZATION, "people?sort=created_at").await;
    assert_eq!((status, &error["status"]), (400, &json!("unprocessable_content")));
    let (status, error) = refusal(&productive, "good", ORGANIZATION, "people?filter[shoe_size]=44").await;
    assert_eq!((status, &error["status"]), (400, &json!(400)));
    assert_eq!(refusal(&productive, "good", ORGANIZATION, "robots").await.0, 404);
    productive.revoke("good");
    assert_eq!(refusal(&productive, "good", ORGANIZATION, "people").await.0, 401);
}

#[tokio::test]
async fn the_pages_list_every_user_once_and_at_most_two_hundred_each() {
    let productive = productive().await;
    let (mut ids, mut left, mut bare, mut number) = (HashSet::new(), 0, 0, 1);
    loop {
        let path = format!("people?filter[person_type]=1&sort=email&page[number]={number}&page[size]=500");
        let page = get(&productive, "good", ORGANIZATION, &path).await.json();
        assert_eq!(page["meta"]["page_size"], 200);
        for row in page["data"].as_array().expect("people") {
            assert!(ids.insert(row["id"].as_str().expect("an id").to_owned()), "{row}");
            let of = &row["attributes"];
            left += usize::from(of["deactivated_at"].is_string() || of["archived_at"].is_string());
            bare += usize::from(of["email"].is_null());
            assert!(of["is_user"] == true && of["active"].is_null(), "{of}");
        }
        if page["meta"]["total_pages"] == number {
            break;
        }
        number += 1;
    }
    assert_eq!((ids.len(), number, left, bare), (PEOPLE, 2, 15, 10));
}

#[tokio::test]
async fn a_filter_may_be_ignored_silently() {
    let productive = productive().await;
    let count =
        async |path: &str| get(&productive, "good", ORGANIZATION, path).await.json()["meta"]["total_count"].as_u64();
    assert_eq!(count("people?filter[person_type]=1").await, Some(PEOPLE as u64));
    assert_eq!(count("people?filter[person_type]=placeholder").await, Some(5));
    productive.ignore_filters();
    assert_eq!(count("people?filter[person_type]=1").await, Some(ROWS as u64));
    assert_eq!(count("people?filter[shoe_size]=44").await, Some(ROWS as u64));
}

#[tokio::test]
async fn an_empty_list_has_no_pages_and_a_sparse_row_only_requested_fields() {
    let productive = productive().await;
    productive.join("good", "4202", "Acme Labs");
    let empty = get(&productive, "good", "4202", "people").await.json();
    assert_eq!((&empty["data"], &empty["meta"]["total_pages"]), (&json!([]), &json!(0)));
    let sparse = get(&productive, "good", ORGANIZATION, "people?fields[people]=email&page[size]=1").await.json();
    assert_eq!(sparse["data"][0]["attributes"].as_object().map(serde_json::Map::len), Some(1));
}

#[tokio::test]
async fn cursors_cover_all_rows_and_report_no_totals() {
    let productive = productive().await;
    let (mut after, mut rows) = (String::new(), 0);
    loop {
        let path = format!("people?page[after]={after}&page[size]=200");
        let page = get(&productive, "good", ORGANIZATION, &path).await.json();
        assert_eq!(page["meta"]["total_pages"], Value::Null);
        rows += page["data"].as_array().map_or(0, Vec::len);
        let Some(next) = page["links"]["next"].as_str() else { break };
        let (_, cursor) = next.split_once("page[after]=").expect("a cursor");
        after = cursor.split('&').next().unwrap_or_default().to_owned();
    }
    assert_eq!(rows, ROWS);
}

#[tokio::test]
async fn a_429_says_in_seconds_how_long_to_wait() {
    let productive = productive().await;
    productive.set_requests_left(1);
    assert_eq!(get(&productive, "good", ORGANIZATION, "people").await.status, 200);
    let limited = get(&productive, "good", ORGANIZATION, "people").await;
    assert_eq!((limited.status, limited.header("x-ratelimit-reset")), (429, Some("2")));
    assert_eq!(limited.header("retry-after"), None);
}
