//! People as a CSV file: read with every wrong line named, written so that no spreadsheet runs a cell. Pure.

use std::collections::HashMap;

use jackfield_core::{
    Error, Person, RowError,
    csv::{self, ByteRecord, Errors, Reader, error},
};
use jackfield_store::ImportRow;

use super::{
    key::{email_key, sought},
    rules::{self, Wrong},
};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 4] = ["name", "email", "user_id", "active"];

/// Rows of one file. More than any company has people, and less than what would fill the memory.
pub(super) const MOST_ROWS: usize = 250_000;

/// Reads a whole file.
///
/// # Errors
/// What is wrong, by line and column.
pub(super) fn read(file: &[u8]) -> Result<Vec<ImportRow>, Error> {
    let mut reader = Reader::new(file)?;
    let mut record = ByteRecord::new();
    let line = reader.header(&mut record)?;
    let columns = Columns::read(line, &record).map_err(Error::InvalidRows)?;
    let mut sheet = Sheet { columns, rows: Vec::new(), lines: HashMap::new(), errors: Errors::default() };
    let mut count = 0;
    while let Some(line) = reader.next(&mut record)? {
        count += 1;
        if count > MOST_ROWS {
            return Err(too_many(line));
        }
        sheet.take(line, &record);
    }
    sheet.errors.finish()?;
    Ok(sheet.rows)
}

/// Refuses a file of more rows than are taken.
pub(super) fn too_many(line: u64) -> Error {
    let message = format!("has more than {MOST_ROWS} rows; give it in parts");
    Error::InvalidRows(vec![error(line, "file", &message)])
}

/// Writes the line that names the columns.
pub(super) fn header() -> Vec<u8> {
    csv::write([COLUMNS])
}

/// Writes people, one line for each.
pub(super) fn lines(people: &[Person]) -> Vec<u8> {
    csv::write(people.iter().map(|person| {
        let active = if person.active { "true" } else { "false" };
        [person.name.as_str(), &person.email, person.user_id.as_deref().unwrap_or_default(), active]
    }))
}

/// Which cell of a row holds what.
struct Columns {
    count: usize,
    name: usize,
    email: usize,
    user_id: Option<usize>,
    active: Option<usize>,
}

impl Columns {
    fn read(line: u64, header: &ByteRecord) -> Result<Self, Vec<RowError>> {
        let mut errors = Vec::new();
        let mut found: [Option<usize>; 4] = [None; 4];
        for (at, title) in header.iter().enumerate() {
            let title = String::from_utf8_lossy(title);
            let place = COLUMNS.iter().position(|column| title.trim().eq_ignore_ascii_case(column));
            match place.map(|place| &mut found[place]) {
                Some(place @ None) => *place = Some(at),
                Some(Some(_)) => errors.push(error(line, title.trim(), "is there twice")),
                None => {
                    let shown: String = title.trim().chars().take(100).collect();
                    let message =
                        "is not a column; there are name, email, user_id and active, with commas between them";
                    errors.push(error(line, &shown, message));
                }
            }
        }
        let mut needed = |place: usize| {
            if found[place].is_none() {
                errors.push(error(line, COLUMNS[place], "is a column that is needed"));
            }
            found[place]
        };
        match (needed(0), needed(1)) {
            (Some(name), Some(email)) if errors.is_empty() => {
                Ok(Self { count: header.len(), name, email, user_id: found[2], active: found[3] })
            }
            _ => Err(errors),
        }
    }
}

/// The rows that were read so far, and what is wrong with them.
struct Sheet {
    columns: Columns,
    rows: Vec<ImportRow>,
    /// On which line each address stands.
    lines: HashMap<String, u64>,
    errors: Errors,
}

impl Sheet {
    fn take(&mut self, line: u64, record: &ByteRecord) {
        if record.len() != self.columns.count {
            let message = format!("has {} cells, and the first line has {}", record.len(), self.columns.count);
            return self.errors.add(line, "row", &message);
        }
        let name = self.cell(line, record, self.columns.name, "name", rules::name);
        let email = self.cell(line, record, self.columns.email, "email", rules::email);
        let user_id = match self.columns.user_id {
            None => Some(None),
            Some(at) => self.cell(line, record, at, "user_id", optional_id).map(Some),
        };
        let active = match self.columns.active {
            None => Some(None),
            Some(at) => self.cell(line, record, at, "active", truth).map(Some),
        };
        let Some(email) = email else { return };
        let email_key = email_key(&email);
        let first = *self.lines.entry(email_key.clone()).or_insert(line);
        if first != line {
            return self.errors.add(line, "email", &format!("stands on line {first} already"));
        }
        if let (Some(name), Some(user_id), Some(active)) = (name, user_id, active) {
            let sought_name = sought(&name);
            self.rows.push(ImportRow { name, sought_name, email, email_key, user_id, active });
        }
    }

    fn cell<T>(
        &mut self,
        line: u64,
        record: &ByteRecord,
        at: usize,
        field: &str,
        rule: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match csv::text(record.get(at).unwrap_or_default()).and_then(rule) {
            Ok(value) => Some(value),
            Err(message) => {
                self.errors.add(line, field, &message);
                None
            }
        }
    }
}

/// An id, or nothing where the cell is empty.
fn optional_id(cell: &str) -> Result<Option<String>, Wrong> {
    if cell.is_empty() { Ok(None) } else { rules::id(cell).map(|id| Some(id.to_owned())) }
}

fn truth(cell: &str) -> Result<bool, Wrong> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
