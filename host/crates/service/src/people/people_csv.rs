//! People as a CSV file: parsed with every problem by line, and written so that no spreadsheet evaluates a cell. Pure.

use std::collections::HashMap;

use jackfield_core::{
    Error, Person, RowError,
    csv::{self, ByteRecord, RowErrors, RowReader, Titles, row_error},
    garbled::find_garbling,
    spreadsheet::{find_id_damage, parse_boolean},
};
use jackfield_store::{DoubtfulField, ImportConflict, ImportConflictReason, ImportDoubt, ImportRow};

use super::{
    display_person,
    field_rules::{validate_email, validate_id, validate_name},
    normalize::{to_email_key, to_search_text},
};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 4] = ["name", "email", "user_id", "active"];

/// Maximum number of rows in one file: more people than a company has, and few enough to fit into memory.
pub(super) const MAX_ROWS: usize = 250_000;

/// The people of a file, and the line of each.
#[derive(Debug, Default)]
pub(super) struct PeopleFile {
    pub(super) rows: Vec<ImportRow>,
    pub(super) lines: Vec<u64>,
}

/// Parses a whole file.
///
/// # Errors
/// [`Error::InvalidRows`] with every problem, by line and column.
pub(super) fn parse(file: &[u8]) -> Result<PeopleFile, Error> {
    let mut reader = RowReader::new(file)?;
    let mut record = ByteRecord::new();
    let line = reader.read_header(&mut record)?;
    let columns = PeopleColumns::from_header(line, &record).map_err(Error::InvalidRows)?;
    let mut parser = PeopleParser {
        columns,
        file: PeopleFile::default(),
        emails: HashMap::new(),
        user_ids: HashMap::new(),
        errors: RowErrors::default(),
    };
    let mut count = 0;
    while let Some(line) = reader.read_row(&mut record, &mut parser.errors)? {
        count += 1;
        if count > MAX_ROWS {
            return Err(too_many_rows(line));
        }
        parser.add_row(line, &record);
    }
    parser.errors.finish()?;
    Ok(parser.file)
}

impl PeopleFile {
    /// Makes the error for rows that conflict with stored people.
    pub(super) fn conflict_error(&self, conflicts: Vec<ImportConflict>) -> Error {
        let mut errors = RowErrors::default();
        for ImportConflict { row, reason } in conflicts {
            let line = self.lines.get(row).copied().unwrap_or(1);
            let (field, message) = match reason {
                ImportConflictReason::TwoPeople { by_user_id, by_email } => (
                    "user_id",
                    format!(
                        "belongs to {}, but the email address belongs to {}; correct one of them in the file, or change \
                         these people one by one",
                        display_person(&by_user_id),
                        display_person(&by_email)
                    ),
                ),
                ImportConflictReason::SharedUserId(people) => {
                    let people: Vec<String> = people.iter().map(display_person).collect();
                    let message = format!(
                        "belongs to more than one person, so it is not known whose row this is; change all but one of \
                         them: {}",
                        people.join(", ")
                    );
                    ("user_id", message)
                }
                ImportConflictReason::Doubtful(ImportDoubt { field, message }) => {
                    let field = match field {
                        DoubtfulField::Name => "name",
                        DoubtfulField::Email => "email",
                        DoubtfulField::UserId => "user_id",
                    };
                    (field, format!("{message}; if it is right, set it for this person alone"))
                }
            };
            errors.add(line, field, &message);
        }
        match errors.finish() {
            Err(error) => error,
            Ok(()) => Error::internal("an import was refused without a conflict"),
        }
    }
}

/// Makes the error for a file with more than [`MAX_ROWS`] rows.
pub(super) fn too_many_rows(line: u64) -> Error {
    let message = format!("has more than {MAX_ROWS} rows; split it into several files");
    Error::InvalidRows(vec![row_error(line, "file", &message)])
}

/// Writes the header of a CSV file of people.
#[must_use]
pub fn header() -> Vec<u8> {
    csv::write_header(COLUMNS)
}

/// Writes people as rows that [`People::import`](super::People::import) accepts.
#[must_use]
pub fn rows(people: &[Person]) -> Vec<u8> {
    csv::write(people.iter().map(|person| {
        let active = if person.active { "true" } else { "false" };
        [person.name.as_str(), &person.email, person.user_id.as_deref().unwrap_or_default(), active]
    }))
}

/// The index of each column in a row.
struct PeopleColumns {
    titles: Titles,
    /// The number of cells that every row needs. The cell of a `user_id` at the end can be missing.
    required: usize,
    name: usize,
    email: usize,
    user_id: Option<usize>,
    active: Option<usize>,
}

impl PeopleColumns {
    fn from_header(line: u64, header: &ByteRecord) -> Result<Self, Vec<RowError>> {
        let mut errors = Vec::new();
        let mut found: [Option<usize>; 4] = [None; 4];
        let titles = Titles::from_record(header);
        for (index, title) in titles.named() {
            let column = COLUMNS.iter().position(|column| title.eq_ignore_ascii_case(column));
            match column.map(|column| &mut found[column]) {
                Some(column @ None) => *column = Some(index),
                Some(Some(_)) => errors.push(row_error(line, title, "appears twice in the header")),
                None => {
                    let shown: String = title.chars().take(100).collect();
                    let message = "is not a column; use name, email, user_id and active, separated by commas";
                    errors.push(row_error(line, &shown, message));
                }
            }
        }
        let mut require = |column: usize| {
            if found[column].is_none() {
                errors.push(row_error(line, COLUMNS[column], "is a required column"));
            }
            found[column]
        };
        match (require(0), require(1)) {
            (Some(name), Some(email)) if errors.is_empty() => {
                let required = name.max(email).max(found[3].unwrap_or_default()) + 1;
                Ok(Self { titles, required, name, email, user_id: found[2], active: found[3] })
            }
            _ => Err(errors),
        }
    }
}

/// The rows parsed so far, and their problems.
struct PeopleParser {
    columns: PeopleColumns,
    file: PeopleFile,
    /// The first line of each email address, by its key.
    emails: HashMap<String, u64>,
    /// The first line of each `user_id`.
    user_ids: HashMap<String, u64>,
    errors: RowErrors,
}

impl PeopleParser {
    fn add_row(&mut self, line: u64, record: &ByteRecord) {
        if let Err(message) = self.columns.titles.check_row(record, self.columns.required) {
            return self.errors.add(line, "row", &message);
        }
        let name = self.parse_cell(line, record, self.columns.name, "name", validate_name);
        let email = self.parse_cell(line, record, self.columns.email, "email", validate_email);
        let user_id = match self.columns.user_id.filter(|index| *index < record.len()) {
            None => Some(None),
            Some(index) => self.parse_cell(line, record, index, "user_id", parse_optional_id).map(Some),
        };
        let active = match self.columns.active {
            None => Some(None),
            Some(index) => self.parse_cell(line, record, index, "active", parse_active).map(Some),
        };
        let email_key = email.as_deref().map(to_email_key);
        let is_new_email = self.require_first(line, "email", email_key.as_deref());
        let is_new_id = self.require_first(line, "user_id", user_id.as_ref().and_then(|id| id.as_ref()?.as_deref()));
        if let (Some(name), Some(email), Some(email_key), Some(user_id), Some(active)) =
            (name, email, email_key, user_id, active)
            && is_new_email
            && is_new_id
        {
            let search_name = to_search_text(&name);
            let doubts = find_doubts(&name, &email, user_id.as_ref().and_then(|id| id.as_deref()));
            self.file.rows.push(ImportRow { name, search_name, email, email_key, user_id, active, doubts });
            self.file.lines.push(line);
        }
    }

    /// Adds an error if an earlier line has the same value.
    fn require_first(&mut self, line: u64, field: &str, key: Option<&str>) -> bool {
        let Some(key) = key else { return true };
        let lines = if field == "email" { &mut self.emails } else { &mut self.user_ids };
        let first = *lines.entry(key.to_owned()).or_insert(line);
        if first != line {
            self.errors.add(line, field, &format!("is already on line {first}"));
        }
        first == line
    }

    fn parse_cell<T>(
        &mut self,
        line: u64,
        record: &ByteRecord,
        index: usize,
        field: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match csv::decode_cell(record.get(index).unwrap_or_default()).and_then(parse) {
            Ok(value) => Some(value),
            Err(message) => {
                self.errors.add(line, field, &message);
                None
            }
        }
    }
}

fn parse_optional_id(cell: &str) -> Result<Option<String>, String> {
    if cell.is_empty() { Ok(None) } else { validate_id(cell).map(|id| Some(id.to_owned())) }
}

fn parse_active(cell: &str) -> Result<bool, String> {
    parse_boolean(cell).ok_or_else(|| "must be true or false".to_owned())
}

/// Finds the values of a row that a spreadsheet has damaged.
fn find_doubts(name: &str, email: &str, user_id: Option<&str>) -> Vec<ImportDoubt> {
    let found = [
        (DoubtfulField::Name, find_garbling(name)),
        (DoubtfulField::Email, find_garbling(email)),
        (DoubtfulField::UserId, user_id.and_then(find_id_damage)),
    ];
    found.into_iter().filter_map(|(field, message)| Some(ImportDoubt { field, message: message? })).collect()
}

#[cfg(test)]
mod tests;
