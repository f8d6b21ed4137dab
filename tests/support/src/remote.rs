//! A stand-in for Remote's API: two environments on one socket, distinguished by the host, with one company in both.

mod employments;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    people::COMPANY,
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{ReceivedRequest, StandInResponse},
};

/// The host for tokens that start with `ra_live_`.
pub const PRODUCTION: &str = "gateway.remote.com";

/// The host for tokens that start with `ra_test_`.
pub const SANDBOX: &str = "gateway.remote-sandbox.com";

/// The company's id.
pub const COMPANY_ID: &str = "3f1c9a52-6d0e-4b7a-9c55-0a41ce7e1d20";

/// Maximum number of requests in one minute, as Remote counted them in 2026.
const REQUESTS: u32 = 300;

/// A running stand-in for Remote with one company of 300 employments and no token.
pub type RemoteStandIn = ProviderStandIn<RemoteState>;

/// The state of the company at Remote.
#[derive(Debug)]
pub struct RemoteState {
    tokens: HashMap<String, RemoteToken>,
    status: String,
    /// Whether the company's own token can read the company. Remote's reference does not say.
    is_shown: bool,
    employments: Vec<Value>,
    requests_left: u32,
    wait: WaitHint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RemoteToken {
    /// A token of the company itself.
    Company,
    /// A token of a partner's client, which has no company.
    Client,
    Revoked,
}

/// How a 429 says how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitHint {
    /// In `x-ratelimit-reset` in milliseconds, without `Retry-After`.
    Milliseconds(u32),
    /// In `Retry-After` in seconds.
    RetryAfter(u32),
    /// Nowhere.
    Unsaid,
}

impl RemoteStandIn {
    /// Adds or restores a token of the company.
    pub fn add_token(&self, token: &str) -> &Self {
        self.insert_token(token, RemoteToken::Company)
    }

    /// Adds a token of a partner's client credentials.
    pub fn add_client_token(&self, token: &str) -> &Self {
        self.insert_token(token, RemoteToken::Client)
    }

    /// Revokes a token, as an administrator would.
    pub fn revoke(&self, token: &str) -> &Self {
        self.insert_token(token, RemoteToken::Revoked)
    }

    /// Sets the company's status: `pending`, `review`, `active` or `archived`.
    pub fn set_status(&self, status: &str) -> &Self {
        self.update(|company| status.clone_into(&mut company.status))
    }

    /// Forbids the company's own token to read the company.
    pub fn hide_company(&self) -> &Self {
        self.update(|company| company.is_shown = false)
    }

    /// Answers this many more requests, then 429.
    pub fn set_requests_left(&self, requests: u32) -> &Self {
        self.update(|company| company.requests_left = requests)
    }

    /// Sets how a 429 says how long to wait.
    pub fn set_wait_hint(&self, wait: WaitHint) -> &Self {
        self.update(|company| company.wait = wait)
    }

    fn insert_token(&self, token: &str, kind: RemoteToken) -> &Self {
        self.update(|company| {
            company.tokens.insert(token.to_owned(), kind);
        })
    }
}

impl Default for RemoteState {
    fn default() -> Self {
        Self {
            tokens: HashMap::new(),
            status: "active".to_owned(),
            is_shown: true,
            employments: employments::employments(),
            requests_left: REQUESTS,
            wait: WaitHint::Milliseconds(1_500),
        }
    }
}

impl StandInState for RemoteState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let prefix = match request.header("host") {
            Some(PRODUCTION) => "ra_live_",
            Some(SANDBOX) => "ra_test_",
            _ => return StandInResponse::text("text/html", "<!doctype html><title>Not found</title>").status(404),
        };
        let token = request.bearer().filter(|token| token.starts_with(prefix));
        let token = match token.and_then(|token| self.tokens.get(token)) {
            None | Some(RemoteToken::Revoked) => return error_response(401, "Unauthorized"),
            Some(token) => *token,
        };
        if self.requests_left == 0 {
            return self.too_many();
        }
        self.requests_left -= 1;
        self.call(token, request)
            .header("x-ratelimit-count", &REQUESTS.saturating_sub(self.requests_left).to_string())
            .header("x-ratelimit-remaining", &self.requests_left.to_string())
            .header("x-ratelimit-reset", "42000")
    }
}

impl RemoteState {
    fn call(&self, token: RemoteToken, request: &ReceivedRequest) -> StandInResponse {
        if request.method != http::Method::GET {
            return error_response(404, "not found");
        }
        match (request.path.as_str(), token) {
            ("/v1/identity/current", RemoteToken::Client) => {
                StandInResponse::json(&json!({"data": integration()})).status(201)
            }
            ("/v1/identity/current", _) => StandInResponse::json(&json!({"data": {
                "company": {"id": COMPANY_ID, "name": COMPANY},
                "user": {
                    "id": "c2b6f0aa-51f8-4f0e-8d8e-6a3c5e9f7b11", "name": "Kim Lee",
                    "email": "kim.lee@acme.example", "status": "active",
                },
            }}))
            .status(201),
            ("/v1/companies", RemoteToken::Client) => {
                StandInResponse::json(&json!({"data": {"companies": [self.company()]}}))
            }
            ("/v1/employments", RemoteToken::Company) => employments::page(&self.employments, &request.query_pairs()),
            ("/v1/companies" | "/v1/employments", _) => error_response(403, "Forbidden"),
            (path, token) => match path.strip_prefix("/v1/companies/") {
                Some(_) if token == RemoteToken::Company && !self.is_shown => error_response(403, "Forbidden"),
                Some(COMPANY_ID) => StandInResponse::json(&json!({"data": {"company": self.company()}})),
                Some(_) => error_response(404, "Company not found"),
                None => error_response(404, "not found"),
            },
        }
    }

    fn company(&self) -> Value {
        json!({
            "id": COMPANY_ID, "name": COMPANY, "status": self.status, "country_code": "NLD", "external_id": null,
            "company_owner_name": "Kim Lee", "company_owner_email": "kim.lee@acme.example",
            "phone_number": "+31205550100", "desired_currency": "EUR", "created_at": "2021-07-15T18:18:17Z",
            "address_details": {"address": "Keizersgracht 1", "city": "Amsterdam", "postal_code": "1015 AA"},
            "bank_account_details": {"account_holder": COMPANY, "account_number": "NL00BANK0123456789"},
        })
    }

    fn too_many(&self) -> StandInResponse {
        let answer = error_response(429, "Too many requests");
        match self.wait {
            WaitHint::Milliseconds(wait) => answer.header("x-ratelimit-reset", &wait.to_string()),
            WaitHint::RetryAfter(wait) => answer.header("retry-after", &wait.to_string()),
            WaitHint::Unsaid => answer,
        }
    }
}

/// The identity of a partner's client.
fn integration() -> Value {
    json!({
        "client_id": "1pws9iw986yq1ec57h159q29l",
        "integration": {
            "name": "partner", "display_name": "Partner", "contact_email": "partner@partner.example",
        },
    })
}

fn error_response(status: u16, message: &str) -> StandInResponse {
    StandInResponse::json(&json!({"message": message})).status(status)
}
