//! Masks secrets in a provider's response, in every encoding that a server plausibly uses.
//!
//! Secrets inside compressed or encrypted data, or inside base64 within base64, are not found. Parts of secrets are not
//! masked, because that would show which parts are right.

mod forms;
mod search;
mod unescape;

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use zeroize::Zeroizing;

pub(crate) use self::search::SearchWork;
use self::{forms::encoded_forms, search::Search, unescape::EscapeMarks};

/// Replaces a secret. It is ASCII that needs no escaping in JSON, HTML or a header.
const MASK: &[u8] = b"[secret]";
/// Maximum number of nested levels of escaping that are undone, such as JSON in JSON in a percent-encoded form.
const MAX_LEVELS: usize = 3;

/// Finds and masks a set of secrets.
///
/// Clones share the set. Its search tables are built on first use.
#[derive(Clone)]
pub struct Scrubber(Arc<Secrets>);

struct Secrets {
    plain: Vec<Zeroizing<String>>,
    search: OnceLock<Option<Search>>,
}

/// One search of a source and its unescaped copies.
///
/// Which copies are made depends on the source alone, never on a secret.
struct SourceSearch<'a> {
    search: &'a Search,
    found: Vec<Range<usize>>,
    work: SearchWork,
}

/// A text that was unescaped, and how it was made from the source.
struct Step<'a> {
    text: &'a [u8],
    marks: EscapeMarks,
    previous: Option<&'a Step<'a>>,
}

impl Scrubber {
    /// Creates a scrubber for secrets in the form in which they are sent. Empty ones are ignored.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let plain =
            secrets.into_iter().filter(|secret| !secret.is_empty()).map(|secret| secret.to_owned().into()).collect();
        Self(Arc::new(Secrets { plain, search: OnceLock::new() }))
    }

    /// Returns whether there is no secret to find.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.plain.is_empty()
    }

    /// Masks every secret in bytes of any kind, and returns whether there was one.
    pub(crate) fn scrub(&self, source: Vec<u8>) -> (Vec<u8>, bool) {
        let found = self.find(&source);
        if found.is_empty() {
            return (source, false);
        }
        let mut clean = Vec::with_capacity(source.len());
        let mut at = 0;
        for range in found {
            clean.extend_from_slice(source.get(at..range.start).unwrap_or_default());
            clean.extend_from_slice(MASK);
            at = range.end;
        }
        clean.extend_from_slice(source.get(at..).unwrap_or_default());
        (clean, true)
    }

    /// Masks every secret in a text.
    #[must_use]
    pub fn scrub_text(&self, text: String) -> String {
        String::from_utf8(self.scrub(text.into_bytes()).0)
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
    }

    /// Returns whether the bytes contain a secret, in any encoding.
    #[must_use]
    pub fn contains_secret(&self, source: &[u8]) -> bool {
        !self.find(source).is_empty()
    }

    /// Returns where secrets are, in order and without overlaps.
    fn find(&self, source: &[u8]) -> Vec<Range<usize>> {
        self.find_counted(source).0
    }

    /// Returns where secrets are, in order and without overlaps, and the work of the search.
    pub(crate) fn find_counted(&self, source: &[u8]) -> (Vec<Range<usize>>, SearchWork) {
        let Some(search) = self.0.search() else { return (Vec::new(), SearchWork::default()) };
        let mut source_search = SourceSearch { search, found: Vec::new(), work: SearchWork::default() };
        source_search.visit(source, std::slice::from_ref(&(0..source.len())), None);
        (merge(source_search.found), source_search.work)
    }
}

impl SourceSearch<'_> {
    /// Searches parts of a text, and then each copy of it in which one more level of escaping is undone.
    ///
    /// Of a copy, only what is near an escape is searched, because the rest is the same as in the text.
    fn visit(&mut self, text: &[u8], parts: &[Range<usize>], previous: Option<&Step<'_>>) {
        let mut ranges = self.search.find_all(text, parts, &mut self.work);
        if !ranges.is_empty() {
            ranges = merge(ranges);
            let mut step = previous;
            while let Some(Step { text, marks, previous }) = step {
                ranges = unescape::map_to_source(text, *marks, &ranges);
                step = *previous;
            }
            self.found.append(&mut ranges);
        }
        for marks in next_marks(text, previous) {
            if let Some(copy) = unescape::decode(text, marks, self.search.longest()) {
                self.visit(&copy.text, &copy.near, Some(&Step { text, marks, previous }));
            }
        }
    }
}

/// Returns the kinds of escapes to undo in a text that was made by these steps.
fn next_marks(text: &[u8], previous: Option<&Step<'_>>) -> Vec<EscapeMarks> {
    let mut levels = 0;
    let mut step = previous;
    while let Some(Step { marks, previous, .. }) = step {
        if *marks != EscapeMarks::ALL {
            return Vec::new();
        }
        levels += 1;
        step = *previous;
    }
    let mut marks = Vec::new();
    if levels < MAX_LEVELS {
        marks.push(EscapeMarks::ALL);
    }
    if levels < 2 {
        marks.extend([EscapeMarks::LINE_BREAKS, EscapeMarks::QUOTED_PRINTABLE]);
    }
    if levels == 0 {
        // What is decoded as an escape can be an unrelated mark followed by the first characters of a secret that is
        // escaped in another way.
        marks.extend(EscapeMarks::single_kinds_in(text));
    }
    marks
}

impl Secrets {
    fn search(&self) -> Option<&Search> {
        let build = || Search::new(self.plain.iter().flat_map(|secret| encoded_forms(secret)).collect());
        self.search.get_or_init(build).as_ref()
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scrubber({} secrets)", self.0.plain.len())
    }
}

/// Sorts ranges and merges those that overlap or touch.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touches = next.start <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    ranges
}

#[cfg(test)]
mod tests;
