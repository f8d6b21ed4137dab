//! HMAC-SHA256 over declared parts of a request, in a header.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jackfield_core::manifest::{HmacPlacement, SignatureEncoding, SignedPart, TimeFormat};
use ring::{digest, hmac};

use super::{SigningContext, decode_key, denial};
use crate::{error::Denial, headers, outgoing_request::OutgoingRequest, placement::validate_header};

/// Maximum number of signed parts. Known providers need up to nine.
const MAX_PARTS: usize = 32;

/// Checks that a manifest can declare this placement.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn validate(placement: &HmacPlacement) -> Result<(), String> {
    validate_header(&placement.header, &placement.format)?;
    if !(1..=MAX_PARTS).contains(&placement.parts.len()) {
        return Err(format!("the HMAC signs {} parts instead of 1 to {MAX_PARTS}", placement.parts.len()));
    }
    for part in &placement.parts {
        match part {
            SignedPart::Header(name) if !headers::is_token(name) => {
                return Err(format!("the HMAC signs the header `{name}`, which is not the name of a header"));
            }
            SignedPart::Text(text) if !text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)) => {
                return Err("the HMAC signs a text that is not printable ASCII".to_owned());
            }
            _ => {}
        }
    }
    // The provider cannot verify a time that is signed but not sent; a time that is sent but not signed proves nothing.
    match (&placement.time, placement.parts.contains(&SignedPart::Time)) {
        (None, false) => Ok(()),
        (None, true) => Err("the HMAC signs the time, but no header sends it".to_owned()),
        (Some(_), false) => Err("a header sends the time, but the HMAC does not sign it".to_owned()),
        (Some(time), true) if time.header.eq_ignore_ascii_case(&placement.header) => {
            Err(format!("the time and the signature are both in the header `{}`", time.header))
        }
        (Some(time), true) => validate_header(&time.header, "{}"),
    }
}

/// Signs a request and returns the value of the header with the signature.
///
/// Adds the header with the time, if the placement has one.
///
/// # Errors
/// A denial by rule `place` if the key or a part of the request is not as the manifest declares.
pub(crate) fn sign(
    placement: &HmacPlacement,
    secret: &str,
    context: SigningContext<'_>,
    request: &mut OutgoingRequest,
) -> Result<String, Denial> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &decode_key(placement.key, secret)?);
    let time = placement.time.as_ref().map(|time| match time.format {
        TimeFormat::Seconds => context.now.as_second().to_string(),
        TimeFormat::Milliseconds => context.now.as_millisecond().to_string(),
        TimeFormat::Rfc3339 => context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let body = request.body.clone().unwrap_or_default();
    let mut signing = hmac::Context::with_key(&key);
    for part in &placement.parts {
        match part {
            SignedPart::Text(text) => signing.update(text.as_bytes()),
            SignedPart::Method => signing.update(request.method.as_str().as_bytes()),
            SignedPart::Host => signing.update(request.url.host_str().unwrap_or_default().as_bytes()),
            SignedPart::Path => signing.update(request.url.path().as_bytes()),
            SignedPart::Query => signing.update(request.url.query().unwrap_or_default().as_bytes()),
            SignedPart::Time => signing.update(time.as_deref().unwrap_or_default().as_bytes()),
            SignedPart::Header(name) => signing.update(signed_header(request, name)?.as_bytes()),
            SignedPart::Field(name) => signing.update(context.field(name)?.as_bytes()),
            SignedPart::Body => signing.update(&body),
            SignedPart::BodySha256 => {
                signing.update(hex::encode(digest::digest(&digest::SHA256, &body)).as_bytes());
            }
        }
    }
    let signature = signing.sign();
    if let Some((placement, time)) = placement.time.as_ref().zip(time) {
        request.headers.push((placement.header.clone(), time));
    }
    let encoded = match placement.encoding {
        SignatureEncoding::Hex => hex::encode(signature),
        SignatureEncoding::Base64 => STANDARD.encode(signature),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(signature),
    };
    Ok(placement.format.replacen("{}", &encoded, 1))
}

/// Returns the value of a signed header as it is sent, or an empty text if the request does not set it.
fn signed_header<'a>(request: &'a OutgoingRequest, name: &str) -> Result<&'a str, Denial> {
    let mut values = request.headers.iter().filter(|(set, _)| set.eq_ignore_ascii_case(name));
    let first = values.next().map_or("", |(_, value)| value.trim());
    match values.next() {
        Some(_) => Err(denial(format!("the request has more than one `{name}`, which is signed"))),
        None => Ok(first),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use jackfield_core::manifest::{KeyEncoding, Method, TimePlacement};

    fn placement(parts: Vec<SignedPart>) -> HmacPlacement {
        HmacPlacement {
            header: "X-Signature".to_owned(),
            format: "{}".to_owned(),
            key: KeyEncoding::Hex,
            parts,
            encoding: SignatureEncoding::Hex,
            time: None,
        }
    }

    fn request(url: &str, body: Vec<u8>) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::Post,
            url: url.parse().unwrap(),
            headers: vec![("X-Nonce".to_owned(), " abc ".to_owned())],
            body: Some(body.into()),
            credential: None,
        }
    }

    fn signature(placement: &HmacPlacement, key: &str, request: &mut OutgoingRequest) -> String {
        let fields = BTreeMap::from([("account".to_owned(), "acme".to_owned())]);
        sign(placement, key, SigningContext { fields: &fields, now: "2023-11-14T22:13:20Z".parse().unwrap() }, request)
            .unwrap()
    }

    /// RFC 4231 §4.2 to §4.8 without §4.6, where the signature is truncated.
    #[test]
    fn the_body_has_the_signatures_of_rfc_4231() {
        let long = |byte: u8, times: usize| vec![byte; times];
        for (key, data, expected) in [
            ("0b".repeat(20), b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                hex::encode(b"Jefe"),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            ("aa".repeat(20), long(0xdd, 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                "0102030405060708090a0b0c0d0e0f10111213141516171819".to_owned(),
                long(0xcd, 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                "aa".repeat(131),
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                "aa".repeat(131),
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs \
                  to be hashed before being used by the HMAC algorithm."
                    .to_vec(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            let mut request = request("https://api.example.com/v1", data);
            assert_eq!(signature(&placement(vec![SignedPart::Body]), &key, &mut request), expected);
        }
    }

    #[test]
    fn every_part_of_a_request_can_be_signed_in_any_order() {
        let text = |text: &str| SignedPart::Text(text.to_owned());
        let parts = vec![
            text("v1\n"),
            SignedPart::Method,
            text("\n"),
            SignedPart::Host,
            SignedPart::Path,
            text("?"),
            SignedPart::Query,
            text("\n"),
            SignedPart::Time,
            SignedPart::Header("x-nonce".to_owned()),
            SignedPart::Field("account".to_owned()),
            SignedPart::BodySha256,
        ];
        let time = Some(TimePlacement { header: "X-Time".to_owned(), format: TimeFormat::Milliseconds });
        let all =
            HmacPlacement { format: "v1={}".to_owned(), time, encoding: SignatureEncoding::Base64, ..placement(parts) };
        assert_eq!(validate(&all), Ok(()));
        let mut request = request("https://api.example.com/v1/a?b=c%20d", b"{}".to_vec());
        let value = signature(&all, "00ff", &mut request);
        assert_eq!(request.headers[1], ("X-Time".to_owned(), "1700000000000".to_owned()));

        let signed_text = "v1\nPOST\napi.example.com/v1/a?b=c%20d\n1700000000000abcacme\
                       44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let key = hmac::Key::new(hmac::HMAC_SHA256, &hex::decode("00ff").unwrap());
        assert_eq!(value, format!("v1={}", STANDARD.encode(hmac::sign(&key, signed_text.as_bytes()))));
    }

    #[test]
    fn a_signed_header_is_denied_if_it_is_set_twice() {
        let mut twice = request("https://api.example.com/", Vec::new());
        twice.headers.push(("x-nonce".to_owned(), "other".to_owned()));
        let context = SigningContext { fields: &BTreeMap::new(), now: jiff::Timestamp::UNIX_EPOCH };
        let placement = placement(vec![SignedPart::Header("X-Nonce".to_owned())]);
        assert_eq!(sign(&placement, "00", context, &mut twice).unwrap_err().rule, "place");
    }

    #[test]
    fn a_time_must_be_both_signed_and_sent() {
        let time = || Some(TimePlacement { header: "X-Time".to_owned(), format: TimeFormat::Seconds });
        assert!(validate(&placement(vec![SignedPart::Time])).is_err());
        assert!(validate(&HmacPlacement { time: time(), ..placement(vec![SignedPart::Body]) }).is_err());
        assert_eq!(validate(&HmacPlacement { time: time(), ..placement(vec![SignedPart::Time]) }), Ok(()));
        assert!(validate(&HmacPlacement { header: "Host".to_owned(), ..placement(vec![SignedPart::Body]) }).is_err());
        assert!(validate(&placement(Vec::new())).is_err());
    }
}
