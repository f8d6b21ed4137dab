//! Converts the rows of one page into users, and finds out whether there is another page.
//!
//! A row that cannot be read must not hide the other users. It becomes a user without an id, which the host leaves out
//! and counts.

use crate::json_value::{JsonObject, JsonValue};
use crate::page::PageNumber;
use crate::types::{Error, Page, PageRequest, User};

/// The most bytes of an id in the contract.
const ID_BYTES: usize = 256;

/// The most bytes of a cursor in the contract.
const CURSOR_BYTES: usize = 2 << 10;

/// The cursor that continues a list whose next cursor cannot be read. The page that it names is an error.
pub(crate) const UNREADABLE_CURSOR: &str = "jackfield:unreadable";

/// The users in the rows of one page; by default there are none.
#[derive(Clone, Debug, Default)]
pub struct UserRows {
    users: Vec<User>,
    rows: usize,
    skipped: usize,
    /// A hash of the first and the last row, to recognize a page that is the previous one again; 0 without rows.
    fingerprint: u32,
}

impl UserRows {
    /// Reads a list of rows. `to_user` returns `None` for a row that is no person, such as a bot.
    ///
    /// A row is unreadable if it is no object, or if its id is missing, too long, or contains characters that were lost.
    ///
    /// # Errors
    ///
    /// `malformed` with the name of the list if it is no list, or if none of several rows can be read, because then the
    /// list has another format.
    pub fn read<'a>(
        list: JsonValue<'a>,
        name: &str,
        to_user: impl Fn(&JsonObject<'a>) -> Option<User>,
    ) -> Result<Self, Error> {
        let rows = list.list().ok_or_else(|| Error::malformed(format!("`{name}` was expected")))?;
        let fingerprint = fingerprint(&rows);
        let (mut users, mut skipped) = (Vec::with_capacity(rows.len()), 0);
        for row in &rows {
            match row.object().map(|row| to_user(&row)) {
                Some(None) => {}
                Some(Some(user)) if is_id(&user.external_id) => users.push(user),
                Some(Some(_)) | None => {
                    skipped += 1;
                    users.push(User::new("", ""));
                }
            }
        }
        if skipped > 1 && skipped == rows.len() {
            return Err(Error::malformed(format!("rows with an id were expected in `{name}`")));
        }
        Ok(Self { users, rows: rows.len(), skipped, fingerprint })
    }

    /// Returns the number of rows in the provider's list, including those that are no users.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of rows that cannot be read.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Creates a page with the provider's own cursor to the next one. Without one it is the last page.
    ///
    /// If the cursor cannot be read, the next page is an error, so that the list does not look complete.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor equals the requested one, because following it would never end.
    pub fn followed(self, request: &PageRequest, next: JsonValue<'_>) -> Result<Page, Error> {
        let is_absent =
            next.is_null() || next.flag() == Some(false) || next.source().trim_matches('"').trim().is_empty();
        let text = next.text().filter(|text| text.len() <= CURSOR_BYTES);
        let next = text.as_deref().unwrap_or(if is_absent { "" } else { UNREADABLE_CURSOR });
        Page::followed(self.users, request, Some(next))
    }

    /// Creates page `number`, counted from 1, of a list that the provider returns as a whole.
    #[must_use]
    pub fn slice(mut self, number: u32, size: usize) -> Page {
        let before = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX).saturating_mul(size);
        self.users.drain(..before.min(self.users.len()));
        let has_more = self.users.len() > size;
        self.users.truncate(size);
        Page::numbered(self.users, number, has_more)
    }

    /// Creates page `page` of a list with page numbers, of which `total_pages` is the provider's number of pages.
    ///
    /// Without that number, another page follows a full one; if it cannot be read, one follows every page that has rows.
    /// The second of two empty pages is the last, because the number of pages may be wrong.
    ///
    /// # Errors
    ///
    /// `malformed` if the page is the previous one again, because the list would never end.
    pub fn numbered(self, page: PageNumber, total_pages: JsonValue<'_>) -> Result<Page, Error> {
        let repeats = page.previous == Some(self.fingerprint);
        if repeats && self.rows > 0 {
            return Err(Error::malformed(format!("page {} was expected, and not the previous one again", page.number)));
        }
        let size = usize::try_from(page.size).unwrap_or(usize::MAX);
        let has_more = match total_pages.count() {
            Some(total) => u64::from(page.number) < total && !repeats,
            None if total_pages.is_null() => self.rows >= size,
            None => self.rows > 0,
        };
        Ok(page.with_next(self.users, has_more.then_some(self.fingerprint)))
    }
}

/// Returns whether an id can identify an account.
fn is_id(id: &str) -> bool {
    !id.trim().is_empty() && id.len() <= ID_BYTES && !id.contains('\u{fffd}')
}

/// Returns a hash of the first and the last row (FNV-1a), which is not 0; 0 without rows.
fn fingerprint(rows: &[JsonValue<'_>]) -> u32 {
    let ends = [rows.first(), rows.last()].into_iter().flatten();
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    if rows.is_empty() { 0 } else { ends.flat_map(|row| row.source().bytes()).fold(0x811c_9dc5, hash).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn read(list: &str) -> Result<UserRows, Error> {
        UserRows::read(JsonValue::new(parse(list.as_bytes()).unwrap()), "people", |row| {
            let id = row.get("id").text().unwrap_or_default();
            (row.get("bot").flag() != Some(true)).then(|| User::new(id, "").email(row.get("email").text().as_deref()))
        })
    }

    fn value(document: &'static str) -> JsonValue<'static> {
        JsonValue::new(parse(document.as_bytes()).unwrap())
    }

    fn first_page(size: u32) -> PageNumber {
        PageRequest::first(size).page_number(size).unwrap()
    }

    #[test]
    fn a_row_that_cannot_be_read_is_a_user_without_an_id() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(257));
        for odd in [
            "null",
            "5",
            "[]",
            "[\"U1\"]",
            "\"U1\"",
            "{}",
            r#"{"id":null}"#,
            r#"{"id":{}}"#,
            r#"{"id":"\ufffd"}"#,
            &long,
        ] {
            let rows = read(&format!(r#"[{{"id":"a"}},{odd},{{"id":7,"email":false}},{{"bot":1}}]"#)).unwrap();
            assert_eq!((rows.rows(), rows.skipped()), (4, 1), "{odd}");
            assert_eq!(rows.users, ["a", "", "7"].map(|id| User::new(id, "")), "{odd}");
        }
    }

    #[test]
    fn a_list_of_which_no_row_can_be_read_is_malformed() {
        assert!(matches!(read(r#"[{"uid":"a"},{"uid":"b"}]"#), Err(Error::Malformed(_))));
        assert_eq!(read(r#"[{"uid":"a"}]"#).map(|rows| (rows.users, rows.skipped)), Ok((vec![User::new("", "")], 1)));
        assert_eq!(read(r#"[{"bot":true},{"bot":true}]"#).map(|rows| rows.skipped), Ok(0));
    }

    #[test]
    fn a_list_that_is_no_list_is_malformed() {
        for list in ["null", "5", "\"people\"", "false"] {
            assert_eq!(read(list).map(|rows| rows.rows()), Err(Error::malformed("`people` was expected")), "{list}");
        }
    }

    #[test]
    fn a_cursor_is_a_text_or_a_number_and_blank_at_the_end() {
        let next = |cursor| read("[]").unwrap().followed(&PageRequest::first(1), value(cursor)).unwrap().next_cursor;
        assert_eq!(next(r#""abc=""#).as_deref(), Some("abc="));
        assert_eq!(next("17").as_deref(), Some("17"));
        for end in ["null", r#""""#, r#"" ""#, "false"] {
            assert_eq!(next(end), None, "{end}");
        }
    }

    #[test]
    fn a_list_whose_cursor_cannot_be_read_does_not_look_complete() {
        let long: &str = format!("\"{}\"", "c".repeat(2_049)).leak();
        for cursor in ["true", "[]", "{}", r#"{"cursor":"abc"}"#, "1e999", long] {
            let page = read(r#"[{"id":"a"}]"#).unwrap().followed(&PageRequest::first(1), value(cursor)).unwrap();
            assert_eq!(page.users.len(), 1);
            let next = PageRequest::after(&page.next_cursor.unwrap(), 1);
            assert!(matches!(next.provider_cursor(), Err(Error::Malformed(_))), "{cursor}");
        }
    }

    #[test]
    fn a_number_of_pages_may_be_a_text_and_without_one_a_full_page_has_a_next_one() {
        let full = r#"[{"id":"a"},{"bot":true}]"#;
        let has_more = |list, size, total| {
            read(list).unwrap().numbered(first_page(size), value(total)).unwrap().next_cursor.is_some()
        };
        for (total, more) in [("2", true), (r#""2""#, true), ("1", false), ("0", false), (r#""1""#, false)] {
            assert_eq!(has_more(full, 2, total), more, "{total}");
        }
        assert!(has_more(full, 2, "null") && !has_more(full, 3, "null"));
        for unreadable in ["{}", r#""many""#, "-1", "1e999", "true"] {
            assert!(has_more(full, 3, unreadable) && !has_more("[]", 3, unreadable), "{unreadable}");
        }
    }

    #[test]
    fn one_empty_page_may_lie_between_others_and_two_end_the_list() {
        let second = read("[]").unwrap().numbered(first_page(2), value("1000000")).unwrap().next_cursor.unwrap();
        let second = PageRequest::after(&second, 2).page_number(2).unwrap();
        let third = read(r#"[{"id":"a"}]"#).unwrap().numbered(second, value("1000000")).unwrap();
        assert!(third.next_cursor.is_some());
        assert_eq!(read("[]").unwrap().numbered(second, value("1000000")).unwrap().next_cursor, None);
    }

    #[test]
    fn a_page_that_is_the_previous_one_again_is_malformed() {
        let list = r#"[{"id":"a"},{"id":"b"}]"#;
        let next = read(list).unwrap().numbered(first_page(2), value("null")).unwrap().next_cursor.unwrap();
        let page = PageRequest::after(&next, 2).page_number(2).unwrap();
        assert!(matches!(read(list).unwrap().numbered(page, value("null")), Err(Error::Malformed(_))));
        assert!(read(r#"[{"id":"c"},{"id":"b"}]"#).unwrap().numbered(page, value("null")).is_ok());
    }
}
