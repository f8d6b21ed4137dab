//! Finds quotation marks that are not closed where they should be, so that a cell contains the rows after it. Pure.

/// Finds the quotation mark of a row that is not closed, and returns its position.
///
/// A reader of CSV files sees such a row as a single one that continues to the next quotation mark or to the end of the
/// file. So the mark counts as not closed if its cell reaches the end of the file, if its cell contains a line break
/// and text follows the closing mark, or if a line of its cell looks like a row of `columns` cells.
pub(super) fn find_open_quote(row: &[u8], separator: u8, columns: usize) -> Option<usize> {
    if !row.contains(&b'"') {
        return None;
    }
    let mut at = 0;
    while at < row.len() {
        if row[at] == b'"' {
            let Some(end) = find_end(row, at + 1) else { return Some(at) };
            let cell = &row[at + 1..end];
            let is_followed = row.get(end + 1).is_some_and(|next| *next != separator && !matches!(next, b'\r' | b'\n'));
            if cell.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
                && (is_followed || contains_row(cell, separator, columns))
            {
                return Some(at);
            }
            at = end + 1;
        }
        // To the start of the next cell.
        at += row[at..].iter().position(|byte| *byte == separator || matches!(byte, b'\r' | b'\n'))?;
        at += 1;
    }
    None
}

/// Returns the position of the mark that closes a cell.
fn find_end(row: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += row.get(at..)?.iter().position(|byte| *byte == b'"')?;
        if row.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Returns whether a cell contains a line, after its first one, with an address and as many cells as a row has.
fn contains_row(cell: &[u8], separator: u8, columns: usize) -> bool {
    let lines = cell.split(|byte| matches!(byte, b'\r' | b'\n')).skip(1);
    let cells = |line: &[u8]| line.iter().filter(|byte| **byte == separator).count() + 1;
    columns > 1 && lines.into_iter().any(|line| line.contains(&b'@') && cells(line) >= columns)
}

#[cfg(test)]
mod tests {
    use super::find_open_quote;

    #[test]
    fn a_quotation_mark_that_hides_rows_is_found() {
        for (row, position) in [
            ("a@x,U1,\"left open\nb@x,U2,note\n", Some(7)),
            ("a@x,U1,\"", Some(7)),
            ("\"a@x\",\"U1\",\"left open\n\"b@x\",\"U2\",\"note\"\n", Some(11)),
            ("a@x,U1,\"left open\nb@x,U2,note\nc@x,U3,\"\n", Some(7)),
            ("a@x,U1,\"two\nlines\"\n", None),
            ("a@x,U1,\"a \"\"word\"\", and\r\nmore\"\r\n", None),
            ("a@x,U1,5\" disk\n", None),
            ("a@x,\"U1\" x,note\n", None),
            ("a@x,U1,\"\"\n", None),
        ] {
            assert_eq!(find_open_quote(row.as_bytes(), b',', 3), position, "{row:?}");
        }
    }
}
