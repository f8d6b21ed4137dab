//! AWS Signature Version 4 in the `Authorization` header, as AWS documents it.

use jackfield_core::manifest::{AwsPlacement, LiteralOrField};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use ring::{digest, hmac};

use super::{SigningContext, denial};
use crate::{error::Denial, headers, outgoing_request::OutgoingRequest};

/// The headers that belong to the signature. A component may set none of them.
pub(crate) const HEADERS: [&str; 5] =
    ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "date"];

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Percent-encodes everything but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Checks that a manifest can declare this placement.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn validate(placement: &AwsPlacement) -> Result<(), String> {
    let is_valid = |value: &LiteralOrField| match value {
        LiteralOrField::Literal(text) => is_word(text),
        LiteralOrField::Field(name) => !name.is_empty(),
    };
    for (what, is_valid) in [
        ("service", is_word(&placement.service)),
        ("region", is_valid(&placement.region)),
        ("access key id", is_valid(&placement.access_key)),
    ] {
        if !is_valid {
            return Err(format!("the {what} of the AWS signature is empty, or is not a word"));
        }
    }
    Ok(())
}

/// Signs a request and returns the value of `Authorization`.
///
/// Adds the other headers that belong to the signature.
///
/// # Errors
/// A denial by rule `place` if a field of the connection is missing or not valid.
pub(crate) fn sign(
    placement: &AwsPlacement,
    secret: &str,
    context: SigningContext<'_>,
    request: &mut OutgoingRequest,
) -> Result<String, Denial> {
    let (access_key, region) = (context.resolve(&placement.access_key)?, context.resolve(&placement.region)?);
    if !is_word(access_key) || !is_word(region) {
        return Err(denial("the access key id or the region is not valid"));
    }
    let time = context.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = context.now.strftime("%Y%m%d").to_string();
    let body = sha256(request.body.as_deref().unwrap_or_default());
    // Only S3 requires the digest of the body in a header, and signs the path without encoding it again.
    let is_s3 = placement.service == "s3";

    let mut signed = vec![
        ("host".to_owned(), request.url.host_str().unwrap_or_default().to_owned()),
        ("x-amz-date".to_owned(), time.clone()),
    ];
    if is_s3 {
        signed.push(("x-amz-content-sha256".to_owned(), body.clone()));
    }
    request.headers.extend(signed.iter().skip(1).cloned());
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        if name == "content-type" || (name.starts_with("x-amz-") && !HEADERS.contains(&name.as_str())) {
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            if signed.iter().any(|(other, _)| *other == name) {
                return Err(denial(format!("the request has more than one `{name}`, which is signed")));
            }
            signed.push((name, value));
        }
    }
    signed.sort();

    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let path = if is_s3 { request.url.path().to_owned() } else { encode_path(request.url.path()) };
    let query = canonicalize_query(request.url.query().unwrap_or_default());
    let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{body}", request.method.as_str());
    let scope = format!("{day}/{region}/{}/aws4_request", placement.service);
    let string_to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));

    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [day.as_str(), region, &placement.service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    let signature = hex::encode(hmac::sign(&key, string_to_sign.as_bytes()));
    Ok(format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"))
}

/// Percent-encodes each segment once more, as AWS requires for every service but S3.
fn encode_path(path: &str) -> String {
    path.split('/').map(|segment| utf8_percent_encode(segment, ENCODED).to_string()).collect::<Vec<_>>().join("/")
}

/// Decodes all keys and values, encodes them as AWS requires, and sorts the pairs.
fn canonicalize_query(query: &str) -> String {
    let encode = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&plain, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(key), encode(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && headers::is_token(text)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use jackfield_core::manifest::Method;

    struct AwsCase {
        service: &'static str,
        time: &'static str,
        method: Method,
        url: &'static str,
        content_type: Option<&'static str>,
        body: &'static str,
        names: &'static str,
        signature: &'static str,
    }

    const VANILLA: AwsCase = AwsCase {
        service: "service",
        time: "2015-08-30T12:36:00Z",
        method: Method::Get,
        url: "https://example.amazonaws.com/",
        content_type: None,
        body: "",
        names: "host;x-amz-date",
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    };

    /// Cases of the AWS test suite (`get-vanilla` and others) and of the AWS documentation (IAM, S3).
    const CASES: [AwsCase; 6] = [
        VANILLA,
        AwsCase {
            url: "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ..VANILLA
        },
        AwsCase {
            method: Method::Post,
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ..VANILLA
        },
        AwsCase {
            method: Method::Post,
            content_type: Some("application/x-www-form-urlencoded"),
            body: "Param1=value1",
            names: "content-type;host;x-amz-date",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ..VANILLA
        },
        AwsCase {
            service: "iam",
            url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            names: "content-type;host;x-amz-date",
            signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ..VANILLA
        },
        AwsCase {
            service: "s3",
            time: "2013-05-24T00:00:00Z",
            url: "https://examplebucket.s3.amazonaws.com/?lifecycle",
            names: "host;x-amz-content-sha256;x-amz-date",
            signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ..VANILLA
        },
    ];

    fn placement(service: &str) -> AwsPlacement {
        AwsPlacement {
            access_key: LiteralOrField::Field("key_id".to_owned()),
            region: LiteralOrField::Literal("us-east-1".to_owned()),
            service: service.to_owned(),
        }
    }

    #[test]
    fn published_requests_have_their_published_signatures() {
        let fields = BTreeMap::from([("key_id".to_owned(), "AKIDEXAMPLE".to_owned())]);
        for case in CASES {
            let mut request = OutgoingRequest {
                method: case.method,
                url: case.url.parse().unwrap(),
                headers: case
                    .content_type
                    .map(|kind| ("Content-Type".to_owned(), kind.to_owned()))
                    .into_iter()
                    .collect(),
                body: (!case.body.is_empty()).then(|| case.body.into()),
                credential: None,
            };
            // The S3 documentation uses another secret than the test suite.
            let secret = if case.service == "s3" {
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
            } else {
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
            };
            let context = SigningContext { fields: &fields, now: case.time.parse().unwrap() };
            let value = sign(&placement(case.service), secret, context, &mut request).unwrap();
            let day = case.time[..10].replace('-', "");
            assert_eq!(
                value,
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/us-east-1/{}/aws4_request, SignedHeaders={}, \
                     Signature={}",
                    case.service, case.names, case.signature
                )
            );
            assert!(request.headers.iter().any(|(name, _)| name == "x-amz-date"));
        }
    }

    #[test]
    fn paths_and_queries_are_canonicalized() {
        assert_eq!(encode_path("/a%20b/c:d"), "/a%2520b/c%3Ad");
        assert_eq!(canonicalize_query("b=2&a=%7e&a=1&c&d=x%2fy+z"), "a=1&a=~&b=2&c=&d=x%2Fy%2Bz");
    }

    #[test]
    fn a_region_that_is_not_a_header_token_is_denied() {
        let fields = BTreeMap::from([("key_id".to_owned(), "AKID/EXAMPLE, x".to_owned())]);
        let mut request = OutgoingRequest {
            method: Method::Get,
            url: "https://example.amazonaws.com/".parse().unwrap(),
            headers: Vec::new(),
            body: None,
            credential: None,
        };
        let context = SigningContext { fields: &fields, now: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(sign(&placement("service"), "x", context, &mut request).unwrap_err().rule, "place");
        assert!(
            validate(&AwsPlacement { region: LiteralOrField::Literal("a/b".to_owned()), ..placement("service") })
                .is_err()
        );
    }
}
