//! The errors of a file: a hundred of them, in which many errors of one kind do not hide one of another kind.

use super::row_error;
use crate::{Error, RowError};

/// The maximum number of wrong rows that are reported for a file.
pub const MAX_ERRORS: usize = 100;

/// The maximum number of kinds of errors that are kept apart. There are fewer in practice.
const MAX_KINDS: usize = 60;

/// The number of characters of a message by which kinds of errors differ. The rest can name a person.
const KIND_LENGTH: usize = 20;

/// The errors of a file.
///
/// If there are more than [`MAX_ERRORS`], each kind gets an equal part of the list, and the others are counted.
#[derive(Debug, Default)]
pub struct RowErrors {
    kinds: Vec<ErrorKind>,
    count: usize,
}

/// The errors with the same field and the same message, apart from numbers.
#[derive(Debug)]
struct ErrorKind {
    field: String,
    message: String,
    /// The first errors, each with its number in the order in which they were added.
    errors: Vec<(usize, RowError)>,
}

impl RowErrors {
    /// Adds an error.
    pub fn add(&mut self, line: u64, field: &str, message: &str) {
        self.count += 1;
        let start: String = message.chars().filter(|character| !character.is_ascii_digit()).take(KIND_LENGTH).collect();
        let known = self.kinds.iter().position(|kind| kind.field == field && kind.message == start);
        let index = known.unwrap_or_else(|| {
            if self.kinds.len() < MAX_KINDS {
                self.kinds.push(ErrorKind { field: field.to_owned(), message: start, errors: Vec::new() });
            }
            self.kinds.len() - 1
        });
        let errors = &mut self.kinds[index].errors;
        if errors.len() < MAX_ERRORS {
            errors.push((self.count, row_error(line, field, message)));
        }
    }

    /// Returns whether no error was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the errors to report, in the order in which they were added, and the number of the others.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<RowError>, usize) {
        self.kinds.sort_by_key(|kind| kind.errors.len());
        let mut left = MAX_ERRORS;
        let mut listed: Vec<(usize, RowError)> = Vec::new();
        let kinds = self.kinds.len();
        for (index, kind) in self.kinds.into_iter().enumerate() {
            let part = left / (kinds - index);
            let before = listed.len();
            listed.extend(kind.errors.into_iter().take(part));
            left -= listed.len() - before;
        }
        listed.sort_by_key(|(number, _)| *number);
        let more = self.count - listed.len();
        (listed.into_iter().map(|(_, error)| error).collect(), more)
    }

    /// Ends the validation of the file.
    ///
    /// # Errors
    /// [`Error::InvalidRows`] if any error was added.
    pub fn finish(self) -> Result<(), Error> {
        let (mut listed, more) = self.into_parts();
        if listed.is_empty() {
            return Ok(());
        }
        if more > 0 {
            let last = listed.last().map_or(1, |error| error.line);
            listed.push(row_error(last, "file", &format!("has {more} more errors")));
        }
        Err(Error::InvalidRows(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_hidden_by_many_of_another_kind() {
        let mut errors = RowErrors::default();
        for line in 2..5_000 {
            errors.add(line, "user_id", &format!("is already on line {}", line - 1));
            if line == 4_000 {
                errors.add(line, "email", "is not an email address");
            }
        }
        let (listed, more) = errors.into_parts();
        assert_eq!((listed.len(), more), (MAX_ERRORS, 4_999 - MAX_ERRORS));
        assert_eq!(listed.last().map(|error| (error.line, error.field.as_str())), Some((4_000, "email")));
        assert_eq!(listed[0].line, 2, "in the order of the file");
    }

    #[test]
    fn a_short_list_is_complete_and_in_order() {
        let mut errors = RowErrors::default();
        for line in 1..=50 {
            errors.add(line, "name", "is empty");
            errors.add(line, "email", "is empty");
        }
        let (listed, more) = errors.into_parts();
        assert_eq!((listed.len(), more), (100, 0));
        assert_eq!((listed[0].field.as_str(), listed[1].field.as_str(), listed[99].line), ("name", "email", 50));
    }
}
