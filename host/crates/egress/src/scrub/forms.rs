//! The forms in which a secret is searched for. Escaped forms are not included, because escapes are undone.

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::{
    MAX_LEVELS,
    unescape::{self, EscapeMarks},
};

/// Minimum length of an encoded form, because a shorter one matches by accident. Every accepted secret is long enough.
const MIN_ENCODED: usize = 6;

/// Returns every form of a secret that is searched for.
///
/// A part of a secret is never among them. Masking parts would show a component which parts are right, so that it
/// could guess one after the other.
pub(super) fn encoded_forms(secret: &str) -> BTreeSet<Vec<u8>> {
    let bytes = secret.as_bytes();
    // UTF-16. Without the last zero the same form matches both byte orders.
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = utf16.strip_suffix(&[0]).map(<[u8]>::to_vec).unwrap_or(utf16);
    let mut encoded = vec![utf16, hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    for offset in 0..3 {
        let shifted = [vec![0; offset], bytes.to_vec()].concat();
        // The base64 characters that depend only on the secret, and not on the bytes around it.
        let start = (8 * offset).div_ceil(6);
        let end = 8 * shifted.len() / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            encoded.extend(engine.encode(&shifted).get(start..end).map(|text| text.as_bytes().to_vec()));
        }
    }
    encoded.retain(|form| form.len() >= MIN_ENCODED);

    // Some providers store a key in one case, and HTTP changes the case of header names.
    let mut plain = vec![
        bytes.to_vec(),
        bytes.to_ascii_lowercase(),
        bytes.to_ascii_uppercase(),
        secret.replace(' ', "+").into_bytes(),
    ];
    // Unescaping changes a secret that itself looks escaped, so its unescaped forms are included.
    for marks in EscapeMarks::KINDS {
        let mut level = bytes.to_vec();
        for _ in 0..MAX_LEVELS {
            let Some(decoded) = unescape::decode(&level, marks, 0) else { break };
            plain.push(decoded.text.clone());
            level = decoded.text;
        }
    }
    encoded.extend(plain.into_iter().filter(|form| !form.is_empty()));
    encoded.into_iter().collect()
}
