//! The employments of the stand-in's company, with the gaps of real ones, and the route that lists them.

use serde_json::{Value, json};

use crate::{
    people::{self, Employee},
    stand_in_server::StandInResponse,
};

/// Default and maximum number of employments in a page.
const PAGE: usize = 20;
const MOST: usize = 100;

/// The statuses that a filter accepts.
const STATUSES: [&str; 6] = ["active", "created", "invited", "offboarding", "archived", "incomplete"];

const TYPES: [&str; 4] = ["employee", "contractor", "direct_employee", "global_payroll_employee"];

/// Creates one employment per person.
pub(super) fn employments() -> Vec<Value> {
    people::people().iter().map(employment).collect()
}

/// Answers `GET /v1/employments`. Each invalid parameter gets an error in a different shape.
pub(super) fn page(employments: &[Value], query: &[(String, String)]) -> StandInResponse {
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Some(number) = parse_positive(parameter("page"), 1) else {
        return error_response(&json!({"message": "page is invalid"}));
    };
    let Some(size) = parse_positive(parameter("page_size"), PAGE) else {
        return error_response(&json!({"message": {
            "code": "invalid_param", "message": "Invalid parameter", "param": "page_size",
        }}));
    };
    let statuses: Vec<&str> = parameter("status").map(|list| list.split(',').collect()).unwrap_or_default();
    if !statuses.iter().all(|status| STATUSES.contains(status)) {
        return error_response(&json!({"message": [
            {"code": "invalid_param", "message": "Invalid parameter", "param": "status"},
        ]}));
    }
    if parameter("employment_type").is_some_and(|kind| !TYPES.contains(&kind)) {
        return error_response(&json!({"errors": {"employment_type": ["is invalid"]}}));
    }
    if parameter("company_id").is_some_and(|id| id != super::COMPANY_ID) {
        return error_response(&json!({"message": {
            "action": "choose", "code": "wrong_company", "message": "The company is another one",
        }}));
    }

    let wanted: Vec<&Value> = employments
        .iter()
        .filter(|row| statuses.is_empty() || statuses.iter().any(|status| row["status"] == *status))
        .filter(|row| parameter("email").is_none_or(|email| row["login_email"] == email))
        .filter(|row| parameter("employment_type").is_none_or(|kind| row["type"] == kind))
        .collect();
    let size = size.min(MOST);
    let rows: Vec<&Value> = wanted.iter().skip((number - 1).saturating_mul(size)).take(size).copied().collect();
    StandInResponse::json(&json!({"data": {
        "current_page": number, "total_pages": wanted.len().div_ceil(size), "total_count": wanted.len(),
        "employments": rows,
    }}))
}

/// Parses a number from 1 up, or returns the default; `None` if it is not such a number.
fn parse_positive(value: Option<&str>, default: usize) -> Option<usize> {
    match value {
        None => Some(default),
        Some(value) => value.parse().ok().filter(|number| *number > 0),
    }
}

fn error_response(body: &Value) -> StandInResponse {
    StandInResponse::json(body).status(422)
}

fn employment(person: &Employee) -> Value {
    let number = person.number;
    let private = person.email.replace("@acme.example", "@home.example");
    let mut employment = json!({
        "id": format!("{:08x}-0000-4000-8000-{number:012x}", number * 2_654_435_761 % 0xffff_ffff),
        "short_id": person.id("W").split_off(1),
        "full_name": person.name(),
        "status": status(person),
        "type": TYPES[number % TYPES.len()],
        "employment_model": "eor",
        "employment_lifecycle_stage": "onboarded",
        "job_title": if number.is_multiple_of(3) { "Engineer" } else { "Instrument maker" },
        "work_email": person.email,
        "login_email": person.email,
        "personal_email": private,
        "external_id": null,
        "partner_external_id": null,
        "department": null,
        "department_id": null,
        "country": {"code": "PRT", "alpha_2_code": "PT", "name": "Portugal"},
        "work_address_details": {},
    });
    match number % 30 {
        // Signs in with the company's address and has no other.
        4 => employment["work_email"] = Value::Null,
        // Has only a private address.
        14 => {
            employment["work_email"] = Value::Null;
            employment["login_email"] = json!(private);
        }
        22 => employment["work_email"] = json!(person.email.replacen("@acme", "@Acme", 1)),
        27 => employment["work_email"] = json!(""),
        _ => {}
    }
    employment
}

/// Most are active. One status is not in Remote's documentation.
fn status(person: &Employee) -> &'static str {
    match person.number {
        _ if !person.active => "archived",
        number if number % 97 == 11 => "sabbatical",
        number if number % 41 == 7 => "created",
        number if number % 29 == 3 => "invited",
        number if number % 17 == 5 => "offboarding",
        _ => "active",
    }
}
