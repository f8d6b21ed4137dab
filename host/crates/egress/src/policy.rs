//! Judges a request against the approved endpoints (rules R1 to R5 and R11). Pure; it resolves nothing, sends nothing.

use std::cmp::Reverse;

use jackfield_core::manifest::{Endpoint, Method};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

pub use super::hosts::{covers, host_may_be_asked};
use super::{Denial, hosts};

/// The longest URL of `wit/host.wit`: what most servers take as a request line.
const URL: usize = 8 * 1024;
/// The longest path pattern that an endpoint may have; no API's path comes near it.
const PATTERN: usize = 1024;

/// A request that an approved endpoint allows.
#[derive(Clone, Debug)]
pub struct Allowed<'a> {
    pub endpoint: &'a Endpoint,
    /// The one parsed form; all that follows works with this alone.
    pub url: Url,
}

/// Judges a method and a URL against the approved endpoints.
///
/// Where several endpoints match, the most literal one holds: an exact host before a star, then the path whose first
/// star comes last.
///
/// # Errors
/// A denial by rule `url`, `path` or `endpoint`; the last names the line that would have allowed the request.
pub fn judge<'a>(endpoints: &'a [Endpoint], method: Method, raw: &str) -> Result<Allowed<'a>, Denial> {
    let Spelled { url, host, path } = parse(raw)?;
    if url.fragment().is_some() {
        return Err(Denial::new("path", "a fragment has no business in a request"));
    }
    one_path(path)?;
    let endpoint = endpoints
        .iter()
        .filter(|endpoint| {
            endpoint.method == method && covers(&endpoint.host, &host) && path_matches(&endpoint.path, path)
        })
        .min_by_key(|endpoint| {
            let stars: Vec<Reverse<usize>> = endpoint.path.match_indices('*').map(|(at, _)| Reverse(at)).collect();
            (endpoint.host.starts_with('*'), stars)
        });
    match endpoint {
        Some(endpoint) => Ok(Allowed { endpoint, url }),
        None => Err(unlisted(method, &host, path)),
    }
}

/// Judges a URL by its host alone, as if every method and path of the approved hosts were approved.
///
/// # Errors
/// A denial by rule `url`, `path` or `endpoint`.
pub fn judge_url<'a>(mut hosts: impl Iterator<Item = &'a str>, raw: &str) -> Result<Url, Denial> {
    let Spelled { url, host, .. } = parse(raw)?;
    if hosts.any(|approved| covers(approved, &host)) {
        return Ok(url);
    }
    Err(Denial::new("endpoint", format!("`{host}` is not an approved host")))
}

/// Checks that an approved endpoint may have this path: the one spelling, `*` only as a whole segment, no query.
///
/// # Errors
/// Why not, in words.
pub fn path_pattern_may_be_asked(path: &str) -> Result<(), String> {
    let shown = path.escape_default();
    if path.len() > PATTERN {
        return Err(format!("a path has at most {PATTERN} letters"));
    }
    if !path.starts_with('/') {
        return Err(format!("`{shown}` does not start with a slash"));
    }
    if path.split('/').any(|segment| segment != "*" && segment.contains('*')) {
        return Err(format!("`{shown}` has a star that is not a whole segment"));
    }
    let lower_hex =
        path.match_indices('%').any(|(at, _)| path.as_bytes().iter().skip(at + 1).take(2).any(u8::is_ascii_lowercase));
    if lower_hex {
        return Err(format!("`{shown}` has an encoding in lower case"));
    }
    octets(path).and_then(|()| one_path(path)).map_err(|denial| format!("`{shown}`: {}", denial.message))
}

/// Checks that a URL outside the endpoints may be used: an OAuth endpoint, a help page, where alerts go.
///
/// # Errors
/// Why not, in words.
pub fn url_may_be_asked(raw: &str) -> Result<(), String> {
    let Spelled { url, host, .. } = parse(raw).map_err(|denial| denial.message)?;
    if url.fragment().is_some() {
        return Err("it has a fragment".to_owned());
    }
    host_may_be_asked(&host)
}

/// A URL whose text and parsed form say the same.
struct Spelled<'a> {
    url: Url,
    host: String,
    /// The path as written, `/` when none was.
    path: &'a str,
}

/// Applies R1 to R4 and what R11 says of single letters.
fn parse(raw: &str) -> Result<Spelled<'_>, Denial> {
    if raw.len() > URL {
        return Err(Denial::new("url", format!("a URL has at most {URL} bytes")));
    }
    plain(raw)?;
    let rest = raw
        .get(..8)
        .filter(|scheme| scheme.eq_ignore_ascii_case("https://"))
        .and_then(|scheme| raw.get(scheme.len()..))
        .ok_or_else(|| Denial::new("url", "a URL starts with https://"))?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = rest.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");

    let url = Url::parse(raw).map_err(|why| Denial::new("url", format!("no URL: {why}")))?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(Denial::new("url", "an address is not a host"));
    };
    let host = host.to_owned();
    let written = authority.strip_suffix(":443").unwrap_or(authority);
    if !written.eq_ignore_ascii_case(&host) || url.scheme() != "https" || url.port().is_some() {
        return Err(Denial::new("url", "the host is not in its one spelling, or the port is not 443"));
    }
    hosts::is_host(&host).map_err(|why| Denial::new("url", format!("no host: {why}")))?;
    if hosts::is_special(&host) {
        return Err(Denial::new("url", format!("`{host}` is a name of special use")));
    }
    octets(path)?;
    if url.path() != path {
        return Err(Denial::new("path", "the path is not in its one spelling"));
    }
    Ok(Spelled { url, host, path })
}

/// Applies R1: visible ASCII without the backslash.
pub(super) fn plain(raw: &str) -> Result<(), Denial> {
    if raw.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'\\') {
        return Ok(());
    }
    Err(Denial::new("url", "a URL is visible ASCII without blanks and backslashes"))
}

/// Refuses letters and dot segments of a path that two servers could read in two ways.
pub(super) fn octets(path: &str) -> Result<(), Denial> {
    let refuse = |why: &str| Err(Denial::new("path", why));
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !(is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)) {
                return refuse("a letter of the path wants to be encoded");
            }
            continue;
        }
        let digits = bytes.next().and_then(hex).zip(bytes.next().and_then(hex));
        match digits.map(|(high, low)| high << 4 | low) {
            None => return refuse("a percent sign without two digits"),
            Some(b'/' | b'\\' | b'%' | b';' | 0..0x20 | 0x7f) => {
                return refuse("an encoded slash, backslash, percent sign, semicolon or control in the path");
            }
            Some(byte) if is_unreserved(byte) => return refuse("a letter is encoded that needs no encoding"),
            Some(_) => {}
        }
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) if !decoded.contains(char::is_control) => {}
        Ok(_) => return refuse("an encoded control in the path"),
        Err(_) => return refuse("the path is not UTF-8"),
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return refuse("a dot segment in the path");
    }
    Ok(())
}

/// Applies what R11 says of whole paths: no empty segment, no semicolon.
fn one_path(path: &str) -> Result<(), Denial> {
    if path != "/" && path.split('/').skip(1).any(str::is_empty) {
        return Err(Denial::new("path", "an empty segment in the path"));
    }
    if path.contains(';') {
        return Err(Denial::new("path", "a semicolon in the path"));
    }
    Ok(())
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = pattern.split('/').all(|wanted| match segments.next() {
        Some(segment) => (wanted == "*" && !segment.is_empty()) || wanted == segment,
        None => false,
    });
    all && segments.next().is_none()
}

fn unlisted(method: Method, host: &str, path: &str) -> Denial {
    match host_may_be_asked(host) {
        Ok(()) => Denial::new("endpoint", format!("add `{} {host}{path}` to the endpoints", method.as_str())),
        Err(why) => Denial::new("endpoint", why),
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{judge, path_pattern_may_be_asked, url_may_be_asked};
    use jackfield_core::manifest::{Endpoint, Method};

    fn endpoint(method: Method, host: &str, path: &str) -> Endpoint {
        Endpoint { method, host: host.to_owned(), path: path.to_owned(), credential: None }
    }

    #[test]
    fn an_unlisted_endpoint_is_denied_with_the_line_that_would_allow_it() {
        let listed = [endpoint(Method::Get, "api.example.com", "/v1/me")];
        let denial = judge(&listed, Method::Get, "https://api.example.com/v1/users?limit=2").unwrap_err();
        assert_eq!(denial.rule, "endpoint");
        assert_eq!(denial.message, "add `GET api.example.com/v1/users` to the endpoints");
    }

    #[test]
    fn the_most_literal_endpoint_holds() {
        let listed = [
            endpoint(Method::Get, "*.example.org", "/v1/users/me"),
            endpoint(Method::Get, "api.example.org", "/*/users/me"),
            endpoint(Method::Get, "api.example.org", "/v1/users/*"),
            endpoint(Method::Get, "api.example.org", "/v1/users/me"),
        ];
        for (number, expected) in [(4, "/v1/users/me"), (3, "/v1/users/*"), (2, "/*/users/me")] {
            let allowed = judge(&listed[..number], Method::Get, "https://api.example.org/v1/users/me").unwrap();
            assert_eq!(allowed.endpoint.path, expected);
            assert_eq!(allowed.endpoint.host, "api.example.org");
        }
    }

    #[test]
    fn the_root_is_an_endpoint_of_its_own() {
        let listed = [endpoint(Method::Post, "api.example.org", "/")];
        assert!(judge(&listed, Method::Post, "https://api.example.org").is_ok());
        assert!(judge(&listed, Method::Post, "https://api.example.org/x").is_err());
    }

    #[test]
    fn a_webhook_goes_to_a_public_name_over_https() {
        assert!(url_may_be_asked("https://hooks.example.com/T0/B0?x=1").is_ok());
        for url in
            ["http://hooks.example.com/", "https://10.0.0.1/", "https://nas.local/", "https://hooks.example.com/#x"]
        {
            assert!(url_may_be_asked(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_pattern_is_in_the_one_spelling() {
        for path in ["/", "/v1/users", "/v1/*/x", "/a%20b", "/v1/a:b@c"] {
            assert!(path_pattern_may_be_asked(path).is_ok(), "{path}");
        }
        for path in [
            "", "v1", "/a*", "/**", "/a//b", "/a/", "/a?b", "/a#b", "/..", "/%2e", "/a%c3%a4", "/a;b", "/\u{e4}",
            "/a b",
        ] {
            assert!(path_pattern_may_be_asked(path).is_err(), "{path}");
        }
        assert!(path_pattern_may_be_asked(&format!("/{}", "a".repeat(1024))).is_err());
    }
}
