//! The directory: the people as Google knows them, with more fields than any client should read.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{api_errors, apply_field_mask, value};
use crate::{
    people::{self, Employee},
    stand_in_server::{ReceivedRequest, StandInResponse},
};

/// Default and maximum number of rows in a page.
const PAGE: usize = 100;
const MOST: usize = 500;

/// The people.
#[derive(Debug)]
pub(super) struct UserDirectory {
    rows: Vec<Value>,
    /// The emails of those who can read users.
    pub(super) administrators: Vec<String>,
    deleted: Vec<String>,
}

/// Whether an email belongs to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountStatus {
    Yes,
    Deleted,
    No,
}

impl UserDirectory {
    pub(super) fn new(administrator: &str) -> Self {
        Self {
            rows: people::people().iter().map(row).collect(),
            administrators: vec![administrator.to_owned()],
            deleted: Vec::new(),
        }
    }

    pub(super) fn delete(&mut self, email: &str) {
        self.rows.retain(|row| !is_of(row, email));
        self.deleted.push(email.to_owned());
    }

    pub(super) fn account_status(&self, email: &str) -> AccountStatus {
        if self.rows.iter().any(|row| is_of(row, email)) {
            AccountStatus::Yes
        } else if self.deleted.iter().any(|deleted| deleted == email) {
            AccountStatus::Deleted
        } else {
            AccountStatus::No
        }
    }

    /// Returns one page to those who can read users.
    pub(super) fn list(&self, request: &ReceivedRequest, who: &str) -> StandInResponse {
        let query = request.query_pairs();
        if !self.administrators.iter().any(|administrator| administrator == who) {
            return api_errors::error_response(403, "forbidden", "Not Authorized to access this resource/api");
        }
        // A domain instead of a customer gets the same error as any other mistake.
        if value(&query, "customer") != Some("my_customer") {
            return api_errors::error_response(400, "badRequest", "Bad Request");
        }
        let size = value(&query, "maxResults").map_or(Some(PAGE), |size| size.parse().ok());
        let start = value(&query, "pageToken").map_or(Some(0), page_start);
        let (Some(size), Some(start)) = (size.filter(|size| (1..=MOST).contains(size)), start) else {
            return api_errors::error_response(400, "invalid", "Invalid Input");
        };
        let mut rows: Vec<&Value> = self.rows.iter().collect();
        if value(&query, "orderBy") == Some("email") {
            rows.sort_by_key(|row| row["primaryEmail"].as_str().unwrap_or_default().to_lowercase());
        }
        let page: Vec<&Value> = rows.iter().skip(start).take(size).copied().collect();
        let mut body = json!({"kind": "admin#directory#users", "etag": "\"e\""});
        // An empty page has no `users` key.
        if !page.is_empty() {
            body["users"] = json!(page);
        }
        if start + size < rows.len() {
            body["nextPageToken"] = json!(page_token(start + size));
        }
        StandInResponse::json(&match value(&query, "fields") {
            Some(mask) => apply_field_mask(&body, mask),
            None => body,
        })
    }
}

fn page_token(start: usize) -> String {
    STANDARD.encode(format!("next:{start}"))
}

fn page_start(token: &str) -> Option<usize> {
    let token = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    token.strip_prefix("next:")?.parse().ok()
}

fn is_of(row: &Value, email: &str) -> bool {
    row["primaryEmail"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(email))
}

fn row(person: &Employee) -> Value {
    let mut row = json!({
        "kind": "admin#directory#user",
        // Twenty-one digits, more than a 64-bit number can store.
        "id": format!("1139{:017}", person.number * 104_729),
        "etag": "\"u\"",
        "primaryEmail": person.email,
        "name": {"givenName": person.given, "familyName": person.family, "fullName": person.name()},
        "isAdmin": false,
        "isDelegatedAdmin": false,
        "lastLoginTime": "2026-01-01T10:00:00.000Z",
        "creationTime": "2019-01-11T10:00:00.000Z",
        "agreedToTerms": true,
        "suspended": !person.active,
        "archived": person.number % 60 == 30,
        "changePasswordAtNextLogin": false,
        "emails": [{"address": person.email, "primary": true}],
        "phones": [{"value": "+31205550100", "type": "work"}],
        "recoveryPhone": "+31612345678",
        "customerId": "C03xxxxxx",
        "orgUnitPath": "/",
    });
    match person.number % 30 {
        4 => row["primaryEmail"] = json!(person.email.replacen("@acme", "@Acme", 1)),
        // Neither field is always present.
        11 => drop(row.as_object_mut().and_then(|row| row.remove("suspended"))),
        17 => drop(row.as_object_mut().and_then(|row| row.remove("archived"))),
        _ => {}
    }
    if person.number == 149 {
        row["name"] = json!({});
    }
    row
}
