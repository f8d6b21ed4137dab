//! Signs a request with a credential that is a key (rule R12): HMAC, AWS Signature 4, JWT. Pure; the time is given.
//!
//! The key stays here. A signature is no secret: it is good for one request, or a token for minutes.

mod aws;
mod hmac;
mod jwt;

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jackfield_core::manifest::{Given, KeyCoding};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(super) use self::{
    aws::{FIELDS as AWS_FIELDS, may_be_asked as aws_may_be_asked, sign as aws},
    hmac::{may_be_asked as hmac_may_be_asked, sign as hmac},
    jwt::{may_be_asked as jwt_may_be_asked, token as jwt},
};
use super::{Denial, headers};

/// What a signature takes from outside the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// The connection's fields that are no secret.
    pub(super) fields: &'a BTreeMap<String, String>,
    pub(super) now: Timestamp,
}

impl<'a> Moment<'a> {
    fn field(&self, name: &str) -> Result<&'a str, Denial> {
        self.fields.get(name).map(String::as_str).ok_or_else(|| unsigned(format!("the field `{name}` has no value")))
    }

    fn given(&self, given: &'a Given) -> Result<&'a str, Denial> {
        match given {
            Given::Literal(text) => Ok(text),
            Given::Field(name) => self.field(name),
        }
    }
}

/// Base64 of either alphabet is told apart before; padding may be there or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The bytes of a key as it was typed in.
fn key_bytes(coding: KeyCoding, secret: &str) -> Result<Zeroizing<Vec<u8>>, Denial> {
    let bytes = match coding {
        KeyCoding::Text => Some(secret.as_bytes().to_vec()),
        KeyCoding::Hex => unhex(secret.trim()),
        KeyCoding::Base64 => {
            let plain = Zeroizing::new(secret.trim().replace('-', "+").replace('_', "/"));
            GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT).decode(plain.as_bytes()).ok()
        }
    };
    match bytes.map(Zeroizing::new) {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(unsigned("the key is not written as the manifest says")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = Zeroizing::new(digits?);
    let pairs = digits.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let bytes = pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    whole.then_some(bytes)
}

fn is_field_format(name: &str, format: &str) -> bool {
    headers::may_hold_a_credential(name) && format.matches("{}").count() == 1 && headers::is_value(format)
}

fn unsigned(message: impl Into<String>) -> Denial {
    Denial::new("place", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_the_manifest_says() {
        let read = |coding, text| key_bytes(coding, text).map(|bytes| bytes.to_vec()).ok();
        assert_eq!(read(KeyCoding::Text, "0aff"), Some(b"0aff".to_vec()));
        assert_eq!(read(KeyCoding::Hex, "0aFF\n"), Some(vec![0x0a, 0xff]));
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(read(KeyCoding::Base64, text), Some(vec![0xfb, 0xff]), "{text}");
        }
        for (coding, text) in [
            (KeyCoding::Text, ""),
            (KeyCoding::Hex, "0af"),
            (KeyCoding::Hex, "0x"),
            (KeyCoding::Hex, "é0"),
            (KeyCoding::Base64, "a"),
        ] {
            assert_eq!(read(coding, text), None, "{text}");
        }
    }
}
