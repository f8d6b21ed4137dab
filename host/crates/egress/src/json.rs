//! Puts one value into a JSON text and leaves every other byte as it was; refuses what two parsers read differently.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Why a JSON text does not take a value at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the body is not one JSON text without double keys")]
    NotOneText,
    #[error("the place is taken")]
    Taken,
    #[error("the place lies in what is not an object")]
    NoObject,
    #[error("the pointer names no member of an object")]
    Pointer,
}

/// Parts a JSON pointer (RFC 6901) into its keys; the empty one is refused, for it is the whole text.
pub(super) fn keys(pointer: &str) -> Result<Vec<String>, Refused> {
    let rest = pointer.strip_prefix('/').ok_or(Refused::Pointer)?;
    rest.split('/').map(key).collect::<Option<_>>().ok_or(Refused::Pointer)
}

fn key(escaped: &str) -> Option<String> {
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

/// Inserts a text at a pointer; the objects on the way that are missing are made.
///
/// Keys are compared without case: a server that does so would find another value there.
pub(super) fn insert(body: &[u8], pointer: &str, value: &str) -> Result<Vec<u8>, Refused> {
    let wanted = keys(pointer)?;
    let text = str::from_utf8(body).map_err(|_| Refused::NotOneText)?;
    serde_json::from_str::<Distinct>(text).map_err(|_| Refused::NotOneText)?;

    let mut scan = Scan { text: body, at: 0 };
    scan.blanks();
    let mut missing = wanted.as_slice();
    let mut opened = scan.at;
    while let [next, further @ ..] = missing {
        opened = scan.at;
        match scan.member(next)? {
            None => break,
            Some(()) if further.is_empty() => return Err(Refused::Taken),
            Some(()) => missing = further,
        }
    }
    // Right after the brace of the innermost object that is there.
    let inside = opened + 1;
    let mut scan = Scan { text: body, at: inside };
    scan.blanks();
    let comma = if scan.peek() == Some(b'}') { "" } else { "," };
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let opening: Vec<String> = missing.iter().map(|key| format!("{}:", quoted(key))).collect();
    let member =
        format!("{}{}{}{comma}", opening.join("{"), quoted(value), "}".repeat(missing.len().saturating_sub(1)));
    let (before, after) = body.split_at_checked(inside).ok_or(Refused::NotOneText)?;
    Ok([before, member.as_bytes(), after].concat())
}

/// Brings a key to the spelling that case-blind servers compare; upper case first, for the long s and the Kelvin sign.
pub(super) fn folded(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

/// Walks over a JSON text that is known to be well-formed.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes to the value of a member of the object that begins here; nothing when the object has no such member.
    fn member(&mut self, wanted: &str) -> Result<Option<()>, Refused> {
        if self.peek() != Some(b'{') {
            return Err(Refused::NoObject);
        }
        let mut place = None;
        loop {
            // The brace or the comma.
            self.at += 1;
            self.blanks();
            if self.peek() != Some(b'"') {
                break;
            }
            let start = self.at;
            self.string();
            let key: String = self
                .text
                .get(start..self.at)
                .and_then(|key| serde_json::from_slice(key).ok())
                .ok_or(Refused::NotOneText)?;
            self.blanks();
            self.at += 1;
            self.blanks();
            if key == wanted {
                place = Some(self.at);
            } else if folded(&key) == folded(wanted) {
                return Err(Refused::Taken);
            }
            self.value();
            self.blanks();
            if self.peek() != Some(b',') {
                break;
            }
        }
        Ok(place.map(|place| self.at = place))
    }

    /// Goes behind the string that begins here.
    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }

    /// Goes behind the value that begins here.
    fn value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
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

/// Any JSON value in which no object has a key twice.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctKeys)
    }
}

struct DistinctKeys;

impl<'de> Visitor<'de> for DistinctKeys {
    type Value = Distinct;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without double keys")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_str<E>(self, _: &str) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_unit<E>(self) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
        while items.next_element::<Distinct>()?.is_some() {}
        Ok(Distinct)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Distinct, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if !seen.insert(key) {
                members.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom("a key stands twice"));
            }
            members.next_value::<Distinct>()?;
        }
        Ok(Distinct)
    }
}

#[cfg(test)]
mod tests {
    use super::{Refused, insert};

    fn inserted(body: &str, pointer: &str) -> Result<String, Refused> {
        insert(body.as_bytes(), pointer, "x\"y").map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn every_other_byte_stays_as_it_was() {
        for (body, pointer, expected) in [
            ("{}", "/t", r#"{"t":"x\"y"}"#),
            (" { } ", "/a/t", r#" {"a":{"t":"x\"y"} } "#),
            (r#"{"n":1.00000000000000000001e5}"#, "/t", r#"{"t":"x\"y","n":1.00000000000000000001e5}"#),
            (r#"{"b":["}",{"a":1}],"a": {"c":"\"}"}}"#, "/a/t", r#"{"b":["}",{"a":1}],"a": {"t":"x\"y","c":"\"}"}}"#),
            (r#"{"a":{"b":{}},"z":0}"#, "/a/b/c/d", r#"{"a":{"b":{"c":{"d":"x\"y"}}},"z":0}"#),
            ("{}", "/a~1b~0", r#"{"a/b~":"x\"y"}"#),
        ] {
            assert_eq!(inserted(body, pointer).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_another_parser_reads_differently_is_refused() {
        for (body, pointer, expected) in [
            (r#"{"to\u212aen":1}"#, "/token", Refused::Taken),
            (r#"{"\u017f":1}"#, "/s", Refused::Taken),
            (r#"{"A":{}}"#, "/a/t", Refused::Taken),
            (r#"{"x":{"y":1,"\u0079":2}}"#, "/t", Refused::NotOneText),
            ("\u{feff}{}", "/t", Refused::NotOneText),
            ("{\"a\":NaN}", "/t", Refused::NotOneText),
            ("{}", "", Refused::Pointer),
            ("{}", "/a~2", Refused::Pointer),
            ("{\"a\":[{}]}", "/a/0/t", Refused::NoObject),
        ] {
            assert_eq!(inserted(body, pointer), Err(expected), "{body}");
        }
        assert_eq!(inserted(&"[".repeat(100_000), "/t"), Err(Refused::NotOneText));
    }
}
