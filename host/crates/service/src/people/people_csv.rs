//! People as a CSV file: parsed with every problem by line, and written so that no spreadsheet evaluates a cell. Pure.

use std::collections::HashMap;

use jackfield_core::{
    Error, Person, RowError,
    csv::{self, ByteRecord, RowErrors, RowReader, row_error},
};
use jackfield_store::ImportRow;

use super::{
    field_rules::{validate_email, validate_id, validate_name},
    normalize::{to_email_key, to_search_text},
};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 4] = ["name", "email", "user_id", "active"];

/// Maximum number of rows in one file: more people than a company has, and few enough to fit into memory.
pub(super) const MAX_ROWS: usize = 250_000;

/// Parses a whole file.
///
/// # Errors
/// [`Error::InvalidRows`] with every problem, by line and column.
pub(super) fn parse(file: &[u8]) -> Result<Vec<ImportRow>, Error> {
    let mut reader = RowReader::new(file)?;
    let mut record = ByteRecord::new();
    let line = reader.read_header(&mut record)?;
    let columns = PeopleColumns::from_header(line, &record).map_err(Error::InvalidRows)?;
    let mut parser = PeopleParser { columns, rows: Vec::new(), lines: HashMap::new(), errors: RowErrors::default() };
    let mut count = 0;
    while let Some(line) = reader.read_row(&mut record)? {
        count += 1;
        if count > MAX_ROWS {
            return Err(too_many_rows(line));
        }
        parser.add_row(line, &record);
    }
    parser.errors.finish()?;
    Ok(parser.rows)
}

/// Makes the error for a file with more than [`MAX_ROWS`] rows.
pub(super) fn too_many_rows(line: u64) -> Error {
    let message = format!("has more than {MAX_ROWS} rows; split it into several files");
    Error::InvalidRows(vec![row_error(line, "file", &message)])
}

/// Makes the message for a row that has a different number of cells than the header.
pub(super) fn wrong_cell_count(cells: usize, columns: usize) -> String {
    format!("has {cells} cells, but the header has {columns}")
}

/// Writes the header of a CSV file of people.
#[must_use]
pub fn header() -> Vec<u8> {
    csv::write([COLUMNS])
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
    count: usize,
    name: usize,
    email: usize,
    user_id: Option<usize>,
    active: Option<usize>,
}

impl PeopleColumns {
    fn from_header(line: u64, header: &ByteRecord) -> Result<Self, Vec<RowError>> {
        let mut errors = Vec::new();
        let mut found: [Option<usize>; 4] = [None; 4];
        for (index, title) in header.iter().enumerate() {
            let title = String::from_utf8_lossy(title);
            let column = COLUMNS.iter().position(|column| title.trim().eq_ignore_ascii_case(column));
            match column.map(|column| &mut found[column]) {
                Some(column @ None) => *column = Some(index),
                Some(Some(_)) => errors.push(row_error(line, title.trim(), "appears twice in the header")),
                None => {
                    let shown: String = title.trim().chars().take(100).collect();
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
                Ok(Self { count: header.len(), name, email, user_id: found[2], active: found[3] })
            }
            _ => Err(errors),
        }
    }
}

/// The rows parsed so far, and their problems.
struct PeopleParser {
    columns: PeopleColumns,
    rows: Vec<ImportRow>,
    /// The first line of each email address, by its key.
    lines: HashMap<String, u64>,
    errors: RowErrors,
}

impl PeopleParser {
    fn add_row(&mut self, line: u64, record: &ByteRecord) {
        if record.len() != self.columns.count {
            return self.errors.add(line, "row", &wrong_cell_count(record.len(), self.columns.count));
        }
        let name = self.parse_cell(line, record, self.columns.name, "name", validate_name);
        let email = self.parse_cell(line, record, self.columns.email, "email", validate_email);
        let user_id = match self.columns.user_id {
            None => Some(None),
            Some(index) => self.parse_cell(line, record, index, "user_id", parse_optional_id).map(Some),
        };
        let active = match self.columns.active {
            None => Some(None),
            Some(index) => self.parse_cell(line, record, index, "active", parse_bool).map(Some),
        };
        let Some(email) = email else { return };
        let email_key = to_email_key(&email);
        let first = *self.lines.entry(email_key.clone()).or_insert(line);
        if first != line {
            return self.errors.add(line, "email", &format!("is already on line {first}"));
        }
        if let (Some(name), Some(user_id), Some(active)) = (name, user_id, active) {
            let search_name = to_search_text(&name);
            self.rows.push(ImportRow { name, search_name, email, email_key, user_id, active });
        }
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

fn parse_bool(cell: &str) -> Result<bool, String> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
