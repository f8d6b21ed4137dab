//! Undoes one level of percent, JSON and HTML escaping, and maps ranges of the result back to the source.
//!
//! It is not a parser of any of the three: everything that can be an escape is decoded.

use std::ops::Range;

/// The HTML names of ASCII characters that secrets and their encodings contain.
const HTML_NAMES: &[(&[u8], u8)] = &[
    (b"amp;", b'&'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"sol;", b'/'),
    (b"plus;", b'+'),
    (b"equals;", b'='),
    (b"lowbar;", b'_'),
    (b"period;", b'.'),
    (b"colon;", b':'),
    (b"percnt;", b'%'),
    (b"bsol;", b'\\'),
];

/// Maximum number of digits of a numeric character reference, including leading zeros.
const MAX_DIGITS: usize = 12;

/// The value of an escape: one character in UTF-8, or one byte.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn character(character: char) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }
}

/// A part of the source: unescaped bytes, or an escape and its value.
enum Segment {
    Plain(Range<usize>),
    Escape(Range<usize>, Decoded),
}

/// The bytes that start an escape: of percent encoding, of JSON, of HTML.
///
/// All kinds are undone at once, because escapes are nested. Each kind is also undone alone, so that an unrelated mark
/// of another kind cannot hide the first characters of a secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct EscapeMarks([u8; 3]);

impl EscapeMarks {
    pub(super) const ALL: Self = Self([b'%', b'\\', b'&']);

    /// Returns each kind of mark that the source contains, or none if it contains fewer than two kinds.
    pub(super) fn single_kinds_in(source: &[u8]) -> Vec<Self> {
        let kinds: Vec<Self> = Self::ALL
            .0
            .into_iter()
            .filter(|mark| memchr::memchr(*mark, source).is_some())
            .map(|mark| Self([mark; 3]))
            .collect();
        if kinds.len() < 2 { Vec::new() } else { kinds }
    }

    fn find(self, text: &[u8]) -> Option<usize> {
        let [one, two, three] = self.0;
        memchr::memchr3(one, two, three, text)
    }
}

/// Splits a source into segments.
struct Segments<'a> {
    source: &'a [u8],
    marks: EscapeMarks,
    at: usize,
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let start = self.at;
        let mut search_from = start;
        loop {
            let rest = self.source.get(search_from..)?;
            let Some(offset) = self.marks.find(rest) else {
                self.at = self.source.len();
                return (start < self.at).then_some(Segment::Plain(start..self.at));
            };
            let mark = search_from + offset;
            let Some((length, decoded)) = self.source.get(mark..).and_then(decode_escape) else {
                search_from = mark + 1;
                continue;
            };
            if mark > start {
                // The escape is the next segment.
                self.at = mark;
                return Some(Segment::Plain(start..mark));
            }
            self.at = mark + length;
            return Some(Segment::Escape(mark..self.at, decoded));
        }
    }
}

/// Undoes one level of escaping, or returns nothing if the source contains no escape.
///
/// Calls `inspect` with the text that starts at each byte of an escape after its mark.
pub(super) fn decode(source: &[u8], marks: EscapeMarks, mut inspect: impl FnMut(&[u8])) -> Option<Vec<u8>> {
    let mut result = Vec::new();
    let mut rest = source;
    let mut search_from = 0;
    while let Some(offset) = rest.get(search_from..).and_then(|rest| marks.find(rest)) {
        let (before, at_mark) = rest.split_at_checked(search_from + offset)?;
        let Some((length, decoded)) = decode_escape(at_mark) else {
            search_from = before.len() + 1;
            continue;
        };
        if result.capacity() == 0 {
            result.reserve_exact(source.len());
        }
        result.extend_from_slice(before);
        result.extend_from_slice(decoded.bytes.get(..decoded.length)?);
        (1..length).filter_map(|offset| at_mark.get(offset..)).for_each(&mut inspect);
        rest = at_mark.get(length..)?;
        search_from = 0;
    }
    if result.capacity() == 0 {
        return None;
    }
    result.extend_from_slice(rest);
    Some(result)
}

/// Maps ranges of the decoded bytes to the source. The ranges are sorted and do not overlap; escapes are not split.
pub(super) fn map_to_source(source: &[u8], marks: EscapeMarks, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut mapped = Vec::with_capacity(ranges.len());
    if ranges.is_empty() {
        return mapped;
    }
    let mut ranges = ranges.iter();
    let mut range = ranges.next();
    let mut mapped_start = None;
    let mut decoded_length = 0;
    for segment in (Segments { source, marks, at: 0 }) {
        let (original, length, is_escape) = match segment {
            Segment::Plain(range) => (range.clone(), range.len(), false),
            Segment::Escape(range, decoded) => (range, decoded.length, true),
        };
        let segment_end = decoded_length + length;
        while let Some(wanted) = range {
            if mapped_start.is_none() && wanted.start < segment_end {
                mapped_start = Some(original.start + if is_escape { 0 } else { wanted.start - decoded_length });
            }
            let Some(start) = mapped_start.filter(|_| wanted.end <= segment_end) else { break };
            mapped.push(start..if is_escape { original.end } else { original.start + (wanted.end - decoded_length) });
            mapped_start = None;
            range = ranges.next();
        }
        decoded_length = segment_end;
    }
    mapped
}

/// Decodes the escape at the start of a text, and returns its length and value.
fn decode_escape(text: &[u8]) -> Option<(usize, Decoded)> {
    match text {
        [b'%', b'u', rest @ ..] | [b'\\', b'u', rest @ ..] => decode_utf16(text, rest),
        [b'%', high, low, ..] | [b'\\', b'x', high, low, ..] => {
            let byte = digit(*high, 16)? << 4 | digit(*low, 16)?;
            Some((if text.starts_with(b"%") { 3 } else { 4 }, Decoded::byte(u8::try_from(byte).ok()?)))
        }
        [b'\\', character, ..] => {
            let byte = match character {
                b'/' | b'\\' | b'"' | b'\'' => *character,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                _ => return None,
            };
            Some((2, Decoded::byte(byte)))
        }
        [b'&', b'#', b'x' | b'X', rest @ ..] => decode_numeric_reference(3, rest, 16),
        [b'&', b'#', rest @ ..] => decode_numeric_reference(2, rest, 10),
        [b'&', rest @ ..] => HTML_NAMES
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map(|(name, byte)| (1 + name.len(), Decoded::byte(*byte))),
        _ => None,
    }
}

/// Decodes `uXXXX` after a mark, and the second half of a surrogate pair.
fn decode_utf16(text: &[u8], rest: &[u8]) -> Option<(usize, Decoded)> {
    let unit = four_hex_digits(rest)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((6, Decoded::character(character)));
    }
    let second = text.get(6..).filter(|second| second.starts_with(text.get(..2).unwrap_or_default()))?;
    let low = four_hex_digits(second.get(2..)?)?;
    let pair = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((12, Decoded::character(character)))
}

fn four_hex_digits(digits: &[u8]) -> Option<u32> {
    digits.get(..4)?.iter().try_fold(0, |value, byte| Some(value << 4 | digit(*byte, 16)?))
}

/// Decodes a numeric character reference. Its semicolon is optional, as in browsers.
fn decode_numeric_reference(start: usize, digits: &[u8], radix: u32) -> Option<(usize, Decoded)> {
    let count = digits.iter().take(MAX_DIGITS).take_while(|byte| digit(**byte, radix).is_some()).count();
    let value = digits
        .get(..count)
        .filter(|digits| !digits.is_empty())?
        .iter()
        .try_fold(0_u32, |value, byte| value.checked_mul(radix)?.checked_add(digit(*byte, radix)?))?;
    let semicolon = usize::from(digits.get(count) == Some(&b';'));
    Some((start + count + semicolon, Decoded::character(char::from_u32(value)?)))
}

fn digit(byte: u8, radix: u32) -> Option<u32> {
    char::from(byte).to_digit(radix)
}
