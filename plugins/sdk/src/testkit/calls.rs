//! Shortcuts for tests: one call that is answered from a tape, and assertions on its result.

use super::tape::Tape;
use crate::provider::{self, Alerts, Provider};
use crate::types::{AlertTarget, ConnectOutcome, Connection, Disconnected, Error, Page, PageRequest, Report};

/// Calls `connect` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn connect<P: Provider>(connection: &Connection, tape: &str) -> Result<ConnectOutcome, Error> {
    Tape::of::<P>(tape).play(|| provider::connect::<P>(connection))
}

/// Calls `disconnect` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn disconnect<P: Provider>(connection: &Connection, tape: &str) -> Result<Disconnected, Error> {
    Tape::of::<P>(tape).play(|| provider::disconnect::<P>(connection))
}

/// Calls `health` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn health<P: Provider>(connection: &Connection, tape: &str) -> Result<Vec<Report>, Error> {
    Tape::of::<P>(tape).play(|| provider::health::<P>(connection))
}

/// Calls `list_users` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn list_users<P: Provider>(connection: &Connection, page: &PageRequest, tape: &str) -> Result<Page, Error> {
    Tape::of::<P>(tape).play(|| provider::list_users::<P>(connection, page))
}

/// Calls `get_target` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn get_target<P: Alerts>(connection: &Connection, tape: &str) -> Result<AlertTarget, Error> {
    Tape::of::<P>(tape).play(|| P::get_target(connection))
}

/// Calls `set_target` with the responses of a tape, and checks that every exchange was used.
///
/// # Errors
///
/// The error that the plugin returned.
pub fn set_target<P: Alerts>(connection: &Connection, url: Option<&str>, tape: &str) -> Result<AlertTarget, Error> {
    Tape::of::<P>(tape).play(|| P::set_target(connection, &AlertTarget::new(url)))
}

/// Returns the first exchange of a tape with another response: a status such as `404`, headers, a blank line, a body.
///
/// Append further exchanges to the result if the call sends more requests.
///
/// # Panics
///
/// If the tape has no response.
#[must_use]
pub fn answered(tape: &str, response: &str) -> String {
    let (request, _) = tape.split_once("\nHTTP/1.1").expect("the tape has no response");
    format!("{request}\nHTTP/1.1 {response}\n###\n")
}

/// Returns the name of the field that an error reports as invalid.
#[must_use]
pub fn invalid_field(error: &Error) -> Option<&str> {
    match error {
        Error::Invalid(invalid) => Some(&invalid.field),
        _ => None,
    }
}

/// Returns a field's pattern, anchored so that it must match the whole value, as in the host.
///
/// # Panics
///
/// If there is no such field, or the field has no pattern.
#[must_use]
pub fn pattern_of<P: Provider>(field: &str) -> String {
    let manifest = P::describe();
    let found = manifest.fields.iter().find(|known| known.name == field);
    let pattern = found.and_then(|known| known.pattern.as_ref());
    format!("^(?:{})$", pattern.unwrap_or_else(|| panic!("`{field}` is not a field with a pattern")))
}
