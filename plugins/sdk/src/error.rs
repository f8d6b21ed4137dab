//! How a provider says what went wrong. `?` turns a request without an answer into the error that says so.

use crate::http;
use crate::types::{Error, InvalidField, UpstreamError};

impl http::Response {
    /// Says what a failing status means where the provider gives it no other meaning.
    ///
    /// 401, 403 and 429 mean what RFC 9110 and RFC 6585 say, and the provider's own word for it goes along. Without a
    /// `wait`, `Retry-After` says for how long.
    #[must_use]
    pub fn failure(&self, word: &str, wait: Option<u32>) -> Error {
        let said = || if word.is_empty() { format!("status {}", self.status) } else { word.to_owned() };
        match self.status {
            401 => Error::unauthorized(said()),
            403 => Error::forbidden(said()),
            429 => Error::RateLimited(wait.or_else(|| self.retry_after())),
            status => Error::upstream(status, word),
        }
    }
}

impl Error {
    /// The provider refuses the credential, in its own word.
    #[must_use]
    pub fn unauthorized(word: impl Into<String>) -> Self {
        Self::Unauthorized(word.into())
    }

    /// The credential lives but lacks the right of this name.
    #[must_use]
    pub fn forbidden(right: impl Into<String>) -> Self {
        Self::Forbidden(right.into())
    }

    /// The provider asks to wait this many seconds.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Self::RateLimited(Some(seconds))
    }

    /// The provider has no such operation, or not for this kind of credential.
    #[must_use]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// The provider failed, with this HTTP status and its own word for it, if any.
    #[must_use]
    pub fn upstream(status: u16, word: impl Into<String>) -> Self {
        Self::Upstream(UpstreamError { status, message: word.into() })
    }

    /// The answer made no sense; says what was expected, and never quotes the answer.
    #[must_use]
    pub fn malformed(expected: impl Into<String>) -> Self {
        Self::Malformed(expected.into())
    }

    /// A declared field is wrong; says what is wrong with it and what to do.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(InvalidField { field: field.into(), message: message.into() })
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> http::Response {
        let retry_after = http::Header { name: "retry-after".into(), value: "9".into() };
        http::Response { status, headers: vec![retry_after], body: Vec::new() }
    }

    #[test]
    fn a_status_means_what_the_standards_say() {
        assert_eq!(answer(401).failure("expired", None), Error::unauthorized("expired"));
        assert_eq!(answer(403).failure("", None), Error::forbidden("status 403"));
        assert_eq!(answer(429).failure("slow down", None), Error::rate_limited(9));
        assert_eq!(answer(429).failure("", Some(2)), Error::rate_limited(2));
        assert_eq!(answer(502).failure("", Some(2)), Error::upstream(502, ""));
        assert_eq!(answer(404).failure("gone", None), Error::upstream(404, "gone"));
    }
}
