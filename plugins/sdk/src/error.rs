//! Constructors for the errors of a call. `?` converts the error of a request without a response.

use crate::http;
use crate::types::{Error, InvalidField, UpstreamError};

impl http::Response {
    /// Returns the error for a failing status, for providers that use the standard status codes.
    ///
    /// 401, 403 and 429 have the meaning of RFC 9110 and RFC 6585. `reason` is the provider's code or message. If
    /// `wait` is `None`, the time to wait comes from `Retry-After`. A 403 whose reason is a limit of requests is like
    /// 429, because the credential lacks nothing.
    #[must_use]
    pub fn failure(&self, reason: &str, wait: Option<u32>) -> Error {
        let message = || if reason.is_empty() { format!("status {}", self.status) } else { reason.to_owned() };
        match self.status {
            401 => Error::unauthorized(message()),
            403 if is_quota(reason) => Error::RateLimited(wait.or_else(|| self.retry_after())),
            403 => Error::forbidden(message()),
            429 => Error::RateLimited(wait.or_else(|| self.retry_after())),
            status => Error::upstream(status, reason),
        }
    }
}

/// Returns whether a provider's code or message says that too much was requested.
#[must_use]
pub fn is_quota(reason: &str) -> bool {
    const WORDS: [&str; 8] = [
        "ratelimit",
        "limitexceeded",
        "exceededlimit",
        "quota",
        "throttl",
        "toomanyrequests",
        "resourceexhausted",
        "serverbusy",
    ];
    let letters: String = reason.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    WORDS.iter().any(|word| letters.contains(word))
}

impl Error {
    /// The provider rejects the credential. `reason` is the provider's code or message.
    #[must_use]
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::Unauthorized(reason.into())
    }

    /// The credential is valid but lacks this permission.
    #[must_use]
    pub fn forbidden(permission: impl Into<String>) -> Self {
        Self::Forbidden(permission.into())
    }

    /// The provider asks to retry after this many seconds.
    #[must_use]
    pub fn rate_limited(seconds: u32) -> Self {
        Self::RateLimited(Some(seconds))
    }

    /// The provider does not have this operation, or not for this kind of credential.
    #[must_use]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// The provider failed with this HTTP status. `reason` is its code or message, or empty.
    #[must_use]
    pub fn upstream(status: u16, reason: impl Into<String>) -> Self {
        Self::Upstream(UpstreamError { status, message: reason.into() })
    }

    /// The response could not be understood. Say what was expected, and do not quote the response.
    #[must_use]
    pub fn malformed(expected: impl Into<String>) -> Self {
        Self::Malformed(expected.into())
    }

    /// A declared field is wrong. Say what is wrong with it and what to do.
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

    fn response(status: u16) -> http::Response {
        let retry_after = http::Header { name: "retry-after".into(), value: "9".into() };
        http::Response { status, headers: vec![retry_after], body: Vec::new() }
    }

    #[test]
    fn a_status_means_what_the_standards_say() {
        assert_eq!(response(401).failure("expired", None), Error::unauthorized("expired"));
        assert_eq!(response(403).failure("", None), Error::forbidden("status 403"));
        assert_eq!(response(429).failure("slow down", None), Error::rate_limited(9));
        assert_eq!(response(429).failure("", Some(2)), Error::rate_limited(2));
        assert_eq!(response(502).failure("", Some(2)), Error::upstream(502, ""));
        assert_eq!(response(404).failure("gone", None), Error::upstream(404, "gone"));
    }

    #[test]
    fn a_word_for_a_quota_is_no_missing_permission() {
        for reason in [
            "dailyLimitExceeded",
            "userRateLimitExceededUnreg",
            "quotaExceeded",
            "RATE_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
            "Too many requests",
            "Customer rate-limit exceeded.",
            "Request was throttled",
        ] {
            assert_eq!(response(403).failure(reason, None), Error::rate_limited(9), "{reason}");
        }
        for reason in ["forbidden", "insufficientPermissions", "limited access", "channel_is_limited_access", ""] {
            assert!(matches!(response(403).failure(reason, None), Error::Forbidden(_)), "{reason}");
        }
    }
}
