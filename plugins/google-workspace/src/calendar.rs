//! The calendar of a connection.

use jackfield_sdk::{Error, http, percent_encode};

use crate::api::CALENDAR;
use crate::api_errors::{self, parse_reasons};
use crate::request;

/// A calendar that the acting identity can read.
pub(crate) struct Calendar {
    pub(crate) summary: Option<String>,
    pub(crate) time_zone: Option<String>,
    /// Absent from a person's primary calendar.
    pub(crate) data_owner: Option<String>,
}

/// Looks up a calendar.
pub(crate) fn find(id: &str, administrator: Option<&str>) -> Result<Calendar, Error> {
    let url = format!("https://www.googleapis.com/calendar/v3/calendars/{}", percent_encode(id));
    let response = request::send(http::get(url), &CALENDAR, administrator)?;
    match response.status {
        200..=299 => {
            let calendar = response.object()?;
            let text = |key: &str| calendar.get(key).text().map(String::from);
            Ok(Calendar { summary: text("summary"), time_zone: text("timeZone"), data_owner: text("dataOwner") })
        }
        404 => {
            parse_reasons(&response)?;
            // In most cases the calendar exists but is not shared.
            let whom = administrator.unwrap_or("the service account's email address, `client_email` in its key file");
            Err(Error::invalid(
                "calendar_id",
                format!("Google finds no such calendar: the ID is wrong, or share the calendar with {whom}."),
            ))
        }
        _ => Err(api_errors::to_error(&response, &CALENDAR)),
    }
}
