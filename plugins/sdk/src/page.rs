//! Paging, with the provider's own cursor or with page numbers that are encoded as a cursor.

use crate::types::{Error, Page, PageRequest, User};
use crate::user_rows::UNREADABLE_CURSOR;

/// One page of a list with page numbers and a page size.
///
/// The size of the first request applies to the whole list, because another size would skip or repeat users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageNumber {
    /// Counted from 1.
    pub number: u32,
    /// The number of users to request.
    pub size: u32,
    /// A hash of the previous page's rows, by which a repeated page is recognized.
    pub(crate) previous: Option<u32>,
}

impl PageNumber {
    /// Creates the page, with a cursor to the next one if there is one.
    #[must_use]
    pub fn page(self, users: Vec<User>, has_more: bool) -> Page {
        let next_cursor = has_more.then(|| format!("{}/{}", self.number.saturating_add(1), self.size));
        Page { users, next_cursor }
    }

    /// Creates the page. If there is a next one, its cursor contains the hash of this page's rows.
    pub(crate) fn with_next(self, users: Vec<User>, fingerprint: Option<u32>) -> Page {
        let cursor = |hash| format!("{}/{}/{hash:x}", self.number.saturating_add(1), self.size);
        Page { users, next_cursor: fingerprint.map(cursor) }
    }

    /// Parses a number, a size and, since a later version of the SDK, a hash.
    fn parse(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split('/');
        let (number, size) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let previous = parts.next().map(|hash| u32::from_str_radix(hash, 16)).transpose().ok()?;
        parts.next().is_none().then_some(Self { number, size, previous })
    }
}

impl PageRequest {
    /// Requests the first page.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { cursor: None, limit }
    }

    /// Requests the page at a cursor.
    #[must_use]
    pub fn after(cursor: &str, limit: u32) -> Self {
        Self { cursor: Some(cursor.into()), limit }
    }

    /// Returns the requested page size, at most `max`.
    #[must_use]
    pub fn limit_up_to(&self, max: u32) -> u32 {
        self.limit.clamp(1, max.max(1))
    }

    /// Parses the cursor into a page number and a page size of at most `max`.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor does not come from [`PageNumber::page`] or [`UserRows::numbered`](crate::UserRows).
    pub fn page_number(&self, max: u32) -> Result<PageNumber, Error> {
        let Some(cursor) = &self.cursor else {
            return Ok(PageNumber { number: 1, size: self.limit_up_to(max), previous: None });
        };
        PageNumber::parse(cursor)
            .filter(|page| page.number > 1 && (1..=max).contains(&page.size))
            .ok_or_else(|| Error::malformed("a cursor with the number and the size of a page was expected"))
    }

    /// Parses the cursor into a page number, for a provider that determines the page size.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor does not come from [`UserRows::numbered`](crate::UserRows::numbered) or
    /// [`Page::numbered`].
    pub fn page_of(&self, size: u32) -> Result<PageNumber, Error> {
        match self.number() {
            Ok(number) => Ok(PageNumber { number, size, previous: None }),
            Err(_) => self.page_number(size),
        }
    }

    /// Returns the provider's own cursor, which a page before returned; `None` for the first page.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor of the page before could not be read.
    pub fn provider_cursor(&self) -> Result<Option<&str>, Error> {
        match self.cursor.as_deref() {
            Some(UNREADABLE_CURSOR) => {
                Err(Error::malformed("a cursor to the next page of the users was expected, so the list is incomplete"))
            }
            cursor => Ok(cursor),
        }
    }

    /// Parses the cursor into a page number, counted from 1.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor does not come from [`Page::numbered`].
    pub fn number(&self) -> Result<u32, Error> {
        match &self.cursor {
            None => Ok(1),
            Some(cursor) => cursor
                .parse()
                .ok()
                .filter(|&number| number > 1)
                .ok_or_else(|| Error::malformed("a cursor with the number of a page was expected")),
        }
    }
}

impl Page {
    /// Creates the last page.
    #[must_use]
    pub fn last(users: Vec<User>) -> Self {
        Self { users, next_cursor: None }
    }

    /// Creates a page with the provider's own cursor to the next one. An empty cursor means the last page.
    ///
    /// # Errors
    ///
    /// `malformed` if the cursor equals the requested one, because following it would never end.
    pub fn followed(users: Vec<User>, request: &PageRequest, next: Option<&str>) -> Result<Self, Error> {
        let next = next.filter(|next| !next.is_empty());
        if next.is_some() && next == request.cursor.as_deref() {
            return Err(Error::malformed("a cursor to another page was expected"));
        }
        Ok(Self { users, next_cursor: next.map(Into::into) })
    }

    /// Creates page `number` of a list with page numbers.
    #[must_use]
    pub fn numbered(users: Vec<User>, number: u32, has_more: bool) -> Self {
        let next_cursor = has_more.then(|| number.saturating_add(1).to_string());
        Self { users, next_cursor }
    }
}

impl User {
    /// Creates an active user without an email address.
    #[must_use]
    pub fn new(external_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { external_id: external_id.into(), name: name.into(), email: None, aliases: Vec::new(), active: true }
    }

    /// Sets the primary email address. An empty one counts as absent.
    #[must_use]
    pub fn email(mut self, email: Option<&str>) -> Self {
        self.email = email.filter(|email| !email.is_empty()).map(Into::into);
        self
    }

    /// Adds further email addresses. Empty ones count as absent.
    #[must_use]
    pub fn aliases<S: Into<String>>(mut self, addresses: impl IntoIterator<Item = S>) -> Self {
        self.aliases.extend(addresses.into_iter().map(Into::into).filter(|address| !address.is_empty()));
        self
    }

    /// Sets whether the user can still use the account.
    #[must_use]
    pub fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_are_encoded_as_cursors() {
        let first = PageRequest::first(100);
        assert_eq!(first.number(), Ok(1));

        let page = Page::numbered(Vec::new(), 1, true);
        let second = PageRequest::after(page.next_cursor.as_deref().unwrap(), 100);
        assert_eq!(second.number(), Ok(2));
        assert_eq!(Page::numbered(Vec::new(), 2, false).next_cursor, None);
    }

    #[test]
    fn the_size_of_the_first_page_applies_to_all_pages() {
        let first = PageRequest::first(500).page_number(100).unwrap();
        assert_eq!(first, PageNumber { number: 1, size: 100, previous: None });

        let page = first.page(Vec::new(), true);
        let second = PageRequest::after(page.next_cursor.as_deref().unwrap(), 5).page_number(100).unwrap();
        assert_eq!(second, PageNumber { number: 2, size: 100, previous: None });
        assert_eq!(second.page(Vec::new(), false).next_cursor, None);
    }

    #[test]
    fn a_cursor_without_a_number_and_size_is_malformed() {
        for cursor in ["", "2", "1/100", "0/100", "2/0", "2/101", "2/", "/2", "a/b", "2/100/x", "2/100/1/1", "-2/100"] {
            let page = PageRequest::after(cursor, 1).page_number(100);
            assert!(matches!(page, Err(Error::Malformed(_))), "{cursor}: {page:?}");
        }
    }

    #[test]
    fn a_cursor_that_is_not_a_page_number_is_malformed() {
        for cursor in ["", "0", "1", "-1", "two", "4294967296"] {
            assert!(matches!(PageRequest::after(cursor, 1).number(), Err(Error::Malformed(_))), "{cursor}");
        }
    }

    #[test]
    fn an_empty_cursor_means_the_last_page() {
        let request = PageRequest::first(1);
        assert_eq!(Page::followed(Vec::new(), &request, Some("")), Ok(Page::last(Vec::new())));
        assert_eq!(Page::followed(Vec::new(), &request, None), Ok(Page::last(Vec::new())));
    }

    #[test]
    fn a_cursor_to_the_same_page_is_malformed() {
        let request = PageRequest::after("abc", 1);
        assert!(matches!(Page::followed(Vec::new(), &request, Some("abc")), Err(Error::Malformed(_))));
        assert!(Page::followed(Vec::new(), &request, Some("abd")).is_ok());
    }

    #[test]
    fn a_requested_size_is_limited_to_the_providers() {
        assert_eq!([0, 50, 500].map(|limit| PageRequest::first(limit).limit_up_to(200)), [1, 50, 200]);
    }
}
