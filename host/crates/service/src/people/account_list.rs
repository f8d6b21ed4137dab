//! A caller's list of accounts by email address: its validation, and errors that name the row. Pure.

use jackfield_core::{
    Error, FieldError,
    csv::{self, RowErrors},
    spreadsheet::find_id_damage,
};
use jackfield_store::{SyncConflict, SyncConflictReason, SyncEntry, SyncPreview};

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

impl AccountList {
    /// Validates every row.
    ///
    /// # Errors
    /// Lists a hundred problems, and the number of the others.
    pub(super) fn validate(&self) -> Result<Vec<SyncEntry>, Error> {
        let mut entries = Vec::with_capacity(self.rows.len());
        let mut problems = RowErrors::default();
        for (index, row) in (0..).zip(&self.rows) {
            let email = validate_lookup_email(&row.email).map_err(|message| problems.add(index, "email", &message));
            let external_id =
                validate_id(&row.external_id).map_err(|message| problems.add(index, "external_id", &message));
            if let (Ok(email), Ok(external_id)) = (email, external_id) {
                let (email_key, external_id) = (to_email_key(email), external_id.to_owned());
                entries.push(SyncEntry { email_key, external_id, is_skipped: false });
            }
        }
        self.require_no_problem(problems, "rows that are not valid")?;
        Ok(entries)
    }

    /// Rejects ids that a spreadsheet has damaged, and rows that would share an account or a person.
    ///
    /// Damaged ids come first, because a spreadsheet can make two ids the same. An id that is stored already is accepted,
    /// because somebody has set it for this person alone.
    ///
    /// # Errors
    /// Lists a hundred problems, and the number of the others.
    pub(super) fn require_applicable(&self, entries: &[SyncEntry], preview: &SyncPreview) -> Result<(), Error> {
        let mut problems = RowErrors::default();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(damage) = find_id_damage(&entry.external_id)
                && !preview.is_stored(index)
            {
                let message = format!("{damage}; if it is right, set it for this person alone");
                problems.add(index as u64, "external_id", &message);
            }
        }
        self.require_no_problem(problems, "ids that cannot be used")?;
        self.require_no_conflict(&preview.conflicts)
    }

    /// Rejects rows that would share an account or a person.
    ///
    /// # Errors
    /// Lists a hundred conflicts, and the number of the others.
    pub(super) fn require_no_conflict(&self, conflicts: &[SyncConflict]) -> Result<(), Error> {
        let mut problems = RowErrors::default();
        for SyncConflict { line, reason } in conflicts {
            let (field, message) = match reason {
                SyncConflictReason::AccountWithLine(first) => {
                    let other = self.rows.get(*first).map_or("", |row| row.email.trim());
                    ("external_id", format!("is already assigned to {other} {}", self.display_row(*first)))
                }
                SyncConflictReason::AccountWithPerson(person) => {
                    ("external_id", format!("is already the account of {}", display_person(person)))
                }
                SyncConflictReason::PersonWithLine(first) => {
                    ("email", format!("already has another account {}", self.display_row(*first)))
                }
            };
            problems.add(*line as u64, field, &message);
        }
        self.require_no_problem(problems, "conflicts")
    }

    /// Turns the problems of rows, which have indexes for lines, into an error.
    fn require_no_problem(&self, problems: RowErrors, what: &str) -> Result<(), Error> {
        let (problems, more) = problems.into_parts();
        let Some(last) = problems.last() else { return Ok(()) };
        let line = |index: u64| usize::try_from(index).ok().and_then(|index| self.line(index)).unwrap_or(1);
        let of_list = (more > 0).then(|| format!("has {more} more {what}"));
        if self.lines.is_some() {
            let of_list = of_list.map(|message| csv::row_error(line(last.line), "file", &message));
            let rows = problems.iter().map(|error| csv::row_error(line(error.line), &error.field, &error.message));
            return Err(Error::InvalidRows(rows.chain(of_list).collect()));
        }
        let of_list = of_list.map(|message| FieldError::new("mappings", message));
        let fields = problems
            .into_iter()
            .map(|error| FieldError::new(format!("mappings[{}].{}", error.line, error.field), error.message));
        Err(Error::InvalidFields(fields.chain(of_list).collect()))
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
