//! What spreadsheet programs do to the cells of a table: translated booleans, damaged ids, garbled names. Pure.
//!
//! `host/crates/console/web/spreadsheet.js` has the same rules. `tests/data/spreadsheet-cells.json` tests both.

use crate::garbled;

/// What spreadsheet programs write for true, in the languages in which they translate it, and the words for yes.
const TRUE: &[&str] = &[
    "true",
    "yes",
    "y",
    "1",
    "wahr",
    "ja",
    "vrai",
    "oui",
    "verdadero",
    "sí",
    "si",
    "vero",
    "sì",
    "verdadeiro",
    "sim",
    "waar",
    "prawda",
    "tak",
    "sann",
    "sant",
    "sand",
    "tosi",
    "pravda",
    "igaz",
    "doğru",
    "истина",
    "да",
    "істина",
    "cert",
    "adevărat",
    "tõene",
];

/// What spreadsheet programs write for false, in the same languages.
const FALSE: &[&str] = &[
    "false",
    "no",
    "n",
    "0",
    "falsch",
    "nein",
    "faux",
    "non",
    "falso",
    "não",
    "nao",
    "onwaar",
    "nee",
    "fałsz",
    "nie",
    "usann",
    "usant",
    "falskt",
    "falsk",
    "epätosi",
    "nepravda",
    "hamis",
    "yanlış",
    "yanliş",
    "ложь",
    "нет",
    "хибність",
    "fals",
    "väär",
    "nei",
    "nej",
];

/// Error values that neither end in `!` nor in `?`, in the languages in which they are translated.
const ERRORS: &[&str] =
    &["#n/a", "#n/d", "#n/b", "#nv", "#н/д", "#i/t", "#hiányzik", "#yok", "#nedostupný", "#getting_data"];

/// Texts with which people and programs fill a cell that has no value.
const PLACEHOLDERS: &[&str] = &[
    "n/a",
    "n.a.",
    "n.a",
    "n/d",
    "k.a.",
    "s/o",
    "none",
    "null",
    "(null)",
    "<null>",
    "nil",
    "nan",
    "undefined",
    "(blank)",
    "(empty)",
    "tbd",
    "unknown",
    "missing",
    "[object object]",
];

/// The first letters of the months in the languages in which spreadsheet programs shorten them.
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sept", "mrz", "mär", "mai",
    "okt", "dez", "janv", "févr", "fevr", "mars", "avr", "juin", "juil", "août", "aout", "déc", "ene", "abr", "ago",
    "dic", "gen", "mag", "giu", "lug", "set", "ott", "fev", "out", "mrt", "mei", "maj", "sty", "lut", "kwi", "cze",
    "lip", "sie", "wrz", "paź", "lis", "gru", "янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт",
    "ноя",
];

/// The digits of a number that a spreadsheet program keeps. It replaces the others by zeros.
const KEPT_DIGITS: usize = 15;

/// The shortest rounded number that is recognized. A shorter number may end in zeros by chance.
const MIN_ROUNDED_DIGITS: usize = KEPT_DIGITS + 3;

/// Parses a boolean, as people write it and as a spreadsheet program in any of twenty languages does.
#[must_use]
pub fn parse_boolean(cell: &str) -> Option<bool> {
    let word = cell.to_lowercase();
    let is_one_of = |words: &[&str]| words.contains(&word.as_str());
    if is_one_of(TRUE) { Some(true) } else { is_one_of(FALSE).then_some(false) }
}

/// Finds what a spreadsheet program did to an id, and returns it with what to do, without a subject.
///
/// An id can have such a form in rare cases, so only files and lists are checked, and not an id that is set alone.
#[must_use]
pub fn find_id_damage(id: &str) -> Option<&'static str> {
    if is_scientific(id) || is_rounded(id) {
        return Some(
            "is a long number that a spreadsheet rounded; format the column as text, enter the ids again, and save the \
             file again",
        );
    }
    if is_error(id) {
        return Some("is an error of a spreadsheet and not an id; correct the formula, or empty the cell");
    }
    if id.starts_with('#') && id.chars().all(|character| character == '#') {
        return Some("was too wide for its column in a spreadsheet; widen the column, and save the file again");
    }
    if is_truth_value(id) {
        return Some("is a truth value and not an id; format the column as text, and enter the id again");
    }
    if is_date(id) {
        return Some(
            "is a date or a time that a spreadsheet made of an id; format the column as text, and enter the id again",
        );
    }
    if is_decimal(id) {
        return Some(
            "is an id that a program turned into a decimal number; format the column as text, and enter the id again",
        );
    }
    if is_placeholder(id) {
        return Some("stands for no value; remove the line, or enter the id");
    }
    if id.is_ascii() { None } else { garbled::find_garbling(id) }
}

/// Returns whether a text is a number as `1.08457E+20` or `1,08457E+20`.
fn is_scientific(id: &str) -> bool {
    let Some((mantissa, exponent)) = id.split_once(['E', 'e']) else { return false };
    let digits = exponent.strip_prefix(['+', '-', '\u{2212}']).unwrap_or_default();
    let (whole, fraction) = mantissa.split_once(['.', ',', '\u{66b}']).unwrap_or((mantissa, "0"));
    is_number(whole.trim_start_matches(['+', '-', '\u{2212}']), 15) && is_number(fraction, 30) && is_number(digits, 3)
}

/// Returns whether a text is a long number of which only the first fifteen digits are not zero.
fn is_rounded(id: &str) -> bool {
    let (whole, fraction) = id.split_once(['.', ',']).unwrap_or((id, "0"));
    let digits: String = whole.chars().filter(|character| !is_group_separator(*character)).collect();
    let rest = digits.get(KEPT_DIGITS..).unwrap_or_default();
    digits.len() >= MIN_ROUNDED_DIGITS
        && is_number(&digits, usize::MAX)
        && rest.bytes().all(|digit| digit == b'0')
        && fraction.bytes().all(|digit| digit == b'0')
}

/// Returns whether a text is an error value such as `#N/A`, `#WERT!` or `Err:502`.
fn is_error(id: &str) -> bool {
    let word = id.to_lowercase();
    if let Some(number) = word.strip_prefix("err:") {
        return is_number(number, 3);
    }
    let Some(name) = word.strip_prefix('#') else { return false };
    let is_name = |character: char| character.is_alphabetic() || matches!(character, '/' | '_' | '0' | '¡' | '¿');
    let inner = name.strip_suffix(['!', '?']);
    ERRORS.contains(&word.as_str()) || inner.is_some_and(|name| !name.is_empty() && name.chars().all(is_name))
}

/// Returns whether a text is what a spreadsheet program writes for a truth value.
///
/// In other languages than English, only if it is in capital letters: `sand` may be the id of a person.
fn is_truth_value(id: &str) -> bool {
    let word = id.to_lowercase();
    let is_long = word.chars().count() > 3;
    matches!(word.as_str(), "true" | "false") || (is_long && parse_boolean(id).is_some() && id == id.to_uppercase())
}

/// Returns whether a text is a date or a time as a spreadsheet program shows one: `02-Jan`, `1.2.2026`, `12:30`.
fn is_date(id: &str) -> bool {
    // Only in `2026-01-02T10:30`, and not in `02-OCT`.
    let with_time = id.split_at_checked(10).and_then(|(date, time)| {
        let time = time.strip_prefix('T')?;
        Some(format!("{date} {}", time.trim_end_matches('Z')))
    });
    let id = with_time.as_deref().unwrap_or(id);
    let separators = ['-', '/', '.', ' ', ':', '\u{a0}'];
    let parts: Vec<&str> = id.split(separators).filter(|part| !part.is_empty()).collect();
    let is_day = |part: &str| is_number(part, 2) && (1..=31).contains(&number(part));
    let is_month = |part: &str| is_day(part) && number(part) <= 12;
    let is_month_name = |part: &str| MONTHS.contains(&part.to_lowercase().as_str());
    let is_year = |part: &str| matches!(part.len(), 2 | 4) && is_number(part, 4);
    let is_long_year = |part: &str| part.len() == 4 && (1900..2200).contains(&number(part));
    let is_time = |parts: &[&str]| {
        matches!(parts.len(), 2..=4) && is_number(parts[0], 2) && parts[1..].iter().all(|part| is_number(part, 6))
    };
    let has = |character: char| id.contains(character);
    match parts.as_slice() {
        [hours, rest @ ..] if has(':') && !has('-') && !has('/') && !has('.') && !rest.is_empty() => {
            is_number(hours, 2) && parts.iter().all(|part| part.len() <= 2 && is_number(part, 2) && number(part) < 60)
        }
        [day, month] if is_month_name(month) => is_day(day),
        [month, year] if is_month_name(month) => is_year(year),
        [day, month] => has('/') && (is_day(day) && is_month(month) || is_month(day) && is_day(month)),
        [day, month, year, time @ ..] if is_month_name(month) => {
            is_day(day) && is_year(year) && (time.is_empty() || is_time(time))
        }
        [year, month, day, time @ ..] if is_long_year(year) => {
            is_month(month) && is_day(day) && (time.is_empty() || is_time(time))
        }
        [day, month, year, time @ ..] if !has(':') || !time.is_empty() => {
            let is_day_and_month = is_day(day) && is_month(month) || is_month(day) && is_day(month);
            let is_certain = has('/') || has('.') || is_long_year(year);
            is_day_and_month && is_year(year) && is_certain && (time.is_empty() || is_time(time))
        }
        _ => false,
    }
}

/// Returns whether a text is a whole number with an empty fraction or with grouped digits: `12345.0`, `1,084,570`.
fn is_decimal(id: &str) -> bool {
    if let Some((whole, fraction)) = id.rsplit_once(['.', ','])
        && is_number(whole, usize::MAX)
        && whole.len() > 1
        && is_number(fraction, 2)
        && fraction.bytes().all(|digit| digit == b'0')
    {
        return true;
    }
    let groups: Vec<&str> = id.split(is_group_separator).collect();
    let first = groups.first().copied().unwrap_or_default();
    groups.len() > 2 && is_number(first, 3) && groups[1..].iter().all(|group| group.len() == 3 && is_number(group, 3))
}

/// Returns whether a text says that there is no value: only zeros, only dashes or dots, `n/a`, `none`.
fn is_placeholder(id: &str) -> bool {
    let is_blank = |character: char| {
        matches!(character, '-' | '_' | '.' | '?' | '*' | '/' | '~' | '…' | '\u{2010}'..='\u{2015}' | '\u{2212}')
    };
    let is_zero = id.starts_with('0') && id.chars().all(|character| matches!(character, '0' | '.' | ','));
    id == "NA" || is_zero || id.chars().all(is_blank) || PLACEHOLDERS.contains(&id.to_lowercase().as_str())
}

fn is_group_separator(character: char) -> bool {
    matches!(character, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}')
}

fn is_number(text: &str, max_digits: usize) -> bool {
    (1..=max_digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}
