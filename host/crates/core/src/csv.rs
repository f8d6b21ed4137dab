//! Writes CSV files with formulas escaped, and reads them with the line number of each row.

mod quotes;
mod row_errors;
mod titles;

pub use ::csv::ByteRecord;
use ::csv::{Position, QuoteStyle, ReaderBuilder, WriterBuilder};

use self::quotes::find_open_quote;
pub use self::{
    row_errors::{MAX_ERRORS, RowErrors},
    titles::Titles,
};
use crate::{Error, RowError, invisible};

/// The bytes by which Excel recognizes that a file is UTF-8. Without them it reads `Ã¸` for `ø`.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The byte-order mark after another program has read it as Windows-1252 and has saved it as UTF-8.
const GARBLED_MARK: &[u8] = "ï»¿".as_bytes();

/// The characters that can separate cells. Excel writes semicolons where the comma is the decimal separator.
const SEPARATORS: [u8; 3] = *b",;\t";

/// The characters that start a formula in a spreadsheet, in half and full width.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Writes the start of a CSV file: the byte-order mark, and the names of the columns.
pub fn write_header<C: AsRef<str>>(titles: impl IntoIterator<Item = C>) -> Vec<u8> {
    [BYTE_ORDER_MARK, &write([titles])].concat()
}

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
    let cell = cell.trim();
    // `="0123"`, by which some programs keep a spreadsheet from reading a number.
    let text = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).filter(|text| !text.contains('"'));
    Ok(text.unwrap_or_else(|| unescape_formula(cell)))
}

/// Returns whether nothing of a cell can be seen.
fn is_blank(cell: &[u8]) -> bool {
    str::from_utf8(cell).is_ok_and(invisible::is_blank)
}

/// Reads a file row by row, without the rows that are empty.
pub struct RowReader<'a> {
    rows: ::csv::Reader<&'a [u8]>,
    lines: LineCounter<'a>,
    separator: u8,
    /// The number of cells in the first row.
    columns: usize,
}

impl<'a> RowReader<'a> {
    /// Starts to read a file, in which commas, semicolons or tabs separate the cells.
    ///
    /// # Errors
    /// The file is UTF-16, or its byte-order mark was read in the wrong encoding.
    pub fn new(mut file: &'a [u8]) -> Result<Self, Error> {
        while let Some(rest) = file.strip_prefix(BYTE_ORDER_MARK) {
            file = rest;
        }
        let reject = |message: &str| Err(Error::InvalidRows(vec![row_error(1, "file", message)]));
        if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
            return reject("is UTF-16; save it as CSV in UTF-8");
        }
        if file.starts_with(GARBLED_MARK) {
            return reject(
                "was read in the wrong encoding; open the original file as UTF-8, and save it as CSV in UTF-8",
            );
        }
        let mut lines = LineCounter { file, byte: 0, line: 1 };
        let separator = match declared_separator(first_line(file)) {
            Some(separator) => {
                let length = first_line(file).len();
                let end = if file[length..].starts_with(b"\r\n") { length + 2 } else { (length + 1).min(file.len()) };
                lines = LineCounter { file: &file[end..], byte: 0, line: 2 };
                separator
            }
            None => find_separator(file),
        };
        let rows = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(lines.file);
        Ok(Self { rows, lines, separator, columns: 0 })
    }

    /// Reads the first row, which contains the names of the columns.
    ///
    /// Returns its line number.
    ///
    /// # Errors
    /// The file is empty, or a quotation mark is not closed.
    pub fn read_header(&mut self, record: &mut ByteRecord) -> Result<u64, Error> {
        let mut errors = RowErrors::default();
        let line = self.read_row(record, &mut errors)?;
        errors.finish()?;
        self.columns = record.len();
        line.ok_or_else(|| {
            let message = "is empty; the first line must contain the names of the columns";
            Error::InvalidRows(vec![row_error(1, "file", message)])
        })
    }

    /// Reads the next row that is not empty. Returns its line number, or nothing at the end of the file.
    ///
    /// A quotation mark that is not closed hides all following rows, so it is added to `errors` and ends the file.
    ///
    /// # Errors
    /// Only an internal error, because every sequence of bytes can be read as rows.
    pub fn read_row(&mut self, record: &mut ByteRecord, errors: &mut RowErrors) -> Result<Option<u64>, Error> {
        while self.rows.read_byte_record(record).map_err(Error::internal)? {
            let line = self.lines.line_at(record.position().map_or(0, Position::byte));
            let end = usize::try_from(self.rows.position().byte()).unwrap_or(usize::MAX).min(self.lines.file.len());
            let row = self.lines.file.get(self.lines.byte..end).unwrap_or_default();
            if let Some(position) = find_open_quote(row, self.separator, self.columns) {
                let line = line + count_lines(&row[..position]);
                let message = "contains a quotation mark that is not closed, so the following lines would be a part of \
                               its cell; close it, or write it twice if it is a part of the text";
                errors.add(line, "row", message);
                return Ok(None);
            }
            if !record.iter().all(is_blank) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for RowReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RowReader(line {})", self.lines.line)
    }
}

/// Returns the first line of a file that is not empty.
fn first_line(file: &[u8]) -> &[u8] {
    let end = file.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(file.len());
    &file[..end]
}

/// Returns the separator of a line `sep=;`, which Excel writes and reads as the first one.
fn declared_separator(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', separator] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            SEPARATORS.contains(separator).then_some(*separator)
        }
        _ => None,
    }
}

/// Returns the separator that is most frequent in the first line outside of quotes, and the comma if there is none.
fn find_separator(file: &[u8]) -> u8 {
    let start = file.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(file.len());
    let (mut counts, mut is_quoted) = ([0_usize; SEPARATORS.len()], false);
    for byte in first_line(&file[start..]) {
        is_quoted ^= *byte == b'"';
        if let Some(index) = SEPARATORS.iter().position(|separator| separator == byte && !is_quoted) {
            counts[index] += 1;
        }
    }
    let most = SEPARATORS.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(separator, _)| *separator)
}

/// Counts the ends of lines: LF, CRLF and CR.
fn count_lines(text: &[u8]) -> u64 {
    let ends = text.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64
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
