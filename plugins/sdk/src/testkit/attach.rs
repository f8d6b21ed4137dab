//! Attaches the credential to a request at its declared placement, as the host does, for a [`Socket`].
//!
//! [`Socket`]: super::Socket

use serde_json::{Map, Value};

use crate::encode::{percent_encode, push_pair};
use crate::http::{Denial, Header, Request};
use crate::types::{BasicUser, CredentialSource, Endpoint, Place};

/// The fields and the token of a connection, including secrets.
#[derive(Clone, Default)]
pub struct Credentials {
    fields: Vec<(String, String)>,
    token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl Credentials {
    /// Creates an empty set of credentials.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sets the access token for endpoints with an OAuth 2.0 or a minted token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.into());
        self
    }

    fn value(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }
}

/// Attaches the credential of an endpoint that [`find_endpoint`](super::find_endpoint) returned.
///
/// # Errors
///
/// A denial by the rule `credential` if there is none, or if the body has another format than the placement needs.
pub fn attach(endpoint: &Endpoint, credentials: &Credentials, request: &mut Request) -> Result<(), Denial> {
    let Some(attachment) = &endpoint.credential else { return Ok(()) };
    let secret = match &attachment.source {
        CredentialSource::Field(field) => credentials.value(field),
        CredentialSource::OauthToken | CredentialSource::Minted(_) => credentials.token.as_deref(),
    };
    let secret = secret.ok_or_else(|| denial("there is no credential for this endpoint"))?;
    match &attachment.place {
        Place::Header(header) => push_header(request, &header.name, header.format.replacen("{}", secret, 1)),
        Place::Basic(user) => {
            let user = match user {
                BasicUser::Literal(user) => user,
                BasicUser::Field(field) => credentials.value(field).unwrap_or_default(),
            };
            push_header(request, "Authorization", format!("Basic {}", base64(format!("{user}:{secret}").as_bytes())));
        }
        Place::Query(key) => {
            request.url.push(if request.url.contains('?') { '&' } else { '?' });
            push_pair(&mut request.url, key, secret);
        }
        Place::Form(key) => {
            let form = request.body.get_or_insert_default();
            if !form.is_empty() {
                form.push(b'&');
            }
            form.extend(format!("{}={}", percent_encode(key), percent_encode(secret)).into_bytes());
        }
        Place::Json(pointer) => put_into_json(request, pointer, secret)?,
        Place::Hmac(place) => push_header(request, &place.header.name, format_dummy_signature(&place.header.format)),
        Place::Aws(_) => push_header(request, "Authorization", format_dummy_signature("AWS4-HMAC-SHA256 {}")),
        Place::Jwt(place) => push_header(request, &place.header.name, format_dummy_signature(&place.header.format)),
    }
    Ok(())
}

/// Formats a header field with a dummy signature, because only the host signs and a stand-in cannot verify.
fn format_dummy_signature(format: &str) -> String {
    format.replacen("{}", "signature", 1)
}

fn put_into_json(request: &mut Request, pointer: &str, secret: &str) -> Result<(), Denial> {
    let mut document: Value =
        serde_json::from_slice(request.body.as_deref().unwrap_or(b"{}")).map_err(|_| denial("the body is not JSON"))?;
    let mut target = &mut document;
    for key in pointer.split('/').skip(1) {
        if target.is_null() {
            *target = Value::Object(Map::new());
        }
        let object = target
            .as_object_mut()
            .ok_or_else(|| denial("the JSON pointer leads through a value that is not an object"))?;
        target = object.entry(key.replace("~1", "/").replace("~0", "~")).or_insert(Value::Null);
    }
    *target = secret.into();
    request.body = Some(document.to_string().into_bytes());
    Ok(())
}

fn push_header(request: &mut Request, name: &str, value: String) {
    request.headers.push(Header { name: name.into(), value });
}

fn denial(message: &str) -> Denial {
    Denial { rule: "credential".into(), message: message.into() }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let sextet = usize::try_from(bits >> (18 - 6 * index) & 63).unwrap_or_default();
            text.push(if index <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::post;
    use crate::http;
    use crate::types::{JwtAlgorithm, JwtPlace};

    fn attach_all(endpoint: &Endpoint, mut request: Request) -> Request {
        let credentials = Credentials::new().field("key", "s&cret").field("user", "kim").token("t0ken");
        attach(endpoint, &credentials, &mut request).unwrap();
        request
    }

    fn body(request: &Request) -> &str {
        std::str::from_utf8(request.body.as_deref().unwrap()).unwrap()
    }

    #[test]
    fn the_credential_is_attached_at_each_placement() {
        let at = || post("acme.test/").credential("key");
        let plain = || http::post("https://acme.test/");

        assert_eq!(attach_all(&at().header("X-Key", "Key {}"), plain()).headers[0].value, "Key s&cret");
        assert_eq!(attach_all(&post("acme.test/").oauth(), plain()).headers[0].value, "Bearer t0ken");
        assert_eq!(attach_all(&at().query("key"), plain()).url, "https://acme.test/?key=s%26cret");
        assert_eq!(body(&attach_all(&at().form("key"), plain().form(&[("a", "1")]))), "a=1&key=s%26cret");
        assert_eq!(
            body(&attach_all(&at().json("/auth/a~1b"), plain().json(&1).unwrap().json(&Map::new()).unwrap())),
            r#"{"auth":{"a/b":"s&cret"}}"#
        );
    }

    #[test]
    fn a_signing_key_is_not_sent() {
        let endpoint = post("acme.test/").credential("key").jwt(JwtPlace::new(JwtAlgorithm::Hs256));
        assert_eq!(attach_all(&endpoint, http::post("https://acme.test/")).headers[0].value, "Bearer signature");
    }

    #[test]
    fn the_user_of_basic_is_a_field_or_a_literal() {
        let at = |user| attach_all(&post("acme.test/").credential("key").basic(user), http::post("https://acme.test/"));
        assert_eq!(at(BasicUser::Field("user".into())).headers[0].value, "Basic a2ltOnMmY3JldA==");
        assert_eq!(at(BasicUser::Literal(String::new())).headers[0].value, "Basic OnMmY3JldA==");
    }

    #[test]
    fn without_a_declared_credential_nothing_is_attached() {
        let request = http::post("https://acme.test/");
        assert_eq!(attach_all(&post("acme.test/"), request.clone()), request);
    }

    #[test]
    fn a_missing_credential_is_denied() {
        let endpoint = post("acme.test/").bearer("key");
        let denied = attach(&endpoint, &Credentials::new(), &mut http::post("https://acme.test/"));
        assert_eq!(denied.unwrap_err().rule, "credential");
    }
}
