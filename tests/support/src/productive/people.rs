//! The people of the stand-in's organisation, including rows that are not users, and the routes that list them.

use serde_json::{Value, json};

use super::{QueryParameters, document, error_response};
use crate::{
    people::{self, Employee, PEOPLE},
    stand_in_server::StandInResponse,
};

/// Rows that are not users: contacts of clients, placeholders and agents.
pub const NOBODY: usize = CONTACTS + PLACEHOLDERS + AGENTS;

/// All rows of `people`, including the 300 users.
pub const ROWS: usize = PEOPLE + NOBODY;

const CONTACTS: usize = 12;
const PLACEHOLDERS: usize = 5;
const AGENTS: usize = 2;

const SORTS: [&str; 5] = ["name", "email", "last_seen_at", "joined_at", "title"];
const FILTERS: [&str; 6] = ["person_type", "status", "email", "hrm_type_id", "company_id", "query"];

/// Creates all rows, with those that are not users between the users.
pub(super) fn rows() -> Vec<Value> {
    let mut rows: Vec<Value> = people::people().iter().map(user).collect();
    for number in 0..CONTACTS {
        rows.insert(number * 23, nobody(90_001 + number, "Contact", &format!("client{number}@client.example")));
    }
    for number in 0..PLACEHOLDERS {
        let mut row = nobody(91_001 + number, "Placeholder", "");
        row["attributes"]["placeholder"] = json!(true);
        row["attributes"]["hrm_type_id"] = Value::Null;
        rows.insert(number * 61, row);
    }
    for number in 0..AGENTS {
        let mut row = nobody(92_001 + number, "Agent", "");
        row["attributes"]["agent"] = json!(true);
        rows.insert(number * 101, row);
    }
    rows
}

/// Answers `GET /people` with page numbers, or with cursors if the query has `page[after]`.
pub(super) fn list(
    rows: &[Value],
    query: &QueryParameters,
    heeds_filters: bool,
) -> Result<StandInResponse, StandInResponse> {
    let mut rows: Vec<&Value> = rows.iter().collect();
    for (key, value) in &query.0 {
        let Some(filter) = key.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']')) else { continue };
        if !heeds_filters {
            continue;
        }
        if !FILTERS.contains(&filter) {
            let detail = format!("Filter '{filter}' is not supported on this endpoint");
            return Err(error_response(400, &json!({"status": 400, "title": "Unsupported Filter", "detail": detail})));
        }
        rows.retain(|row| passes(&row["attributes"], filter, value));
    }
    if let Some(sort) = query.get("sort") {
        let key = sort.trim_start_matches('-');
        if !SORTS.contains(&key) {
            let detail = format!("Sort by '{key}' is not supported on this endpoint.");
            return Err(error_response(
                400,
                &json!({
                    // Productive really answers with this status.
                    "status": "unprocessable_content", "code": "sort_param_unsupported", "title": "Sort param unsupported",
                    "detail": detail, "meta": {}, "source": {"parameter": "sort"},
                }),
            ));
        }
        // Nulls sort last.
        rows.sort_by_key(|row| row["attributes"][key].as_str().map_or("\u{10ffff}".to_owned(), str::to_lowercase));
    }
    Ok(match query.get("page[after]") {
        Some(after) => by_cursor(&rows, query, after),
        None => by_number(&rows, query),
    })
}

fn by_number(rows: &[&Value], query: &QueryParameters) -> StandInResponse {
    let (number, size, pages) = query.page(rows.len());
    let page = rows.iter().skip((number - 1).saturating_mul(size)).take(size);
    document(&json!({
        "data": page.map(|row| select_fields(row, query)).collect::<Vec<_>>(),
        "links": {"first": "https://api.productive.io/api/v2/people", "last": "https://api.productive.io/api/v2/people"},
        "meta": {
            "current_page": number, "total_pages": pages, "total_count": rows.len(), "page_size": size,
            "max_page_size": super::MOST,
        },
    }))
}

/// The other kind of paging, which reports neither its position nor a total.
fn by_cursor(rows: &[&Value], query: &QueryParameters, after: &str) -> StandInResponse {
    let (_, size, _) = query.page(rows.len());
    let start = rows.iter().position(|row| row["id"] == after).map_or(0, |place| place + 1);
    let page: Vec<&Value> = rows.iter().skip(start).take(size).copied().collect();
    let mut links = json!({});
    if let Some(last) = page.last().filter(|_| start + size < rows.len()) {
        let id = last["id"].as_str().unwrap_or_default();
        links["next"] = json!(format!("https://api.productive.io/api/v2/people?page[after]={id}&page[size]={size}"));
    }
    document(&json!({
        "data": page.iter().map(|row| select_fields(row, query)).collect::<Vec<_>>(),
        "links": links, "meta": {"page_size": size, "max_page_size": super::MOST},
    }))
}

fn select_fields(row: &Value, query: &QueryParameters) -> Value {
    let mut row = row.clone();
    row["attributes"] = query.sparse("people", &row["attributes"]);
    row
}

/// Returns whether a row passes a filter. Filters that the stand-in does not implement pass every row.
fn passes(row: &Value, filter: &str, value: &str) -> bool {
    let kind = match (&row["placeholder"], &row["agent"], &row["is_user"]) {
        (Value::Bool(true), _, _) => ["3", "placeholder"],
        (_, Value::Bool(true), _) => ["4", "agent"],
        (_, _, Value::Bool(true)) => ["1", "user"],
        _ => ["2", "contact"],
    };
    match filter {
        "person_type" => kind.contains(&value),
        "status" => (value == "2") == row["deactivated_at"].is_string(),
        "email" => row["email"] == value,
        _ => true,
    }
}

fn user(person: &Employee) -> Value {
    let number = person.number;
    let mut row = row(88_000 + number, person.given, person.family, &person.email);
    let attributes = &mut row["attributes"];
    attributes["is_user"] = json!(true);
    // A person and their user have different ids.
    attributes["user_id"] = json!(301_000 + number * 7);
    if !person.active {
        let left = if number.is_multiple_of(40) { "archived_at" } else { "deactivated_at" };
        attributes[left] = json!("2026-01-31T17:00:00.000+01:00");
    }
    match number % 30 {
        6 => attributes["email"] = Value::Null,
        16 => attributes["last_name"] = Value::Null,
        22 => attributes["email"] = json!(person.email.replacen("@acme", "@Acme", 1)),
        26 => attributes["first_name"] = json!(""),
        _ => {}
    }
    row
}

fn nobody(id: usize, what: &str, email: &str) -> Value {
    let mut row = row(id, what, "Of Somebody", email);
    if email.is_empty() {
        row["attributes"]["email"] = Value::Null;
    }
    row
}

/// A row without sparse fields. No row has `active`.
fn row(id: usize, given: &str, family: &str, email: &str) -> Value {
    json!({
        "id": id.to_string(),
        "type": "people",
        "attributes": {
            "first_name": given, "last_name": family, "nickname": null, "email": email, "title": null,
            "is_user": false, "user_id": null, "role_id": 1, "hrm_type_id": 1, "placeholder": false,
            "virtual": false, "agent": false, "deactivated_at": null, "archived_at": null, "external_id": null,
            "joined_at": "2024-09-15T15:49:04.000+02:00", "created_at": "2024-09-15T15:48:31.428+02:00",
            "two_factor_auth": false, "custom_fields": null, "offboarding_status": "not_initiated",
        },
        "relationships": {
            "organization": {"data": {"type": "organizations", "id": super::ORGANIZATION}},
            "company": {"meta": {"included": false}},
        },
    })
}
