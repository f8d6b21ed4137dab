//! Every encoding of a secret, alone and nested, is masked, and the text around it is unchanged.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::Scrubber;

const SECRETS: [&str; 4] = ["xoxb-17653-Zq9/+=~pL", "p&ss<w>\"o'rd 99", "ab%41c\\n&amp;d/ef", "d4e5f6a7b8c9"];

type NamedEncoding = (&'static str, fn(&[u8]) -> Vec<u8>);

fn escape_each(bytes: &[u8], escape: impl Fn(u8) -> String) -> Vec<u8> {
    bytes.iter().map(|byte| escape(*byte)).collect::<String>().into_bytes()
}

/// Escapes every third byte, and the mark that starts an escape.
fn escape_some(bytes: &[u8], mark: u8, escape: impl Fn(u8) -> String) -> Vec<u8> {
    let mut escaped = Vec::new();
    for (number, byte) in bytes.iter().enumerate() {
        if number % 3 == 1 || *byte == mark { escaped.extend(escape(*byte).into_bytes()) } else { escaped.push(*byte) }
    }
    escaped
}

const ESCAPINGS: [NamedEncoding; 10] = [
    ("none", |bytes| bytes.to_vec()),
    ("percent, upper case", |bytes| escape_each(bytes, |byte| format!("%{byte:02X}"))),
    ("percent, lower case", |bytes| escape_each(bytes, |byte| format!("%{byte:02x}"))),
    ("percent, in part", |bytes| escape_some(bytes, b'%', |byte| format!("%{byte:02X}"))),
    ("json u", |bytes| escape_each(bytes, |byte| format!("\\u{byte:04x}"))),
    ("json u, in part", |bytes| escape_some(bytes, b'\\', |byte| format!("\\u{byte:04X}"))),
    ("json slash", |bytes| {
        escape_each(bytes, |byte| match byte {
            b'/' | b'"' | b'\\' => format!("\\{}", char::from(byte)),
            _ => char::from(byte).to_string(),
        })
    }),
    ("html decimal", |bytes| escape_each(bytes, |byte| format!("&#{byte};"))),
    ("html hex", |bytes| escape_each(bytes, |byte| format!("&#x{byte:X};"))),
    ("html names", |bytes| {
        escape_each(bytes, |byte| match byte {
            b'&' => "&amp;".to_owned(),
            b'<' => "&lt;".to_owned(),
            b'>' => "&gt;".to_owned(),
            b'"' => "&quot;".to_owned(),
            b'\'' => "&apos;".to_owned(),
            _ => char::from(byte).to_string(),
        })
    }),
];

const ENCODINGS: [NamedEncoding; 9] = [
    ("raw", |bytes| bytes.to_vec()),
    ("hex", |bytes| hex::encode(bytes).into_bytes()),
    ("HEX", |bytes| hex::encode_upper(bytes).into_bytes()),
    ("base64", |bytes| STANDARD.encode(bytes).into_bytes()),
    ("base64 after one", |bytes| STANDARD.encode([b"u", bytes].concat()).into_bytes()),
    ("base64 of user:secret", |bytes| STANDARD.encode([b"user:", bytes].concat()).into_bytes()),
    ("url-safe base64", |bytes| URL_SAFE_NO_PAD.encode(bytes).into_bytes()),
    ("url-safe base64 after one", |bytes| URL_SAFE_NO_PAD.encode([b"\xff", bytes, b"\xfe"].concat()).into_bytes()),
    ("url-safe base64 after two", |bytes| URL_SAFE_NO_PAD.encode([b"\xff\xfe", bytes].concat()).into_bytes()),
];

/// Returns whether only base64 characters remain that also depend on the neighbouring bytes.
fn is_clean(scrubbed: &[u8], encoded: &[u8], encoding: &str) -> bool {
    let most = if encoding.contains("base64") { 16 } else { 0 };
    let text = String::from_utf8_lossy(scrubbed);
    text.contains("[secret]") && text.replace("[secret]", "").len() <= most.min(encoded.len())
}

#[test]
fn every_encoding_is_masked_alone_and_between_neighbours() {
    for secret in SECRETS {
        let scrubber = Scrubber::new([secret]);
        for (encoding, encode) in ENCODINGS {
            for (escaping, escape) in ESCAPINGS {
                let encoded = encode(secret.as_bytes());
                let escaped = escape(&encoded);
                // Escapes remain only where a base64 character remains.
                let limit = if encoding.contains("base64") { &escaped[..] } else { b"" };
                let scrubbed = scrubber.scrub(escaped.clone());
                let case = format!("{secret} as {encoding} in {escaping}: {}", String::from_utf8_lossy(&scrubbed));
                if escaping == "none" {
                    assert!(is_clean(&scrubbed, limit, encoding), "{case}");
                }
                assert!(scrubbed.windows(8).any(|window| window == b"[secret]"), "{case}");
                for (before, after) in
                    [("{\"a\":\"", "\"}"), ("key=", "&x=1"), ("<b>\\", "</b>"), ("%", "%4"), ("", "\r\n")]
                {
                    let whole = [before.as_bytes(), &escaped, after.as_bytes()].concat();
                    let expected = [before.as_bytes(), &scrubbed, after.as_bytes()].concat();
                    let scrubbed = scrubber.scrub(whole);
                    if before == "<b>\\" || before == "%" {
                        // The neighbour may be decoded as the start of an escape; then it is masked as well.
                        assert!(scrubbed.windows(8).any(|window| window == b"[secret]"), "{case}");
                    } else {
                        assert_eq!(String::from_utf8_lossy(&scrubbed), String::from_utf8_lossy(&expected), "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn nested_escaping_is_undone() {
    let secret = "xoxb-17653-Zq9/+=~pL";
    let scrubber = Scrubber::new([secret]);
    for (inner, first) in ESCAPINGS {
        for (outer, second) in ESCAPINGS {
            let escaped = second(&first(secret.as_bytes()));
            let page = [b"<x a='", escaped.as_slice(), b"'>"].concat();
            assert_eq!(scrubber.scrub(page), b"<x a='[secret]'>", "{inner} in {outer}");
        }
    }
}

#[test]
fn overlapping_and_repeated_secrets_are_masked_completely() {
    let scrubber = Scrubber::new(["abcdefgh", "efghijkl", ""]);
    assert_eq!(scrubber.scrub(b"-abcdefghijkl-abcdefgh-%65fghijkl-".to_vec()), b"-[secret]-[secret]-[secret]-");
    assert_eq!(Scrubber::new(["aaaaaaaa"]).scrub(vec![b'a'; 1000]), b"[secret]");
}

#[test]
fn utf_16_and_other_alphabets_are_found() {
    let scrubber = Scrubber::new(["gr\u{fc}n-\u{1f511}-key"]);
    for text in ["gr\\u00fcn-\\ud83d\\udd11-key", "gr%C3%BCn-%f0%9f%94%91-key", "gr&#252;n-&#x1F511;-key"] {
        assert_eq!(scrubber.scrub(text.as_bytes().to_vec()), b"[secret]", "{text}");
    }
    let scrubber = Scrubber::new(["abcdefgh"]);
    let little: Vec<u8> = "abcdefgh".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "abcdefgh".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(scrubber.contains_secret(&little) && scrubber.contains_secret(&big));
}

#[test]
fn a_text_without_a_secret_is_unchanged() {
    let scrubber = Scrubber::new(SECRETS);
    for text in ["", "%", "\\", "&", "&#;", "%zz\\u12&#x;", "100% & more \\ \\u00e9 &amp; %41", "\\ud83d\\u0041"] {
        assert_eq!(scrubber.scrub(text.as_bytes().to_vec()), text.as_bytes(), "{text}");
        assert_eq!(Scrubber::new([]).scrub_text(text.to_owned()), text);
    }
}

#[test]
fn a_header_name_is_searched_without_case() {
    assert!(Scrubber::new(["AbCdEfGh"]).header_name_contains_secret("x-abcdefgh"));
    assert!(!Scrubber::new(["AbCdEfGh"]).header_name_contains_secret("x-request-id"));
}
