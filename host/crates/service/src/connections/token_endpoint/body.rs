//! Reads the JSON body of a token endpoint although one of its members is odd.
//!
//! A document is otherwise rejected as a whole for a mark at its start, for bytes that are not UTF-8, for half a
//! surrogate pair, or for an `error_description` that is no text: then `invalid_grant` next to it would not be seen.

use serde_json::{Map, Value};

/// The members of an error response (RFC 6749 §5.2). All of them are texts.
const ERROR_MEMBERS: [&str; 3] = ["error", "error_description", "error_uri"];

/// Returns the body as JSON that contains only texts as members of an error. A body that is no JSON object stays as it
/// is.
pub(in crate::connections) fn repair_token_body(body: Vec<u8>) -> Vec<u8> {
    let Some(mut members) = parse_members(&body) else { return body };
    members.retain(|name, value| value.is_string() || !ERROR_MEMBERS.contains(&name.as_str()));
    serde_json::to_vec(&members).unwrap_or(body)
}

fn parse_members(body: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body));
    serde_json::from_str(&text).or_else(|_| serde_json::from_str(&replace_surrogates(&text))).ok()
}

/// Replaces every escape of a surrogate by one of U+FFFD.
fn replace_surrogates(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        let is_surrogate = after.get(..4).is_some_and(|digits| {
            digits.starts_with(['d', 'D']) && u16::from_str_radix(digits, 16).is_ok_and(|unit| unit >= 0xd800)
        });
        replaced.push_str(before);
        replaced.push_str(if is_surrogate { "\\ufffd" } else { "\\u" });
        rest = if is_surrogate { &after[4..] } else { after };
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repair(body: &[u8]) -> Value {
        serde_json::from_slice(&repair_token_body(body.to_vec())).expect("JSON")
    }

    #[test]
    fn one_odd_member_does_not_hide_the_error() {
        for body in [
            &br#"{"error":"invalid_grant","error_description":{"text":"revoked"}}"#[..],
            br#"{"error":"invalid_grant","error_description":17,"error_uri":null}"#,
            b"\xef\xbb\xbf{\"error\":\"invalid_grant\"}",
        ] {
            assert_eq!(repair(body), serde_json::json!({ "error": "invalid_grant" }));
        }
        for description in [&b"Andr\xe9"[..], br"half \ud83d", br"\uDE00\uD83D"] {
            let body = [br#"{"error":"invalid_grant","error_description":""#, description, br#""}"#].concat();
            assert_eq!(repair(&body)["error"], "invalid_grant");
            assert!(repair(&body)["error_description"].as_str().is_some_and(|text| text.contains('\u{fffd}')));
        }
    }

    #[test]
    fn a_body_that_is_no_json_object_stays_as_it_is() {
        for body in ["<html></html>", "", "[]", "{\"error\":", "error=invalid_grant"] {
            assert_eq!(repair_token_body(body.as_bytes().to_vec()), body.as_bytes());
        }
    }
}
