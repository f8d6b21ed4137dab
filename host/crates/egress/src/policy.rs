//! Checks requests against the approved endpoints (rules R1 to R5 and R11), and validates URLs, hosts and paths.

use std::cmp::Reverse;

use jackfield_core::manifest::{Endpoint, Method};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

pub use crate::hosts::{host_matches, validate_host_pattern};
use crate::{error::Denial, hosts};

/// Maximum number of bytes of a URL, as `wit/host.wit` documents. Most servers reject longer request lines.
const MAX_URL: usize = 8 * 1024;
/// Maximum number of bytes of an endpoint's path pattern. No API comes near it.
const MAX_PATTERN: usize = 1024;

/// A request that an approved endpoint allows.
#[derive(Debug)]
pub(crate) struct AuthorizedRequest<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The parsed URL. Everything after this check uses it instead of the text.
    pub(crate) url: Url,
}

/// Finds the endpoint that allows a request.
///
/// If several endpoints match, the most specific one applies: an exact host before a star, then the path whose first
/// star comes last.
///
/// # Errors
/// A denial by rule `url`, `path` or `endpoint`. For `endpoint` it contains the line that would allow the request.
pub(crate) fn authorize<'a>(
    endpoints: &'a [Endpoint],
    method: Method,
    raw: &str,
) -> Result<AuthorizedRequest<'a>, Denial> {
    let CanonicalUrl { url, host, path } = parse(raw)?;
    if url.fragment().is_some() {
        return Err(Denial::new("path", "the URL of a request cannot have a fragment"));
    }
    validate_path_segments(path)?;
    let endpoint = endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.method == method && host_matches(&endpoint.host, &host) && path_matches(&endpoint.path, path)
        })
        .min_by_key(|endpoint| {
            let stars: Vec<Reverse<usize>> = endpoint.path.match_indices('*').map(|(at, _)| Reverse(at)).collect();
            (endpoint.host.starts_with('*'), stars)
        });
    match endpoint {
        Some(endpoint) => Ok(AuthorizedRequest { endpoint, url }),
        None => Err(no_endpoint(method, &host, path)),
    }
}

/// Checks the path pattern of an endpoint.
///
/// It must be canonical, have no query, and contain `*` only as a whole segment.
///
/// # Errors
/// The reason, for people.
pub fn validate_path_pattern(pattern: &str) -> Result<(), String> {
    let shown = pattern.escape_default();
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a path can have at most {MAX_PATTERN} characters"));
    }
    if !pattern.starts_with('/') {
        return Err(format!("`{shown}` does not start with a slash"));
    }
    if pattern.split('/').any(|segment| segment != "*" && segment.contains('*')) {
        return Err(format!("`{shown}` contains a star that is not a whole segment"));
    }
    let mut encoded = pattern.match_indices('%');
    if encoded.any(|(at, _)| pattern.as_bytes().iter().skip(at + 1).take(2).any(u8::is_ascii_lowercase)) {
        return Err(format!("`{shown}` contains a percent-encoded character in lower case"));
    }
    validate_path_characters(pattern)
        .and_then(|()| validate_path_segments(pattern))
        .map_err(|denial| format!("`{shown}`: {}", denial.message))
}

/// Checks and parses a URL that no endpoint covers.
///
/// Examples are an OAuth endpoint, a help page and a webhook for alerts.
///
/// # Errors
/// The reason, for people.
pub fn validate_url(raw: &str) -> Result<Url, String> {
    let CanonicalUrl { url, host, .. } = parse(raw).map_err(|denial| denial.message)?;
    if url.fragment().is_some() {
        return Err("it has a fragment".to_owned());
    }
    validate_host_pattern(&host)?;
    Ok(url)
}

/// A URL in canonical form, so that every parser reads it the same way.
pub(crate) struct CanonicalUrl<'a> {
    pub(crate) url: Url,
    pub(crate) host: String,
    /// The path as it was written, or `/`.
    path: &'a str,
}

/// Applies R1 to R4, and the character rules of R11.
pub(crate) fn parse(raw: &str) -> Result<CanonicalUrl<'_>, Denial> {
    if raw.len() > MAX_URL {
        return Err(Denial::new("url", format!("a URL can have at most {MAX_URL} bytes")));
    }
    require_visible_ascii(raw)?;
    let rest = raw
        .get(..8)
        .filter(|scheme| scheme.eq_ignore_ascii_case("https://"))
        .and_then(|scheme| raw.get(scheme.len()..))
        .ok_or_else(|| Denial::new("url", "the URL does not start with https://"))?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = rest.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");

    let url = Url::parse(raw).map_err(|why| Denial::new("url", format!("the URL is not valid: {why}")))?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(Denial::new("url", "the URL contains an address instead of a host name"));
    };
    let host = host.to_owned();
    let written = authority.strip_suffix(":443").unwrap_or(authority);
    if !written.eq_ignore_ascii_case(&host) || url.scheme() != "https" || url.port().is_some() {
        return Err(Denial::new("url", "the host is not in canonical form, or the port is not 443"));
    }
    hosts::validate_host_name(&host).map_err(|why| Denial::new("url", format!("the host is not valid: {why}")))?;
    if hosts::is_special_use(&host) {
        return Err(Denial::new("url", format!("`{host}` is a special-use name")));
    }
    validate_path_characters(path)?;
    if url.path() != path {
        return Err(Denial::new("path", "the path is not in canonical form"));
    }
    Ok(CanonicalUrl { url, host, path })
}

/// Applies R1: visible ASCII without the backslash.
pub(crate) fn require_visible_ascii(raw: &str) -> Result<(), Denial> {
    if raw.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'\\') {
        return Ok(());
    }
    Err(Denial::new("url", "a URL must be visible ASCII without spaces or backslashes"))
}

/// Rejects what two servers could read differently in a path (rule R11).
pub(crate) fn validate_path_characters(path: &str) -> Result<(), Denial> {
    let deny = |why: &str| Err(Denial::new("path", why));
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !(is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)) {
                return deny("the path contains a character that must be percent-encoded");
            }
            continue;
        }
        let digits = bytes.next().and_then(hex_digit).zip(bytes.next().and_then(hex_digit));
        match digits.map(|(high, low)| high << 4 | low) {
            None => return deny("a percent sign in the path is not followed by two hexadecimal digits"),
            Some(b'/' | b'\\' | b'%' | b';' | 0..0x20 | 0x7f) => {
                return deny(
                    "the path contains an encoded slash, backslash, percent sign, semicolon or control character",
                );
            }
            Some(byte) if is_unreserved(byte) => {
                return deny("the path contains a percent-encoded character that needs no encoding");
            }
            Some(_) => {}
        }
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) if !decoded.contains(char::is_control) => {}
        Ok(_) => return deny("the path contains an encoded control character"),
        Err(_) => return deny("the path is not UTF-8"),
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return deny("the path contains a dot segment");
    }
    Ok(())
}

/// Rejects empty segments and semicolons (rule R11).
fn validate_path_segments(path: &str) -> Result<(), Denial> {
    if path != "/" && path.split('/').skip(1).any(str::is_empty) {
        return Err(Denial::new("path", "the path contains an empty segment"));
    }
    if path.contains(';') {
        return Err(Denial::new("path", "the path contains a semicolon"));
    }
    Ok(())
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all_match = pattern.split('/').all(|expected| match segments.next() {
        Some(segment) => (expected == "*" && !segment.is_empty()) || expected == segment,
        None => false,
    });
    all_match && segments.next().is_none()
}

fn no_endpoint(method: Method, host: &str, path: &str) -> Denial {
    match validate_host_pattern(host) {
        Ok(()) => Denial::new("endpoint", format!("add `{} {host}{path}` to the endpoints", method.as_str())),
        Err(why) => Denial::new("endpoint", why),
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{authorize, validate_path_pattern, validate_url};
    use jackfield_core::manifest::{Endpoint, Method};

    fn endpoint(method: Method, host: &str, path: &str) -> Endpoint {
        Endpoint { method, host: host.to_owned(), path: path.to_owned(), credential: None }
    }

    #[test]
    fn a_denial_contains_the_endpoint_that_would_allow_the_request() {
        let listed = [endpoint(Method::Get, "api.example.com", "/v1/me")];
        let denial = authorize(&listed, Method::Get, "https://api.example.com/v1/users?limit=2").unwrap_err();
        assert_eq!(denial.rule, "endpoint");
        assert_eq!(denial.message, "add `GET api.example.com/v1/users` to the endpoints");
    }

    #[test]
    fn the_most_specific_endpoint_applies() {
        let listed = [
            endpoint(Method::Get, "*.example.org", "/v1/users/me"),
            endpoint(Method::Get, "api.example.org", "/*/users/me"),
            endpoint(Method::Get, "api.example.org", "/v1/users/*"),
            endpoint(Method::Get, "api.example.org", "/v1/users/me"),
        ];
        for (number, expected) in [(4, "/v1/users/me"), (3, "/v1/users/*"), (2, "/*/users/me")] {
            let authorized = authorize(&listed[..number], Method::Get, "https://api.example.org/v1/users/me").unwrap();
            assert_eq!(authorized.endpoint.path, expected);
            assert_eq!(authorized.endpoint.host, "api.example.org");
        }
    }

    #[test]
    fn an_endpoint_for_the_root_matches_only_the_root() {
        let listed = [endpoint(Method::Post, "api.example.org", "/")];
        assert!(authorize(&listed, Method::Post, "https://api.example.org").is_ok());
        assert!(authorize(&listed, Method::Post, "https://api.example.org/x").is_err());
    }

    #[test]
    fn a_webhook_url_has_a_public_host_and_uses_https() {
        assert!(validate_url("https://hooks.example.com/T0/B0?x=1").is_ok());
        for url in
            ["http://hooks.example.com/", "https://10.0.0.1/", "https://nas.local/", "https://hooks.example.com/#x"]
        {
            assert!(validate_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_path_pattern_is_canonical() {
        for path in ["/", "/v1/users", "/v1/*/x", "/a%20b", "/v1/a:b@c"] {
            assert!(validate_path_pattern(path).is_ok(), "{path}");
        }
        for path in [
            "", "v1", "/a*", "/**", "/a//b", "/a/", "/a?b", "/a#b", "/..", "/%2e", "/a%c3%a4", "/a;b", "/\u{e4}",
            "/a b",
        ] {
            assert!(validate_path_pattern(path).is_err(), "{path}");
        }
        assert!(validate_path_pattern(&format!("/{}", "a".repeat(1024))).is_err());
    }
}
