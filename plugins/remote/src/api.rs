//! Remote's API: the company of a token, its employments, and the API's errors.
//!
//! Each environment has its own host, with the same API. Any status 2xx is a success; `identity/current` returns 201.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, JsonObject, JsonValue, Page, PageRequest, Text, Unit, User, UserRows};

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

/// Gets the company of the token. Returns `None` for the token of a partner's client, which has no company.
pub(crate) fn get_company(environment: Environment) -> Result<Option<Company>, Error> {
    let response = get(environment, "identity/current", &[])?;
    let data = parse_data(require_success(&response)?)?;
    if data.get("company").is_null() {
        return Ok(None);
    }
    let company = data.get("company").object().unwrap_or_default();
    let id = company.get("id").text().unwrap_or_default();
    // The id becomes a path segment.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Error::malformed("a company's `id` that consists of letters, digits and hyphens was expected"));
    }
    Ok(Some(Company { id: id.into(), name: company.get("name").text().map(Into::into) }))
}

/// Gets the status of a company. Returns `None` if the token has no access to it.
///
/// Remote does not document whether a company's own token has access.
pub(crate) fn get_company_status(environment: Environment, id: &str) -> Result<Option<String>, Error> {
    let response = get(environment, &format!("companies/{id}"), &[])?;
    if (400..500).contains(&response.status) && response.status != 429 {
        return Ok(None);
    }
    // Only the status is read; the bank account and the owner are among the other attributes.
    let data = parse_data(require_success(&response)?)?;
    Ok(data.get("company").get("status").text().map(Into::into))
}

/// Lists one page of the people who are or were employed.
pub(crate) fn list_employments(environment: Environment, page: &PageRequest) -> Result<Page, Error> {
    let page = page.page_number(MAX_EMPLOYMENTS)?;
    let (number, size) = (page.number.to_string(), page.size.to_string());
    let response = get(environment, "employments", &[("page", &number), ("page_size", &size)])?;
    let data = parse_data(require_success(&response)?)?;
    UserRows::read(data.get("employments"), "employments", to_user)?.numbered(page, data.get("total_pages"))
}

/// Converts an employment into a user. Only the status `active` counts as active, because Remote keeps adding others.
///
/// The first address is the primary one. The others are aliases, because people can be known here by any of them.
fn to_user(employment: &JsonObject<'_>) -> Option<User> {
    let id = employment.get("id").text().unwrap_or_default();
    let name = employment.get("full_name").text().unwrap_or_default();
    let keys = ["work_email", "login_email", "personal_email"];
    let mut addresses = keys.into_iter().filter_map(|key| employment.get(key).text());
    let user = User::new(id, name.trim()).email(addresses.next().as_deref()).aliases(addresses);
    Some(user.active(employment.get("status").text().as_deref() == Some("active")))
}

/// Parses the object that every response contains.
fn parse_data(response: &Response) -> Result<JsonObject<'_>, Error> {
    response.object()?.get("data").object().ok_or_else(|| Error::malformed("`data` was expected"))
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
    let body = response.object().unwrap_or_default();
    let message = error_text(body.get("message")).or_else(|| body.get("errors").object()?.first_key());
    // In milliseconds. Without it `failure` reads `Retry-After`, on which Remote's documentation contradicts itself.
    let wait = response.wait_from("x-ratelimit-reset", Unit::Milliseconds);
    Err(response.failure(message.as_deref().unwrap_or_default(), wait))
}

/// Reads the message of an error: a text, an object with a message or a code, or a list of either.
fn error_text(message: JsonValue<'_>) -> Option<Text<'_>> {
    message.text().or_else(|| {
        let details = message.list()?.into_iter();
        details.flat_map(|detail| [detail, detail.get("message"), detail.get("code")]).find_map(JsonValue::text)
    })
}
