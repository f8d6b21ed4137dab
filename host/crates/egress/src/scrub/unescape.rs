//! Undoes one level of escaping, and maps ranges of the result back to the source.
//!
//! It is not a parser of any format: everything that can be an escape of percent encoding, of a string in JSON or a
//! programming language, of HTML or of quoted-printable is decoded. A line break inside a word counts as an escape of
//! nothing, because base64 is wrapped.

use std::ops::Range;

/// The HTML names of ASCII characters. A browser accepts the last ones without a semicolon.
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
    (b"UnderBar;", b'_'),
    (b"period;", b'.'),
    (b"colon;", b':'),
    (b"percnt;", b'%'),
    (b"bsol;", b'\\'),
    (b"excl;", b'!'),
    (b"num;", b'#'),
    (b"dollar;", b'$'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"ast;", b'*'),
    (b"midast;", b'*'),
    (b"comma;", b','),
    (b"semi;", b';'),
    (b"quest;", b'?'),
    (b"commat;", b'@'),
    (b"lsqb;", b'['),
    (b"lbrack;", b'['),
    (b"rsqb;", b']'),
    (b"rbrack;", b']'),
    (b"Hat;", b'^'),
    (b"grave;", b'`'),
    (b"DiacriticalGrave;", b'`'),
    (b"lcub;", b'{'),
    (b"lbrace;", b'{'),
    (b"rcub;", b'}'),
    (b"rbrace;", b'}'),
    (b"verbar;", b'|'),
    (b"vert;", b'|'),
    (b"VerticalLine;", b'|'),
    (b"Tab;", b'\t'),
    (b"NewLine;", b'\n'),
    (b"AMP;", b'&'),
    (b"LT;", b'<'),
    (b"GT;", b'>'),
    (b"QUOT;", b'"'),
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
];

/// Maximum number of digits of a numeric character reference, including leading zeros.
const MAX_DIGITS: usize = 12;

/// Maximum number of spaces and tabs after a line break inside a word.
const MAX_INDENT: usize = 16;

/// The value of an escape: one character in UTF-8, one byte, or nothing.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    const NOTHING: Self = Self { bytes: [0; 4], length: 0 };

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

/// The bytes that start an escape of one kind.
///
/// Percent encoding, strings and HTML are undone at once, because their escapes are nested. Each is also undone alone,
/// so that an unrelated mark of another kind cannot hide the first characters of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EscapeMarks([u8; 3]);

impl EscapeMarks {
    pub(super) const ALL: Self = Self([b'%', b'\\', b'&']);
    pub(super) const LINE_BREAKS: Self = Self([b'\r', b'\n', b'\n']);
    pub(super) const QUOTED_PRINTABLE: Self = Self([b'='; 3]);
    /// The kinds that change a secret that itself looks escaped.
    pub(super) const KINDS: [Self; 2] = [Self::ALL, Self::QUOTED_PRINTABLE];

    /// Returns each kind of `ALL` whose mark the source contains, or none if it contains fewer than two kinds.
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

/// A text in which one level of escaping is undone.
pub(super) struct Unescaped {
    pub(super) text: Vec<u8>,
    /// The parts of the text that are near what was an escape. They are sorted and do not overlap.
    pub(super) near: Vec<Range<usize>>,
}

/// Undoes one level of escaping, or returns nothing if the source contains no escape.
///
/// Everything up to `reach` bytes around a decoded escape is near it.
pub(super) fn decode(source: &[u8], marks: EscapeMarks, reach: usize) -> Option<Unescaped> {
    let mut result = Vec::new();
    let mut near: Vec<Range<usize>> = Vec::new();
    let mut rest = source;
    let mut search_from = 0;
    while let Some(offset) = rest.get(search_from..).and_then(|rest| marks.find(rest)) {
        let (before, at_mark) = rest.split_at_checked(search_from + offset)?;
        let Some((length, decoded)) = decode_escape(at_mark) else {
            search_from = before.len() + 1;
            continue;
        };
        if near.is_empty() {
            result.reserve_exact(source.len());
        }
        result.extend_from_slice(before);
        let start = result.len().saturating_sub(reach);
        result.extend_from_slice(decoded.bytes.get(..decoded.length)?);
        let end = result.len() + reach;
        match near.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => near.push(start..end),
        }
        rest = at_mark.get(length..)?;
        search_from = 0;
    }
    let last = near.last_mut()?;
    result.extend_from_slice(rest);
    last.end = last.end.min(result.len());
    Some(Unescaped { text: result, near })
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
        [b'%', b'u', rest @ ..] => decode_utf16(text, rest),
        [b'%', high, low, ..] => decode_byte(3, [*high, *low]),
        [b'\\', rest @ ..] => decode_string_escape(text, rest),
        [b'&', b'#', b'x' | b'X', rest @ ..] => decode_numeric_reference(3, rest, 16),
        [b'&', b'#', rest @ ..] => decode_numeric_reference(2, rest, 10),
        // Other marks are usually followed by a space.
        [b'&', first, ..] if !first.is_ascii_alphabetic() => None,
        [b'&', rest @ ..] => HTML_NAMES
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map(|(name, byte)| (1 + name.len(), Decoded::byte(*byte))),
        // RFC 2045 §6.7: a soft line break, or a byte.
        [b'=', b'\r', b'\n', ..] => Some((3, Decoded::NOTHING)),
        [b'=', b'\n', ..] => Some((2, Decoded::NOTHING)),
        [b'=', high, low, ..] => decode_byte(3, [*high, *low]),
        [b'\r' | b'\n', ..] => decode_line_break(text),
        _ => None,
    }
}

/// Decodes an escape of a string, from its backslash.
fn decode_string_escape(text: &[u8], rest: &[u8]) -> Option<(usize, Decoded)> {
    match rest {
        [b'u' | b'x', b'{', digits @ ..] => {
            let (count, value) = read_digits(digits, 16);
            let character = char::from_u32(value?).filter(|_| digits.get(count) == Some(&b'}'))?;
            Some((count + 4, Decoded::character(character)))
        }
        [b'u', rest @ ..] => decode_utf16(text, rest),
        [b'U', rest @ ..] => {
            let (high, low) = (four_hex_digits(rest)?, four_hex_digits(rest.get(4..)?)?);
            Some((10, Decoded::character(char::from_u32(high << 16 | low)?)))
        }
        [b'x', high, low, ..] => decode_byte(4, [*high, *low]),
        // All three digits, because a backslash in front of a shorter number is more often an unrelated one.
        [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', ..] => {
            let value = rest.iter().take(3).fold(0, |value, byte| value << 3 | (byte - b'0'));
            Some((4, Decoded::byte(value)))
        }
        [character, ..] => {
            let byte = match character {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                // These two start an escape of another kind.
                b'%' | b'&' => return None,
                punctuation if punctuation.is_ascii_punctuation() => *punctuation,
                _ => return None,
            };
            Some((2, Decoded::byte(byte)))
        }
        [] => None,
    }
}

/// Decodes a line break that is followed by a character of base64, possibly after an indent.
fn decode_line_break(text: &[u8]) -> Option<(usize, Decoded)> {
    let after = text.strip_prefix(b"\r\n").or_else(|| text.get(1..))?;
    let indent = after.iter().take(MAX_INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let next = after.get(indent)?;
    let is_in_word = next.is_ascii_alphanumeric() || b"+/-_=".contains(next);
    is_in_word.then(|| (text.len() - after.len() + indent, Decoded::NOTHING))
}

/// Decodes two hexadecimal digits, for an escape of this length.
fn decode_byte(length: usize, [high, low]: [u8; 2]) -> Option<(usize, Decoded)> {
    let byte = digit(high, 16)? << 4 | digit(low, 16)?;
    Some((length, Decoded::byte(u8::try_from(byte).ok()?)))
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
    let (count, value) = read_digits(digits, radix);
    let semicolon = usize::from(digits.get(count) == Some(&b';'));
    Some((start + count + semicolon, Decoded::character(char::from_u32(value?)?)))
}

/// Returns how many digits a text starts with, up to [`MAX_DIGITS`], and their value.
fn read_digits(text: &[u8], radix: u32) -> (usize, Option<u32>) {
    let digits: Vec<u32> = text.iter().take(MAX_DIGITS).map_while(|byte| digit(*byte, radix)).collect();
    let add = |value: u32, digit: &u32| value.checked_mul(radix)?.checked_add(*digit);
    let value = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty());
    (digits.len(), value)
}

fn digit(byte: u8, radix: u32) -> Option<u32> {
    char::from(byte).to_digit(radix)
}
