//! Why a request is denied or gets no response, and why `Egress` cannot be set up.

use url::Url;

/// The rule of a denial after which the whole call ends: the component sent a secret, or had one sent to it.
pub(crate) const SECRET_RULE: &str = "secret";

/// Why a request is not sent, or a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct Denial {
    /// The rule that denied the request.
    ///
    /// One of `url`, `path`, `endpoint`, `header`, `method`, `place`, `secret`, `address`, `redirect`, `size`, `budget`
    /// and `closed`. The sandbox also uses `denied`.
    pub rule: &'static str,
    /// What is wrong or missing. It contains no secret.
    pub message: String,
}

impl Denial {
    pub(crate) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

/// The error response of a token endpoint (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenErrorResponse {
    pub status: u16,
    pub error: Option<String>,
    pub description: Option<String>,
    /// The `Date` header.
    pub date: Option<String>,
}

/// Why a request has no response. The variants are those of `wit/host.wit`.
///
/// No text contains a credential or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error("timed out")]
    TimedOut,
    #[error("the response is too large")]
    TooLarge,
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Contains the seconds to wait.
    #[error("rate limited for another {0} seconds")]
    RateLimited(u32),
    #[error("malformed response: {0}")]
    Malformed(String),
    #[error("the token endpoint answered with status {}", .0.status)]
    CredentialRefused(TokenErrorResponse),
}

impl SendError {
    /// Returns why the whole call must end, if it must: the component guessed a secret of the connection.
    #[must_use]
    pub fn as_guess(&self) -> Option<&Denial> {
        match self {
            Self::Denied(denial) if denial.rule == SECRET_RULE => Some(denial),
            _ => None,
        }
    }

    /// Returns the name of the variant in `wit/host.wit`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::TimedOut => "timed-out",
            Self::TooLarge => "too-large",
            Self::Unreachable(_) => "unreachable",
            Self::RateLimited(_) => "rate-limited",
            Self::Malformed(_) => "malformed",
            Self::CredentialRefused(_) => "credential-refused",
        }
    }
}

/// Why `Egress` cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("cannot reroute {host} to {target}: the target must be an http URL with a loopback address and a port")]
    Reroute { host: String, target: Box<Url> },
    #[error("a trust anchor is not a valid certificate")]
    TrustAnchor(#[source] rustls::Error),
    #[error("cannot configure TLS")]
    Tls(#[source] rustls::Error),
    #[error("cannot create the HTTP client")]
    Client(#[source] reqwest::Error),
}
