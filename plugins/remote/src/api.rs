//! Remote's API: who a token is, what its company is, who is employed there, and what a refusal means.
//!
//! The same under two hosts, one for each environment. Success is any 2xx: who the token is comes with a 201.

use std::collections::BTreeMap;

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, Unit, User, first_filled};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What Remote takes as a page of employments.
const MOST_EMPLOYMENTS: u32 = 100;

/// Where a token is good. One for the sandbox is refused in production, and the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Production,
    Sandbox,
}

impl Environment {
    pub(crate) fn named(name: &str) -> Option<Self> {
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

/// The company of a token.
#[derive(Debug)]
pub(crate) struct Company {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Identity<'a> {
    /// The token of a partner's client has none.
    #[serde(borrow)]
    company: Option<CompanyAnswer<'a>>,
}

#[derive(Deserialize)]
struct CompanyAnswer<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

/// Of all that Remote says of a company, bank account and owner included, only the status is read.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    company: Status<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Employments<'a> {
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

/// A refusal: a message in one of three shapes, or the names of fields with what is wrong with each.
#[derive(Default, Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    errors: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message<'a> {
    #[serde(borrow)]
    Text(Text<'a>),
    #[serde(borrow)]
    One(Detail<'a>),
    #[serde(borrow)]
    Several(Vec<Detail<'a>>),
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

/// Asks whose the token is; none for a partner's client, which is no company.
pub(crate) fn identity(environment: Environment) -> Result<Option<Company>, Error> {
    let response = ask(environment, "identity/current", &[])?;
    let answer: Answer<Identity<'_>> = taken(&response)?.json()?;
    let Some(company) = answer.data.company else { return Ok(None) };
    // It becomes a part of a path.
    if company.id.is_empty() || !company.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::malformed("a company's `id` of letters, digits and hyphens was expected"));
    }
    let name = company.name.filter(|name| !name.is_empty()).map(Into::into);
    Ok(Some(Company { id: company.id.into(), name }))
}

/// Asks for the status of a company; none where the token may not see it, which Remote leaves open for a company's own.
pub(crate) fn company_status(environment: Environment, id: &str) -> Result<Option<String>, Error> {
    let response = ask(environment, &format!("companies/{id}"), &[])?;
    if (400..500).contains(&response.status) && response.status != 429 {
        return Ok(None);
    }
    let answer: Answer<Shown<'_>> = taken(&response)?.json()?;
    Ok(answer.data.company.status.filter(|status| !status.is_empty()).map(Into::into))
}

/// Lists one page of the people who are or were employed.
pub(crate) fn employments(environment: Environment, page: &PageRequest) -> Result<Page, Error> {
    let page = page.page_number(MOST_EMPLOYMENTS)?;
    let (number, size) = (page.number.to_string(), page.size.to_string());
    let response = ask(environment, "employments", &[("page", &number), ("page_size", &size)])?;
    let answer: Answer<Employments<'_>> = taken(&response)?.json()?;
    let has_more = page.number < answer.data.total_pages;
    Ok(page.page(answer.data.employments.into_iter().map(person).collect(), has_more))
}

/// Turns an employment into a user. Only one status means that somebody works there; new ones come every year.
fn person(employment: Employment<'_>) -> User {
    let email = first_filled([&employment.work_email, &employment.login_email, &employment.personal_email]);
    User::new(employment.id, employment.full_name.as_deref().unwrap_or_default().trim())
        .email(email)
        .active(employment.status.as_deref() == Some("active"))
}

fn ask(environment: Environment, path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    let url = format!("https://{}/v1/{path}", environment.host());
    Ok(http::get(url).header("Accept", "application/json").query(query).send()?)
}

/// Gives an answer back that is a success, and says what any other means.
fn taken(response: &Response) -> Result<&Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    let refusal: Refusal<'_> = response.json().unwrap_or_default();
    let said = match &refusal.message {
        Some(Message::Text(text)) => Some(&**text),
        Some(Message::One(detail)) => said(detail),
        Some(Message::Several(details)) => details.iter().find_map(said),
        None => refusal.errors.as_ref().and_then(|errors| errors.keys().next()).map(String::as_str),
    };
    // Milliseconds; `Retry-After`, which one page promises and another denies, is asked where it is missing.
    let wait = response.wait_from("x-ratelimit-reset", Unit::Milliseconds);
    Err(response.failure(said.unwrap_or_default(), wait))
}

fn said<'a>(detail: &'a Detail<'_>) -> Option<&'a str> {
    first_filled([&detail.message, &detail.code])
}
