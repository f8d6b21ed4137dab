//! Undoes one level of percent, JSON and HTML escaping, and leads places in the result back to the source.
//!
//! It is no parser of any of the three: whatever can be read as an escape is read as one.

use std::ops::Range;

/// The HTML names of the ASCII marks that stand in secrets and their codings.
const NAMED: &[(&[u8], u8)] = &[
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

/// The most digits of a numeric reference: leading zeros are taken, endless ones are not.
const DIGITS: usize = 12;

/// What an escape stands for: one character in UTF-8, or one byte.
struct Plain {
    bytes: [u8; 4],
    length: usize,
}

impl Plain {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn letter(letter: char) -> Self {
        let mut bytes = [0; 4];
        let length = letter.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }
}

/// A stretch of the source: as it stands, or an escape and what it stands for.
enum Piece {
    Same(Range<usize>),
    Escape(Range<usize>, Plain),
}

/// The marks that begin an escape: of percent encoding, of JSON, of HTML.
///
/// All are undone at once, for dresses are worn over one another; and each by itself, for then a stray mark of
/// another kind cannot swallow the first letters of a secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks([u8; 3]);

impl Marks {
    pub(super) const ALL: Self = Self([b'%', b'\\', b'&']);

    /// The marks that stand in a source, each by itself; none when there are not two kinds.
    pub(super) fn each_in(source: &[u8]) -> Vec<Self> {
        let standing: Vec<Self> = Self::ALL
            .0
            .into_iter()
            .filter(|mark| memchr::memchr(*mark, source).is_some())
            .map(|mark| Self([mark; 3]))
            .collect();
        if standing.len() < 2 { Vec::new() } else { standing }
    }

    fn find(self, text: &[u8]) -> Option<usize> {
        let [one, two, three] = self.0;
        memchr::memchr3(one, two, three, text)
    }
}

/// Parts a source into pieces.
struct Pieces<'a> {
    source: &'a [u8],
    marks: Marks,
    at: usize,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let start = self.at;
        let mut look = start;
        loop {
            let rest = self.source.get(look..)?;
            let Some(jump) = self.marks.find(rest) else {
                self.at = self.source.len();
                return (start < self.at).then_some(Piece::Same(start..self.at));
            };
            let mark = look + jump;
            let Some((length, plain)) = self.source.get(mark..).and_then(escape) else {
                look = mark + 1;
                continue;
            };
            if mark > start {
                // The escape is met again at once, at the start of the next piece.
                self.at = mark;
                return Some(Piece::Same(start..mark));
            }
            self.at = mark + length;
            return Some(Piece::Escape(mark..self.at, plain));
        }
    }
}

/// Undoes one level of escaping; nothing when there is none.
///
/// Each escape's letters after its mark are shown to `look`, once for each letter with which a text may begin there.
pub(super) fn decode(source: &[u8], marks: Marks, mut look: impl FnMut(&[u8])) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut rest = source;
    let mut from = 0;
    while let Some(jump) = rest.get(from..).and_then(|rest| marks.find(rest)) {
        let (before, at_mark) = rest.split_at_checked(from + jump)?;
        let Some((length, plain)) = escape(at_mark) else {
            from = before.len() + 1;
            continue;
        };
        if decoded.capacity() == 0 {
            decoded.reserve_exact(source.len());
        }
        decoded.extend_from_slice(before);
        decoded.extend_from_slice(plain.bytes.get(..plain.length)?);
        (1..length).filter_map(|letter| at_mark.get(letter..)).for_each(&mut look);
        rest = at_mark.get(length..)?;
        from = 0;
    }
    if decoded.capacity() == 0 {
        return None;
    }
    decoded.extend_from_slice(rest);
    Some(decoded)
}

/// Leads places of the decoded bytes back to the source; they are in order and apart, and an escape stays whole.
pub(super) fn originals(source: &[u8], marks: Marks, places: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(places.len());
    if places.is_empty() {
        return found;
    }
    let mut places = places.iter();
    let mut place = places.next();
    let mut begun = None;
    let mut decoded = 0;
    for piece in (Pieces { source, marks, at: 0 }) {
        let (original, length, whole) = match piece {
            Piece::Same(range) => (range.clone(), range.len(), false),
            Piece::Escape(range, plain) => (range, plain.length, true),
        };
        let next = decoded + length;
        while let Some(wanted) = place {
            if begun.is_none() && wanted.start < next {
                begun = Some(original.start + if whole { 0 } else { wanted.start - decoded });
            }
            let Some(start) = begun.filter(|_| wanted.end <= next) else { break };
            found.push(start..if whole { original.end } else { original.start + (wanted.end - decoded) });
            begun = None;
            place = places.next();
        }
        decoded = next;
    }
    found
}

/// Reads the escape at the start of a text: its length, and what it stands for.
fn escape(text: &[u8]) -> Option<(usize, Plain)> {
    match text {
        [b'%', b'u', rest @ ..] | [b'\\', b'u', rest @ ..] => utf16(text, rest),
        [b'%', high, low, ..] | [b'\\', b'x', high, low, ..] => {
            let byte = digit(*high, 16)? << 4 | digit(*low, 16)?;
            Some((if text.starts_with(b"%") { 3 } else { 4 }, Plain::byte(u8::try_from(byte).ok()?)))
        }
        [b'\\', mark, ..] => {
            let byte = match mark {
                b'/' | b'\\' | b'"' | b'\'' => *mark,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                _ => return None,
            };
            Some((2, Plain::byte(byte)))
        }
        [b'&', b'#', b'x' | b'X', rest @ ..] => reference(3, rest, 16),
        [b'&', b'#', rest @ ..] => reference(2, rest, 10),
        [b'&', rest @ ..] => NAMED
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map(|(name, byte)| (1 + name.len(), Plain::byte(*byte))),
        _ => None,
    }
}

/// Reads `uXXXX` after a mark, and the second half of a surrogate pair.
fn utf16(text: &[u8], rest: &[u8]) -> Option<(usize, Plain)> {
    let unit = four(rest)?;
    if let Some(letter) = char::from_u32(unit) {
        return Some((6, Plain::letter(letter)));
    }
    let second = text.get(6..).filter(|second| second.starts_with(text.get(..2).unwrap_or_default()))?;
    let low = four(second.get(2..)?)?;
    let pair = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
    let letter = char::decode_utf16(pair).next()?.ok()?;
    Some((12, Plain::letter(letter)))
}

fn four(digits: &[u8]) -> Option<u32> {
    digits.get(..4)?.iter().try_fold(0, |value, letter| Some(value << 4 | digit(*letter, 16)?))
}

/// Reads the digits of a numeric reference; browsers do without its semicolon.
fn reference(start: usize, digits: &[u8], radix: u32) -> Option<(usize, Plain)> {
    let count = digits.iter().take(DIGITS).take_while(|letter| digit(**letter, radix).is_some()).count();
    let value = digits
        .get(..count)
        .filter(|digits| !digits.is_empty())?
        .iter()
        .try_fold(0_u32, |value, letter| value.checked_mul(radix)?.checked_add(digit(*letter, radix)?))?;
    let semicolon = usize::from(digits.get(count) == Some(&b';'));
    Some((start + count + semicolon, Plain::letter(char::from_u32(value)?)))
}

fn digit(letter: u8, radix: u32) -> Option<u32> {
    char::from(letter).to_digit(radix)
}
