//! Recognizes text that a program read in the wrong encoding: `BjÃ¸rn` for `Bjørn`. Pure.

/// The bytes that differ between Windows-1252 and Latin-1: the characters of 0x80 to 0x9F. Unassigned ones are 0.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// What Mac OS Roman and the DOS code pages show for the first byte of a Latin letter in UTF-8.
const OTHER_STARTS: [char; 7] = ['√', '≈', '¬', '├', '┬', '┼', '─'];

const WRONG_ENCODING: &str = "contains characters of a wrong encoding, such as Ã¸ for ø; open the original file as UTF-8, and save it as CSV in \
     UTF-8";

/// Finds characters that a program made of others when it read or saved a file in the wrong encoding.
///
/// Returns what is wrong and what to do, without a subject.
#[must_use]
pub fn find_garbling(text: &str) -> Option<&'static str> {
    if text.is_ascii() {
        return has_lost_letter(text).then_some(LOST_LETTER);
    }
    let characters: Vec<char> = text.chars().collect();
    let is_garbled = (0..characters.len()).any(|at| is_utf8_as_windows_1252(&characters[at..]))
        || characters.windows(2).any(|two| OTHER_STARTS.contains(&two[0]) && !two[1].is_ascii());
    if is_garbled {
        return Some(WRONG_ENCODING);
    }
    has_lost_letter(text).then_some(LOST_LETTER)
}

const LOST_LETTER: &str =
    "has lost a letter when it was saved in an encoding without it; correct it, and save the file as CSV in UTF-8";

/// Returns whether the text starts with a character in UTF-8 whose bytes were read as Windows-1252.
fn is_utf8_as_windows_1252(text: &[char]) -> bool {
    let bytes: Vec<u8> = text.iter().take(4).map_while(|character| to_windows_1252(*character)).collect();
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return false,
    };
    let decoded = bytes.get(..length).and_then(|bytes| str::from_utf8(bytes).ok()).and_then(|text| text.chars().next());
    // In these ranges, the two characters for one are not next to each other in any name.
    decoded.is_some_and(|character| {
        length > 2
            || matches!(u32::from(character), 0xa0..=0x17f | 0x218..=0x21b | 0x384..=0x3ce | 0x400..=0x47f | 0x5d0..=0x6ff)
    })
}

fn to_windows_1252(character: char) -> Option<u8> {
    let position = WINDOWS_1252.iter().position(|known| *known == character);
    match position.and_then(|position| u8::try_from(position).ok()) {
        Some(position) => Some(0x80 + position),
        None => u8::try_from(u32::from(character)).ok().filter(|byte| !(0x80..0xa0).contains(byte)),
    }
}

/// Returns whether a letter was replaced by U+FFFD, or by a question mark between two letters.
fn has_lost_letter(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let is_between_letters = |three: &[char]| three[0].is_alphabetic() && three[1] == '?' && three[2].is_alphabetic();
    characters.contains(&'\u{fffd}') || characters.windows(3).any(is_between_letters)
}
