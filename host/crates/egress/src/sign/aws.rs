//! AWS Signature Version 4, in `Authorization`, as its documentation has it. Pure.

use jackfield_core::manifest::{AwsPlace, Given};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use ring::{digest, hmac};

use super::{Moment, hex, unsigned};
use crate::{Denial, attach::Draft, headers};

/// The fields that are the signature's: whoever sets one of them says something else than the host.
pub(crate) const FIELDS: [&str; 5] =
    ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "date"];

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// All but the unreserved letters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Tells whether a credential of this place can be declared.
pub(crate) fn may_be_asked(place: &AwsPlace) -> bool {
    let word = |given: &Given| match given {
        Given::Literal(text) => is_word(text),
        Given::Field(name) => !name.is_empty(),
    };
    is_word(&place.service) && word(&place.region) && word(&place.access_key)
}

/// Signs a draft, adds the fields that go with the signature, and gives the value of `Authorization`.
///
/// # Errors
/// A denial by rule `place` when a field of the connection does not fit.
pub(crate) fn sign(place: &AwsPlace, secret: &str, moment: Moment<'_>, draft: &mut Draft) -> Result<String, Denial> {
    let (access_key, region) = (moment.given(&place.access_key)?, moment.given(&place.region)?);
    if !is_word(access_key) || !is_word(region) {
        return Err(unsigned("the access key's id or the region is none"));
    }
    let time = moment.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = moment.now.strftime("%Y%m%d").to_string();
    let body = sha256(draft.body.as_deref().unwrap_or_default());
    // S3 alone wants the body's digest in a field of its own, and takes a path as it stands.
    let is_s3 = place.service == "s3";

    let mut signed = vec![
        ("host".to_owned(), draft.url.host_str().unwrap_or_default().to_owned()),
        ("x-amz-date".to_owned(), time.clone()),
    ];
    if is_s3 {
        signed.push(("x-amz-content-sha256".to_owned(), body.clone()));
    }
    draft.headers.extend(signed.iter().skip(1).cloned());
    for (name, value) in &draft.headers {
        let name = name.to_ascii_lowercase();
        if name == "content-type" || (name.starts_with("x-amz-") && !FIELDS.contains(&name.as_str())) {
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            if signed.iter().any(|(other, _)| *other == name) {
                return Err(unsigned(format!("`{name}` is signed, and there is more than one")));
            }
            signed.push((name, value));
        }
    }
    signed.sort();

    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    let path = if is_s3 { draft.url.path().to_owned() } else { encoded_path(draft.url.path()) };
    let query = canonical_query(draft.url.query().unwrap_or_default());
    let request = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{body}", draft.method.as_str());
    let scope = format!("{day}/{region}/{}/aws4_request", place.service);
    let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256(request.as_bytes()));

    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [day.as_str(), region, &place.service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    let signature = hex(hmac::sign(&key, text.as_bytes()).as_ref());
    Ok(format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"))
}

/// Each segment encoded once more than it is sent.
fn encoded_path(path: &str) -> String {
    path.split('/').map(|segment| utf8_percent_encode(segment, ENCODED).to_string()).collect::<Vec<_>>().join("/")
}

/// Pairs decoded, encoded in the one way, and sorted.
fn canonical_query(query: &str) -> String {
    let coded = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&plain, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (coded(key), coded(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && headers::is_token(text)
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use jackfield_core::manifest::Method;

    struct Case {
        service: &'static str,
        time: &'static str,
        method: Method,
        url: &'static str,
        content_type: Option<&'static str>,
        body: &'static str,
        names: &'static str,
        signature: &'static str,
    }

    const VANILLA: Case = Case {
        service: "service",
        time: "2015-08-30T12:36:00Z",
        method: Method::Get,
        url: "https://example.amazonaws.com/",
        content_type: None,
        body: "",
        names: "host;x-amz-date",
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    };

    /// Cases of AWS's own test suite (`get-vanilla` and others) and of its documentation (IAM, S3).
    const CASES: [Case; 6] = [
        VANILLA,
        Case {
            url: "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ..VANILLA
        },
        Case {
            method: Method::Post,
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ..VANILLA
        },
        Case {
            method: Method::Post,
            content_type: Some("application/x-www-form-urlencoded"),
            body: "Param1=value1",
            names: "content-type;host;x-amz-date",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ..VANILLA
        },
        Case {
            service: "iam",
            url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            names: "content-type;host;x-amz-date",
            signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ..VANILLA
        },
        Case {
            service: "s3",
            time: "2013-05-24T00:00:00Z",
            url: "https://examplebucket.s3.amazonaws.com/?lifecycle",
            names: "host;x-amz-content-sha256;x-amz-date",
            signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ..VANILLA
        },
    ];

    fn place(service: &str) -> AwsPlace {
        AwsPlace {
            access_key: Given::Field("key_id".to_owned()),
            region: Given::Literal("us-east-1".to_owned()),
            service: service.to_owned(),
        }
    }

    #[test]
    fn published_requests_get_their_published_signatures() {
        let fields = BTreeMap::from([("key_id".to_owned(), "AKIDEXAMPLE".to_owned())]);
        for case in CASES {
            let mut draft = Draft {
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
            // The documentation of S3 has another secret than the test suite.
            let secret = if case.service == "s3" {
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
            } else {
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
            };
            let moment = Moment { fields: &fields, now: case.time.parse().unwrap() };
            let value = sign(&place(case.service), secret, moment, &mut draft).unwrap();
            let day = case.time[..10].replace('-', "");
            assert_eq!(
                value,
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/us-east-1/{}/aws4_request, SignedHeaders={}, \
                     Signature={}",
                    case.service, case.names, case.signature
                )
            );
            assert!(draft.headers.iter().any(|(name, _)| name == "x-amz-date"));
        }
    }

    #[test]
    fn paths_and_queries_have_one_form() {
        assert_eq!(encoded_path("/a%20b/c:d"), "/a%2520b/c%3Ad");
        assert_eq!(canonical_query("b=2&a=%7e&a=1&c&d=x%2fy+z"), "a=1&a=~&b=2&c=&d=x%2Fy%2Bz");
    }

    #[test]
    fn a_region_that_breaks_the_field_is_refused() {
        let fields = BTreeMap::from([("key_id".to_owned(), "AKID/EXAMPLE, x".to_owned())]);
        let mut draft = Draft {
            method: Method::Get,
            url: "https://example.amazonaws.com/".parse().unwrap(),
            headers: Vec::new(),
            body: None,
            credential: None,
        };
        let moment = Moment { fields: &fields, now: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(sign(&place("service"), "x", moment, &mut draft).unwrap_err().rule, "place");
        assert!(!may_be_asked(&AwsPlace { region: Given::Literal("a/b".to_owned()), ..place("service") }));
    }
}
