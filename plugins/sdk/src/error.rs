//! How a provider says what went wrong. `?` turns a request without an answer into the error that says so.

use crate::{Error, InvalidField, UpstreamError, http};

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
