//! The service as a browser sees it: its origin, its cookies, and which requests come from its own pages. Pure.
//!
//! Another site makes a browser send requests, with our cookie where the browser lets it. What such a request cannot
//! have is our `Origin`, and a header of our own (OWASP CSRF Prevention Cheat Sheet; threats T39, T46).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};
use jackfield_core::{Error, Secret, mac::mac};
use jackfield_store::SessionKey;
use subtle::ConstantTimeEq;
use url::Url;

/// What a request by cookie that changes something must bring along.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How long the cookie of a way through an identity provider is kept.
const AWAY: u32 = 10 * 60;

/// Where browsers reach the service.
#[derive(Clone, Debug)]
pub struct Site {
    origin: String,
    host: String,
    is_https: bool,
}

/// One of the service's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Holds the key of a session.
    Session,
    /// Ties the way through an identity provider to the browser that it began in.
    Away,
}

impl Site {
    #[must_use]
    pub fn new(public: &Url) -> Self {
        Self {
            origin: public.origin().ascii_serialization(),
            host: public.host_str().unwrap_or_default().to_owned(),
            is_https: public.scheme() == "https",
        }
    }

    /// Whether browsers come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Refuses a request that a page of another site may have made: also one of the same host at another port.
    pub(crate) fn judge(
        &self,
        method: &Method,
        headers: &HeaderMap,
        authority: Option<&Authority>,
    ) -> Result<(), Error> {
        let foreign = || Err(Error::Forbidden("this request comes from a page that is not this service's".to_owned()));
        if let Some(from) = headers.get(SEC_FETCH_SITE) {
            // What a person types into the address bar comes from no site, and changes nothing.
            let typed = is_safe(method) && from == "none";
            if from != "same-origin" && !typed {
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

    /// Whether an origin is ours: the public one, or on another way in the very address that the request was sent to.
    fn is_ours(&self, origin: &str, authority: Option<&Authority>) -> bool {
        if origin == self.origin {
            return true;
        }
        let (Some((_, origin)), Some(authority)) = (origin.split_once("://"), authority) else { return false };
        // A page of the public name that did not come over https may be anybody's on the way.
        let is_forged = self.is_https && authority.host().eq_ignore_ascii_case(&self.host);
        !is_forged && authority.as_str().eq_ignore_ascii_case(origin)
    }

    /// The name of a cookie: behind https one that no other host and no plain page can set (`__Host-`, RFC 6265bis).
    pub(crate) fn cookie_name(&self, cookie: Cookie) -> &'static str {
        match (cookie, self.is_https) {
            (Cookie::Session, true) => "__Host-jackfield",
            (Cookie::Session, false) => "jackfield",
            (Cookie::Away, true) => "__Host-jackfield-away",
            (Cookie::Away, false) => "jackfield-away",
        }
    }

    /// The value of a cookie. One that is there twice is none: somebody else set the other.
    pub(crate) fn cookie<'a>(&self, cookie: Cookie, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.cookie_name(cookie);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// `Set-Cookie` with a value of base64url and dots, which needs no quotes.
    pub(crate) fn set_cookie(&self, cookie: Cookie, value: &str) -> HeaderValue {
        self.cookie_line(cookie, value, (cookie == Cookie::Away).then_some(AWAY))
    }

    /// `Set-Cookie` that takes the cookie away.
    pub(crate) fn unset_cookie(&self, cookie: Cookie) -> HeaderValue {
        self.cookie_line(cookie, "", Some(0))
    }

    fn cookie_line(&self, cookie: Cookie, value: &str, seconds: Option<u32>) -> HeaderValue {
        let name = self.cookie_name(cookie);
        // The way back from an identity provider is a link from another site, with which no Strict cookie goes along.
        let same_site = if cookie == Cookie::Session { "Strict" } else { "Lax" };
        let secure = if self.is_https { "; Secure" } else { "" };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let line = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}");
        let mut line = HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""));
        line.set_sensitive(true);
        line
    }
}

/// Whether a method changes nothing (RFC 9110 §9.2.1).
pub(crate) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// The word that a session's own pages send along: derived from the key, so that nobody who lacks the cookie has it.
pub(crate) fn csrf_of(key: &SessionKey) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(mac(key, &[b"csrf"])))
}

/// Demands that word of a request that changes something.
pub(crate) fn judge_csrf(method: &Method, headers: &HeaderMap, key: &SessionKey) -> Result<(), Error> {
    if is_safe(method) {
        return Ok(());
    }
    let expected = csrf_of(key);
    let sent = headers.get(CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
    if bool::from(sent.ct_eq(expected.expose().as_bytes())) {
        return Ok(());
    }
    Err(Error::Forbidden(format!("a request by cookie needs the header {CSRF}, with the `csrf` of GET /api/session")))
}

/// A session's key as its cookie holds it.
pub(crate) fn written(key: &SessionKey) -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(key.expose()))
}

/// Reads what [`written`] wrote.
pub(crate) fn read_key(text: &str) -> Option<SessionKey> {
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
        site.judge(method, &headers(fields), Some(&Authority::from_static(host))).is_ok()
    }

    #[test]
    fn only_the_services_own_pages_change_anything() {
        let https = "https://jackfield.example/";
        for (origin, host, passed) in [
            ("https://jackfield.example", "jackfield.example", true),
            // The proxy calls us by another name.
            ("https://jackfield.example", "10.0.0.7:7420", true),
            ("http://jackfield.example", "jackfield.example", false),
            ("https://jackfield.example:8443", "jackfield.example", false),
            ("https://evil.test", "jackfield.example", false),
            ("https://x.jackfield.example", "jackfield.example", false),
            ("null", "jackfield.example", false),
            // On another way in, as from the machine itself.
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
    fn the_browsers_own_word_is_heard() {
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
    fn a_cookie_is_as_strict_as_its_address_lets_it_be() {
        let site = |public: &str| Site::new(&Url::parse(public).expect("a URL"));
        let set = |public: &str, cookie| site(public).set_cookie(cookie, "v").to_str().expect("text").to_owned();
        assert_eq!(
            set("https://jackfield.example/", Cookie::Session),
            "__Host-jackfield=v; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(set("http://127.0.0.1:7420/", Cookie::Session), "jackfield=v; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            set("https://jackfield.example/", Cookie::Away),
            "__Host-jackfield-away=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"
        );
        assert_eq!(
            site("http://127.0.0.1:7420/").unset_cookie(Cookie::Session).to_str().expect("text"),
            "jackfield=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_alone() {
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
