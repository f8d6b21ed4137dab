//! Why a grant was not refreshed.

use jackfield_core::{Error, ProviderId};
use jackfield_store::StoreError;

use crate::connections::provider_errors::to_rate_limit_error;

/// Why a grant was not refreshed.
///
/// Each call that waits for the refresh gets a clone.
#[derive(Clone, Debug)]
pub(super) enum RefreshError {
    /// The provider ended the grant. Contains the reason.
    GrantEnded(String),
    RateLimited,
    TimedOut,
    /// The provider failed, or rejected the OAuth app. Contains the reason.
    ProviderFailed(String),
    /// The plugin would send the tokens to destinations for which nobody connected. They were not sent.
    SecretNeeded(String),
    /// The connection was deleted meanwhile.
    NotConnected,
    Sealed(String),
    /// The database cannot be used at the moment. Contains what is wrong, for callers, and the cause, for the log.
    DatabaseUnavailable {
        what: String,
        retry_after: u32,
        cause: String,
    },
    Internal(String),
}

impl RefreshError {
    /// Returns the API error for a provider's grant.
    pub(super) fn into_api_error(self, provider: &ProviderId) -> Error {
        match self {
            Self::GrantEnded(why) => Error::NeedsReauth(why),
            Self::RateLimited => to_rate_limit_error(None),
            Self::TimedOut => Error::ProviderTimeout,
            Self::ProviderFailed(why) => Error::ProviderError(why),
            Self::SecretNeeded(why) => Error::SecretNeeded(why),
            Self::NotConnected => Error::NotConnected(provider.to_string()),
            Self::Sealed(why) => Error::Sealed(why),
            Self::DatabaseUnavailable { what, retry_after, cause } => {
                Error::Unavailable { what, retry_after, source: cause.into() }
            }
            Self::Internal(why) => Error::internal(why),
        }
    }
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        match Error::from(error) {
            Error::Sealed(why) => Self::Sealed(why),
            Error::Unavailable { what, retry_after, source } => {
                Self::DatabaseUnavailable { what, retry_after, cause: source.to_string() }
            }
            Error::SecretNeeded(why) => Self::SecretNeeded(why),
            Error::Internal(source) => Self::Internal(source.to_string()),
            other => Self::ProviderFailed(other.to_string()),
        }
    }
}
