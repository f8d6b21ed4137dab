//! Takes secrets out of what a provider answers, in every dress that a server plausibly puts on them.
//!
//! Knows nothing of where an answer comes from. It does not undo compression, encryption or a second base64.

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

use self::{search::Search, unescape::Marks};

/// What stands where a secret was. Plain ASCII that needs no escaping in JSON, HTML or a header.
const MASK: &[u8] = b"[secret]";
/// How many escapings are undone, one within the other: JSON in JSON in a percent-encoded form.
const ROUNDS: usize = 3;
/// A coded piece below this is no trace of a secret; only secrets that no connection accepts have such pieces.
const SHORTEST_CODED: usize = 6;

/// Finds and masks a set of secrets. A clone is the same set; the search is built when it is first used.
#[derive(Clone)]
pub struct Scrubber(Arc<Secrets>);

struct Secrets {
    plain: Vec<Zeroizing<String>>,
    search: OnceLock<Option<Search>>,
}

impl Scrubber {
    /// Makes a scrubber of secrets as they are sent; an empty one is left out.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let plain =
            secrets.into_iter().filter(|secret| !secret.is_empty()).map(|secret| secret.to_owned().into()).collect();
        Self(Arc::new(Secrets { plain, search: OnceLock::new() }))
    }

    /// The same set with one secret more.
    #[must_use]
    pub fn and(&self, secret: &str) -> Self {
        Self::new(self.0.plain.iter().map(|known| known.as_str()).chain([secret]))
    }

    /// Masks every secret in bytes of any kind; without one they come back untouched.
    #[must_use]
    pub fn scrub(&self, source: Vec<u8>) -> Vec<u8> {
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

    /// Tells whether a secret stands in the bytes, in any dress.
    #[must_use]
    pub fn finds_in(&self, source: &[u8]) -> bool {
        !self.find(source).is_empty()
    }

    /// Tells whether a secret stands in a name whose letter case is lost on the way, as that of header fields.
    #[must_use]
    pub(super) fn finds_in_name(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.finds_in(name.as_bytes())
            || self.0.plain.iter().any(|secret| lower.contains(Zeroizing::new(secret.to_ascii_lowercase()).as_str()))
    }

    /// Gives the places of secrets, apart and in order: first in the bytes as they are, then in unescaped copies.
    fn find(&self, source: &[u8]) -> Vec<Range<usize>> {
        let Some(search) = self.0.search() else { return Vec::new() };
        let mut found = search.places(source);
        let mut layers: Vec<Vec<u8>> = Vec::new();
        let mut is_swallowed = false;
        while layers.len() < ROUNDS {
            let below = layers.last().map_or(source, Vec::as_slice);
            let is_first = layers.is_empty();
            let look = |text: &[u8]| is_swallowed |= is_first && search.may_begin(text);
            let Some(layer) = unescape::decode(below, Marks::ALL, look) else { break };
            let mut places = search.places(&layer);
            for below in layers.iter().rev().map(Vec::as_slice).chain([source]) {
                places = unescape::originals(below, Marks::ALL, &places);
            }
            found.append(&mut places);
            layers.push(layer);
        }
        // What was read as an escape may be a stray mark and the first letters of a secret in another dress.
        let again = if is_swallowed { Marks::each_in(source) } else { Vec::new() };
        for marks in again {
            if let Some(layer) = unescape::decode(source, marks, |_| ()) {
                found.append(&mut unescape::originals(source, marks, &search.places(&layer)));
            }
        }
        apart(found)
    }
}

impl Secrets {
    fn search(&self) -> Option<&Search> {
        let made = || Search::new(self.plain.iter().flat_map(|secret| needles(secret)).collect());
        self.search.get_or_init(made).as_ref()
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scrubber({} secrets)", self.0.plain.len())
    }
}

/// Every form of a secret that is searched for as bytes. Escaped forms are not among them: those are undone.
fn needles(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    // In UTF-16 of either byte order; the outermost zero is left out, so that one needle serves both.
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = wide.strip_suffix(&[0]).map(<[u8]>::to_vec).unwrap_or(wide);
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut coded = vec![wide, lower.to_ascii_uppercase().into_bytes(), lower.into_bytes()];
    for before in 0..3 {
        let shifted = [vec![0; before], bytes.to_vec()].concat();
        // The letters that hold bits of the secret alone, whatever stands before and after it.
        let first = (8 * before).div_ceil(6);
        let end = 8 * shifted.len() / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            coded.extend(engine.encode(&shifted).get(first..end).map(|letters| letters.as_bytes().to_vec()));
        }
    }
    coded.retain(|needle| needle.len() >= SHORTEST_CODED);

    // A secret that itself looks escaped comes out of the unescaping as something else: that is searched for too.
    let mut plain = vec![bytes.to_vec(), secret.replace(' ', "+").into_bytes()];
    let mut layer = bytes.to_vec();
    for _ in 0..ROUNDS {
        let Some(decoded) = unescape::decode(&layer, Marks::ALL, |_| ()) else { break };
        plain.push(decoded.clone());
        layer = decoded;
    }
    coded.extend(plain.into_iter().filter(|needle| !needle.is_empty()));
    coded
}

/// Sorts places and joins those that touch.
fn apart(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_unstable_by_key(|place| place.start);
    places.dedup_by(|next, last| {
        let joins = next.start <= last.end;
        if joins {
            last.end = last.end.max(next.end);
        }
        joins
    });
    places
}

#[cfg(test)]
mod tests;
