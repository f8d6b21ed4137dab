//! Productive's API (JSON:API): the organisations of a token, the people of one, and what a refusal means.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Page, PageRequest, Text, Unit, User, first_filled};
use serde::Deserialize;

const BASE: &str = "https://api.productive.io/api/v2";

/// What Productive takes as a page of anything.
const MOST_ROWS: u32 = 200;

/// An organisation that a token opens.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct Memberships<'a> {
    #[serde(borrow)]
    data: Vec<Membership<'a>>,
    #[serde(borrow, default)]
    included: Vec<Included<'a>>,
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

/// A record that stands beside the memberships. Only an organisation's name is read.
#[derive(Deserialize)]
struct Included<'a> {
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
struct People<'a> {
    #[serde(borrow)]
    data: Vec<Person<'a>>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    /// 0 where there is nobody.
    total_pages: u32,
}

#[derive(Deserialize)]
struct Person<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    attributes: PersonAttributes<'a>,
}

/// What is asked of a person. There is no attribute that says `active`.
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
struct Refusal<'a> {
    #[serde(borrow, default)]
    errors: Vec<Fault<'a>>,
}

/// What is wrong, in the API's own code where it has one. Its `status` is a number, a text or a slug, and is not read.
#[derive(Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

/// Asks which organisations the token opens, each once.
///
/// Productive answers this whether it is told an organisation or not, and whichever it is told.
pub(crate) fn organizations(id: Option<&str>) -> Result<Vec<Organization>, Error> {
    let response = ask(
        "organization_memberships",
        id,
        &[
            ("include", "organization"),
            ("fields[organizations]", "name"),
            ("fields[organization_memberships]", "organization"),
            ("page[size]", &MOST_ROWS.to_string()),
        ],
    )?;
    let answer: Memberships<'_> = response.json()?;
    let mut found: Vec<Organization> = Vec::new();
    for membership in answer.data {
        let id = membership.relationships.organization.data.id;
        if found.iter().any(|organization| *organization.id == *id) {
            continue;
        }
        let included = answer.included.iter().find(|record| *record.kind == *"organizations" && record.id == id);
        let name = included.and_then(|record| first_filled([&record.attributes.name])).map(Into::into);
        found.push(Organization { id: id.into(), name });
    }
    Ok(found)
}

/// Asks for one person, which only a member of the organisation may.
pub(crate) fn prove_access(organization: &str) -> Result<(), Error> {
    ask("people", Some(organization), &[("fields[people]", "is_user"), ("page[size]", "1")]).map(drop)
}

/// Lists one page of the people who are users, those who have left too.
pub(crate) fn people(organization: &str, page: &PageRequest) -> Result<Page, Error> {
    let page = page.page_number(MOST_ROWS)?;
    let response = ask(
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
    let answer: People<'_> = response.json()?;
    let has_more = page.number < answer.meta.total_pages;
    Ok(page.page(answer.data.into_iter().filter_map(user).collect(), has_more))
}

/// Turns a person into a user, unless it is none: a filter that Productive does not know may be ignored in silence.
fn user(person: Person<'_>) -> Option<User> {
    let of = person.attributes;
    if of.is_user == Some(false) || of.placeholder == Some(true) || of.agent == Some(true) {
        return None;
    }
    let given = of.first_name.as_deref().unwrap_or_default();
    let family = of.last_name.as_deref().unwrap_or_default();
    let user = User::new(person.id, format!("{given} {family}").trim()).email(of.email.as_deref());
    Some(user.active(of.deactivated_at.is_none() && of.archived_at.is_none()))
}

fn ask(path: &str, organization: Option<&str>, query: &[(&str, &str)]) -> Result<Response, Error> {
    // Without the content type even a `GET` is answered with 415.
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
    let refusal: Refusal<'_> = response.json().unwrap_or_default();
    let said = refusal.errors.iter().find_map(|fault| first_filled([&fault.code, &fault.detail, &fault.title]));
    Err(response.failure(said.unwrap_or_default(), response.wait_from("x-ratelimit-reset", Unit::Seconds)))
}
