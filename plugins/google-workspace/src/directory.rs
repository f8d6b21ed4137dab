//! The people of a Workspace's directory. Only the attributes that are used are requested.

use jackfield_sdk::{Error, JsonObject, JsonValue, Page, PageRequest, User, UserRows, http};

use crate::api::DIRECTORY;
use crate::api_errors::{self, parse_reasons};
use crate::request;

/// The largest page that the directory returns.
const MAX_USERS: u32 = 500;

/// The attributes to request; the directory leaves out all others.
const FIELDS: &str = "nextPageToken,users(id,primaryEmail,aliases,nonEditableAliases,name/fullName,suspended,archived)";

/// Lists one page of the directory, as its administrator sees it.
pub(crate) fn list(administrator: &str, page: &PageRequest) -> Result<Page, Error> {
    let limit = page.limit_up_to(MAX_USERS).to_string();
    // `customer` covers every domain of the Workspace. `domain` would leave out the people of secondary domains.
    let query = [("customer", "my_customer"), ("orderBy", "email"), ("maxResults", limit.as_str()), ("fields", FIELDS)];
    let mut request = http::get("https://admin.googleapis.com/admin/directory/v1/users").query(&query);
    if let Some(cursor) = page.provider_cursor()? {
        request = request.query(&[("pageToken", cursor)]);
    }
    let response = request::send(request, &DIRECTORY, Some(administrator))?;
    match response.status {
        200..=299 => {
            let body = response.object()?;
            let users = body.get("users");
            // The key is absent when the page is empty.
            let rows = if users.is_null() { UserRows::default() } else { UserRows::read(users, "users", to_user)? };
            rows.followed(page, body.get("nextPageToken"))
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

/// Converts a row. Its id consists of 21 digits, too many for a 64-bit number.
fn to_user(row: &JsonObject<'_>) -> Option<User> {
    let id = row.get("id").text().unwrap_or_default();
    let name = row.get("name").get("fullName").text().unwrap_or_default();
    let aliases = [row.get("aliases"), row.get("nonEditableAliases")].into_iter().flat_map(JsonValue::texts);
    let is_inactive = ["suspended", "archived"].iter().any(|key| row.get(key).flag() == Some(true));
    let user = User::new(id, name).email(row.get("primaryEmail").text().as_deref());
    Some(user.aliases(aliases).active(!is_inactive))
}
