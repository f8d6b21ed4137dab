//! The names of the columns of a file, and whether a row fits them.

use ::csv::ByteRecord;

use super::is_blank;
use crate::invisible;

/// The names of the columns. A column without a name is ignored, as long as it is empty.
#[derive(Debug)]
pub struct Titles(Vec<String>);

impl Titles {
    /// Reads the names from the first row of a file, without the columns after the last name.
    #[must_use]
    pub fn from_record(record: &ByteRecord) -> Self {
        let title = |title: &[u8]| invisible::trim(&String::from_utf8_lossy(title)).to_owned();
        let mut titles: Vec<String> = record.iter().map(title).collect();
        while titles.last().is_some_and(String::is_empty) {
            titles.pop();
        }
        Self(titles)
    }

    /// Lists the named columns with their positions.
    pub fn named(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().map(String::as_str).enumerate().filter(|(_, title)| !title.is_empty())
    }

    /// Checks that a row has a cell for each of the first `required` columns, and text only in columns with a name.
    ///
    /// Excel can omit the empty cells at the end of a row, and it can add some.
    ///
    /// # Errors
    /// Why the row does not fit, without a subject.
    pub fn check_row(&self, record: &ByteRecord, required: usize) -> Result<(), String> {
        let has_text = |column: &usize| !record.get(*column).is_none_or(is_blank);
        if record.len() < required || (self.0.len()..record.len()).any(|column| has_text(&column)) {
            return Err(format!("has {} cells, but the header has {}", record.len(), self.0.len()));
        }
        let mut nameless = (0..self.0.len()).filter(|column| self.0[*column].is_empty());
        match nameless.find(has_text) {
            Some(column) => Err(format!("has text in column {}, which has no name in the header", column + 1)),
            None => Ok(()),
        }
    }
}
