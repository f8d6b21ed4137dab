//! Tables as CSV: written so that no spreadsheet runs a cell, and read with the line on which each row begins. Pure.

pub use ::csv::ByteRecord;
use ::csv::{Position, QuoteStyle, ReaderBuilder, WriterBuilder};

use crate::{Error, RowError};

/// Wrong rows that are told of one table; whoever has mended these is told of the next.
pub const MOST_ERRORS: usize = 100;

/// What makes a spreadsheet take a cell for a formula, in half and in full width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Writes rows, each a line.
pub fn write<R, C>(rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    // All in quotes, so that a program which splits at semicolons meets no cell of its own making.
    let mut writer = WriterBuilder::new().flexible(true).quote_style(QuoteStyle::Always).from_writer(Vec::new());
    for row in rows {
        // Writing to memory does not fail.
        let _written = writer.write_record(row.into_iter().map(|cell| disarmed(cell.as_ref())));
    }
    writer.into_inner().unwrap_or_default()
}

/// A cell as it may be given out: where a spreadsheet would take it for a formula, an apostrophe stands before it.
fn disarmed(cell: &str) -> String {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}") } else { cell.to_owned() }
}

/// Takes back what was done to a cell that was [written](write).
#[must_use]
pub(crate) fn armed(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(FORMULA)
}

/// What is wrong with a row, or with the whole table.
#[must_use]
pub fn error(line: u64, field: &str, message: &str) -> RowError {
    RowError { line, field: field.to_owned(), message: message.to_owned() }
}

/// A cell as text, without the blanks around it.
///
/// # Errors
/// It is in another coding.
pub fn text(cell: &[u8]) -> Result<&str, String> {
    let cell =
        str::from_utf8(cell).map_err(|_other_coding| "is not UTF-8; save the file as CSV in UTF-8".to_owned())?;
    Ok(armed(cell.trim()))
}

/// A file that is read row by row.
pub struct Reader<'a> {
    rows: ::csv::Reader<&'a [u8]>,
    lines: Lines<'a>,
}

impl<'a> Reader<'a> {
    /// Begins to read a file.
    ///
    /// # Errors
    /// It is in another coding.
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
            return Err(Error::InvalidRows(vec![error(1, "file", "is UTF-16; save it as CSV in UTF-8")]));
        }
        let rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        Ok(Self { rows, lines: Lines { file, byte: 0, line: 1 } })
    }

    /// Reads the first row, which names the columns.
    ///
    /// # Errors
    /// There is none.
    pub fn header(&mut self, record: &mut ByteRecord) -> Result<u64, Error> {
        let empty = || Error::InvalidRows(vec![error(1, "file", "is empty; its first line names the columns")]);
        self.next(record)?.ok_or_else(empty)
    }

    /// Reads a row and tells its line; none at the end.
    ///
    /// # Errors
    /// Our own trouble: whatever the bytes are, they are rows.
    pub fn next(&mut self, record: &mut ByteRecord) -> Result<Option<u64>, Error> {
        let more = self.rows.read_byte_record(record).map_err(Error::internal)?;
        Ok(more.then(|| self.lines.at(record.position().map_or(0, Position::byte))))
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Reader(line {})", self.lines.line)
    }
}

/// What is wrong with a table: the first errors, and how many more there are.
#[derive(Debug, Default)]
pub struct Errors {
    told: Vec<RowError>,
    more: usize,
}

impl Errors {
    /// Adds one.
    pub fn add(&mut self, line: u64, field: &str, message: &str) {
        if self.told.len() < MOST_ERRORS {
            self.told.push(error(line, field, message));
        } else {
            self.more += 1;
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something is wrong.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.told.is_empty() {
            return Ok(());
        }
        if self.more > 0 {
            let last = self.told.last().map_or(1, |error| error.line);
            self.told.push(error(last, "file", &format!("has {} more errors below", self.more)));
        }
        Err(Error::InvalidRows(self.told))
    }
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
