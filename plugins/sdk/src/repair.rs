//! Repairs a JSON document that is unreadable as a whole although only one of its values is wrong.
//!
//! Providers send such documents: a name that was cut in the middle of an emoji becomes half a surrogate pair, and a
//! database in another encoding adds bytes that are not UTF-8.

use crate::http::Response;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Numbers that some serializers write although JSON does not have them.
const NOT_NUMBERS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// Repairs the body of a response if it is a JSON object or list. Any other body stays as it is.
pub(crate) fn repair_body(mut response: Response) -> Response {
    let content_type = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let may_be_json = content_type.is_empty() || content_type.contains("json") || content_type.starts_with("text/");
    if may_be_json && let Some(repaired) = repair(&response.body) {
        response.body = repaired;
    }
    response
}

/// Returns the repaired document; `None` if it is no object or list, or if there is nothing to repair.
///
/// A byte order mark is removed. In strings, bytes that are not UTF-8 and halves of a surrogate pair become U+FFFD, raw
/// control characters are escaped, and the backslash of an unknown escape becomes a character. Numbers that JSON does
/// not have become null.
fn repair(body: &[u8]) -> Option<Vec<u8>> {
    let document = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if !matches!(document.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    match std::str::from_utf8(document) {
        Ok(_) => repair_strings(document).or_else(|| (document.len() < body.len()).then(|| document.to_vec())),
        Err(_) => {
            let document = String::from_utf8_lossy(document).into_owned().into_bytes();
            repair_strings(&document).or(Some(document))
        }
    }
}

/// Repairs a document in UTF-8. Returns `None` if there is nothing to repair.
fn repair_strings(document: &[u8]) -> Option<Vec<u8>> {
    let mut repaired: Option<Vec<u8>> = None;
    let (mut copied, mut at, mut in_string) = (0, 0, false);
    while let Some(&byte) = document.get(at) {
        let rest = &document[at..];
        let (length, replacement): (usize, Option<String>) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => check_escape(rest),
            0..=0x1f if in_string => (1, Some(format!("\\u{byte:04x}"))),
            b'N' | b'I' | b'-' if !in_string => {
                let name = NOT_NUMBERS.into_iter().find(|name| rest.starts_with(name));
                name.map_or((1, None), |name| (name.len(), Some("null".into())))
            }
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            let repaired = repaired.get_or_insert_with(|| Vec::with_capacity(document.len()));
            repaired.extend_from_slice(&document[copied..at]);
            repaired.extend_from_slice(replacement.as_bytes());
            copied = at + length;
        }
        at += length;
    }
    repaired.as_mut()?.extend_from_slice(&document[copied..]);
    repaired
}

/// Returns the length of the escape at the start of `rest`, and its replacement if it is not valid.
fn check_escape(rest: &[u8]) -> (usize, Option<String>) {
    let unit = match rest.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return (2, None),
        None => return (1, None),
        _ => code_unit(rest),
    };
    match unit {
        Some(0xd800..=0xdbff) if matches!(code_unit(&rest[6..]), Some(0xdc00..=0xdfff)) => (12, None),
        Some(0xd800..=0xdfff) => (6, Some("\\ufffd".into())),
        Some(_) => (6, None),
        None => (1, Some("\\\\".into())),
    }
}

/// Parses `\u` and four hexadecimal digits.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(body: &[u8]) -> Option<String> {
        repair(body).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_valid_document_is_not_copied() {
        for body in ["{}", "[1,-2,null]", r#"{"a":"\ud83d\ude00 \\u \" é","N":"NaN \u00e9"}"#, r#"{"cut":"off\"#, ""] {
            assert_eq!(repaired(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        for half in [r"\ud83d", r"\ude00", r"\uD83D", r"\ude00\ud83d"] {
            let body = format!(r#"{{"name":"Ana {half}","id":"U1"}}"#);
            let expected = format!(r#"{{"name":"Ana {}","id":"U1"}}"#, r"\ufffd".repeat(half.len() / 6));
            assert_eq!(repaired(body.as_bytes()), Some(expected), "{half}");
        }
        assert_eq!(repaired(br#"["\ud83d\u0041"]"#).as_deref(), Some(r#"["\ufffd\u0041"]"#));
    }

    #[test]
    fn bytes_that_are_not_utf_8_become_the_replacement_character() {
        assert_eq!(repaired(b"[\"Andr\xe9\"]").as_deref(), Some("[\"Andr\u{fffd}\"]"));
        assert_eq!(
            repaired(b"[\"\xed\xa0\xbd \xff\",\"\t\"]").as_deref().map(|text| text.ends_with(r#","\u0009"]"#)),
            Some(true)
        );
    }

    #[test]
    fn a_byte_order_mark_and_raw_control_characters_do_no_harm() {
        assert_eq!(repaired(b"\xef\xbb\xbf{}").as_deref(), Some("{}"));
        assert_eq!(repaired(b"{\"a\":\"b\tc\n\0\"}").as_deref(), Some(r#"{"a":"b\u0009c\u000a\u0000"}"#));
    }

    #[test]
    fn an_unknown_escape_is_a_backslash_and_an_unknown_number_is_null() {
        assert_eq!(repaired(br#"["\x41 \u12 \'"]"#).as_deref(), Some(r#"["\\x41 \\u12 \\'"]"#));
        assert_eq!(repaired(br#"[NaN,-Infinity,"NaN",Infinity]"#).as_deref(), Some(r#"[null,null,"NaN",null]"#));
    }

    #[test]
    fn a_body_that_is_no_object_or_list_stays_as_it_is() {
        for body in [&b"<html>\xff</html>"[..], b"\x89PNG\xff", b"\xef\xbb\xbfid,name"] {
            assert_eq!(repair(body), None, "{body:?}");
        }
    }
}
