//! Says where a redirect leads and what of the request goes there (rule R8). Pure; each hop is judged by `policy`.

use jackfield_core::manifest::Method;
use url::Url;

use super::{Denial, policy};

/// Half of what browsers follow; an API needs one or two.
pub(super) const HOPS: u32 = 10;

/// Tells whether the status is one whose Location is followed (RFC 9110 §15.4).
pub(super) fn is_followed(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Joins a Location to the URL before it (RFC 3986 §5); the result is still to be judged.
///
/// The text itself is under R1, and a relative path under the letter rules of R11 before it is joined. Plain dot
/// segments are resolved here, as RFC 3986 wants, but only in a relative path. A fragment is dropped.
///
/// # Errors
/// A denial by rule `redirect`, `url` or `path`.
pub fn join(before: &Url, location: &str) -> Result<String, Denial> {
    if location.is_empty() {
        return Err(Denial::new("redirect", "the redirect names no place"));
    }
    policy::plain(location)?;
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("//") {
        return Ok(format!("{}:{location}", before.scheme()));
    }
    if has_scheme(location) {
        return Ok(location.to_owned());
    }
    let path = location.split('?').next().unwrap_or_default();
    policy::octets(&path.split('/').filter(|segment| !matches!(*segment, "." | "..")).collect::<Vec<_>>().join("/"))?;
    let mut joined = before.join(location).map_err(|_| Denial::new("redirect", "the redirect's place is not a URL"))?;
    joined.set_fragment(None);
    Ok(joined.into())
}

/// The method of the next request, and whether the body goes along (RFC 9110 §15.4).
#[must_use]
pub(super) fn next_method(status: u16, method: Method) -> (Method, bool) {
    match (status, method) {
        (303, Method::Head) => (Method::Head, false),
        (303, _) | (301 | 302, Method::Post) => (Method::Get, false),
        _ => (method, true),
    }
}

/// Tells whether scheme, host and port are the same.
#[must_use]
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

fn has_scheme(location: &str) -> bool {
    let end = location.find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-.".contains(letter)));
    location.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && end.is_some_and(|end| location.get(end..).is_some_and(|rest| rest.starts_with(':')))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{join, next_method};
    use jackfield_core::manifest::Method;

    #[test]
    fn a_relative_place_is_joined_and_an_absolute_one_stays_as_written() {
        let before = Url::parse("https://api.example.com/v1/users?page=1").unwrap();
        for (location, expected) in [
            ("/b#c", Some("https://api.example.com/b")),
            ("../b?c", Some("https://api.example.com/b?c")),
            ("?page=2", Some("https://api.example.com/v1/users?page=2")),
            ("//www.example.org/b", Some("https://www.example.org/b")),
            ("https://api.example.com/x/../b", Some("https://api.example.com/x/../b")),
            ("mailto:x", Some("mailto:x")),
            ("%2e%2e/b", None),
            ("/a\tb", None),
            ("/\\evil.test/", None),
            ("", None),
        ] {
            assert_eq!(join(&before, location).ok().as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn only_307_and_308_keep_a_posts_body() {
        for (status, method, expected) in [
            (301, Method::Post, (Method::Get, false)),
            (302, Method::Put, (Method::Put, true)),
            (303, Method::Delete, (Method::Get, false)),
            (303, Method::Head, (Method::Head, false)),
            (307, Method::Post, (Method::Post, true)),
            (308, Method::Patch, (Method::Patch, true)),
        ] {
            assert_eq!(next_method(status, method), expected, "{status}");
        }
    }
}
