//! The people of a Workspace's directory. Only the attributes that are used are requested.

use jackfield_sdk::{Error, Page, PageRequest, Text, User, http};
use serde::Deserialize;

use crate::api::DIRECTORY;
use crate::api_errors::{self, parse_reasons};
use crate::request;

/// The largest page that the directory returns.
const MAX_USERS: u32 = 500;

/// The attributes to request; the directory leaves out all others.
const FIELDS: &str = "nextPageToken,users(id,primaryEmail,name/fullName,suspended,archived)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryPage<'a> {
    /// Absent when the page is empty.
    #[serde(borrow)]
    users: Option<Vec<DirectoryUser<'a>>>,
    #[serde(borrow)]
    next_page_token: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryUser<'a> {
    /// Twenty-one digits, too many for a 64-bit number.
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    primary_email: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<UserName<'a>>,
    suspended: Option<bool>,
    archived: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserName<'a> {
    #[serde(borrow)]
    full_name: Option<Text<'a>>,
}

/// Lists one page of the directory, as its administrator sees it.
pub(crate) fn list(administrator: &str, page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MAX_USERS).to_string();
    // `customer` covers every domain of the Workspace. `domain` would leave out the people of secondary domains.
    let query = [("customer", "my_customer"), ("orderBy", "email"), ("maxResults", limit.as_str()), ("fields", FIELDS)];
    let mut request = http::get("https://admin.googleapis.com/admin/directory/v1/users").query(&query);
    if let Some(cursor) = &page.cursor {
        request = request.query(&[("pageToken", cursor)]);
    }
    let response = request::send(request, &DIRECTORY, Some(administrator))?;
    match response.status {
        200..=299 => {
            let body: DirectoryPage<'_> = response.json()?;
            let users = body.users.unwrap_or_default().into_iter().map(to_user).collect();
            Page::followed(users, page, body.next_page_token.as_deref())
        }
        400 if page.cursor.is_some() => Err(Error::malformed("a cursor that Google accepts was expected")),
        400 if parse_reasons(&response)?.has_any(&["badRequest"]) => Err(Error::invalid(
            "admin_email",
            "Google finds no Workspace for this address: enter the address of an administrator in the Workspace itself.",
        )),
        404 => {
            parse_reasons(&response)?;
            Err(Error::invalid("admin_email", "Google finds no such administrator in the Workspace."))
        }
        _ => Err(api_errors::to_error(&response, &DIRECTORY)),
    }
}

fn to_user(row: DirectoryUser<'_>) -> User {
    let name = row.name.and_then(|name| name.full_name).unwrap_or_default();
    let active = row.suspended != Some(true) && row.archived != Some(true);
    User::new(row.id, name).email(row.primary_email.as_deref()).active(active)
}
