//! A response that echoes everything it received, in every encoding in which a secret was ever seen to return (T03).

use std::fmt::Write;

use base64::{Engine, engine::general_purpose};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::message::{ReceivedRequest, StandInResponse};

/// Returns a secret in each encoding, with the encoding's name.
#[must_use]
pub fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let encode_each = |form: fn(&mut String, u32)| {
        let mut text = String::new();
        secret.chars().for_each(|character| form(&mut text, u32::from(character)));
        text
    };
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        push(&mut hex, format_args!("{byte:02x}"));
        hex
    });
    let base64 = |blanks: usize, engine: &general_purpose::GeneralPurpose| {
        engine.encode([" ".repeat(blanks).as_bytes(), bytes, b"!"].concat())
    };
    vec![
        ("raw", secret.to_owned()),
        ("percent, upper case", percent.clone()),
        ("percent, lower case", lower_escapes(&percent)),
        ("percent, every character", encode_each(|text, character| push(text, format_args!("%{character:02X}")))),
        ("JSON escapes", encode_each(|text, character| push(text, format_args!("\\u{character:04x}")))),
        ("HTML entities, decimal", encode_each(|text, character| push(text, format_args!("&#{character};")))),
        ("HTML entities, hexadecimal", encode_each(|text, character| push(text, format_args!("&#x{character:x};")))),
        ("hexadecimal digits", hex.clone()),
        ("hexadecimal digits, upper case", hex.to_uppercase()),
        ("base64", base64(0, &general_purpose::STANDARD)),
        ("base64, offset 1", base64(1, &general_purpose::STANDARD)),
        ("base64, offset 2", base64(2, &general_purpose::STANDARD)),
        ("base64url", base64(0, &general_purpose::URL_SAFE_NO_PAD)),
        ("base64url, offset 1", base64(1, &general_purpose::URL_SAFE_NO_PAD)),
        ("base64url, offset 2", base64(2, &general_purpose::URL_SAFE_NO_PAD)),
        ("user and secret", general_purpose::STANDARD.encode(format!("user:{secret}"))),
    ]
}

/// Answers 200 with every received header value and the body, in every encoding, in the body and in header fields.
///
/// `ok` is false and `error` is the received `Authorization` or `X-Auth-Token`, so that a provider's error text carries
/// it on.
#[must_use]
pub fn echo_request(request: &ReceivedRequest) -> StandInResponse {
    let mut held: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    held.push(("query".to_owned(), request.query.clone().unwrap_or_default()));
    held.push(("body".to_owned(), String::from_utf8_lossy(&request.body).into_owned()));
    let mut echo = Map::new();
    for (name, value) in &held {
        // The secret follows `Bearer `. Its encodings must not start in the middle of a base64 group.
        let secret = value.rsplit_once(' ').map_or(value.as_str(), |(_, secret)| secret);
        let encoded = encodings(secret).into_iter().map(|(encoding, text)| (encoding.to_owned(), Value::from(text)));
        echo.insert(name.clone(), Value::Object(encoded.chain([("whole".to_owned(), json!(value))]).collect()));
    }
    let credential = request.header("authorization").or_else(|| request.header("x-auth-token"));
    let whole = credential.unwrap_or("nothing").to_owned();
    // The JSON escapes work only if their backslashes are not escaped again.
    let body = json!({"ok": false, "error": whole, "echo": echo}).to_string().replace(r"\\u", r"\u");
    let mut answer = StandInResponse::text("application/json", body).header("x-echo", &whole);
    for (number, (_, text)) in encodings(whole.rsplit(' ').next().unwrap_or_default()).into_iter().enumerate() {
        answer = answer.header(&format!("x-echo-{number}"), &text);
    }
    let location = utf8_percent_encode(&whole, NON_ALPHANUMERIC);
    answer.header("location", &format!("https://example.com/?token={location}"))
}

/// Writes percent-escapes with lower-case digits, and keeps the other characters.
fn lower_escapes(percent: &str) -> String {
    let mut parts = percent.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        push(&mut text, format_args!("%{}{rest}", digits.to_lowercase()));
    }
    text
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("writing to a string");
}
