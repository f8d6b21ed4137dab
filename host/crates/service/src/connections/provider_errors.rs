//! Turns the error of a plugin's call into an API error.
//!
//! The same response means one thing for a credential that was just submitted, and another for a stored one.

use jackfield_core::Error;
use jackfield_egress::SendError;
use jackfield_sandbox::{CallError, ProviderError};

use super::check_results::MAX_RATE_LIMIT_SECONDS;

/// Seconds to wait if a provider does not say for how long.
const DEFAULT_RETRY_AFTER: u32 = 60;

/// Seconds to wait if too many of our own calls are running.
///
/// About as long as one call takes.
const OVERLOADED_RETRY_AFTER: u32 = 1;

/// Where the credential of a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialOrigin {
    /// It is new, and is tried before it is stored.
    Submitted,
    Stored,
}

/// Returns the API error for a failed call of a provider's plugin.
pub(super) fn into_api_error(error: CallError, provider: &str, origin: CredentialOrigin) -> Error {
    match error {
        CallError::Fault(fault) => Error::PluginFault { provider: provider.to_owned(), fault },
        CallError::Guess(guess) => {
            let fault = format!(
                "{guess}. A plugin has no access to secrets, so this is a guess. If the secret is an ordinary word that \
                 requests contain anyway, replace it with a longer one"
            );
            Error::PluginFault { provider: provider.to_owned(), fault }
        }
        CallError::ProviderTimeout => Error::ProviderTimeout,
        CallError::Overloaded => Error::Overloaded {
            what: format!("too many calls to `{provider}` are in flight"),
            retry_after: OVERLOADED_RETRY_AFTER,
        },
        CallError::Provider(error) => from_provider_error(error, origin),
    }
}

/// Returns the error for a provider that asks to wait, for `seconds` if it says so.
pub(super) fn to_rate_limit_error(seconds: Option<u32>) -> Error {
    Error::RateLimited {
        what: "the provider asked to wait".to_owned(),
        retry_after: seconds.unwrap_or(DEFAULT_RETRY_AFTER).clamp(1, MAX_RATE_LIMIT_SECONDS),
    }
}

fn from_provider_error(error: ProviderError, origin: CredentialOrigin) -> Error {
    match (error, origin) {
        (ProviderError::Unauthorized(reason), CredentialOrigin::Submitted) => Error::CredentialRejected(reason),
        (ProviderError::Unauthorized(reason), CredentialOrigin::Stored) => Error::NeedsReauth(reason),
        (ProviderError::Forbidden(permission), CredentialOrigin::Submitted) => {
            Error::CredentialRejected(format!("it lacks the permission {permission}"))
        }
        (ProviderError::Forbidden(permission), CredentialOrigin::Stored) => Error::PermissionMissing(permission),
        (ProviderError::RateLimited(seconds), _) => to_rate_limit_error(seconds),
        (ProviderError::Unsupported(what), _) => Error::Unsupported(what),
        (ProviderError::Upstream { status, message }, _) if message.is_empty() => {
            Error::ProviderError(format!("it has status {status}"))
        }
        (ProviderError::Upstream { message, .. }, _) => Error::ProviderError(format!("the provider failed: {message}")),
        (ProviderError::Malformed(what), _) => Error::ProviderError(what),
        (ProviderError::Invalid(field), _) => Error::InvalidFields(vec![field]),
        (ProviderError::Http(error), origin) => from_send_error(error, origin),
    }
}

fn from_send_error(error: SendError, origin: CredentialOrigin) -> Error {
    match error {
        SendError::TimedOut => Error::ProviderTimeout,
        SendError::RateLimited(seconds) => to_rate_limit_error(Some(seconds)),
        SendError::TooLarge => Error::ProviderError("it is too large".to_owned()),
        SendError::Unreachable(why) => Error::ProviderError(format!("the provider could not be reached: {why}")),
        SendError::Malformed(why) => Error::ProviderError(why),
        SendError::CredentialRefused(response) => {
            let code = response.error.unwrap_or_else(|| format!("status {}", response.status));
            match origin {
                CredentialOrigin::Submitted => Error::CredentialRejected(code),
                // Only `invalid_grant` says that the grant has ended (RFC 6749 §5.2); any other error can be temporary.
                CredentialOrigin::Stored if code == "invalid_grant" => Error::NeedsReauth(code),
                CredentialOrigin::Stored => Error::ProviderError(format!("its token endpoint answered {code}")),
            }
        }
        // The sandbox turns a denied request of a plugin into a fault, so this arm only completes the match.
        SendError::Denied(denial) => Error::ProviderError(denial.message),
    }
}
