//! The people of an organisation: employees of its payroll where it has one that may be read, else users of its books.
//!
//! Of a row nothing but id, name, email and what tells whether it is active is looked at.

use jackfield_sdk::http::Response;
use jackfield_sdk::{Error, Page, PageRequest, Text, User};
use serde::Deserialize;

use crate::api::{self, Organisation, PAYROLL_SCOPE, Resource, SETTINGS_SCOPE};
use crate::date;

/// The rows of a payroll's full page, which cannot be chosen.
const PAYROLL_PAGE: usize = 100;

/// As many users as one page may hold; Xero gives those of the books in one piece.
const USERS_PAGE: usize = 1_000;

/// Which list is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// Employees of the Australian payroll.
    Au,
    /// Employees of the payrolls of the United Kingdom and New Zealand, which are alike.
    UkNz,
    /// Users of the books.
    Users,
}

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow, rename = "Employees", alias = "employees", alias = "Users")]
    rows: Option<Vec<Row<'a>>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: u32,
    page_count: u32,
}

/// A row of any of the lists, each of which spells its keys in its own way.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, rename = "EmployeeID", alias = "employeeID", alias = "UserID")]
    id: Text<'a>,
    #[serde(borrow, rename = "FirstName", alias = "firstName")]
    given: Option<Text<'a>>,
    #[serde(borrow, rename = "LastName", alias = "lastName")]
    family: Option<Text<'a>>,
    #[serde(borrow, rename = "Email", alias = "email", alias = "EmailAddress")]
    email: Option<Text<'a>>,
    /// Only of Australian employees.
    #[serde(borrow, rename = "Status")]
    status: Option<Text<'a>>,
    /// Only of employees.
    #[serde(borrow, rename = "TerminationDate", alias = "endDate")]
    end: Option<Text<'a>>,
    /// Only of users of the books.
    #[serde(borrow, rename = "OrganisationRole")]
    role: Option<Text<'a>>,
}

/// Gives one page of the people; its cursor says which list is walked, and how far.
pub(crate) fn list(tenant: &str, page: &PageRequest) -> Result<Page, Error> {
    if let Some(cursor) = &page.cursor {
        let (list, number) = cursor.split_once(':').unwrap_or((cursor, ""));
        let number = PageRequest::after(number, page.limit).number()?;
        let list = List::named(list).ok_or_else(|| Error::malformed("the name of a list was expected as cursor"))?;
        return list.page(tenant, number);
    }
    match List::of(&api::organisation(tenant)?) {
        List::Users => List::Users.page(tenant, 1),
        payroll => match payroll.page(tenant, 1) {
            // The payroll is not used, or not for the eyes of the user who connected.
            Err(Error::Forbidden(_)) => List::Users.page(tenant, 1),
            outcome => outcome,
        },
    }
}

impl List {
    const ALL: [Self; 3] = [Self::Au, Self::UkNz, Self::Users];

    /// Finds the payroll of an organisation by its edition of Xero, or else by its country.
    fn of(organisation: &Organisation) -> Self {
        let said = [&organisation.version, &organisation.country_code];
        let edition = said.into_iter().flatten().find(|text| !text.is_empty()).map_or("", String::as_str);
        match edition.strip_suffix("ONRAMP").unwrap_or(edition) {
            "AU" => Self::Au,
            "UK" | "GB" | "NZ" => Self::UkNz,
            _ => Self::Users,
        }
    }

    fn named(name: &str) -> Option<Self> {
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

    fn page(self, tenant: &str, number: u32) -> Result<Page, Error> {
        let page = number.to_string();
        let query = [("page", page.as_str())];
        let query: &[_] = if self == Self::Users { &[] } else { &query };
        let response = api::ask(&self.resource(), tenant, query)?;
        let answer: Rows<'_> = response.json()?;
        let mut rows = answer.rows.ok_or_else(|| Error::malformed("`Employees` or `Users` was expected"))?;

        let has_more = match (self, answer.pagination) {
            (Self::Users, _) => {
                let before = usize::try_from(number - 1).unwrap_or(usize::MAX).saturating_mul(USERS_PAGE);
                rows.drain(..before.min(rows.len()));
                rows.len() > USERS_PAGE
            }
            (_, Some(pagination)) => pagination.page < pagination.page_count,
            (_, None) => rows.len() >= PAYROLL_PAGE,
        };
        rows.truncate(USERS_PAGE);
        let users: Result<Vec<User>, Error> = rows.into_iter().map(|row| person(row, &response)).collect();
        let page = Page::numbered(users?, number, has_more);
        Ok(Page { next_cursor: page.next_cursor.map(|next| format!("{}:{next}", self.name())), ..page })
    }
}

fn person(row: Row<'_>, answer: &Response) -> Result<User, Error> {
    let active = is_active(&row, answer)?;
    let names = [row.given, row.family].map(Option::unwrap_or_default);
    let name = names.each_ref().map(|name| name.trim()).join(" ");
    Ok(User::new(row.id, name.trim()).email(row.email.as_deref()).active(active))
}

/// Tells whether a person is still there; a status or a role that is new says nothing against it.
fn is_active(row: &Row<'_>, answer: &Response) -> Result<bool, Error> {
    let end = row.end.as_deref().filter(|end| !end.is_empty());
    match (row.status.as_deref(), row.role.as_deref(), end) {
        (Some("TERMINATED"), ..) | (_, Some("REMOVED"), _) => Ok(false),
        (Some("ACTIVE"), ..) | (.., None) => Ok(true),
        (.., Some(end)) => {
            let end = date::seconds(end).ok_or_else(|| Error::malformed("a date was expected as an employee's end"))?;
            let today = answer.date().ok_or_else(|| Error::malformed("a `Date` was expected beside an end date"))?;
            Ok(end > today)
        }
    }
}
