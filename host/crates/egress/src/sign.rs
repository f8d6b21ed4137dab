//! Signs a request with a credential that is a key (rule R12): HMAC, AWS Signature Version 4, JWT.
//!
//! The key is never sent. A signature is not a secret: it is valid for one request, or as a token for some minutes.

pub(crate) mod aws;
pub(crate) mod hmac;
pub(crate) mod jwt;

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jackfield_core::manifest::{KeyEncoding, LiteralOrField};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::error::Denial;

/// What a signature depends on besides the request and the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SigningContext<'a> {
    /// The fields of the connection that are not secret.
    pub(crate) fields: &'a BTreeMap<String, String>,
    pub(crate) now: Timestamp,
}

impl<'a> SigningContext<'a> {
    /// Returns the value of a field.
    pub(crate) fn field(&self, name: &str) -> Result<&'a str, Denial> {
        self.fields.get(name).map(String::as_str).ok_or_else(|| denial(format!("the field `{name}` has no value")))
    }

    /// Returns the literal text, or the value of the field.
    fn resolve(&self, value: &'a LiteralOrField) -> Result<&'a str, Denial> {
        match value {
            LiteralOrField::Literal(text) => Ok(text),
            LiteralOrField::Field(name) => self.field(name),
        }
    }
}

/// Accepts base64 with and without padding.
const OPTIONAL_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Decodes a key as a person entered it. Base64 may use either alphabet.
fn decode_key(encoding: KeyEncoding, secret: &str) -> Result<Zeroizing<Vec<u8>>, Denial> {
    let bytes = match encoding {
        KeyEncoding::Text => Some(secret.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(secret.trim()).ok(),
        KeyEncoding::Base64 => {
            let standard = Zeroizing::new(secret.trim().replace('-', "+").replace('_', "/"));
            GeneralPurpose::new(&base64::alphabet::STANDARD, OPTIONAL_PADDING).decode(standard.as_bytes()).ok()
        }
    };
    match bytes.map(Zeroizing::new) {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(denial("the key does not have the encoding that the manifest declares")),
    }
}

fn denial(message: impl Into<String>) -> Denial {
    Denial::new("place", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_decoded_as_the_manifest_declares() {
        let decode = |encoding, text| decode_key(encoding, text).map(|bytes| bytes.to_vec()).ok();
        assert_eq!(decode(KeyEncoding::Text, "0aff"), Some(b"0aff".to_vec()));
        assert_eq!(decode(KeyEncoding::Hex, "0aFF\n"), Some(vec![0x0a, 0xff]));
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(decode(KeyEncoding::Base64, text), Some(vec![0xfb, 0xff]), "{text}");
        }
        for (encoding, text) in [
            (KeyEncoding::Text, ""),
            (KeyEncoding::Hex, "0af"),
            (KeyEncoding::Hex, "0x"),
            (KeyEncoding::Hex, "é0"),
            (KeyEncoding::Base64, "a"),
        ] {
            assert_eq!(decode(encoding, text), None, "{text}");
        }
    }
}
