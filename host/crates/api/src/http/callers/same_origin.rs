//! The service's cookies, and the checks that a request comes from its own pages: origin and CSRF token. Pure.
//!
//! Another site can make a browser send requests, possibly with our cookie. Such a request cannot have our `Origin` or
//! a custom header (OWASP CSRF Prevention Cheat Sheet; threats T39, T46).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};
use jackfield_core::{Error, Secret, mac};
use jackfield_store::SessionKey;
use subtle::ConstantTimeEq;
use url::Url;

/// The header that a request with a session cookie needs unless its method is safe.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How long a browser keeps the cookie of a sign-in through an identity provider, in seconds.
const SIGN_IN_FLOW_SECONDS: u32 = 10 * 60;

/// Why a request of another origin is rejected. A proxy that sends its own `Host` makes the service's own pages look
/// like another site's.
const FOREIGN: &str = "this request comes from a page of another site; if it comes from this service's own page, set \
                       JACKFIELD_PUBLIC_URL to the address that the browser shows";

/// The service's address for browsers.
#[derive(Clone, Debug)]
pub struct Site {
    origin: String,
    host: String,
    is_https: bool,
}

/// One of the service's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The key of a session.
    Session,
    /// Binds a sign-in through an identity provider to the browser that started it.
    SignInFlow,
}

impl Site {
    /// Describes the service at a public URL.
    #[must_use]
    pub fn new(public: &Url) -> Self {
        Self {
            origin: public.origin().ascii_serialization(),
            host: public.host_str().unwrap_or_default().to_owned(),
            is_https: public.scheme() == "https",
        }
    }

    /// Returns whether browsers use HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Rejects a request that a page of another origin may have sent; another port of the same host is another origin.
    pub(super) fn require_same_origin(
        &self,
        method: &Method,
        headers: &HeaderMap,
        authority: Option<&Authority>,
    ) -> Result<(), Error> {
        let foreign = || Err(Error::Forbidden(FOREIGN.to_owned()));
        if let Some(from) = headers.get(SEC_FETCH_SITE) {
            // A URL from the address bar or a bookmark comes from no site.
            let is_typed = is_safe(method) && from == "none";
            if from != "same-origin" && !is_typed {
                return foreign();
            }
        }
        if let Some(origin) = headers.get(header::ORIGIN)
            && !origin.to_str().is_ok_and(|origin| self.is_ours(origin, authority))
        {
            return foreign();
        }
        Ok(())
    }

    /// Returns whether an origin is ours: the public one, or the address that the request was sent to.
    fn is_ours(&self, origin: &str, authority: Option<&Authority>) -> bool {
        if origin == self.origin {
            return true;
        }
        let (Some((_, origin)), Some(authority)) = (origin.split_once("://"), authority) else { return false };
        // Without HTTPS, a page of the public host name may come from anybody on the network.
        let is_forged = self.is_https && authority.host().eq_ignore_ascii_case(&self.host);
        !is_forged && authority.as_str().eq_ignore_ascii_case(origin)
    }

    /// Returns the name of a cookie. With HTTPS, its prefix `__Host-` keeps other hosts and plain HTTP from setting it
    /// (RFC 6265bis §4.1.3.2).
    pub(crate) fn cookie_name(&self, cookie: Cookie) -> &'static str {
        match (cookie, self.is_https) {
            (Cookie::Session, true) => "__Host-jackfield",
            (Cookie::Session, false) => "jackfield",
            (Cookie::SignInFlow, true) => "__Host-jackfield-away",
            (Cookie::SignInFlow, false) => "jackfield-away",
        }
    }

    /// Returns the value of a cookie; `None` if the request contains two, because somebody else must have set one of
    /// them.
    pub(crate) fn cookie<'a>(&self, cookie: Cookie, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.cookie_name(cookie);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Makes the `Set-Cookie` value for a cookie. The value must be base64url and dots, which need no quotes.
    pub(crate) fn set_cookie(&self, cookie: Cookie, value: &str) -> HeaderValue {
        self.cookie_line(cookie, value, (cookie == Cookie::SignInFlow).then_some(SIGN_IN_FLOW_SECONDS))
    }

    /// Makes the `Set-Cookie` value that deletes a cookie.
    pub(crate) fn delete_cookie(&self, cookie: Cookie) -> HeaderValue {
        self.cookie_line(cookie, "", Some(0))
    }

    fn cookie_line(&self, cookie: Cookie, value: &str, seconds: Option<u32>) -> HeaderValue {
        let name = self.cookie_name(cookie);
        // The identity provider redirects back to us, and browsers send no Strict cookie after a cross-site redirect.
        let same_site = if cookie == Cookie::Session { "Strict" } else { "Lax" };
        let secure = if self.is_https { "; Secure" } else { "" };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let line = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
        let mut line = HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""));
        line.set_sensitive(true);
        line
    }
}

/// Returns whether a method is safe (RFC 9110 §9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// Derives the CSRF token of a session from its key, so that nobody without the cookie can know it.
pub(crate) fn csrf_token(key: &SessionKey) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(mac::compute(key, &[b"csrf"])))
}

/// Rejects a request without the CSRF token unless its method is safe.
pub(super) fn require_csrf_token(method: &Method, headers: &HeaderMap, key: &SessionKey) -> Result<(), Error> {
    if is_safe(method) {
        return Ok(());
    }
    let expected = csrf_token(key);
    let sent = headers.get(CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
    if bool::from(sent.ct_eq(expected.expose().as_bytes())) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "a request with a session cookie needs the header {CSRF} with the `csrf` of GET /api/session"
    )))
}

/// Encodes a session key for its cookie.
pub(crate) fn session_key_to_cookie(key: &SessionKey) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(key.expose()))
}

/// Decodes what [`session_key_to_cookie`] encoded.
pub(super) fn session_key_from_cookie(text: &str) -> Option<SessionKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    <[u8; 32]>::try_from(bytes).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn passes(public: &str, method: &Method, host: &'static str, fields: &[(&'static str, &'static str)]) -> bool {
        let site = Site::new(&Url::parse(public).expect("a URL"));
        site.require_same_origin(method, &headers(fields), Some(&Authority::from_static(host))).is_ok()
    }

    #[test]
    fn only_the_services_own_pages_may_send_unsafe_requests() {
        let https = "https://jackfield.example/";
        for (origin, host, passed) in [
            ("https://jackfield.example", "jackfield.example", true),
            // A proxy may send another host name.
            ("https://jackfield.example", "10.0.0.7:7420", true),
            ("http://jackfield.example", "jackfield.example", false),
            ("https://jackfield.example:8443", "jackfield.example", false),
            ("https://evil.test", "jackfield.example", false),
            ("https://x.jackfield.example", "jackfield.example", false),
            ("null", "jackfield.example", false),
            // Another address of the service, such as from its own machine.
            ("http://localhost:7420", "localhost:7420", true),
            ("http://localhost:9999", "localhost:7420", false),
            ("http://127.0.0.1:7420", "localhost:7420", false),
        ] {
            assert_eq!(passes(https, &Method::POST, host, &[("origin", origin)]), passed, "{origin} at {host}");
        }
        let plain = "http://127.0.0.1:7420/";
        for (origin, host, passed) in [
            ("http://127.0.0.1:7420", "127.0.0.1:7420", true),
            ("http://127.0.0.1:9999", "127.0.0.1:7420", false),
            ("http://127.0.0.1:8000", "127.0.0.1:8000", true),
            ("http://[::1]:7420", "[::1]:7420", true),
        ] {
            assert_eq!(passes(plain, &Method::POST, host, &[("origin", origin)]), passed, "{origin} at {host}");
        }
    }

    #[test]
    fn sec_fetch_site_is_respected() {
        for (method, from, passed) in [
            (Method::POST, "same-origin", true),
            (Method::POST, "same-site", false),
            (Method::POST, "cross-site", false),
            (Method::POST, "none", false),
            (Method::GET, "none", true),
            (Method::GET, "same-origin", true),
            (Method::GET, "same-site", false),
            (Method::GET, "cross-site", false),
        ] {
            let plain = "http://127.0.0.1:7420/";
            let passes = passes(plain, &method, "127.0.0.1:7420", &[("sec-fetch-site", from)]);
            assert_eq!(passes, passed, "{method} {from}");
        }
    }

    #[test]
    fn cookie_attributes_depend_on_https_and_purpose() {
        let site = |public: &str| Site::new(&Url::parse(public).expect("a URL"));
        let set = |public: &str, cookie| site(public).set_cookie(cookie, "v").to_str().expect("text").to_owned();
        assert_eq!(
            set("https://jackfield.example/", Cookie::Session),
            "__Host-jackfield=v; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(set("http://127.0.0.1:7420/", Cookie::Session), "jackfield=v; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            set("https://jackfield.example/", Cookie::SignInFlow),
            "__Host-jackfield-away=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"
        );
        assert_eq!(
            site("http://127.0.0.1:7420/").delete_cookie(Cookie::Session).to_str().expect("text"),
            "jackfield=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name_unless_it_is_there_twice() {
        let site = Site::new(&Url::parse("http://127.0.0.1:7420/").expect("a URL"));
        for (lines, found) in [
            (&["jackfield=a"][..], Some("a")),
            (&["x=1; jackfield=a; y=2"], Some("a")),
            (&["xjackfield=a; jackfieldx=b; Jackfield=c"], None),
            (&["x=jackfield=a"], None),
            (&["jackfield=a; jackfield=b"], None),
            (&["jackfield=a", "jackfield=b"], None),
            (&[], None),
        ] {
            let fields: Vec<(&'static str, &'static str)> = lines.iter().map(|line| ("cookie", *line)).collect();
            assert_eq!(site.cookie(Cookie::Session, &headers(&fields)), found, "{lines:?}");
        }
    }
}
