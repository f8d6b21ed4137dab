//! Productive's API (JSON:API): the organisations that a token can access, their people, and the API's errors.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, JsonObject, JsonValue, Page, PageRequest, Unit, User, UserRows};

const BASE: &str = "https://api.productive.io/api/v2";

/// The largest page that Productive returns.
const MAX_ROWS: u32 = 200;

/// An organisation that a token can access.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

/// Lists the organisations that the token can access, without duplicates.
///
/// Productive returns the same list whichever organisation the request names.
///
/// # Errors
///
/// `malformed` if a membership cannot be read, unless the organisation with `id` is among the others.
pub(crate) fn list_organizations(id: Option<&str>) -> Result<Vec<Organization>, Error> {
    let response = get(
        "organization_memberships",
        id,
        &[
            ("include", "organization"),
            ("fields[organizations]", "name"),
            ("fields[organization_memberships]", "organization"),
            ("page[size]", &MAX_ROWS.to_string()),
        ],
    )?;
    let body = response.object()?;
    let memberships = body.get("data").list().ok_or_else(|| Error::malformed("`data` was expected"))?;
    let included: Vec<JsonObject<'_>> =
        body.get("included").list().unwrap_or_default().into_iter().filter_map(JsonValue::object).collect();
    let mut organizations: Vec<Organization> = Vec::new();
    let mut unreadable = 0;
    for membership in memberships {
        let Some(found) = membership.get("relationships").get("organization").get("data").get("id").text() else {
            unreadable += 1;
            continue;
        };
        if organizations.iter().any(|organization| *organization.id == *found) {
            continue;
        }
        let is_theirs = |record: &&JsonObject<'_>| {
            record.get("type").text().as_deref() == Some("organizations")
                && record.get("id").text().as_ref() == Some(&found)
        };
        let name = included.iter().find(is_theirs).and_then(|record| record.get("attributes").get("name").text());
        organizations.push(Organization { id: found.into(), name: name.map(Into::into) });
    }
    let is_found = |id: &str| organizations.iter().any(|organization| organization.id == id);
    // It may be the only one, or the one that is looked for.
    if unreadable > 0 && (organizations.is_empty() || id.is_some_and(|id| !is_found(id))) {
        return Err(Error::malformed("a membership with the `id` of its organisation was expected"));
    }
    Ok(organizations)
}

/// Requests one person of the organisation. Productive rejects this unless the token's owner is a member.
pub(crate) fn check_access(organization: &str) -> Result<(), Error> {
    get("people", Some(organization), &[("fields[people]", "is_user"), ("page[size]", "1")]).map(drop)
}

/// Lists one page of the people who are users, including those who have left.
pub(crate) fn list_people(organization: &str, page: &PageRequest) -> Result<Page, Error> {
    let page = page.page_number(MAX_ROWS)?;
    let response = get(
        "people",
        Some(organization),
        &[
            ("filter[person_type]", "1"),
            ("fields[people]", "first_name,last_name,email,deactivated_at,archived_at,is_user,placeholder,agent"),
            ("sort", "email"),
            ("page[number]", &page.number.to_string()),
            ("page[size]", &page.size.to_string()),
        ],
    )?;
    let body = response.object()?;
    // The number of pages is 0 if there is nobody.
    UserRows::read(body.get("data"), "data", to_user)?.numbered(page, body.get("meta").get("total_pages"))
}

/// Converts a person into a user. Returns `None` for anybody else, in case Productive ignores the filter.
///
/// Productive has no attribute for `active`, only the times at which a person was deactivated or archived.
fn to_user(person: &JsonObject<'_>) -> Option<User> {
    let attributes = person.get("attributes").object().unwrap_or_default();
    let flag = |key: &str| attributes.get(key).flag();
    if flag("is_user") == Some(false) || flag("placeholder") == Some(true) || flag("agent") == Some(true) {
        return None;
    }
    let text = |key: &str| attributes.get(key).text().unwrap_or_default();
    let name = format!("{} {}", text("first_name").trim(), text("last_name").trim());
    let user = User::new(person.get("id").text().unwrap_or_default(), name.trim());
    let has_left = ["deactivated_at", "archived_at"].iter().any(|key| is_time(attributes.get(key)));
    Some(user.email(attributes.get("email").text().as_deref()).active(!has_left))
}

/// Returns whether a value is a time. No value and a value that cannot be a time mean that it did not happen.
fn is_time(value: JsonValue<'_>) -> bool {
    value.text().is_some() && value.flag() != Some(false)
}

fn get(path: &str, organization: Option<&str>, query: &[(&str, &str)]) -> Result<Response, Error> {
    // Without a content type, Productive answers even a `GET` with 415.
    let mut request = http::get(format!("{BASE}/{path}"))
        .header("Accept", "application/vnd.api+json")
        .header("Content-Type", "application/vnd.api+json")
        .query(query);
    if let Some(id) = organization {
        request = request.header("X-Organization-Id", id);
    }
    let response = request.send()?;
    if response.is_success() {
        return Ok(response);
    }
    // The `status` of an error is not read, because it may be a number, a text or a slug.
    let errors = response.object().unwrap_or_default().get("errors").list().unwrap_or_default();
    let mut errors = errors.into_iter().filter_map(JsonValue::object);
    let message = errors.find_map(|error| error.first_text(["code", "detail", "title"]));
    let message = message.as_deref().unwrap_or_default();
    Err(response.failure(message, response.wait_from("x-ratelimit-reset", Unit::Seconds)))
}
