//! The errors of a call, and the reason why a component cannot be loaded.

use jackfield_core::FieldError;
use jackfield_egress::SendError;

/// The reason why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component returned an error of the contract.
    #[error("the component returned an error: {0}")]
    Provider(ProviderError),
    /// The component trapped, used up its time or memory, or violated the contract.
    #[error("the component failed: {0}")]
    Fault(String),
    /// The component sent a secret of the connection, or had one sent to it. It has no handle to any, so it is guessing.
    #[error("the component failed: {0}")]
    Guess(String),
    /// The call ran out of time while it waited for the provider.
    #[error("the provider did not answer in time")]
    ProviderTimeout,
    /// Too many calls are running, of this component or of all, or they use too much memory or computing time.
    #[error("too many calls are running")]
    Overloaded,
}

/// An error that a component returns, as the contract defines it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProviderError {
    /// The provider rejected the credential.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// The credential is valid but lacks a permission.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The provider asks to retry later, after this number of seconds if it says so.
    #[error("rate limited")]
    RateLimited(Option<u32>),
    /// The provider does not support the operation for this connection.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The provider answered with an error status.
    #[error("the provider answered with status {status}: {message}")]
    Upstream {
        /// The HTTP status.
        status: u16,
        /// The provider's own message.
        message: String,
    },
    /// The provider's response could not be understood.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A field of the connection has a wrong value.
    #[error("invalid {}: {}", .0.field, .0.message)]
    Invalid(FieldError),
    /// A request has no response.
    #[error("no response: {0}")]
    Http(SendError),
}

/// The reason why a file cannot be used as a component, in words for an Executive or the author.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    message: String,
    is_temporary: bool,
}

impl LoadError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_temporary: false }
    }

    /// Creates an error that says nothing about the component, so that another attempt can succeed.
    pub(crate) fn temporary(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_temporary: true }
    }

    /// Returns whether the machine is the cause, for example because it is too busy.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }
}
