//! Remote's API: the company of a token, its employments, and the API's errors.
//!
//! Each environment has its own host, with the same API. Any status 2xx is a success; `identity/current` returns 201.

use std::collections::BTreeMap;

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, Unit, User, first_filled};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The largest page of employments that Remote returns.
const MAX_EMPLOYMENTS: u32 = 100;

/// An environment of Remote. Each rejects the tokens of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Production,
    Sandbox,
}

impl Environment {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Production, Self::Sandbox].into_iter().find(|environment| environment.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }

    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Production => "gateway.remote.com",
            Self::Sandbox => "gateway.remote-sandbox.com",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Production => Self::Sandbox,
            Self::Sandbox => Self::Production,
        }
    }
}

/// The company that a token belongs to.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct ResponseBody<T> {
    data: T,
}

#[derive(Deserialize)]
struct IdentityData<'a> {
    /// Absent for the token of a partner's client.
    #[serde(borrow)]
    company: Option<IdentityCompany<'a>>,
}

#[derive(Deserialize)]
struct IdentityCompany<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

/// The details of a company. Only the status is read; the bank account and the owner are among the others.
#[derive(Deserialize)]
struct CompanyData<'a> {
    #[serde(borrow)]
    company: CompanyDetails<'a>,
}

#[derive(Deserialize)]
struct CompanyDetails<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct EmploymentsData<'a> {
    total_pages: u32,
    #[serde(borrow)]
    employments: Vec<Employment<'a>>,
}

#[derive(Deserialize)]
struct Employment<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    full_name: Option<Text<'a>>,
    #[serde(borrow)]
    work_email: Option<Text<'a>>,
    #[serde(borrow)]
    login_email: Option<Text<'a>>,
    #[serde(borrow)]
    personal_email: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

/// An error body. It has a message in one of three formats, or errors by the name of a field.
#[derive(Default, Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    message: Option<ErrorMessage<'a>>,
    errors: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorMessage<'a> {
    #[serde(borrow)]
    Text(Text<'a>),
    #[serde(borrow)]
    One(ErrorDetail<'a>),
    #[serde(borrow)]
    Several(Vec<ErrorDetail<'a>>),
}

#[derive(Deserialize)]
struct ErrorDetail<'a> {
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

/// Gets the company of the token. Returns `None` for the token of a partner's client, which has no company.
pub(crate) fn get_company(environment: Environment) -> Result<Option<Company>, Error> {
    let response = get(environment, "identity/current", &[])?;
    let body: ResponseBody<IdentityData<'_>> = require_success(&response)?.json()?;
    let Some(company) = body.data.company else { return Ok(None) };
    // The id becomes a path segment.
    if company.id.is_empty() || !company.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::malformed("a company's `id` that consists of letters, digits and hyphens was expected"));
    }
    let name = company.name.filter(|name| !name.is_empty()).map(Into::into);
    Ok(Some(Company { id: company.id.into(), name }))
}

/// Gets the status of a company. Returns `None` if the token has no access to it.
///
/// Remote does not document whether a company's own token has access.
pub(crate) fn get_company_status(environment: Environment, id: &str) -> Result<Option<String>, Error> {
    let response = get(environment, &format!("companies/{id}"), &[])?;
    if (400..500).contains(&response.status) && response.status != 429 {
        return Ok(None);
    }
    let body: ResponseBody<CompanyData<'_>> = require_success(&response)?.json()?;
    Ok(body.data.company.status.filter(|status| !status.is_empty()).map(Into::into))
}

/// Lists one page of the people who are or were employed.
pub(crate) fn list_employments(environment: Environment, page: &PageRequest) -> Result<Page, Error> {
    let page = page.page_number(MAX_EMPLOYMENTS)?;
    let (number, size) = (page.number.to_string(), page.size.to_string());
    let response = get(environment, "employments", &[("page", &number), ("page_size", &size)])?;
    let body: ResponseBody<EmploymentsData<'_>> = require_success(&response)?.json()?;
    let has_more = page.number < body.data.total_pages;
    Ok(page.page(body.data.employments.into_iter().map(to_user).collect(), has_more))
}

/// Converts an employment into a user. Only the status `active` counts as active, because Remote keeps adding others.
fn to_user(employment: Employment<'_>) -> User {
    let email = first_filled([&employment.work_email, &employment.login_email, &employment.personal_email]);
    User::new(employment.id, employment.full_name.as_deref().unwrap_or_default().trim())
        .email(email)
        .active(employment.status.as_deref() == Some("active"))
}

fn get(environment: Environment, path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    let url = format!("https://{}/v1/{path}", environment.host());
    Ok(http::get(url).header("Accept", "application/json").query(query).send()?)
}

/// Returns the response if it is a success, otherwise the error that it means.
fn require_success(response: &Response) -> Result<&Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    let body: ErrorBody<'_> = response.json().unwrap_or_default();
    let message = match &body.message {
        Some(ErrorMessage::Text(text)) => Some(&**text),
        Some(ErrorMessage::One(detail)) => detail_text(detail),
        Some(ErrorMessage::Several(details)) => details.iter().find_map(detail_text),
        None => body.errors.as_ref().and_then(|errors| errors.keys().next()).map(String::as_str),
    };
    // In milliseconds. Without it `failure` reads `Retry-After`, on which Remote's documentation contradicts itself.
    let wait = response.wait_from("x-ratelimit-reset", Unit::Milliseconds);
    Err(response.failure(message.unwrap_or_default(), wait))
}

fn detail_text<'a>(detail: &'a ErrorDetail<'_>) -> Option<&'a str> {
    first_filled([&detail.message, &detail.code])
}
