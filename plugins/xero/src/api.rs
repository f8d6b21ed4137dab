//! Xero's API: how a request is sent, and what its failures mean here.

use jackfield_sdk::http::{self, Refusal, Request, Response};
use jackfield_sdk::{Error, Text, first_filled};
use serde::Deserialize;

use crate::tenants;

/// The scope that reads the organisation and the users of its books.
pub(crate) const SETTINGS_SCOPE: &str = "accounting.settings.read";

/// The scope that reads the employees of all payrolls.
pub(crate) const PAYROLL_SCOPE: &str = "payroll.employees.read";

/// Xero's word for an access token that ran out.
pub(crate) const TOKEN_EXPIRED: &str = "TokenExpired";

/// The wait when Xero does not say how long.
const DEFAULT_WAIT: u32 = 60;

/// What a tenant is asked for.
pub(crate) struct Resource {
    pub(crate) url: &'static str,
    /// The scope that reads it.
    pub(crate) scope: &'static str,
    /// Beside the scope, what the connecting user's role must allow.
    pub(crate) role: &'static str,
}

const ORGANISATION: Resource = Resource {
    url: "https://api.xero.com/api.xro/2.0/Organisation",
    scope: SETTINGS_SCOPE,
    role: "to read the organisation's settings",
};

/// An organisation, of which nothing but the following is looked at: its row holds keys and tax numbers too.
#[derive(Deserialize)]
pub(crate) struct Organisation {
    #[serde(rename = "Name")]
    pub(crate) name: Option<String>,
    /// The edition of Xero, such as `AU` or `NZONRAMP`.
    #[serde(rename = "Version")]
    pub(crate) version: Option<String>,
    /// The country by ISO 3166-1.
    #[serde(rename = "CountryCode")]
    pub(crate) country_code: Option<String>,
}

#[derive(Deserialize)]
struct Organisations {
    #[serde(rename = "Organisations")]
    organisations: Option<Vec<Organisation>>,
}

/// What Xero says of a failure, its keys in either case, in the newer payrolls one level down.
#[derive(Default, Deserialize)]
struct Problem<'a> {
    #[serde(borrow, alias = "Detail")]
    detail: Option<Text<'a>>,
    #[serde(borrow, alias = "Title")]
    title: Option<Text<'a>>,
    #[serde(borrow, rename = "type", alias = "Type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    problem: Option<Box<Problem<'a>>>,
}

/// Asks for the organisation of a tenant.
pub(crate) fn organisation(tenant: &str) -> Result<Organisation, Error> {
    let answer: Organisations = ask(&ORGANISATION, tenant, &[])?.json()?;
    let organisation = answer.organisations.and_then(|all| all.into_iter().next());
    organisation.ok_or_else(|| Error::malformed("`Organisations` with one of them was expected"))
}

/// Asks a tenant for a resource.
pub(crate) fn ask(resource: &Resource, tenant: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    let request = http::get(resource.url).query(query).header("Xero-Tenant-Id", tenant);
    match send(request) {
        // Unlike the same word with 403 it tells of a scope, which no new token brings.
        Err(Error::Unauthorized(word)) if word == "AuthorizationUnsuccessful" => Err(Error::forbidden(resource.scope)),
        Err(Error::Forbidden(_)) => {
            // Either the tenant has gone, or the right of the user who connected it.
            tenants::demand(tenant)?;
            Err(Error::forbidden(format!("{}, in Xero's role of the user who connected", resource.role)))
        }
        outcome => outcome,
    }
}

/// Sends a request and gives the answer of a success.
pub(crate) fn send(request: Request) -> Result<Response, Error> {
    // Xero answers in XML unless it is asked for JSON.
    let response = request.header("Accept", "application/json").send().map_err(unanswered)?;
    match response.status {
        200..=299 => Ok(response),
        // Its bodies of these are documented nowhere.
        429 | 500..=599 => Err(response.failure("", Some(response.retry_after().unwrap_or(DEFAULT_WAIT)))),
        _ => Err(response.failure(&word(&response), None)),
    }
}

/// Gives Xero's word for a failure, such as `TokenExpired`; what it explains after a colon is left out.
fn word(response: &Response) -> String {
    let mut problem: Problem<'_> = response.json().unwrap_or_default();
    if let Some(inner) = problem.problem.take() {
        problem = *inner;
    }
    let said = first_filled([&problem.detail, &problem.title, &problem.kind]).unwrap_or_default();
    said.split(':').next().unwrap_or_default().to_owned()
}

/// Says why there was no answer; of what the token endpoint refuses, one word alone condemns the grant.
fn unanswered(error: http::Error) -> Error {
    match error {
        http::Error::CredentialRefused(Refusal { status, error, .. }) => match error {
            Some(word) if word == "invalid_grant" => Error::unauthorized(word),
            word => Error::upstream(status, word.unwrap_or_default()),
        },
        other => other.into(),
    }
}
