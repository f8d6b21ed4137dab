//! People as a CSV file: read with every wrong line named, written so that no spreadsheet runs a cell. Pure.

use std::collections::HashMap;

use csv::{ByteRecord, QuoteStyle, ReaderBuilder, WriterBuilder};

use super::{
    key::{email_key, sought},
    rules::{self, Wrong},
};
use crate::{
    model::{Error, Person, RowError},
    store::ImportRow,
};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 4] = ["name", "email", "user_id", "active"];

/// Rows of one file. More than any company has people, and less than what would fill the memory.
const MOST_ROWS: usize = 250_000;

/// Errors that are told of one file; whoever has mended these is told of the next.
const MOST_ERRORS: usize = 100;

/// What makes a spreadsheet take a cell for a formula, in half and in full width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Reads a whole file.
///
/// # Errors
/// What is wrong, by line and column.
pub(super) fn read(file: &[u8]) -> Result<Vec<ImportRow>, Error> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
        return Err(Error::InvalidRows(vec![error(1, "file", "is UTF-16; save it as CSV in UTF-8")]));
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut lines = Lines { file, byte: 0, line: 1 };
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| -> Result<Option<u64>, Error> {
        let more = reader.read_byte_record(record).map_err(Error::internal)?;
        Ok(more.then(|| lines.at(record.position().map_or(0, csv::Position::byte))))
    };
    let Some(line) = next(&mut record)? else {
        return Err(Error::InvalidRows(vec![error(1, "file", "is empty; its first line names the columns")]));
    };
    let columns = Columns::read(line, &record).map_err(Error::InvalidRows)?;
    let mut sheet = Sheet { columns, rows: Vec::new(), lines: HashMap::new(), errors: Vec::new(), more_errors: 0 };
    let mut count = 0;
    while let Some(line) = next(&mut record)? {
        count += 1;
        if count > MOST_ROWS {
            let message = format!("has more than {MOST_ROWS} rows; give it in parts");
            return Err(Error::InvalidRows(vec![error(line, "file", &message)]));
        }
        sheet.take(line, &record);
    }
    sheet.finish()
}

/// Writes the line that names the columns.
pub(super) fn header() -> Vec<u8> {
    write([COLUMNS])
}

/// Writes people, one line for each.
pub(super) fn lines(people: &[Person]) -> Vec<u8> {
    write(people.iter().map(|person| {
        let active = if person.active { "true" } else { "false" };
        [person.name.as_str(), &person.email, person.user_id.as_deref().unwrap_or_default(), active].map(disarmed)
    }))
}

fn write<C: AsRef<[u8]>>(rows: impl IntoIterator<Item = [C; 4]>) -> Vec<u8> {
    // All in quotes, so that a program which splits at semicolons meets no cell of its own making.
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    for row in rows {
        // Writing rows of one length to memory does not fail.
        let _written = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// A cell as it may be given out: where a spreadsheet would take it for a formula, an apostrophe stands before it.
fn disarmed(cell: &str) -> String {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}") } else { cell.to_owned() }
}

/// Takes back what [`disarmed`] did.
fn armed(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(FORMULA)
}

fn error(line: u64, field: &str, message: &str) -> RowError {
    RowError { line, field: field.to_owned(), message: message.to_owned() }
}

/// Where in the file a row begins, as an editor counts lines.
struct Lines<'a> {
    file: &'a [u8],
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a byte that is not before the last one that was asked for. The reader's own count is one off where
    /// a line ends in CRLF, and where lines are empty.
    fn at(&mut self, byte: u64) -> u64 {
        let mut to = usize::try_from(byte).unwrap_or(usize::MAX).min(self.file.len());
        // The reader's position is where it began to look; the row begins behind the line ends that it skipped.
        while matches!(self.file.get(to), Some(b'\r' | b'\n')) {
            to += 1;
        }
        let passed = self.file.get(self.byte..to).unwrap_or_default();
        let ends = passed.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => passed.get(at + 1).or_else(|| self.file.get(to)) != Some(&b'\n'),
            _ => false,
        });
        self.line += ends.count() as u64;
        self.byte = to;
        self.line
    }
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
                    let message = "is no column; there are name, email, user_id and active, with commas between them";
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
    errors: Vec<RowError>,
    more_errors: usize,
}

impl Sheet {
    fn take(&mut self, line: u64, record: &ByteRecord) {
        if record.len() != self.columns.count {
            let message = format!("has {} cells, and the first line has {}", record.len(), self.columns.count);
            return self.wrong(line, "row", &message);
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
            return self.wrong(line, "email", &format!("stands on line {first} already"));
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
        let read = str::from_utf8(record.get(at).unwrap_or_default())
            .map_err(|_other_coding| "is not UTF-8; save the file as CSV in UTF-8".to_owned())
            .and_then(|cell| rule(armed(cell.trim())));
        match read {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(line, field, &message);
                None
            }
        }
    }

    fn wrong(&mut self, line: u64, field: &str, message: &str) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error(line, field, message));
        } else {
            self.more_errors += 1;
        }
    }

    fn finish(mut self) -> Result<Vec<ImportRow>, Error> {
        if self.errors.is_empty() {
            return Ok(self.rows);
        }
        if self.more_errors > 0 {
            let last = self.errors.last().map_or(1, |error| error.line);
            self.errors.push(error(last, "file", &format!("has {} more errors below", self.more_errors)));
        }
        Err(Error::InvalidRows(self.errors))
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
