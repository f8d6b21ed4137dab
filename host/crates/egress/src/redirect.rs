//! Which redirects are followed, where they lead, and which parts of the request are sent there (rule R8).
//!
//! Each redirect is then checked against the endpoints like a first request.

use bytes::Bytes;
use http::header::LOCATION;
use jackfield_core::manifest::{Endpoint, Method};
use url::Url;

use crate::{
    disclosure::Masking,
    error::Denial,
    headers, merged_parameters,
    message::Request,
    outgoing_request::OutgoingRequest,
    policy::{self, AuthorizedRequest},
};

/// Maximum number of redirects: half of what browsers follow. An API needs one or two.
const MAX_REDIRECTS: u32 = 10;
/// Maximum number of bytes of a request body, as `wit/host.wit` documents.
const MAX_REQUEST_BODY: usize = 1024 * 1024;

/// A response that redirects elsewhere.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) status: u16,
    location: String,
}

impl Redirect {
    /// Returns the redirect of a response, if it has one (RFC 9110 §15.4).
    ///
    /// # Errors
    /// A denial by rule `redirect` if the response has more than one `Location`, or one that is not ASCII.
    pub(crate) fn from_reqwest(response: &reqwest::Response) -> Result<Option<Self>, Denial> {
        let status = response.status().as_u16();
        let mut locations = response.headers().get_all(LOCATION).iter();
        let Some(location) = locations.next().filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
            return Ok(None);
        };
        match location.to_str() {
            Ok(location) if locations.next().is_none() => Ok(Some(Self { status, location: location.to_owned() })),
            _ => Err(Denial::new("redirect", "the redirect must have exactly one Location, in ASCII")),
        }
    }
}

/// A component's request and its state between redirects.
pub(crate) struct RedirectChain {
    method: Method,
    /// The URL to check and request next.
    next_url: String,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
    /// The URL that was requested last.
    current_url: Option<Url>,
    has_left_origin: bool,
    redirects: u32,
}

impl RedirectChain {
    /// Checks the headers and the body.
    ///
    /// A GET or HEAD request cannot have a body: a server that ignores it reads it as the next request, which another
    /// call may have sent with its credential.
    pub(crate) fn start(request: Request) -> Result<Self, Denial> {
        let Request { method, url, headers, body } = request;
        headers::validate_all(&headers)?;
        if body.as_ref().is_some_and(|body| body.len() > MAX_REQUEST_BODY) {
            return Err(Denial::new("size", format!("a request body can have at most {MAX_REQUEST_BODY} bytes")));
        }
        let body = body.filter(|body| !body.is_empty()).map(Bytes::from);
        if body.is_some() && !merged_parameters::has_body(method) {
            return Err(Denial::new("method", format!("a {} request cannot have a body", method.as_str())));
        }
        Ok(Self { method, next_url: url, headers, body, current_url: None, has_left_origin: false, redirects: 0 })
    }

    /// Returns the next request, and the endpoint that allows it.
    ///
    /// Once a redirect leads to another origin, this and all later requests keep only `Accept` and `Content-Type`.
    pub(crate) fn next_request<'a>(
        &mut self,
        endpoints: &'a [Endpoint],
    ) -> Result<(&'a Endpoint, OutgoingRequest), Denial> {
        let AuthorizedRequest { endpoint, url } = policy::authorize(endpoints, self.method, &self.next_url)?;
        if self.current_url.as_ref().is_some_and(|current| current.origin() != url.origin()) {
            self.has_left_origin = true;
            let has_body = self.body.is_some();
            self.headers.retain(|(name, _)| {
                let name = headers::normalize_name(name);
                name == "accept" || (name == "content-type" && has_body)
            });
        }
        self.current_url = Some(url.clone());
        let (headers, body) = (self.headers.clone(), self.body.clone());
        Ok((endpoint, OutgoingRequest { method: self.method, url, headers, body, credential: None }))
    }

    /// Returns whether any request went to another origin.
    ///
    /// If so, no credential may be attached any more.
    pub(crate) fn has_left_origin(&self) -> bool {
        self.has_left_origin
    }

    /// Moves on to the target of a redirect.
    ///
    /// # Errors
    /// A denial by rule `redirect`, `url` or `path`, or by rule `secret` if the response must not contain a secret.
    pub(crate) fn follow(&mut self, redirect: &Redirect, masking: &Masking) -> Result<(), Denial> {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return Err(Denial::new("redirect", format!("there were more than {MAX_REDIRECTS} redirects")));
        }
        let location = redirect.location.as_bytes();
        masking.require_allowed(masking.denied().contains_secret(location))?;
        if masking.masked().contains_secret(location) {
            return Err(Denial::new("redirect", "the Location of the redirect contains the credential"));
        }
        let Some(current) = &self.current_url else { return Ok(()) };
        self.next_url = join(current, &redirect.location)?;
        let keeps_body;
        (self.method, keeps_body) = next_method(redirect.status, self.method);
        if !keeps_body {
            self.body = None;
            self.headers.retain(|(name, _)| !headers::normalize_name(name).starts_with("content-"));
        }
        Ok(())
    }
}

/// Joins a Location to the current URL (RFC 3986 §5), without its fragment.
///
/// The text must pass R1, and a relative path must also pass the character rules of R11. Plain dot segments of a
/// relative path are resolved; those of an absolute URL are denied later. The result is not yet checked against the
/// endpoints.
///
/// # Errors
/// A denial by rule `redirect`, `url` or `path`.
pub(crate) fn join(current: &Url, location: &str) -> Result<String, Denial> {
    if location.is_empty() {
        return Err(Denial::new("redirect", "the Location of the redirect is empty"));
    }
    policy::require_visible_ascii(location)?;
    let location = location.split('#').next().unwrap_or_default();
    if location.starts_with("//") {
        return Ok(format!("{}:{location}", current.scheme()));
    }
    if has_scheme(location) {
        return Ok(location.to_owned());
    }
    let path = location.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|segment| !matches!(*segment, "." | "..")).collect();
    policy::validate_path_characters(&segments.join("/"))?;
    let joined = current.join(location);
    let mut joined = joined.map_err(|_| Denial::new("redirect", "the Location of the redirect is not a URL"))?;
    joined.set_fragment(None);
    Ok(joined.into())
}

/// Returns the method of the next request, and whether it keeps the body (RFC 9110 §15.4).
fn next_method(status: u16, method: Method) -> (Method, bool) {
    match (status, method) {
        (303, Method::Head) => (Method::Head, false),
        (303, _) | (301 | 302, Method::Post) => (Method::Get, false),
        _ => (method, true),
    }
}

fn has_scheme(location: &str) -> bool {
    let end = location.find(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character)));
    location.starts_with(|character: char| character.is_ascii_alphabetic())
        && end.is_some_and(|end| location.get(end..).is_some_and(|rest| rest.starts_with(':')))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{join, next_method};
    use jackfield_core::manifest::Method;

    #[test]
    fn a_relative_location_is_joined_and_an_absolute_one_is_unchanged() {
        let current = Url::parse("https://api.example.com/v1/users?page=1").unwrap();
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
            assert_eq!(join(&current, location).ok().as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn only_307_and_308_keep_the_body_of_a_post() {
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
