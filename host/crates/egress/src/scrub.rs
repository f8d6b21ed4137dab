//! Masks secrets in a provider's response, in every encoding that a server plausibly uses.
//!
//! Secrets inside compressed or encrypted data, or inside base64 within base64, are not found.

mod search;
mod unescape;

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use self::{search::Search, unescape::EscapeMarks};

/// Replaces a secret. It is ASCII that needs no escaping in JSON, HTML or a header.
const MASK: &[u8] = b"[secret]";
/// Maximum number of nested levels of escaping that are undone, such as JSON in JSON in a percent-encoded form.
const MAX_LEVELS: usize = 3;
/// Minimum length of an encoded form, because a shorter one matches by accident. Every accepted secret is long enough.
const MIN_ENCODED: usize = 6;

/// Finds and masks a set of secrets.
///
/// Clones share the set. Its search tables are built on first use.
#[derive(Clone)]
pub struct Scrubber(Arc<Secrets>);

struct Secrets {
    plain: Vec<Zeroizing<String>>,
    search: OnceLock<Option<Search>>,
}

impl Scrubber {
    /// Creates a scrubber for secrets in the form in which they are sent. Empty ones are ignored.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let plain =
            secrets.into_iter().filter(|secret| !secret.is_empty()).map(|secret| secret.to_owned().into()).collect();
        Self(Arc::new(Secrets { plain, search: OnceLock::new() }))
    }

    /// Returns a scrubber of the same secrets and one more.
    pub(crate) fn with_secret(&self, secret: &str) -> Self {
        Self::new(self.0.plain.iter().map(|known| known.as_str()).chain([secret]))
    }

    /// Masks every secret in bytes of any kind.
    pub(crate) fn scrub(&self, source: Vec<u8>) -> Vec<u8> {
        let found = self.find(&source);
        if found.is_empty() {
            return source;
        }
        let mut clean = Vec::with_capacity(source.len());
        let mut at = 0;
        for range in found {
            clean.extend_from_slice(source.get(at..range.start).unwrap_or_default());
            clean.extend_from_slice(MASK);
            at = range.end;
        }
        clean.extend_from_slice(source.get(at..).unwrap_or_default());
        clean
    }

    /// Masks every secret in a text.
    #[must_use]
    pub fn scrub_text(&self, text: String) -> String {
        String::from_utf8(self.scrub(text.into_bytes()))
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
    }

    /// Returns whether the bytes contain a secret, in any encoding.
    pub(crate) fn contains_secret(&self, source: &[u8]) -> bool {
        !self.find(source).is_empty()
    }

    /// Returns whether a header name contains a secret.
    ///
    /// Case is ignored, because HTTP implementations change the case of header names.
    pub(crate) fn header_name_contains_secret(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.contains_secret(name.as_bytes())
            || self.0.plain.iter().any(|secret| lower.contains(Zeroizing::new(secret.to_ascii_lowercase()).as_str()))
    }

    /// Returns where secrets are, in order and without overlaps. Searches the bytes and their unescaped copies.
    fn find(&self, source: &[u8]) -> Vec<Range<usize>> {
        let Some(search) = self.0.search() else { return Vec::new() };
        let mut found = search.find_all(source);
        let mut levels: Vec<Vec<u8>> = Vec::new();
        let mut escape_may_hide_start = false;
        while levels.len() < MAX_LEVELS {
            let escaped = levels.last().map_or(source, Vec::as_slice);
            let is_first = levels.is_empty();
            let inspect = |text: &[u8]| escape_may_hide_start |= is_first && search.may_start(text);
            let Some(level) = unescape::decode(escaped, EscapeMarks::ALL, inspect) else { break };
            let mut ranges = search.find_all(&level);
            for escaped in levels.iter().rev().map(Vec::as_slice).chain([source]) {
                ranges = unescape::map_to_source(escaped, EscapeMarks::ALL, &ranges);
            }
            found.append(&mut ranges);
            levels.push(level);
        }
        // What was decoded as an escape can be an unrelated mark followed by the first characters of a secret that is
        // escaped in another way. Therefore each kind of escape is also decoded alone.
        let single_kinds = if escape_may_hide_start { EscapeMarks::single_kinds_in(source) } else { Vec::new() };
        for marks in single_kinds {
            if let Some(level) = unescape::decode(source, marks, |_| ()) {
                found.append(&mut unescape::map_to_source(source, marks, &search.find_all(&level)));
            }
        }
        merge(found)
    }
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

/// Returns every form of a secret that is searched for. Escaped forms are not included, because escapes are undone.
fn encoded_forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    // UTF-16. Without the last zero the same form matches both byte orders.
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = utf16.strip_suffix(&[0]).map(<[u8]>::to_vec).unwrap_or(utf16);
    let mut encoded = vec![utf16, hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    for offset in 0..3 {
        let shifted = [vec![0; offset], bytes.to_vec()].concat();
        // The base64 characters that depend only on the secret, and not on the bytes around it.
        let start = (8 * offset).div_ceil(6);
        let end = 8 * shifted.len() / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            encoded.extend(engine.encode(&shifted).get(start..end).map(|text| text.as_bytes().to_vec()));
        }
    }
    encoded.retain(|form| form.len() >= MIN_ENCODED);

    // Unescaping changes a secret that itself looks escaped, so its unescaped forms are included.
    let mut plain = vec![bytes.to_vec(), secret.replace(' ', "+").into_bytes()];
    let mut level = bytes.to_vec();
    for _ in 0..MAX_LEVELS {
        let Some(decoded) = unescape::decode(&level, EscapeMarks::ALL, |_| ()) else { break };
        plain.push(decoded.clone());
        level = decoded;
    }
    encoded.extend(plain.into_iter().filter(|form| !form.is_empty()));
    encoded
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
