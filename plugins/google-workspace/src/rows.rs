//! What is read of a Workspace: one calendar, and the people of its directory, of whom no more is asked than is used.

use jackfield_sdk::{Error, Page, PageRequest, Text, User, http, percent_encode};
use serde::Deserialize;

use crate::api::{self, CALENDAR, DIRECTORY};

/// The most that the directory gives in one page.
const MOST_USERS: u32 = 500;

/// The rows' keys that are used; the directory leaves the others out.
const FIELDS: &str = "nextPageToken,users(id,primaryEmail,name/fullName,suspended,archived)";

/// A calendar that the acting identity may read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Calendar {
    pub(crate) summary: Option<String>,
    pub(crate) time_zone: Option<String>,
    /// Only of a calendar that is nobody's main one.
    pub(crate) data_owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Users<'a> {
    /// Absent where there are none.
    #[serde(borrow)]
    users: Option<Vec<Row<'a>>>,
    #[serde(borrow)]
    next_page_token: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    /// Twenty-one digits, more than a number holds.
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    primary_email: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Name<'a>>,
    suspended: Option<bool>,
    archived: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name<'a> {
    #[serde(borrow)]
    full_name: Option<Text<'a>>,
}

/// Looks a calendar up.
pub(crate) fn calendar(id: &str, administrator: Option<&str>) -> Result<Calendar, Error> {
    let url = format!("https://www.googleapis.com/calendar/v3/calendars/{}", percent_encode(id));
    let response = api::send(http::get(url), &CALENDAR, administrator)?;
    match response.status {
        200..=299 => response.json(),
        404 => {
            // Mostly it is there, and not shared.
            api::reasons(&response)?;
            let whom = administrator.unwrap_or("the service account's email address, `client_email` in its key file");
            Err(Error::invalid(
                "calendar_id",
                format!("Google shows no such calendar: the ID is wrong, or share the calendar with {whom}."),
            ))
        }
        _ => Err(api::failure(&response, &CALENDAR)),
    }
}

/// Lists one page of the directory as its administrator sees it.
pub(crate) fn users(administrator: &str, page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MOST_USERS).to_string();
    // By customer: by domain, the people of secondary domains would be left out.
    let query = [("customer", "my_customer"), ("orderBy", "email"), ("maxResults", limit.as_str()), ("fields", FIELDS)];
    let mut request = http::get("https://admin.googleapis.com/admin/directory/v1/users").query(&query);
    if let Some(cursor) = &page.cursor {
        request = request.query(&[("pageToken", cursor)]);
    }
    let response = api::send(request, &DIRECTORY, Some(administrator))?;
    match response.status {
        200..=299 => {
            let answer: Users<'_> = response.json()?;
            let users = answer.users.unwrap_or_default().into_iter().map(person).collect();
            Page::followed(users, page, answer.next_page_token.as_deref())
        }
        400 if page.cursor.is_some() => Err(Error::malformed("a cursor that Google takes back was expected")),
        400 if api::reasons(&response)?.has(&["badRequest"]) => Err(Error::invalid(
            "admin_email",
            "Google knows no Workspace of this address: give one of an administrator in the Workspace itself.",
        )),
        404 => {
            api::reasons(&response)?;
            Err(Error::invalid("admin_email", "Google finds no such administrator in the Workspace."))
        }
        _ => Err(api::failure(&response, &DIRECTORY)),
    }
}

fn person(row: Row<'_>) -> User {
    let name = row.name.and_then(|name| name.full_name).unwrap_or_default();
    let active = row.suspended != Some(true) && row.archived != Some(true);
    User::new(row.id, name).email(row.primary_email.as_deref()).active(active)
}
