//! Every encoding of a secret, alone and nested, is masked, and the text around it is unchanged.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{Scrubber, SearchWork, forms::encoded_forms};

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
                let scrubbed = scrubber.scrub(escaped.clone()).0;
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
                    let scrubbed = scrubber.scrub(whole).0;
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
            assert_eq!(scrubber.scrub(page).0, b"<x a='[secret]'>", "{inner} in {outer}");
        }
    }
}

#[test]
fn overlapping_and_repeated_secrets_are_masked_completely() {
    let scrubber = Scrubber::new(["abcdefgh", "efghijkl", ""]);
    assert_eq!(scrubber.scrub(b"-abcdefghijkl-abcdefgh-%65fghijkl-".to_vec()).0, b"-[secret]-[secret]-[secret]-");
    assert_eq!(Scrubber::new(["aaaaaaaa"]).scrub(vec![b'a'; 1000]).0, b"[secret]");
}

#[test]
fn utf_16_and_other_alphabets_are_found() {
    let scrubber = Scrubber::new(["gr\u{fc}n-\u{1f511}-key"]);
    for text in ["gr\\u00fcn-\\ud83d\\udd11-key", "gr%C3%BCn-%f0%9f%94%91-key", "gr&#252;n-&#x1F511;-key"] {
        assert_eq!(scrubber.scrub(text.as_bytes().to_vec()).0, b"[secret]", "{text}");
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
        assert_eq!(scrubber.scrub(text.as_bytes().to_vec()).0, text.as_bytes(), "{text}");
        assert_eq!(Scrubber::new([]).scrub_text(text.to_owned()), text);
    }
}

#[test]
fn a_key_is_masked_in_upper_and_in_lower_case() {
    let scrubber = Scrubber::new(["AbCdEfGh", "0f8fad5b-d9cb-469f-a165-70867728950e"]);
    for text in
        ["abcdefgh", "ABCDEFGH", "0F8FAD5B-D9CB-469F-A165-70867728950E", "%30F8FAD5B-D9CB-469F-A165-70867728950E"]
    {
        assert_eq!(scrubber.scrub_text(text.to_owned()), "[secret]", "{text}");
    }
    assert!(scrubber.contains_secret(b"x-abcdefgh"), "HTTP/2 sends header names in lower case");
    assert!(!scrubber.contains_secret(b"x-request-id"));
}

#[test]
fn escapes_of_programming_languages_mail_and_html_are_undone() {
    let scrubber = Scrubber::new(["xoxb-17653-Zq9/+=~pL!#$(*"]);
    for text in [
        "xoxb\\u{2d}17653-Zq9/+=~pL!#$(*",
        "\\170oxb-17653-Zq9/+=~pL!#$(\\052",
        "xoxb\\-17653\\-Zq9\\/\\+\\=\\~pL\\!\\#\\$\\(\\*",
        "xoxb\\U0000002d17653-Zq9/+=~pL!#$(*",
        "xoxb-17653-Zq9&sol;&plus;&equals;~pL&excl;&num;&dollar;&lpar;&ast;",
        "xoxb-17653-Zq9/+=3D~pL!#$(*",
        "=78oxb-17653=2DZq9/+=3D~=\r\npL!#$(*",
        "xoxb-17653-Zq9/+\\=3D~pL!#$(*",
    ] {
        assert_eq!(scrubber.scrub_text(text.to_owned()), "[secret]", "{text}");
    }
}

#[test]
fn base64_is_found_across_its_line_breaks() {
    let secret = "xoxb-17653-Zq9-and-much-more-than-fits-into-one-line-of-an-e-mail-which-has-76-characters";
    let scrubber = Scrubber::new([secret]);
    let encoded = STANDARD.encode(format!("user:{secret}\nand more of the text around it"));
    for length in [20, 64, 76] {
        for (line_break, escaped) in
            [("\n", "\n"), ("\r\n", "\r\n"), ("\n  ", "\n  "), ("\n", "\\n"), ("\r\n", "\\r\\n"), ("\n", "%0A")]
        {
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(length).map(|line| str::from_utf8(line).unwrap()).collect();
            let text = format!("{{\"a\": \"{}\"}}", lines.join(escaped));
            let scrubbed = scrubber.scrub_text(text.clone());
            let (before, after) = scrubbed.split_once("[secret]").unwrap_or_else(|| panic!("{text}"));
            assert!(before.len() < 18 && after.len() < 60, "{line_break:?}: {scrubbed}");
        }
    }
}

#[test]
fn a_part_of_a_secret_is_never_masked() {
    let secret = "xoxb-17653-Zq9-pL";
    let scrubber = Scrubber::new([secret]);
    for length in 1..secret.len() {
        for part in [&secret[..length], &secret[length..]] {
            for (encoding, encode) in ENCODINGS {
                let encoded = String::from_utf8(encode(part.as_bytes())).unwrap();
                // Base64 of a part can contain everything that base64 says about the secret but its last bits.
                if !encoding.contains("base64") || length + 2 < secret.len() && part.len() + 2 < secret.len() {
                    assert_eq!(scrubber.scrub_text(encoded.clone()), encoded, "{part} as {encoding}");
                }
            }
        }
    }
}

/// Returns the work of a search for `secret` in 64 KiB of one repeated piece.
fn work_on(scrubber: &Scrubber, piece: &[u8]) -> SearchWork {
    let text: Vec<u8> = piece.iter().copied().cycle().take(64 * 1024).collect();
    let (found, work) = scrubber.find_counted(&text);
    assert!(found.is_empty(), "{}", String::from_utf8_lossy(piece));
    work
}

#[test]
fn the_work_of_a_search_does_not_depend_on_pieces_of_the_secret() {
    let secret = "0f8fad5bd9cb469fa16570867728950e51c3f10e5d8a4b7c";
    let scrubber = Scrubber::new([secret, "hunter2-hunter3"]);
    // 8 bytes are the anchor of `hunter3`'s needle, so pieces stay below that.
    for length in [1, 2, 3, 4, 7] {
        let expected = work_on(&scrubber, &b"~}|{`^]"[..length]);
        assert!(expected.positions > 96 * 1024 - 64 && expected.comparisons == 0, "{expected:?}");
        for known in [secret, "hunter2-hunter3"] {
            for form in encoded_forms(known) {
                for piece in form.windows(length).filter(|piece| !piece.iter().any(|byte| b"\r\n=%&\\".contains(byte)))
                {
                    assert_eq!(work_on(&scrubber, piece), expected, "{}", String::from_utf8_lossy(piece));
                }
            }
        }
    }
}

#[test]
fn which_copies_are_searched_does_not_depend_on_the_secret() {
    let secret = "f%41&amp;8fad5bd9cb469fa1\\u0036";
    let others = ["zzzzzzzz-zzzz", "a-completely-different-secret-of-another-length"];
    for text in
        ["%f%41&amp;\\u0036", "&f8fad5bd9cb469f%41", "\\u0036%41=41\r\nf%41", "plain", "f%41&am", "100%f &f \\f"]
    {
        let work = Scrubber::new([secret]).find_counted(text.as_bytes()).1;
        for other in others {
            assert_eq!(Scrubber::new([other]).find_counted(text.as_bytes()).1.texts, work.texts, "{text}");
        }
    }
}

#[test]
fn needles_of_every_length_are_found_at_every_position() {
    for length in [4, 5, 7, 8, 9, 15, 16, 17, 40] {
        let secret: String = ('a'..='z').chain('0'..='9').cycle().take(length).collect();
        let scrubber = Scrubber::new([secret.as_str()]);
        for before in 0..20 {
            let text = format!("{}{secret}{}", "-".repeat(before), "-".repeat(before % 3));
            let expected = format!("{}[secret]{}", "-".repeat(before), "-".repeat(before % 3));
            assert_eq!(scrubber.scrub_text(text), expected);
        }
    }
    // Hundreds of secrets have hundreds of anchors, which all have their own slots.
    let many: Vec<String> = (0..200).map(|number| format!("secret-number-{number:04}-of-many")).collect();
    let scrubber = Scrubber::new(many.iter().map(String::as_str));
    assert_eq!(scrubber.scrub_text(many.join(" ")), vec!["[secret]"; 200].join(" "));
}
