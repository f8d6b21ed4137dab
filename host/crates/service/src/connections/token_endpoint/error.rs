//! Why a token endpoint returned no tokens.

use std::fmt;

use jackfield_core::Error;
use jackfield_egress::{SendError, TokenErrorResponse};

use super::transport::TransportError;

/// Why a token endpoint returned no tokens.
#[derive(Debug)]
pub(in crate::connections) enum TokenEndpointError {
    /// An error response of RFC 6749 §5.2, or another status below 500.
    Rejected(TokenErrorResponse),
    /// There is no readable response. The endpoint may have done what was requested.
    NoResponse(Error),
    /// The request was not sent.
    NotSent(Error),
}

impl TokenEndpointError {
    /// Wraps the reason why a request could not be built.
    pub(super) fn not_sent(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::NotSent(Error::internal(error))
    }
}

impl From<TransportError> for TokenEndpointError {
    fn from(TransportError(error): TransportError) -> Self {
        match error {
            SendError::Denied(denial) => Self::NotSent(Error::ProviderError(denial.to_string())),
            SendError::TimedOut => Self::NoResponse(Error::ProviderTimeout),
            other => Self::NoResponse(Error::ProviderError(format!("its token endpoint did not answer: {other}"))),
        }
    }
}

impl fmt::Display for TokenEndpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(response) => match (&response.error, &response.description) {
                (Some(error), Some(description)) => write!(formatter, "{error} ({description})"),
                (Some(error), None) => write!(formatter, "{error}"),
                _ => write!(formatter, "status {}", response.status),
            },
            Self::NoResponse(error) | Self::NotSent(error) => write!(formatter, "{error}"),
        }
    }
}
