//! A stand-in for Productive's API: JSON:API, one token per person, and people in several organisations.

mod people;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Value, json};

pub use self::people::{NOBODY, ROWS};
use crate::{
    people::COMPANY,
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{ReceivedRequest, StandInResponse},
};

/// The API's only host.
pub const HOST: &str = "api.productive.io";

/// The company's organisation, which every token can access. Other organisations have no people.
pub const ORGANIZATION: &str = "4101";

const MEDIA_TYPE: &str = "application/vnd.api+json";

const NO_PERSON: &str = "User provided with X-Auth-Token header does not have a person associated in the organization \
                         provided with X-Organization-Id header";

/// Maximum number of requests in ten seconds.
const REQUESTS: u32 = 100;

/// Default and maximum number of rows in a page.
const PAGE: usize = 30;
const MOST: usize = 200;

/// A running stand-in for Productive with one organisation and no token.
pub type ProductiveStandIn = ProviderStandIn<ProductiveState>;

/// The state of Productive.
#[derive(Debug)]
pub struct ProductiveState {
    tokens: HashMap<String, ProductiveToken>,
    people: Vec<Value>,
    /// Whether filters are applied. Some endpoints of Productive ignore them silently.
    heeds_filters: bool,
    requests_left: u32,
}

/// The ids and names of a person's organisations; `None` if the token is revoked.
#[derive(Debug)]
struct ProductiveToken(Option<Vec<(String, String)>>);

impl ProductiveStandIn {
    /// Adds or restores a token that can access the company's organisation.
    pub fn add_token(&self, token: &str) -> &Self {
        self.update(|directory| {
            let own = vec![(ORGANIZATION.to_owned(), COMPANY.to_owned())];
            directory.tokens.insert(token.to_owned(), ProductiveToken(Some(own)));
        })
    }

    /// Revokes a token, as if it were deleted or its person deactivated.
    pub fn revoke(&self, token: &str) -> &Self {
        self.update(|directory| {
            directory.tokens.insert(token.to_owned(), ProductiveToken(None));
        })
    }

    /// Adds the token's person to another organisation, which is empty.
    pub fn join(&self, token: &str, id: &str, name: &str) -> &Self {
        self.memberships(token, |memberships| memberships.push((id.to_owned(), name.to_owned())))
    }

    /// Removes the token's person from an organisation.
    pub fn leave(&self, token: &str, id: &str) -> &Self {
        self.memberships(token, |memberships| memberships.retain(|(known, _)| known != id))
    }

    /// Ignores every filter silently.
    pub fn ignore_filters(&self) -> &Self {
        self.update(|directory| directory.heeds_filters = false)
    }

    /// Answers this many more requests, then 429.
    pub fn set_requests_left(&self, requests: u32) -> &Self {
        self.update(|directory| directory.requests_left = requests)
    }

    fn memberships(&self, token: &str, change: impl FnOnce(&mut Vec<(String, String)>)) -> &Self {
        self.update(|directory| {
            let token = directory.tokens.get_mut(token).and_then(|token| token.0.as_mut());
            change(token.expect("the token exists and is valid"));
        })
    }
}

impl Default for ProductiveState {
    fn default() -> Self {
        Self { tokens: HashMap::new(), people: people::rows(), heeds_filters: true, requests_left: REQUESTS }
    }
}

impl StandInState for ProductiveState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        self.call(request).unwrap_or_else(|refusal| refusal)
    }
}

impl ProductiveState {
    fn call(&mut self, request: &ReceivedRequest) -> Result<StandInResponse, StandInResponse> {
        if request.header("content-type") != Some(MEDIA_TYPE) {
            let detail = "The content type has to be application/vnd.api+json";
            return Err(error_response(
                415,
                &json!({"status": "415", "title": "Unsupported Media Type", "detail": detail}),
            ));
        }
        let token = request.header("x-auth-token").and_then(|token| self.tokens.get(token));
        let memberships = token.and_then(|token| token.0.as_ref()).ok_or_else(|| {
            error_with_code(401, "invalid_auth_token", "Unauthenticated", "You are not authenticated")
        })?;
        if self.requests_left == 0 {
            let detail = "Too many requests. Try again later";
            let error =
                json!({"status": 429, "title": "Too many requests", "detail": detail, "limit": 100, "period": 10});
            return Err(error_response(429, &error).header("x-ratelimit-reset", "2"));
        }
        self.requests_left -= 1;
        let query = QueryParameters(request.query_pairs());
        match (request.method.as_str(), request.path.as_str()) {
            // The organisation header does not narrow this list.
            ("GET", "/api/v2/organization_memberships") => Ok(organizations(memberships, &query)),
            ("GET", "/api/v2/people") => {
                let id = request.header("x-organization-id");
                if !memberships.iter().any(|(known, _)| Some(known.as_str()) == id) {
                    return Err(error_with_code(403, "no_person", "Access Denied", NO_PERSON));
                }
                let people = if id == Some(ORGANIZATION) { self.people.as_slice() } else { &[] };
                people::list(people, &query, self.heeds_filters)
            }
            _ => {
                Err(error_with_code(404, "record_not_found", "Record Not Found", "The requested record was not found"))
            }
        }
    }
}

/// The pairs of a query.
struct QueryParameters(Vec<(String, String)>);

impl QueryParameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a list such as `include=organization,person` contains a name.
    fn names(&self, list: &str, name: &str) -> bool {
        self.get(list).is_some_and(|list| list.split(',').any(|named| named == name))
    }

    /// Reduces a record's attributes to those in `fields[kind]`, if the query has it.
    fn sparse(&self, kind: &str, attributes: &Value) -> Value {
        let key = format!("fields[{kind}]");
        let all = attributes.as_object().cloned().unwrap_or_default();
        match self.get(&key) {
            None => Value::Object(all),
            Some(_) => all.into_iter().filter(|(name, _)| self.names(&key, name)).collect(),
        }
    }

    /// Returns the page's number, its size and the number of pages.
    fn page(&self, rows: usize) -> (usize, usize, usize) {
        let number = self.get("page[number]").and_then(|number| number.parse().ok()).unwrap_or(1).max(1);
        let size = self.get("page[size]").and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(1, MOST);
        (number, size, rows.div_ceil(size))
    }
}

fn organizations(memberships: &[(String, String)], query: &QueryParameters) -> StandInResponse {
    let relationship = |name: &str, kind: &str, id: &str| {
        if query.names("include", name) {
            json!({"data": {"type": kind, "id": id}})
        } else {
            json!({"meta": {"included": false}})
        }
    };
    let data: Vec<Value> = memberships
        .iter()
        .map(|(id, _)| {
            json!({"id": format!("31{id}"), "type": "organization_memberships", "relationships": {
                "organization": relationship("organization", "organizations", id),
                "person": relationship("person", "people", &format!("31{id}")),
            }})
        })
        .collect();
    let included = memberships.iter().filter(|_| query.names("include", "organization")).map(|(id, name)| {
        // The full record contains attributes that no client should read.
        let all = json!({"name": name, "billing_email": "billing@acme.example", "invitation_token": "inv1tat10n"});
        json!({"id": id, "type": "organizations", "attributes": query.sparse("organizations", &all)})
    });
    let (number, size, pages) = query.page(data.len());
    document(&json!({
        "data": data, "included": included.collect::<Vec<_>>(),
        "meta": {
            "current_page": number, "total_pages": pages, "total_count": data.len(), "page_size": size,
            "max_page_size": MOST,
        },
    }))
}

fn document(document: &Value) -> StandInResponse {
    StandInResponse::text(&format!("{MEDIA_TYPE}; charset=utf-8"), document.to_string())
}

/// An error with a code. Its status is a string; errors without a code have a number.
fn error_with_code(status: u16, code: &str, title: &str, detail: &str) -> StandInResponse {
    let meta = json!({});
    let error = json!({
        "status": status.to_string(), "code": code, "title": title, "detail": detail, "meta": meta, "source": meta,
    });
    error_response(status, &error)
}

fn error_response(status: u16, error: &Value) -> StandInResponse {
    document(&json!({"errors": [error]})).status(status)
}
