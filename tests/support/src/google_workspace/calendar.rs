//! Calendars: an identity sees what is shared with it; everything else is not found.

use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{GoogleState, api_errors};
use crate::stand_in_server::StandInResponse;

/// One calendar.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedCalendar {
    summary: String,
    /// The people it is shared with.
    pub(super) readers: Vec<String>,
}

impl SharedCalendar {
    pub(super) fn new(summary: &str) -> Self {
        Self { summary: summary.to_owned(), readers: Vec::new() }
    }
}

impl GoogleState {
    /// Returns a calendar by its percent-encoded id.
    pub(super) fn show(&self, id: &str, who: &str) -> StandInResponse {
        let id = percent_decode_str(id).decode_utf8_lossy();
        // Every identity has its own calendar, which is named after it.
        if id == "primary" || id == who {
            return StandInResponse::json(&json!({
                "kind": "calendar#calendar", "etag": "\"own\"", "id": who, "summary": who, "timeZone": "UTC",
            }));
        }
        match self.calendars.get(&*id).filter(|calendar| calendar.readers.iter().any(|reader| reader == who)) {
            Some(calendar) => StandInResponse::json(&json!({
                "kind": "calendar#calendar", "etag": "\"p32\"", "id": id, "summary": calendar.summary,
                "description": "Who is away", "timeZone": "Europe/Amsterdam", "dataOwner": "ops@acme.example",
                "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
            })),
            None => api_errors::error_response(404, "notFound", "Not Found"),
        }
    }
}
