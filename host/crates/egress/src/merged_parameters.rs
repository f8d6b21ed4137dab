//! The parameters that a server may read from a request: those of its query and of its body, as one list.
//!
//! Many frameworks merge them (PHP's `$_REQUEST`, the `params` of Rails and Laravel), whatever the body is: a form,
//! multipart or JSON. So a key in the body can replace one in the query, and `_method` can replace the method.

use std::fmt;

use jackfield_core::manifest::Method;
use percent_encoding::percent_decode;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use crate::{error::Denial, json_insert::fold_case, outgoing_request::OutgoingRequest};

/// How often a key is percent-decoded before it is compared. A correct server decodes it once; proxies and careless code
/// may do so twice more.
const MAX_DECODINGS: usize = 3;

/// The parameters with which frameworks and APIs let a request replace its method: those of Rails, Laravel and Symfony,
/// those of large APIs, and the header names that some frameworks also accept as parameters.
const METHOD_OVERRIDES: [&str; 7] = [
    "_method",
    "_http_method",
    "_HttpMethod",
    "$httpMethod",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
];

/// The charsets in which ASCII characters have their own bytes.
const ASCII_CHARSETS: [&str; 7] = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"];

/// Checks that no parameter of the request replaces its method, which the endpoint declares.
///
/// # Errors
/// A denial by rule `method`.
pub(crate) fn require_no_method_override(request: &OutgoingRequest) -> Result<(), Denial> {
    if query_sets(request, &METHOD_OVERRIDES) || body_sets(request, &METHOD_OVERRIDES) {
        let message =
            "a parameter such as `_method` could replace the method of the request, or its body cannot be checked";
        return Err(Denial::new("method", message));
    }
    Ok(())
}

/// Returns whether requests of this method have a body.
///
/// Servers that ignore the body of the others read it as the next request on the same connection.
pub(crate) fn has_body(method: Method) -> bool {
    !matches!(method, Method::Get | Method::Head)
}

/// Returns whether the query sets one of these keys, in any spelling that some server takes for it.
pub(crate) fn query_sets(request: &OutgoingRequest, keys: &[&str]) -> bool {
    pairs_set(request.url.query().unwrap_or_default().as_bytes(), keys)
}

/// Returns whether the body sets one of these keys, in any spelling and any format that some server takes for it.
///
/// A body whose format cannot be determined sets every key.
pub(crate) fn body_sets(request: &OutgoingRequest, keys: &[&str]) -> bool {
    let Some(body) = request.body.as_deref().filter(|body| !body.is_empty()) else { return false };
    let mut content_types = request.header_values("content-type").map(str::to_ascii_lowercase);
    let content_type = content_types.next().unwrap_or_default();
    let has_encoding = request.header_values("content-encoding").any(|value| !value.eq_ignore_ascii_case("identity"));
    if content_types.next().is_some() || has_encoding || !has_ascii_charset(&content_type) {
        return true;
    }
    if content_type.contains("multipart") {
        return contains_key_anywhere(body, keys);
    }
    let is_member = match serde_json::from_slice::<MemberNames>(body) {
        Ok(MemberNames(names)) => {
            let wanted = WantedKeys::new(keys);
            names.iter().any(|name| wanted.contain(name.as_bytes()))
        }
        // Lenient parsers accept more than JSON, such as comments and single quotes.
        Err(_) => content_type.contains("json") && contains_key_anywhere(body, keys),
    };
    // Servers do not agree on which content types are forms.
    is_member || pairs_set(body, keys)
}

/// Returns whether pairs such as `a=1&b=2` set one of these keys.
pub(crate) fn pairs_set(pairs: &[u8], keys: &[&str]) -> bool {
    let wanted = WantedKeys::new(keys);
    pairs.split(|byte| matches!(byte, b'&' | b';')).any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        if name.len() < wanted.shortest {
            return false;
        }
        let mut name = name.to_vec();
        (0..=MAX_DECODINGS).any(|_| {
            let is_wanted = wanted.contain(&name);
            name = percent_decode(&name).map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
            is_wanted
        })
    })
}

/// The keys that a name is compared with.
struct WantedKeys {
    forms: Vec<String>,
    /// The number of bytes of the shortest key. A shorter name is not one of the keys, however it is encoded.
    shortest: usize,
}

impl WantedKeys {
    fn new(keys: &[&str]) -> Self {
        Self {
            forms: keys.iter().flat_map(|key| normalize_key(key.as_bytes())).collect(),
            shortest: keys.iter().map(|key| key.chars().count()).min().unwrap_or_default(),
        }
    }

    fn contain(&self, name: &[u8]) -> bool {
        normalize_key(name).iter().any(|form| self.forms.contains(form))
    }
}

/// Returns the forms in which servers compare a key: trimmed, in one case, cut at a bracket, an equals sign or a NUL,
/// with `_` instead of the dots, spaces and opening brackets that PHP replaces.
fn normalize_key(key: &[u8]) -> [String; 2] {
    let key = String::from_utf8_lossy(key).replace('+', " ");
    let key = fold_case(key.trim_matches(|character: char| character.is_whitespace() || character.is_control()));
    let cut = key.split(['[', '=', '\0']).next().unwrap_or_default().trim_end().replace(['.', ' '], "_");
    [cut, key.replace(['.', ' ', '['], "_")]
}

/// Returns whether a body contains one of these keys anywhere, even escaped.
///
/// For formats that servers parse in different ways. A value that equals a key is also found.
fn contains_key_anywhere(body: &[u8], keys: &[&str]) -> bool {
    let wanted: Vec<String> = keys.iter().map(|key| fold_case(key).replace(['.', ' ', '['], "_")).collect();
    let mut text = body.to_vec();
    (0..=MAX_DECODINGS).any(|_| {
        let folded = unescape_units(&fold_case(&String::from_utf8_lossy(&text)));
        let folded = folded.replace('\\', "").replace(['.', ' ', '['], "_");
        text = percent_decode(&text).collect();
        // A name in quoted-printable or base64 (RFC 2047) can be any key.
        wanted.iter().map(String::as_str).chain(["name=\"=?", "_charset_"]).any(|key| folded.contains(key))
    })
}

/// Replaces each `\uXXXX` with its character.
fn unescape_units(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let unit = part.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        match unit {
            Some(character) => {
                plain.push(character);
                plain.push_str(&part[4..]);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

/// Returns whether keys in a body of this type can be compared byte by byte.
fn has_ascii_charset(content_type: &str) -> bool {
    content_type
        .split([';', ','])
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim() == "charset")
        .map(|(_, charset)| charset.trim_matches(|character: char| matches!(character, '"' | '\'' | ' ' | '\t')))
        .all(|charset| ASCII_CHARSETS.contains(&charset))
}

/// The names of the members of a JSON object, including duplicates. Another JSON value has none.
struct MemberNames(Vec<String>);

impl<'de> Deserialize<'de> for MemberNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberNamesVisitor)
    }
}

struct MemberNamesVisitor;

impl<'de> Visitor<'de> for MemberNamesVisitor {
    type Value = MemberNames;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<MemberNames, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = members.next_entry::<String, IgnoredAny>()? {
            names.push(name);
        }
        Ok(MemberNames(names))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<MemberNames, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(MemberNames(Vec::new()))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }

    fn visit_unit<E: Error>(self) -> Result<MemberNames, E> {
        Ok(MemberNames(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn request(query: &str, headers: &[(&str, &str)], body: &[u8]) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::Post,
            url: format!("https://api.example.com/v1{query}").parse().unwrap(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: (!body.is_empty()).then(|| body.to_vec().into()),
            credential: None,
        }
    }

    #[test]
    fn a_body_sets_a_key_in_every_format_that_some_server_reads() {
        let multipart = |name: &str| format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\nv\r\n--x--\r\n");
        let utf16: Vec<u8> = "{\"api_key\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (headers, body) in [
            (vec![("Content-Type", FORM)], "api_key=x".to_owned()),
            (
                vec![("Content-Type", "Application/X-WWW-Form-URLencoded; charset=iso-8859-1")],
                "a=1&api%5Fkey=x".to_owned(),
            ),
            (vec![("content_type", FORM), ("Content-Type", "text/plain")], "a=1".to_owned()),
            (vec![("Content-Type", FORM), ("Content-Encoding", "gzip")], "a=1".to_owned()),
            (vec![("Content-Type", "application/x-www-form-urlencoded; charset=utf-7")], "a=1".to_owned()),
            (vec![("Content-Type", "application/json;charset=\"UTF-16\"")], String::from_utf8_lossy(&utf16).into()),
            (vec![], "api.key=x".to_owned()),
            (vec![], "{\"api_key\":1}".to_owned()),
            (vec![("Content-Type", "text/plain")], "api_key=x".to_owned()),
            (vec![("Content-Type", "application/json")], "{\"a\":1,\"API_KEY\":1}".to_owned()),
            (vec![("Content-Type", "application/vnd.api+json")], "{\"api\\u005fkey\":1}".to_owned()),
            (vec![("Content-Type", "application/json")], "{'api\\u005fkey':1}".to_owned()),
            (vec![("Content-Type", "application/json")], "\u{feff}{\"api_key\":1}".to_owned()),
            (vec![("Content-Type", "multipart/form-data; boundary=x")], multipart("name=\"api_key\"")),
            (vec![("Content-Type", "multipart/form-data; boundary=x")], multipart("name=API.KEY")),
            (vec![("Content-Type", "multipart/form-data; boundary=x")], multipart("name*=utf-8''api%5fkey")),
            (vec![("Content-Type", "multipart/form-data; boundary=x")], multipart("name=\"api\\_key\"")),
            (vec![("Content-Type", "multipart/mixed; boundary=x")], multipart("name=\"=?utf-8?b?YXBpX2tleQ==?=\"")),
        ] {
            assert!(body_sets(&request("", &headers, body.as_bytes()), &["api_key"]), "{headers:?} {body}");
        }
        for (content_type, body) in [
            (FORM, "apikey=1&x=api_key".to_owned()),
            ("application/json; charset=utf-8", "{\"a\":{\"api_key\":1},\"b\":\"api_key\"}".to_owned()),
            ("application/json", "[{\"api_key\":1}]".to_owned()),
            ("application/x-ndjson", "{\"a\":1}\n{\"a\":2}".to_owned()),
            ("application/json", "12".to_owned()),
            ("multipart/form-data; boundary=x", multipart("name=\"file\"; filename=\"a.txt\"")),
            ("application/octet-stream", "\0\u{1}xapi_keyx".to_owned()),
        ] {
            let request = request("", &[("Content-Type", content_type)], body.as_bytes());
            assert!(!body_sets(&request, &["api_key"]), "{content_type} {body}");
        }
    }

    #[test]
    fn no_parameter_can_replace_the_method() {
        for (query, content_type, body) in [
            ("?_method=DELETE", "", ""),
            ("?a=1&_METHOD=DELETE", "", ""),
            ("?_HttpMethod=PATCH", "", ""),
            ("?%5Fmethod=DELETE", "", ""),
            ("?.method=DELETE", "", ""),
            ("?%24httpMethod=DELETE", "", ""),
            ("?X-HTTP-Method-Override=PUT", "", ""),
            ("", FORM, "a=1&_method=delete"),
            ("", FORM, "a=1;_method[]=delete"),
            ("", "application/json", "{\"_method\":\"DELETE\"}"),
            ("", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=_method\r\n\r\nPUT"),
        ] {
            let request = request(query, &[("Content-Type", content_type)], body.as_bytes());
            assert_eq!(require_no_method_override(&request).unwrap_err().rule, "method", "{query} {body}");
        }
        for (query, content_type, body) in [
            ("?method=delete&payment_method=x", FORM, "method=x"),
            ("", "application/json", "{\"payment_method\":{\"_method\":1}}"),
        ] {
            let request = request(query, &[("Content-Type", content_type)], body.as_bytes());
            assert!(require_no_method_override(&request).is_ok(), "{query} {body}");
        }
    }
}
