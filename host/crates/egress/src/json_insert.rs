//! Inserts one value into a JSON document without changing any other byte.
//!
//! A document that two parsers could read differently is rejected.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Why a value cannot be inserted into a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonInsertError {
    #[error("the body is not a JSON document, or an object in it has a duplicate key")]
    InvalidDocument,
    #[error("the body already has a value where the credential is placed")]
    AlreadySet,
    #[error("the credential cannot be placed inside a value that is not an object")]
    NotAnObject,
    #[error("the JSON pointer does not name a member of an object")]
    InvalidPointer,
}

/// Splits a JSON pointer (RFC 6901) into its keys.
///
/// The empty pointer is rejected, because it names the whole document.
pub(crate) fn parse_pointer(pointer: &str) -> Result<Vec<String>, JsonInsertError> {
    let rest = pointer.strip_prefix('/').ok_or(JsonInsertError::InvalidPointer)?;
    rest.split('/').map(unescape_key).collect::<Option<_>>().ok_or(JsonInsertError::InvalidPointer)
}

fn unescape_key(escaped: &str) -> Option<String> {
    let mut parts = escaped.split('~');
    let mut key = parts.next().filter(|first| !first.is_empty() || escaped.starts_with('~'))?.to_owned();
    for part in parts {
        key.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        key.push_str(part.get(1..)?);
    }
    Some(key)
}

/// Inserts a string at a JSON pointer.
///
/// Missing objects on the path are created. A key that differs only in case counts as the same key, because some
/// servers ignore case.
pub(crate) fn insert(body: &[u8], pointer: &str, value: &str) -> Result<Vec<u8>, JsonInsertError> {
    let keys = parse_pointer(pointer)?;
    let text = str::from_utf8(body).map_err(|_| JsonInsertError::InvalidDocument)?;
    serde_json::from_str::<UniqueKeys>(text).map_err(|_| JsonInsertError::InvalidDocument)?;

    let mut scanner = JsonScanner { text: body, at: 0 };
    scanner.skip_whitespace();
    let mut missing = keys.as_slice();
    let mut object_start = scanner.at;
    while let [next, rest @ ..] = missing {
        object_start = scanner.at;
        match scanner.enter_member(next)? {
            None => break,
            Some(()) if rest.is_empty() => return Err(JsonInsertError::AlreadySet),
            Some(()) => missing = rest,
        }
    }
    // Directly after the opening brace of the innermost object that exists.
    let inside = object_start + 1;
    let mut scanner = JsonScanner { text: body, at: inside };
    scanner.skip_whitespace();
    let comma = if scanner.peek() == Some(b'}') { "" } else { "," };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let opening: Vec<String> = missing.iter().map(|key| format!("{}:", quoted(key))).collect();
    let member =
        format!("{}{}{}{comma}", opening.join("{"), quoted(value), "}".repeat(missing.len().saturating_sub(1)));
    let (before, after) = body.split_at_checked(inside).ok_or(JsonInsertError::InvalidDocument)?;
    Ok([before, member.as_bytes(), after].concat())
}

/// Folds the case of a key.
///
/// Upper case comes first, so that the long s and the Kelvin sign become `s` and `k`.
pub(crate) fn fold_case(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

/// Walks through a JSON document that is known to be well-formed.
struct JsonScanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl JsonScanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Moves to the value of a member of the object that starts here, or returns nothing if it has no such member.
    fn enter_member(&mut self, wanted: &str) -> Result<Option<()>, JsonInsertError> {
        if self.peek() != Some(b'{') {
            return Err(JsonInsertError::NotAnObject);
        }
        let mut value_start = None;
        loop {
            // The opening brace or the comma.
            self.at += 1;
            self.skip_whitespace();
            if self.peek() != Some(b'"') {
                break;
            }
            let start = self.at;
            self.skip_string();
            let key: String = self
                .text
                .get(start..self.at)
                .and_then(|key| serde_json::from_slice(key).ok())
                .ok_or(JsonInsertError::InvalidDocument)?;
            self.skip_whitespace();
            self.at += 1;
            self.skip_whitespace();
            if key == wanted {
                value_start = Some(self.at);
            } else if fold_case(&key) == fold_case(wanted) {
                return Err(JsonInsertError::AlreadySet);
            }
            self.skip_value();
            self.skip_whitespace();
            if self.peek() != Some(b',') {
                break;
            }
        }
        Ok(value_start.map(|start| self.at = start))
    }

    /// Moves past the string that starts here.
    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }

    /// Moves past the value that starts here.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth <= 1 => {
                    self.at += depth;
                    return;
                }
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Any JSON value without duplicate keys.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor)
    }
}

struct UniqueKeysVisitor;

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without duplicate keys")
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_unit<E>(self) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<UniqueKeys, A::Error> {
        while items.next_element::<UniqueKeys>()?.is_some() {}
        Ok(UniqueKeys)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueKeys, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if !seen.insert(key) {
                members.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom("duplicate key"));
            }
            members.next_value::<UniqueKeys>()?;
        }
        Ok(UniqueKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonInsertError, insert};

    fn insert_text(body: &str, pointer: &str) -> Result<String, JsonInsertError> {
        insert(body.as_bytes(), pointer, "x\"y").map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn every_other_byte_is_unchanged() {
        for (body, pointer, expected) in [
            ("{}", "/t", r#"{"t":"x\"y"}"#),
            (" { } ", "/a/t", r#" {"a":{"t":"x\"y"} } "#),
            (r#"{"n":1.00000000000000000001e5}"#, "/t", r#"{"t":"x\"y","n":1.00000000000000000001e5}"#),
            (r#"{"b":["}",{"a":1}],"a": {"c":"\"}"}}"#, "/a/t", r#"{"b":["}",{"a":1}],"a": {"t":"x\"y","c":"\"}"}}"#),
            (r#"{"a":{"b":{}},"z":0}"#, "/a/b/c/d", r#"{"a":{"b":{"c":{"d":"x\"y"}}},"z":0}"#),
            ("{}", "/a~1b~0", r#"{"a/b~":"x\"y"}"#),
        ] {
            assert_eq!(insert_text(body, pointer).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_document_that_another_parser_reads_differently_is_rejected() {
        for (body, pointer, expected) in [
            (r#"{"to\u212aen":1}"#, "/token", JsonInsertError::AlreadySet),
            (r#"{"\u017f":1}"#, "/s", JsonInsertError::AlreadySet),
            (r#"{"A":{}}"#, "/a/t", JsonInsertError::AlreadySet),
            (r#"{"x":{"y":1,"\u0079":2}}"#, "/t", JsonInsertError::InvalidDocument),
            ("\u{feff}{}", "/t", JsonInsertError::InvalidDocument),
            ("{\"a\":NaN}", "/t", JsonInsertError::InvalidDocument),
            ("{}", "", JsonInsertError::InvalidPointer),
            ("{}", "/a~2", JsonInsertError::InvalidPointer),
            ("{\"a\":[{}]}", "/a/0/t", JsonInsertError::NotAnObject),
        ] {
            assert_eq!(insert_text(body, pointer), Err(expected), "{body}");
        }
        assert_eq!(insert_text(&"[".repeat(100_000), "/t"), Err(JsonInsertError::InvalidDocument));
    }
}
