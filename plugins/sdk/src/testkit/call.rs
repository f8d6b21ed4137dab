//! What nearly every test of a provider does: one call, answered from a tape, and a look at what it came to.

use super::tape::Tape;
use crate::provider::{Alerts, Provider};
use crate::types::{AlertTarget, ConnectOutcome, Connection, Disconnected, Error, Page, PageRequest, Report};

/// Calls `connect` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn connect<P: Provider>(connection: &Connection, tape: &str) -> Result<ConnectOutcome, Error> {
    Tape::of::<P>(tape).play(|| P::connect(connection))
}

/// Calls `disconnect` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn disconnect<P: Provider>(connection: &Connection, tape: &str) -> Result<Disconnected, Error> {
    Tape::of::<P>(tape).play(|| P::disconnect(connection))
}

/// Calls `health` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn health<P: Provider>(connection: &Connection, tape: &str) -> Result<Vec<Report>, Error> {
    Tape::of::<P>(tape).play(|| P::health(connection))
}

/// Calls `list_users` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn list_users<P: Provider>(connection: &Connection, page: &PageRequest, tape: &str) -> Result<Page, Error> {
    Tape::of::<P>(tape).play(|| P::list_users(connection, page))
}

/// Calls `get_target` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn get_target<P: Alerts>(connection: &Connection, tape: &str) -> Result<AlertTarget, Error> {
    Tape::of::<P>(tape).play(|| P::get_target(connection))
}

/// Calls `set_target` with the answers of a tape, which has to be used up.
///
/// # Errors
///
/// The provider's own.
pub fn set_target<P: Alerts>(connection: &Connection, url: Option<&str>, tape: &str) -> Result<AlertTarget, Error> {
    Tape::of::<P>(tape).play(|| P::set_target(connection, &AlertTarget::new(url)))
}

/// Gives the first request of a tape with another answer, such as `404`, a blank line and a body; more may follow it.
///
/// # Panics
///
/// Where the text is no tape.
#[must_use]
pub fn answered(tape: &str, answer: &str) -> String {
    let (request, _) = tape.split_once("\nHTTP/1.1").expect("a tape has an answer");
    format!("{request}\nHTTP/1.1 {answer}\n###\n")
}

/// Gives the field that an error calls invalid.
#[must_use]
pub fn invalid_field(error: &Error) -> Option<&str> {
    match error {
        Error::Invalid(invalid) => Some(&invalid.field),
        _ => None,
    }
}

/// Gives a field's pattern, made so that it has to match the whole value, as the host does.
///
/// # Panics
///
/// Where there is no such field, or it has no pattern.
#[must_use]
pub fn pattern_of<P: Provider>(field: &str) -> String {
    let manifest = P::describe();
    let found = manifest.fields.iter().find(|known| known.name == field);
    let pattern = found.and_then(|known| known.pattern.as_ref());
    format!("^(?:{})$", pattern.unwrap_or_else(|| panic!("`{field}` is not a field with a pattern")))
}
