//! Puts a credential at its declared place (rule R12), and refuses a request that has anything there already. Pure.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use jackfield_core::{
    Secret,
    manifest::{BasicUser, Method, Place},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use url::Url;

use super::{
    Denial, headers, json,
    sign::{self, Moment},
};

/// What is encoded in a query or a form: all but the unreserved letters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How often a key is decoded in the search for the place's name: once by right, twice by proxies and carelessness.
const DECODINGS: usize = 3;

/// A request on its way out, between the judgement and the wire. It may hold the credential and is not printed.
#[derive(Clone)]
pub struct Draft {
    pub method: Method,
    pub url: Url,
    /// What the component set, with a content type where the host had to choose it.
    pub headers: Vec<(String, String)>,
    pub body: Option<Bytes>,
    /// The header field that holds the credential, marked as sensitive.
    pub credential: Option<(HeaderName, HeaderValue)>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Draft({})", self.url.path())
    }
}

/// Checks that a credential of this place can be declared.
///
/// # Errors
/// Why not, in words.
pub fn place_may_be_asked(place: &Place) -> Result<(), String> {
    let right = match place {
        Place::Header { name, format } => {
            headers::may_hold_a_credential(name) && format.matches("{}").count() == 1 && headers::is_value(format)
        }
        Place::Basic(BasicUser::Literal(user)) => is_user(user),
        Place::Basic(BasicUser::Field(name)) => !name.is_empty(),
        Place::Query(key) | Place::Form(key) => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()),
        Place::Json(pointer) => json::keys(pointer).is_ok(),
        Place::Hmac(place) => sign::hmac_may_be_asked(place),
        Place::Aws(place) => sign::aws_may_be_asked(place),
        Place::Jwt(place) => sign::jwt_may_be_asked(place),
    };
    if right { Ok(()) } else { Err("a credential cannot stand in this place".to_owned()) }
}

/// Checks that what a component sent leaves the place free, in every spelling that some server reads as that place.
///
/// # Errors
/// A denial by rule `place`.
pub fn check(place: &Place, draft: &Draft) -> Result<(), Denial> {
    match place {
        Place::Header { name, .. } => field_is_free(name, draft),
        Place::Basic(_) => field_is_free("authorization", draft),
        // Some servers read a query and a form as one set of keys.
        Place::Query(key) | Place::Form(key) => {
            let is_form = matches!(place, Place::Form(_));
            keys_are_free(key, draft.url.query().unwrap_or_default().as_bytes())?;
            if is_form {
                content_type(draft, is_form_type)?;
            }
            let reads_as_form = is_form || declared_type(draft).is_ok_and(|kind| kind.is_some_and(is_form_type));
            if reads_as_form { keys_are_free(key, draft.body.as_deref().unwrap_or_default()) } else { Ok(()) }
        }
        Place::Json(pointer) => {
            content_type(draft, is_json_type)?;
            json::insert(draft.body.as_deref().unwrap_or(b"{}"), pointer, "").map(drop).map_err(refused)
        }
        Place::Hmac(place) => {
            field_is_free(&place.header, draft)?;
            place.time.as_ref().map_or(Ok(()), |time| field_is_free(&time.header, draft))
        }
        Place::Aws(_) => sign::AWS_FIELDS.iter().try_for_each(|name| field_is_free(name, draft)),
        Place::Jwt(place) => field_is_free(&place.header, draft),
    }
}

/// Puts the credential at its place, which [`check`] has found free; one that signs stays here, and its signature goes.
///
/// Gives a token that was made of it, for that must not come back either.
///
/// # Errors
/// A denial by rule `place` when the credential does not fit there.
pub(super) fn put(
    place: &Place,
    secret: &str,
    moment: Moment<'_>,
    draft: &mut Draft,
) -> Result<Option<Secret<String>>, Denial> {
    match place {
        Place::Hmac(place) => {
            let value = sign::hmac(place, secret, moment, draft)?;
            put_field(&place.header, &value, draft)?;
        }
        Place::Aws(place) => {
            let value = sign::aws(place, secret, moment, draft)?;
            put_field("authorization", &value, draft)?;
        }
        Place::Jwt(place) => {
            let token = sign::jwt(place, secret, moment)?;
            put_field(&place.header, &place.format.replacen("{}", token.expose(), 1), draft)?;
            return Ok(Some(token));
        }
        Place::Header { name, format } => put_field(name, &format.replacen("{}", secret, 1), draft)?,
        Place::Basic(user) => {
            let user = match user {
                BasicUser::Literal(user) => user,
                BasicUser::Field(name) => {
                    moment.fields.get(name).ok_or_else(|| denied(format!("the field `{name}` has no value")))?
                }
            };
            if !is_user(user) {
                return Err(denied("the user of HTTP Basic holds a colon or a control"));
            }
            put_field("authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))), draft)?;
        }
        Place::Query(key) => {
            let query = pair(draft.url.query().unwrap_or_default(), key, secret);
            draft.url.set_query(Some(&query));
        }
        Place::Form(key) => {
            let form = str::from_utf8(draft.body.as_deref().unwrap_or_default())
                .map_err(|_| denied("the form is not UTF-8"))?;
            draft.body = Some(pair(form, key, secret).into());
            say_type("application/x-www-form-urlencoded", draft);
        }
        Place::Json(pointer) => {
            let body = json::insert(draft.body.as_deref().unwrap_or(b"{}"), pointer, secret).map_err(refused)?;
            draft.body = Some(body.into());
            say_type("application/json", draft);
        }
    }
    Ok(None)
}

fn field_is_free(name: &str, draft: &Draft) -> Result<(), Denial> {
    let name = headers::spelling(name);
    if draft.headers.iter().any(|(set, _)| headers::spelling(set) == name) {
        return Err(denied(format!("`{name}` is the credential's place")));
    }
    Ok(())
}

fn keys_are_free(wanted: &str, pairs: &[u8]) -> Result<(), Denial> {
    let wanted = key_spellings(wanted.as_bytes());
    for pair in pairs.split(|byte| matches!(byte, b'&' | b';')) {
        let mut key: Vec<u8> = pair.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
        for _ in 0..=DECODINGS {
            if key_spellings(&key).iter().any(|spelling| wanted.contains(spelling)) {
                return Err(denied("a key of the request is the credential's place, or could be read as it"));
            }
            key = percent_decode(&key).map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
        }
    }
    Ok(())
}

/// The spellings under which servers file a key: trimmed, without case, cut at a bracket, an equals sign or a NUL, with
/// `_` for the dots, blanks and open brackets that PHP cannot keep.
fn key_spellings(key: &[u8]) -> [String; 2] {
    let key = String::from_utf8_lossy(key).replace('+', " ");
    let key = json::folded(key.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control()));
    let cut = key.split(['[', '=', '\0']).next().unwrap_or_default().trim_end().replace(['.', ' '], "_");
    [cut, key.replace(['.', ' ', '['], "_")]
}

fn content_type(draft: &Draft, fits: fn(&str) -> bool) -> Result<(), Denial> {
    if draft.headers.iter().any(|(name, _)| headers::spelling(name) == "content-encoding") {
        return Err(denied("a coded body takes no credential"));
    }
    match declared_type(draft)? {
        Some(kind) if !fits(kind) => Err(denied("the body is of another type than the credential's place")),
        Some(_) | None => Ok(()),
    }
}

fn declared_type(draft: &Draft) -> Result<Option<&str>, Denial> {
    let mut types = draft.headers.iter().filter(|(name, _)| headers::spelling(name) == "content-type");
    let first = types.next().map(|(_, value)| value.as_str());
    if types.next().is_some() { Err(denied("two content types")) } else { Ok(first) }
}

fn is_form_type(kind: &str) -> bool {
    essence(kind).is_some_and(|essence| essence == "application/x-www-form-urlencoded")
}

fn is_json_type(kind: &str) -> bool {
    essence(kind).is_some_and(|essence| {
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

/// The media type in lower case, unless it comes in a charset that a server could decode to something else.
fn essence(kind: &str) -> Option<String> {
    let kind = kind.to_ascii_lowercase();
    let (essence, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    let is_utf8 = charset.map(|charset| charset.trim_matches('"')).all(|charset| charset == "utf-8");
    is_utf8.then(|| essence.trim().to_owned())
}

fn say_type(kind: &str, draft: &mut Draft) {
    if !draft.headers.iter().any(|(name, _)| headers::spelling(name) == "content-type") {
        draft.headers.push(("content-type".to_owned(), kind.to_owned()));
    }
}

fn put_field(name: &str, value: &str, draft: &mut Draft) -> Result<(), Denial> {
    let unfit = || denied("the credential does not fit into a header field");
    if !headers::may_hold_a_credential(name) || !headers::is_value(value) {
        return Err(unfit());
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    draft.credential = Some((name, value));
    Ok(())
}

fn pair(pairs: &str, key: &str, secret: &str) -> String {
    let comma = if pairs.is_empty() { "" } else { "&" };
    format!("{pairs}{comma}{}={}", utf8_percent_encode(key, ENCODED), utf8_percent_encode(secret, ENCODED))
}

fn is_user(user: &str) -> bool {
    !user.contains(|letter: char| letter == ':' || letter.is_control())
}

fn refused(why: json::Refused) -> Denial {
    denied(why.to_string())
}

fn denied(message: impl Into<String>) -> Denial {
    Denial::new("place", message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Draft, Moment, check, place_may_be_asked, put};
    use jackfield_core::manifest::{BasicUser, Method, Place};

    fn draft(query: &str, headers: &[(&str, &str)], body: Option<&'static str>) -> Draft {
        Draft {
            method: Method::Post,
            url: format!("https://api.example.com/v1{query}").parse().unwrap(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.map(|body| body.as_bytes().into()),
            credential: None,
        }
    }

    fn attached(place: &Place, mut draft: Draft) -> Draft {
        check(place, &draft).unwrap();
        let fields = BTreeMap::from([("email".to_owned(), "a@b.c".to_owned())]);
        put(place, "s&e=c/r+t", Moment { fields: &fields, now: jiff::Timestamp::UNIX_EPOCH }, &mut draft).unwrap();
        draft
    }

    #[test]
    fn a_credential_stands_at_its_place_and_prints_as_sensitive() {
        let header = Place::Header { name: "Authorization".to_owned(), format: "Bearer {}".to_owned() };
        let (name, value) = attached(&header, draft("", &[], None)).credential.unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer s&e=c/r+t"));
        assert_eq!(format!("{value:?}"), "Sensitive");

        let basic = Place::Basic(BasicUser::Field("email".to_owned()));
        let (_, value) = attached(&basic, draft("", &[], None)).credential.unwrap();
        assert_eq!(value.to_str().unwrap(), "Basic YUBiLmM6cyZlPWMvcit0");

        let query = attached(&Place::Query("key".to_owned()), draft("?a=b%20c", &[], None));
        assert_eq!(query.url.query(), Some("a=b%20c&key=s%26e%3Dc%2Fr%2Bt"));

        let form = attached(&Place::Form("key".to_owned()), draft("", &[], Some("a=1")));
        assert_eq!(form.body.unwrap(), "a=1&key=s%26e%3Dc%2Fr%2Bt");
        assert_eq!(form.headers, [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);

        let json = attached(&Place::Json("/auth/key".to_owned()), draft("", &[], None));
        assert_eq!(json.body.unwrap(), r#"{"auth":{"key":"s&e=c/r+t"}}"#);
    }

    #[test]
    fn a_place_that_some_server_reads_as_taken_is_refused() {
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        let query = || Place::Query("api_key".to_owned());
        let form = || Place::Form("api_key".to_owned());
        let json = || Place::Json("/key".to_owned());
        for (number, (place, draft)) in [
            (query(), draft("?api.key=x", &[], None)),
            (query(), draft("?api%00=x&API%5Fkey%00y=x", &[], None)),
            (query(), draft("?api[key=x", &[], None)),
            (query(), draft("", &[form_type], Some("api_key=x"))),
            (form(), draft("?api_key=x", &[], None)),
            (form(), draft("", &[("content_type", "multipart/form-data")], None)),
            (form(), draft("", &[form_type, form_type], None)),
            (form(), draft("", &[("Content-Encoding", "gzip")], None)),
            (json(), draft("", &[form_type], None)),
            (json(), draft("", &[("Content-Type", "application/json; charset=utf-16")], None)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(check(&place, &draft).unwrap_err().rule, "place", "{number}");
        }
    }

    #[test]
    fn a_secret_that_breaks_a_header_is_refused() {
        let header = Place::Header { name: "X-Key".to_owned(), format: "{}".to_owned() };
        let mut draft = draft("", &[], None);
        let moment = Moment { fields: &BTreeMap::new(), now: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(put(&header, "a\r\nb", moment, &mut draft).unwrap_err().rule, "place");
        assert!(place_may_be_asked(&header).is_ok());
        assert!(place_may_be_asked(&Place::Header { name: "Host".to_owned(), format: "{}".to_owned() }).is_err());
        assert!(place_may_be_asked(&Place::Basic(BasicUser::Literal("a:b".to_owned()))).is_err());
    }
}
