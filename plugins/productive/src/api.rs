//! Productive's API (JSON:API): the organisations that a token can access, their people, and the API's errors.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, Unit, User, first_filled};
use serde::Deserialize;

const BASE: &str = "https://api.productive.io/api/v2";

/// The largest page that Productive returns.
const MAX_ROWS: u32 = 200;

/// An organisation that a token can access.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct MembershipsResponse<'a> {
    #[serde(borrow)]
    data: Vec<Membership<'a>>,
    #[serde(borrow, default)]
    included: Vec<IncludedRecord<'a>>,
}

#[derive(Deserialize)]
struct Membership<'a> {
    #[serde(borrow)]
    relationships: Relationships<'a>,
}

#[derive(Deserialize)]
struct Relationships<'a> {
    #[serde(borrow)]
    organization: Relationship<'a>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    data: Identifier<'a>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

/// A record that accompanies the memberships. Only the name of an organisation is read.
#[derive(Deserialize)]
struct IncludedRecord<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    attributes: OrganizationAttributes<'a>,
}

#[derive(Default, Deserialize)]
struct OrganizationAttributes<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct PeopleResponse<'a> {
    #[serde(borrow)]
    data: Vec<PersonRecord<'a>>,
    meta: PageMeta,
}

#[derive(Deserialize)]
struct PageMeta {
    /// 0 if there is nobody.
    total_pages: u32,
}

#[derive(Deserialize)]
struct PersonRecord<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    attributes: PersonAttributes<'a>,
}

/// The attributes that are requested. Productive has none for `active`.
#[derive(Deserialize)]
struct PersonAttributes<'a> {
    #[serde(borrow)]
    first_name: Option<Text<'a>>,
    #[serde(borrow)]
    last_name: Option<Text<'a>>,
    #[serde(borrow)]
    email: Option<Text<'a>>,
    #[serde(borrow)]
    deactivated_at: Option<Text<'a>>,
    #[serde(borrow)]
    archived_at: Option<Text<'a>>,
    is_user: Option<bool>,
    placeholder: Option<bool>,
    agent: Option<bool>,
}

#[derive(Default, Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow, default)]
    errors: Vec<ErrorEntry<'a>>,
}

/// One error. Its `status` is not read, because it may be a number, a text or a slug.
#[derive(Deserialize)]
struct ErrorEntry<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

/// Lists the organisations that the token can access, without duplicates.
///
/// Productive returns the same list whichever organisation the request names.
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
    let body: MembershipsResponse<'_> = response.json()?;
    let mut organizations: Vec<Organization> = Vec::new();
    for membership in body.data {
        let id = membership.relationships.organization.data.id;
        if organizations.iter().any(|organization| *organization.id == *id) {
            continue;
        }
        let included = body.included.iter().find(|record| *record.kind == *"organizations" && record.id == id);
        let name = included.and_then(|record| first_filled([&record.attributes.name])).map(Into::into);
        organizations.push(Organization { id: id.into(), name });
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
    let body: PeopleResponse<'_> = response.json()?;
    let has_more = page.number < body.meta.total_pages;
    Ok(page.page(body.data.into_iter().filter_map(to_user).collect(), has_more))
}

/// Converts a person into a user. Returns `None` for anybody else, in case Productive ignores the filter.
fn to_user(person: PersonRecord<'_>) -> Option<User> {
    let attributes = person.attributes;
    if attributes.is_user == Some(false) || attributes.placeholder == Some(true) || attributes.agent == Some(true) {
        return None;
    }
    let first_name = attributes.first_name.as_deref().unwrap_or_default();
    let last_name = attributes.last_name.as_deref().unwrap_or_default();
    let user = User::new(person.id, format!("{first_name} {last_name}").trim()).email(attributes.email.as_deref());
    Some(user.active(attributes.deactivated_at.is_none() && attributes.archived_at.is_none()))
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
    let body: ErrorBody<'_> = response.json().unwrap_or_default();
    let message = body.errors.iter().find_map(|error| first_filled([&error.code, &error.detail, &error.title]));
    Err(response.failure(message.unwrap_or_default(), response.wait_from("x-ratelimit-reset", Unit::Seconds)))
}
