//! The people of an organisation: the employees of its payroll if that can be read, otherwise the users of its books.
//!
//! Only id, name, email and the attributes that decide whether a person is active are read.

use jackfield_sdk::http::Response;
use jackfield_sdk::{Error, JsonObject, Page, PageRequest, User, UserRows, clock};

use crate::date;
use crate::resources::{self, Organisation, PAYROLL_SCOPE, Resource, SETTINGS_SCOPE};

/// The fixed number of rows in a full page of a payroll.
const PAYROLL_PAGE: u32 = 100;

/// The largest number of users in one page of the contract. Xero returns all users of the books in one response.
const USERS_PAGE: usize = 1_000;

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// A list of people.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PeopleList {
    /// Employees of the Australian payroll.
    Au,
    /// Employees of the payroll of the United Kingdom.
    Uk,
    /// Employees of the payroll of New Zealand, which has the same API.
    Nz,
    /// Users of the books.
    Users,
}

/// Lists one page of the people. The cursor consists of the list's name and the number of the next page.
pub(crate) fn list(tenant: &str, page: &PageRequest) -> Result<Page, Error> {
    if let Some(cursor) = &page.cursor {
        let (list, number) = cursor.split_once(':').unwrap_or((cursor, ""));
        let list = PeopleList::from_name(list)
            .ok_or_else(|| Error::malformed("the name of a list was expected in the cursor"))?;
        return list.get_page(tenant, &PageRequest::after(number, page.limit));
    }
    let first = PageRequest::first(page.limit);
    match PeopleList::of_organisation(&resources::get_organisation(tenant)?) {
        PeopleList::Users => PeopleList::Users.get_page(tenant, &first),
        payroll => match payroll.get_page(tenant, &first) {
            // The organisation has no payroll, or the user who connected cannot read it.
            Err(Error::Forbidden(_)) => PeopleList::Users.get_page(tenant, &first),
            outcome => outcome,
        },
    }
}

impl PeopleList {
    const ALL: [Self; 4] = [Self::Au, Self::Uk, Self::Nz, Self::Users];

    /// Selects the payroll of an organisation by its edition of Xero or, without one, by its country.
    fn of_organisation(organisation: &Organisation) -> Self {
        let codes = [&organisation.version, &organisation.country_code];
        let edition = codes.into_iter().flatten().find(|text| !text.is_empty()).map_or("", String::as_str);
        match edition.strip_suffix("ONRAMP").unwrap_or(edition) {
            "AU" => Self::Au,
            "UK" | "GB" => Self::Uk,
            "NZ" => Self::Nz,
            _ => Self::Users,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Au => "au",
            Self::Uk => "uk",
            Self::Nz => "nz",
            Self::Users => "users",
        }
    }

    fn resource(self) -> Resource {
        let payroll = |url| Resource { url, scope: PAYROLL_SCOPE, role: "to read the payroll's employees" };
        match self {
            Self::Au => payroll("https://api.xero.com/payroll.xro/1.0/Employees"),
            Self::Uk | Self::Nz => payroll("https://api.xero.com/payroll.xro/2.0/Employees"),
            Self::Users => Resource {
                url: "https://api.xero.com/api.xro/2.0/Users",
                scope: SETTINGS_SCOPE,
                role: "to read the organisation's users",
            },
        }
    }

    /// Returns the seconds by which the clocks of the country are ahead of UTC, without summer time.
    fn utc_offset(self) -> i64 {
        match self {
            Self::Au => 10 * 3_600,
            Self::Nz => 12 * 3_600,
            Self::Uk | Self::Users => 0,
        }
    }

    fn get_page(self, tenant: &str, request: &PageRequest) -> Result<Page, Error> {
        let page = request.page_of(PAYROLL_PAGE)?;
        let number = page.number.to_string();
        let query = [("page", number.as_str())];
        let query: &[_] = if self == Self::Users { &[] } else { &query };
        let response = resources::get(&self.resource(), tenant, query)?;
        let body = response.object()?;
        let people = ["Employees", "employees", "Users"].map(|key| body.get(key));
        let people = people.into_iter().find(|people| !people.is_null()).unwrap_or_default();
        let rows = UserRows::read(people, "Employees` or `Users", |person| Some(self.to_user(person, &response)))?;
        let page = match self {
            Self::Users => rows.slice(page.number, USERS_PAGE),
            Self::Au | Self::Uk | Self::Nz => rows.numbered(page, body.get("pagination").get("pageCount"))?,
        };
        Ok(Page { next_cursor: page.next_cursor.map(|next| format!("{}:{next}", self.name())), ..page })
    }

    /// Converts a row. Each list has its own spelling of the keys.
    fn to_user(self, person: &JsonObject<'_>, response: &Response) -> User {
        let id = person.first_text(["EmployeeID", "employeeID", "UserID"]).unwrap_or_default();
        let names = [["FirstName", "firstName"], ["LastName", "lastName"]];
        let names = names.map(|keys| person.first_text(keys).unwrap_or_default());
        let name = names.each_ref().map(|name| name.trim()).join(" ");
        let email = person.first_text(["Email", "email", "EmailAddress"]);
        User::new(id, name.trim()).email(email.as_deref()).active(self.is_active(person, response))
    }

    /// Returns whether a person is still active. An unknown status or role, and an end date that cannot be read, count
    /// as active.
    ///
    /// Only Australian employees have a status, and only users of the books have a role.
    fn is_active(self, person: &JsonObject<'_>, response: &Response) -> bool {
        let is = |key: &str, word: &str| person.get(key).text().is_some_and(|text| text.eq_ignore_ascii_case(word));
        if is("Status", "TERMINATED") || is("OrganisationRole", "REMOVED") {
            return false;
        }
        let end = person.first_text(["TerminationDate", "endDate"]).and_then(|end| date::parse_seconds(&end));
        if is("Status", "ACTIVE") {
            return true;
        }
        // The date is the last day of the employment, in the country of the payroll.
        let now = response.date().unwrap_or_else(clock::now) + self.utc_offset();
        end.is_none_or(|end| now < end.saturating_add(DAY))
    }
}
