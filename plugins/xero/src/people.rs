//! The people of an organisation: the employees of its payroll if that can be read, otherwise the users of its books.
//!
//! Only id, name, email and the attributes that decide whether a person is active are read.

use jackfield_sdk::http::Response;
use jackfield_sdk::{Error, Page, PageRequest, Text, User};
use serde::Deserialize;

use crate::date;
use crate::resources::{self, Organisation, PAYROLL_SCOPE, Resource, SETTINGS_SCOPE};

/// The fixed number of rows in a full page of a payroll.
const PAYROLL_PAGE: usize = 100;

/// The largest number of users in one page of the contract. Xero returns all users of the books in one response.
const USERS_PAGE: usize = 1_000;

/// A list of people.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PeopleList {
    /// Employees of the Australian payroll.
    Au,
    /// Employees of the payroll of the United Kingdom or New Zealand, which have the same API.
    UkNz,
    /// Users of the books.
    Users,
}

#[derive(Deserialize)]
struct PeopleResponse<'a> {
    #[serde(borrow, rename = "Employees", alias = "employees", alias = "Users")]
    people: Option<Vec<PersonRow<'a>>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: u32,
    page_count: u32,
}

/// A row of any of the lists. Each list has its own spelling of the keys.
#[derive(Deserialize)]
struct PersonRow<'a> {
    #[serde(borrow, rename = "EmployeeID", alias = "employeeID", alias = "UserID")]
    id: Text<'a>,
    #[serde(borrow, rename = "FirstName", alias = "firstName")]
    first_name: Option<Text<'a>>,
    #[serde(borrow, rename = "LastName", alias = "lastName")]
    last_name: Option<Text<'a>>,
    #[serde(borrow, rename = "Email", alias = "email", alias = "EmailAddress")]
    email: Option<Text<'a>>,
    /// Only Australian employees have one.
    #[serde(borrow, rename = "Status")]
    status: Option<Text<'a>>,
    /// Only employees have one.
    #[serde(borrow, rename = "TerminationDate", alias = "endDate")]
    end_date: Option<Text<'a>>,
    /// Only users of the books have one.
    #[serde(borrow, rename = "OrganisationRole")]
    role: Option<Text<'a>>,
}

/// Lists one page of the people. The cursor consists of the list's name and the number of the next page.
pub(crate) fn list(tenant: &str, page: &PageRequest) -> Result<Page, Error> {
    if let Some(cursor) = &page.cursor {
        let (list, number) = cursor.split_once(':').unwrap_or((cursor, ""));
        let number = PageRequest::after(number, page.limit).number()?;
        let list = PeopleList::from_name(list)
            .ok_or_else(|| Error::malformed("the name of a list was expected in the cursor"))?;
        return list.get_page(tenant, number);
    }
    match PeopleList::of_organisation(&resources::get_organisation(tenant)?) {
        PeopleList::Users => PeopleList::Users.get_page(tenant, 1),
        payroll => match payroll.get_page(tenant, 1) {
            // The organisation has no payroll, or the user who connected cannot read it.
            Err(Error::Forbidden(_)) => PeopleList::Users.get_page(tenant, 1),
            outcome => outcome,
        },
    }
}

impl PeopleList {
    const ALL: [Self; 3] = [Self::Au, Self::UkNz, Self::Users];

    /// Selects the payroll of an organisation by its edition of Xero or, without one, by its country.
    fn of_organisation(organisation: &Organisation) -> Self {
        let codes = [&organisation.version, &organisation.country_code];
        let edition = codes.into_iter().flatten().find(|text| !text.is_empty()).map_or("", String::as_str);
        match edition.strip_suffix("ONRAMP").unwrap_or(edition) {
            "AU" => Self::Au,
            "UK" | "GB" | "NZ" => Self::UkNz,
            _ => Self::Users,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Au => "au",
            Self::UkNz => "uk-nz",
            Self::Users => "users",
        }
    }

    fn resource(self) -> Resource {
        let payroll = |url| Resource { url, scope: PAYROLL_SCOPE, role: "to read the payroll's employees" };
        match self {
            Self::Au => payroll("https://api.xero.com/payroll.xro/1.0/Employees"),
            Self::UkNz => payroll("https://api.xero.com/payroll.xro/2.0/Employees"),
            Self::Users => Resource {
                url: "https://api.xero.com/api.xro/2.0/Users",
                scope: SETTINGS_SCOPE,
                role: "to read the organisation's users",
            },
        }
    }

    fn get_page(self, tenant: &str, number: u32) -> Result<Page, Error> {
        let page = number.to_string();
        let query = [("page", page.as_str())];
        let query: &[_] = if self == Self::Users { &[] } else { &query };
        let response = resources::get(&self.resource(), tenant, query)?;
        let body: PeopleResponse<'_> = response.json()?;
        let mut people = body.people.ok_or_else(|| Error::malformed("`Employees` or `Users` was expected"))?;

        let has_more = match (self, body.pagination) {
            (Self::Users, _) => {
                let before = usize::try_from(number - 1).unwrap_or(usize::MAX).saturating_mul(USERS_PAGE);
                people.drain(..before.min(people.len()));
                people.len() > USERS_PAGE
            }
            (_, Some(pagination)) => pagination.page < pagination.page_count,
            (_, None) => people.len() >= PAYROLL_PAGE,
        };
        people.truncate(USERS_PAGE);
        let users: Result<Vec<User>, Error> = people.into_iter().map(|person| to_user(person, &response)).collect();
        let page = Page::numbered(users?, number, has_more);
        Ok(Page { next_cursor: page.next_cursor.map(|next| format!("{}:{next}", self.name())), ..page })
    }
}

fn to_user(person: PersonRow<'_>, response: &Response) -> Result<User, Error> {
    let active = is_active(&person, response)?;
    let names = [person.first_name, person.last_name].map(Option::unwrap_or_default);
    let name = names.each_ref().map(|name| name.trim()).join(" ");
    Ok(User::new(person.id, name.trim()).email(person.email.as_deref()).active(active))
}

/// Returns whether a person is still active. An unknown status or role counts as active.
fn is_active(person: &PersonRow<'_>, response: &Response) -> Result<bool, Error> {
    let end = person.end_date.as_deref().filter(|end| !end.is_empty());
    match (person.status.as_deref(), person.role.as_deref(), end) {
        (Some("TERMINATED"), ..) | (_, Some("REMOVED"), _) => Ok(false),
        (Some("ACTIVE"), ..) | (.., None) => Ok(true),
        (.., Some(end)) => {
            let end = date::parse_seconds(end)
                .ok_or_else(|| Error::malformed("a date was expected as an employee's end date"))?;
            let today = response.date().ok_or_else(|| Error::malformed("a `Date` header was expected"))?;
            Ok(end > today)
        }
    }
}
