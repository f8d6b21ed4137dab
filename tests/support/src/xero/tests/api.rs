//! Tests of the APIs that need an access token.

use std::collections::HashSet;

use super::{super::rows::USERS, *};
use crate::people::{PEOPLE, people};

const ORGANISATION: &str = "/api.xro/2.0/Organisation";
const OLDER: &str = "/payroll.xro/1.0/Employees";
const NEWER: &str = "/payroll.xro/2.0/Employees";

async fn get(xero: &XeroStandIn, token: &str, tenant: &str, path: &str) -> RawResponse {
    let bearer = format!("Bearer {token}");
    let fields = [("authorization", bearer.as_str()), ("xero-tenant-id", tenant), ("accept", "application/json")];
    send(xero, &format!("GET api.xero.com{path}"), &fields, "").await
}

/// Returns the status and the detail of a response.
async fn refusal(xero: &XeroStandIn, token: &str, tenant: &str, path: &str) -> (u16, String) {
    let answer = get(xero, token, tenant, path).await;
    (answer.status, answer.json()["Detail"].as_str().unwrap_or_default().to_owned())
}

fn expected_error(status: u16, detail: &str) -> (u16, String) {
    (status, detail.to_owned())
}

#[tokio::test]
async fn connections_belong_to_the_app_and_are_deleted_one_by_one() {
    let xero = xero().await;
    xero.add_practice("t-practice", "Acme Accountants");
    let token = xero.access_token("web", &[TENANT, "t-practice"]);
    let _ = xero.access_token("public", &["t-uk"]);
    let list = get(&xero, &token, "", "/connections").await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!((&list[0]["tenantType"], &list[1]["tenantType"]), (&json!("ORGANISATION"), &json!("PRACTICE")));
    assert!(text(&list[0], "createdDateUtc").ends_with(".5165400"));

    let event = text(&list[0], "authEventId");
    assert_eq!(event, text(&list[1], "authEventId"));
    let of = async |event: &str| get(&xero, &token, "", &format!("/connections?authEventId={event}")).await.json();
    assert_eq!(of(&event).await.as_array().map(Vec::len), Some(2));
    assert_eq!(of("another").await, json!([]));

    let bearer = format!("Bearer {token}");
    let address = format!("DELETE api.xero.com/connections/{}", text(&list[0], "id"));
    for status in [204, 404] {
        assert_eq!(send(&xero, &address, &[("authorization", &bearer)], "").await.status, status);
    }
    assert_eq!(xero.connected_tenants("web"), ["t-practice"]);
    assert!(xero.is_alive(&token));
    xero.disconnect_all_apps("t-practice");
    assert_eq!(get(&xero, &token, "", "/connections").await.json(), json!([]));
}

#[tokio::test]
async fn every_refusal_is_told_in_xeros_words() {
    let xero = xero().await;
    let token = xero.access_token("web", &[TENANT, "t-uk"]);
    assert_eq!(get(&xero, &token, TENANT, ORGANISATION).await.status, 200);

    assert_eq!(
        refusal(&xero, "nonsense", TENANT, ORGANISATION).await,
        expected_error(401, "AuthenticationUnsuccessful")
    );
    for tenant in ["", "t-unknown"] {
        assert_eq!(
            refusal(&xero, &token, tenant, ORGANISATION).await,
            expected_error(403, "AuthenticationUnsuccessful")
        );
    }
    xero.remove_role(TENANT).remove_payroll("t-uk");
    assert_eq!(refusal(&xero, &token, TENANT, ORGANISATION).await, expected_error(403, "AuthenticationUnsuccessful"));
    assert_eq!(refusal(&xero, &token, "t-uk", NEWER).await, expected_error(401, "AuthorizationUnsuccessful"));
    xero.withhold_scope("accounting.settings.read");
    assert_eq!(refusal(&xero, &token, "t-uk", ORGANISATION).await, expected_error(401, "AuthorizationUnsuccessful"));

    xero.follow_clock(|| 1_790_000_000).set_access_lifetime(60);
    let token = xero.access_token("web", &[]);
    xero.shift_clock(60);
    let (status, detail) = refusal(&xero, &token, "t-uk", ORGANISATION).await;
    assert_eq!((status, detail.as_str()), (401, "TokenExpired: token expired at 09/21/2026 14:14:20"));
    xero.revoke("web");
    assert_eq!(refusal(&xero, &token, "t-uk", ORGANISATION).await, expected_error(401, "AuthenticationUnsuccessful"));
}

#[tokio::test]
async fn a_response_has_the_clocks_date_and_the_remaining_limits() {
    let xero = xero().await;
    let token = xero.access_token("web", &[TENANT]);
    xero.follow_clock(|| 784_111_777);
    let answer = get(&xero, &token, TENANT, "/connections").await;
    assert_eq!(answer.header("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(answer.header("x-daylimit-remaining"), Some("4999"));
    xero.fail(rate_limit_failure("day", Some(43_200)));
    let limited = get(&xero, &token, TENANT, "/connections").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("43200")));
    assert_eq!(limited.header("x-rate-limit-problem"), Some("day"));
}

#[tokio::test]
async fn a_request_that_does_not_accept_json_gets_xml() {
    let xero = xero().await;
    let bearer = format!("Bearer {}", xero.access_token("web", &[TENANT]));
    let fields = [("authorization", bearer.as_str()), ("xero-tenant-id", TENANT)];
    let answer = send(&xero, &format!("GET api.xero.com{ORGANISATION}"), &fields, "").await;
    assert!(answer.status == 200 && answer.body.starts_with("<Response>"), "{}", answer.body);
}

#[tokio::test]
async fn the_older_payroll_lists_every_person_once_without_pagination() {
    let xero = xero().await;
    let token = xero.access_token("web", &[TENANT]);
    let (mut ids, mut terminated) = (HashSet::new(), 0);
    for (page, length) in [(1, 100), (2, 100), (3, 100), (4, 0)] {
        let answer = get(&xero, &token, TENANT, &format!("{OLDER}?page={page}")).await.json();
        let rows = answer["Employees"].as_array().expect("employees");
        assert_eq!((rows.len(), answer.get("pagination")), (length, None));
        for row in rows {
            assert!(ids.insert(text(row, "EmployeeID")));
            terminated += usize::from(row["Status"] == "TERMINATED");
        }
    }
    assert_eq!((ids.len(), terminated), (PEOPLE, people().iter().filter(|person| !person.active).count()));
    let answer = get(&xero, &token, TENANT, &format!("{OLDER}?page=x")).await;
    assert_eq!((answer.status, &answer.json()["Type"]), (400, &json!("QueryParseException")));
}

#[tokio::test]
async fn the_newer_payroll_counts_its_pages_and_has_no_status() {
    let xero = xero().await;
    let token = xero.access_token("web", &["t-uk"]);
    let answer = get(&xero, &token, "t-uk", &format!("{NEWER}?page=3")).await.json();
    assert_eq!(answer["pagination"], json!({"page": 3, "pageSize": 100, "pageCount": 3, "itemCount": 300}));
    let rows = answer["employees"].as_array().expect("employees");
    assert!(rows.len() == 100 && rows.iter().all(|row| row.get("status").is_none()));
    assert!(rows.iter().any(|row| row["email"].is_null()) && rows.iter().any(|row| row["endDate"].is_string()));
    let answer = get(&xero, &token, "t-uk", &format!("{NEWER}?page=0")).await;
    assert_eq!((answer.status, &answer.json()["problem"]["invalidFields"][0]["name"]), (400, &json!("page")));
}

#[tokio::test]
async fn the_books_list_users_including_removed_ones() {
    let xero = xero().await;
    let token = xero.access_token("web", &[TENANT]);
    let answer = get(&xero, &token, TENANT, "/api.xro/2.0/Users").await.json();
    let rows = answer["Users"].as_array().expect("users");
    assert_eq!(rows.len(), USERS);
    assert!(rows.iter().any(|row| row["OrganisationRole"] == "REMOVED"));
    assert!(text(&answer, "DateTimeUTC").starts_with("/Date("));
}
