//! Places a credential in a request (rule R12), and denies a request that already sets something at the placement.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use jackfield_core::{
    Secret,
    manifest::{BasicUser, Placement},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::{
    error::Denial,
    headers,
    json_insert::{self, JsonInsertError},
    merged_parameters,
    outgoing_request::OutgoingRequest,
    sign::{self, SigningContext},
};

/// Percent-encodes everything in a query or a form but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Checks that a manifest can declare this placement.
///
/// # Errors
/// What is wrong, for people.
pub fn validate(placement: &Placement) -> Result<(), String> {
    match placement {
        Placement::Header { name, format } => validate_header(name, format),
        Placement::Basic(BasicUser::Literal(user)) if !is_basic_user(user) => {
            Err(format!("the user of HTTP Basic, `{user}`, contains a colon or a control character"))
        }
        Placement::Basic(BasicUser::Field(name)) if name.is_empty() => {
            Err("the user of HTTP Basic comes from a field without a name".to_owned())
        }
        Placement::Basic(_) => Ok(()),
        Placement::Query(key) | Placement::Form(key) => {
            match !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) {
                true => Ok(()),
                false => Err(format!("the key `{key}` is empty, or contains a space or a character that is not ASCII")),
            }
        }
        Placement::Json(pointer) => match json_insert::parse_pointer(pointer) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("`{pointer}` is not a JSON pointer to a member, such as `/auth/token`")),
        },
        Placement::Hmac(placement) => sign::hmac::validate(placement),
        Placement::Aws(placement) => sign::aws::validate(placement),
        Placement::Jwt(placement) => sign::jwt::validate(placement),
    }
}

/// Checks the name and the format of a header that contains a credential or a signature.
pub(crate) fn validate_header(name: &str, format: &str) -> Result<(), String> {
    if !headers::is_token(name) {
        return Err(format!("`{name}` is not the name of a header"));
    }
    if !headers::can_contain_credential(name) {
        return Err(format!("the header `{name}` is set by the host, or is not for credentials"));
    }
    match format.matches("{}").count() {
        1 if headers::is_value(format) => Ok(()),
        1 => Err(format!("the format of the header `{name}` contains a character that is not printable ASCII")),
        0 => Err(format!("the format of the header `{name}` is `{format}`, without the `{{}}` for the credential")),
        number => Err(format!("the format of the header `{name}` contains `{{}}` {number} times")),
    }
}

/// Checks that the request sets nothing where the credential is placed.
///
/// Every spelling that some server accepts is considered.
///
/// # Errors
/// A denial by rule `place`.
pub(crate) fn require_free(placement: &Placement, request: &OutgoingRequest) -> Result<(), Denial> {
    match placement {
        Placement::Header { name, .. } => require_no_header(name, request),
        Placement::Basic(_) => require_no_header("authorization", request),
        // Some servers merge the keys of the query and of the body.
        Placement::Query(key) => {
            require_no_query_key(key, request)?;
            if merged_parameters::body_sets(request, &[key]) { Err(key_denial()) } else { Ok(()) }
        }
        Placement::Form(key) => {
            require_no_query_key(key, request)?;
            require_content_type(request, is_form_type)?;
            let form = request.body.as_deref().unwrap_or_default();
            if merged_parameters::pairs_set(form, &[key]) { Err(key_denial()) } else { Ok(()) }
        }
        Placement::Json(pointer) => {
            if let Some(key) = json_insert::parse_pointer(pointer)?.first() {
                require_no_query_key(key, request)?;
            }
            require_content_type(request, is_json_type)?;
            let body = request.body.as_deref().unwrap_or(b"{}");
            json_insert::insert(body, pointer, "").map(drop).map_err(Denial::from)
        }
        Placement::Hmac(placement) => {
            require_no_header(&placement.header, request)?;
            placement.time.as_ref().map_or(Ok(()), |time| require_no_header(&time.header, request))
        }
        Placement::Aws(_) => sign::aws::HEADERS.iter().try_for_each(|name| require_no_header(name, request)),
        Placement::Jwt(placement) => require_no_header(&placement.header, request),
    }
}

/// A token that was signed with a credential and is sent. It must be masked in responses as well.
#[derive(Debug)]
pub(crate) struct SignedToken {
    pub(crate) token: Secret<String>,
    pub(crate) lifetime: Duration,
}

/// Places the credential, after [`require_free`].
///
/// A signing key is not sent, but its signature is. A signature of the request is not masked, because it is valid for
/// this request of the component only. A signed token is valid for others, and is returned.
///
/// # Errors
/// A denial by rule `place` if the credential cannot be placed there.
pub(crate) fn apply(
    placement: &Placement,
    secret: &str,
    context: SigningContext<'_>,
    request: &mut OutgoingRequest,
) -> Result<Option<SignedToken>, Denial> {
    if matches!(placement, Placement::Form(_) | Placement::Json(_)) && !merged_parameters::has_body(request.method) {
        return Err(denial("the credential cannot be placed in the body of a GET or HEAD request"));
    }
    match placement {
        Placement::Hmac(placement) => {
            let value = sign::hmac::sign(placement, secret, context, request)?;
            request.set_credential(&placement.header, &value)?;
        }
        Placement::Aws(placement) => {
            let value = sign::aws::sign(placement, secret, context, request)?;
            request.set_credential("authorization", &value)?;
        }
        Placement::Jwt(placement) => {
            let token = sign::jwt::sign(placement, secret, context)?;
            request.set_credential(&placement.header, &fill_format(&placement.format, token.expose()))?;
            return Ok(Some(SignedToken { token, lifetime: Duration::from_secs(placement.lifetime.into()) }));
        }
        Placement::Header { name, format } => request.set_credential(name, &fill_format(format, secret))?,
        Placement::Basic(user) => {
            let user = match user {
                BasicUser::Literal(user) => user,
                BasicUser::Field(name) => context.field(name)?,
            };
            if !is_basic_user(user) {
                return Err(denial("the user of HTTP Basic contains a colon or a control character"));
            }
            let pair = Zeroizing::new(format!("{user}:{secret}"));
            let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
            request.set_credential("authorization", &fill_format("Basic {}", &encoded))?;
        }
        Placement::Query(key) => {
            let query = append_pair(request.url.query().unwrap_or_default(), key, secret);
            request.url.set_query(Some(&query));
        }
        Placement::Form(key) => {
            let form = str::from_utf8(request.body.as_deref().unwrap_or_default())
                .map_err(|_| denial("the form is not UTF-8"))?;
            request.body = Some(append_pair(form, key, secret).into());
            default_content_type("application/x-www-form-urlencoded", request);
        }
        Placement::Json(pointer) => {
            let body = json_insert::insert(request.body.as_deref().unwrap_or(b"{}"), pointer, secret)?;
            request.body = Some(body.into());
            default_content_type("application/json", request);
        }
    }
    Ok(None)
}

fn require_no_header(name: &str, request: &OutgoingRequest) -> Result<(), Denial> {
    match request.header_values(name).next() {
        Some(_) => Err(denial(format!("the request cannot set `{name}`, because the credential is placed there"))),
        None => Ok(()),
    }
}

fn require_no_query_key(key: &str, request: &OutgoingRequest) -> Result<(), Denial> {
    if merged_parameters::query_sets(request, &[key]) { Err(key_denial()) } else { Ok(()) }
}

fn key_denial() -> Denial {
    denial(
        "the request sets a key that a server could confuse with that of the credential, or its body cannot be checked",
    )
}

fn require_content_type(request: &OutgoingRequest, is_expected: fn(&str) -> bool) -> Result<(), Denial> {
    if request.header_values("content-encoding").next().is_some() {
        return Err(denial("a credential cannot be placed in a body with a content encoding"));
    }
    match content_type(request)? {
        Some(value) if !is_expected(value) => Err(denial("the content type does not fit the credential's placement")),
        Some(_) | None => Ok(()),
    }
}

fn content_type(request: &OutgoingRequest) -> Result<Option<&str>, Denial> {
    let mut values = request.header_values("content-type");
    let first = values.next();
    if values.next().is_some() { Err(denial("the request has more than one content type")) } else { Ok(first) }
}

fn is_form_type(content_type: &str) -> bool {
    media_type(content_type).is_some_and(|media_type| media_type == "application/x-www-form-urlencoded")
}

fn is_json_type(content_type: &str) -> bool {
    media_type(content_type).is_some_and(|media_type| {
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
    })
}

/// Returns the media type in lower case, or nothing if its charset is not UTF-8.
fn media_type(content_type: &str) -> Option<String> {
    let content_type = content_type.to_ascii_lowercase();
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let charset = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset="));
    let is_utf8 = charset.map(|charset| charset.trim_matches('"')).all(|charset| charset == "utf-8");
    is_utf8.then(|| media_type.trim().to_owned())
}

/// Sets the content type of a request that has none.
fn default_content_type(content_type: &str, request: &mut OutgoingRequest) {
    if request.header_values("content-type").next().is_none() {
        request.headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
}

/// Returns the format with the secret in it. The text is wiped when it is dropped.
fn fill_format(format: &str, secret: &str) -> Zeroizing<String> {
    Zeroizing::new(format.replacen("{}", secret, 1))
}

fn append_pair(pairs: &str, key: &str, secret: &str) -> String {
    let separator = if pairs.is_empty() { "" } else { "&" };
    format!("{pairs}{separator}{}={}", utf8_percent_encode(key, ENCODED), utf8_percent_encode(secret, ENCODED))
}

fn is_basic_user(user: &str) -> bool {
    !user.contains(|character: char| character == ':' || character.is_control())
}

impl From<JsonInsertError> for Denial {
    fn from(error: JsonInsertError) -> Self {
        denial(error.to_string())
    }
}

fn denial(message: impl Into<String>) -> Denial {
    Denial::new("place", message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{OutgoingRequest, SigningContext, apply, require_free, validate};
    use jackfield_core::manifest::{BasicUser, Method, Placement};

    const FORM_LATIN_1: &str = "application/x-www-form-urlencoded; charset=iso-8859-1";

    fn request(query: &str, headers: &[(&str, &str)], body: Option<&'static str>) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::Post,
            url: format!("https://api.example.com/v1{query}").parse().unwrap(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.map(|body| body.as_bytes().into()),
            credential: None,
        }
    }

    fn with_credential(placement: &Placement, mut request: OutgoingRequest) -> OutgoingRequest {
        require_free(placement, &request).unwrap();
        let fields = BTreeMap::from([("email".to_owned(), "a@b.c".to_owned())]);
        apply(
            placement,
            "s&e=c/r+t",
            SigningContext { fields: &fields, now: jiff::Timestamp::UNIX_EPOCH },
            &mut request,
        )
        .unwrap();
        request
    }

    #[test]
    fn a_credential_is_placed_and_marked_as_sensitive() {
        let header = Placement::Header { name: "Authorization".to_owned(), format: "Bearer {}".to_owned() };
        let (name, value) = with_credential(&header, request("", &[], None)).credential.unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer s&e=c/r+t"));
        assert_eq!(format!("{value:?}"), "Sensitive");

        let basic = Placement::Basic(BasicUser::Field("email".to_owned()));
        let (_, value) = with_credential(&basic, request("", &[], None)).credential.unwrap();
        assert_eq!(value.to_str().unwrap(), "Basic YUBiLmM6cyZlPWMvcit0");

        let query = with_credential(&Placement::Query("key".to_owned()), request("?a=b%20c", &[], None));
        assert_eq!(query.url.query(), Some("a=b%20c&key=s%26e%3Dc%2Fr%2Bt"));

        let form = with_credential(&Placement::Form("key".to_owned()), request("", &[], Some("a=1")));
        assert_eq!(form.body.unwrap(), "a=1&key=s%26e%3Dc%2Fr%2Bt");
        assert_eq!(form.headers, [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);

        let json = with_credential(&Placement::Json("/auth/key".to_owned()), request("", &[], None));
        assert_eq!(json.body.unwrap(), r#"{"auth":{"key":"s&e=c/r+t"}}"#);
    }

    #[test]
    fn a_placement_that_some_server_reads_as_already_set_is_denied() {
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        let query = || Placement::Query("api_key".to_owned());
        let form = || Placement::Form("api_key".to_owned());
        let json = || Placement::Json("/key".to_owned());
        for (number, (placement, request)) in [
            (query(), request("?api.key=x", &[], None)),
            (query(), request("?api%00=x&API%5Fkey%00y=x", &[], None)),
            (query(), request("?api[key=x", &[], None)),
            (query(), request("", &[form_type], Some("api_key=x"))),
            (query(), request("", &[("Content-Type", "application/json")], Some("{\"api_key\":\"x\"}"))),
            (query(), request("", &[("Content-Type", FORM_LATIN_1)], Some("api_key=x"))),
            (query(), request("", &[form_type, form_type], Some("a=1"))),
            (query(), request("", &[form_type, ("Content-Encoding", "gzip")], Some("a=1"))),
            (
                query(),
                request("", &[("Content-Type", "multipart/form-data; boundary=b")], Some("--b name=\"api_key\"")),
            ),
            (form(), request("?api_key=x", &[], None)),
            (form(), request("", &[("content_type", "multipart/form-data")], None)),
            (form(), request("", &[form_type, form_type], None)),
            (form(), request("", &[("Content-Encoding", "gzip")], None)),
            (json(), request("", &[form_type], None)),
            (json(), request("?KEY[]=x", &[], None)),
            (json(), request("", &[("Content-Type", "application/json; charset=utf-16")], None)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(require_free(&placement, &request).unwrap_err().rule, "place", "{number}");
        }
    }

    #[test]
    fn a_secret_that_is_not_a_header_value_is_denied() {
        let header = Placement::Header { name: "X-Key".to_owned(), format: "{}".to_owned() };
        let mut request = request("", &[], None);
        let context = SigningContext { fields: &BTreeMap::new(), now: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(apply(&header, "a\r\nb", context, &mut request).unwrap_err().rule, "place");
        assert!(validate(&header).is_ok());
        assert!(validate(&Placement::Header { name: "Host".to_owned(), format: "{}".to_owned() }).is_err());
        assert!(validate(&Placement::Basic(BasicUser::Literal("a:b".to_owned()))).is_err());
    }
}
