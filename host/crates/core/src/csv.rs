//! Writes CSV files with formulas escaped, and reads them with the line number of each row.

pub use ::csv::ByteRecord;
use ::csv::{Position, QuoteStyle, ReaderBuilder, WriterBuilder};

use crate::{Error, RowError};

/// The maximum number of wrong rows that are reported for a file.
pub const MAX_ERRORS: usize = 100;

/// The characters that start a formula in a spreadsheet, in half and full width.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Writes rows as CSV.
pub fn write<R, C>(rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    // Every cell is quoted, so that a program that splits at semicolons does not create other cells.
    let mut writer = WriterBuilder::new().flexible(true).quote_style(QuoteStyle::Always).from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail.
        let _written = writer.write_record(row.into_iter().map(|cell| escape_formula(cell.as_ref())));
    }
    writer.into_inner().unwrap_or_default()
}

/// Puts an apostrophe before a cell that a spreadsheet would run as a formula.
fn escape_formula(cell: &str) -> String {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}") } else { cell.to_owned() }
}

/// Removes one apostrophe that [`write`] put before a formula.
fn unescape_formula(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(FORMULA_STARTS)
}

/// Creates the error of a row.
#[must_use]
pub fn row_error(line: u64, field: &str, message: &str) -> RowError {
    RowError { line, field: field.to_owned(), message: message.to_owned() }
}

/// Decodes a cell, and removes the white space around it.
///
/// # Errors
/// The cell is not UTF-8.
pub fn decode_cell(cell: &[u8]) -> Result<&str, String> {
    let cell = str::from_utf8(cell).map_err(|_not_utf8| "is not UTF-8; save the file as CSV in UTF-8".to_owned())?;
    Ok(unescape_formula(cell.trim()))
}

/// Reads a file row by row.
pub struct RowReader<'a> {
    rows: ::csv::Reader<&'a [u8]>,
    lines: LineCounter<'a>,
}

impl<'a> RowReader<'a> {
    /// Starts to read a file.
    ///
    /// # Errors
    /// The file is UTF-16.
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
            return Err(Error::InvalidRows(vec![row_error(1, "file", "is UTF-16; save it as CSV in UTF-8")]));
        }
        let rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        Ok(Self { rows, lines: LineCounter { file, byte: 0, line: 1 } })
    }

    /// Reads the first row, which contains the names of the columns.
    ///
    /// Returns its line number.
    ///
    /// # Errors
    /// The file is empty.
    pub fn read_header(&mut self, record: &mut ByteRecord) -> Result<u64, Error> {
        let empty = || {
            Error::InvalidRows(vec![row_error(
                1,
                "file",
                "is empty; the first line must contain the names of the columns",
            )])
        };
        self.read_row(record)?.ok_or_else(empty)
    }

    /// Reads the next row. Returns its line number, or nothing at the end of the file.
    ///
    /// # Errors
    /// Only an internal error, because every sequence of bytes can be read as rows.
    pub fn read_row(&mut self, record: &mut ByteRecord) -> Result<Option<u64>, Error> {
        let has_row = self.rows.read_byte_record(record).map_err(Error::internal)?;
        Ok(has_row.then(|| self.lines.line_at(record.position().map_or(0, Position::byte))))
    }
}

impl std::fmt::Debug for RowReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RowReader(line {})", self.lines.line)
    }
}

/// The errors of a file: the first [`MAX_ERRORS`] of them, and the number of the others.
#[derive(Debug, Default)]
pub struct RowErrors {
    listed: Vec<RowError>,
    more: usize,
}

impl RowErrors {
    /// Adds an error.
    pub fn add(&mut self, line: u64, field: &str, message: &str) {
        if self.listed.len() < MAX_ERRORS {
            self.listed.push(row_error(line, field, message));
        } else {
            self.more += 1;
        }
    }

    /// Ends the validation of the file.
    ///
    /// # Errors
    /// [`Error::InvalidRows`] if any error was added.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.listed.is_empty() {
            return Ok(());
        }
        if self.more > 0 {
            let last = self.listed.last().map_or(1, |error| error.line);
            self.listed.push(row_error(last, "file", &format!("has {} more errors", self.more)));
        }
        Err(Error::InvalidRows(self.listed))
    }
}

/// Counts lines as a text editor does.
struct LineCounter<'a> {
    file: &'a [u8],
    byte: usize,
    line: u64,
}

impl LineCounter<'_> {
    /// Returns the line of a byte, which must not be before the byte of the previous call.
    ///
    /// The line numbers of the CSV reader are wrong after CRLF and after empty lines.
    fn line_at(&mut self, byte: u64) -> u64 {
        let mut to = usize::try_from(byte).unwrap_or(usize::MAX).min(self.file.len());
        // The reader's position is before the line breaks that it skipped. The row starts after them.
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
