//! A caller's list of accounts by email address: its validation, and errors that name the row. Pure.

use jackfield_core::{
    Error, FieldError,
    csv::{self, MAX_ERRORS},
};
use jackfield_store::{MAX_SYNC_CONFLICTS, SyncConflict, SyncConflictReason, SyncEntry};

use super::{
    display_person,
    field_rules::{validate_id, validate_lookup_email},
    normalize::to_email_key,
};

/// One row of a caller's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRow {
    pub email: String,
    pub external_id: String,
}

/// A caller's list, from JSON or from a CSV file.
#[derive(Debug)]
pub(super) struct AccountList {
    pub(super) rows: Vec<SyncRow>,
    /// The line of each row; `None` for JSON.
    pub(super) lines: Option<Vec<u64>>,
}

/// A problem of a row: the row's index, the field, the message.
type RowProblem = (usize, &'static str, String);

impl AccountList {
    /// Validates every row.
    ///
    /// # Errors
    /// Lists the first hundred rows that are not valid, and the number of others.
    pub(super) fn validate(&self) -> Result<Vec<SyncEntry>, Error> {
        let mut entries = Vec::with_capacity(self.rows.len());
        let (mut problems, mut more): (Vec<RowProblem>, usize) = (Vec::new(), 0);
        for (index, row) in self.rows.iter().enumerate() {
            let email = validate_lookup_email(&row.email).map_err(|message| (index, "email", message));
            let external_id = validate_id(&row.external_id).map_err(|message| (index, "external_id", message));
            match (email, external_id) {
                (Ok(email), Ok(external_id)) => {
                    entries.push(SyncEntry { email_key: to_email_key(email), external_id: external_id.to_owned() });
                }
                (email, external_id) if problems.len() < MAX_ERRORS => {
                    problems.extend(email.err());
                    problems.extend(external_id.err());
                }
                _ => more += 1,
            }
        }
        if problems.is_empty() {
            return Ok(entries);
        }
        Err(self.to_error(problems, (more > 0).then(|| format!("has {more} more rows that are not valid"))))
    }

    /// Makes the error for rows that would share an account or a person.
    pub(super) fn conflict_error(&self, conflicts: &[SyncConflict]) -> Error {
        let problems = conflicts
            .iter()
            .map(|SyncConflict { line, reason }| match reason {
                SyncConflictReason::AccountWithLine(first) => {
                    let other = self.rows.get(*first).map_or("", |row| row.email.trim());
                    (*line, "external_id", format!("is already assigned to {other} {}", self.display_row(*first)))
                }
                SyncConflictReason::AccountWithPerson(person) => {
                    (*line, "external_id", format!("is already the account of {}", display_person(person)))
                }
                SyncConflictReason::PersonWithLine(first) => {
                    (*line, "email", format!("already has another account {}", self.display_row(*first)))
                }
            })
            .collect();
        let more = conflicts.len() >= MAX_SYNC_CONFLICTS;
        self.to_error(problems, more.then(|| "may have more conflicts; only the first are listed".to_owned()))
    }

    /// Makes an error from the problems of rows and a message about the whole list.
    fn to_error(&self, problems: Vec<RowProblem>, of_list: Option<String>) -> Error {
        if self.lines.is_some() {
            let line = |index| self.line(index).unwrap_or(1);
            let last = problems.last().map_or(1, |(index, _, _)| line(*index));
            let rows = problems.into_iter().map(|(index, field, message)| csv::row_error(line(index), field, &message));
            let of_list = of_list.map(|message| csv::row_error(last, "file", &message));
            return Error::InvalidRows(rows.chain(of_list).collect());
        }
        let fields = problems
            .into_iter()
            .map(|(index, field, message)| FieldError::new(format!("mappings[{index}].{field}"), message));
        let of_list = of_list.map(|message| FieldError::new("mappings", message));
        Error::InvalidFields(fields.chain(of_list).collect())
    }

    /// Formats where a row is: `on line 7`, or `in mappings[6]`.
    fn display_row(&self, index: usize) -> String {
        match self.line(index) {
            Some(line) => format!("on line {line}"),
            None => format!("in mappings[{index}]"),
        }
    }

    fn line(&self, index: usize) -> Option<u64> {
        self.lines.as_ref().and_then(|lines| lines.get(index)).copied()
    }
}
