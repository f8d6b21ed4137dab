//! Puts a component's failure into the API's words. The same error means one thing at connect and another later.

use jackfield_core::Error;
use jackfield_egress::SendError;
use jackfield_sandbox::{CallError, ProviderError};

/// Seconds to wait where a provider asks to wait and does not say how long.
const RETRY_AFTER: u32 = 60;

/// Seconds to wait where our own calls are too many: about as long as one takes.
const OVERLOADED_RETRY_AFTER: u32 = 1;

/// When in a connection's life a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// While a new credential is tried.
    Connect,
    /// With a stored one.
    Later,
}

/// The outcome that a caller is told.
pub(super) fn error_of(error: CallError, provider: &str, phase: Phase) -> Error {
    match error {
        CallError::Fault(fault) => Error::PluginFault { provider: provider.to_owned(), fault },
        CallError::ProviderTimeout => Error::ProviderTimeout,
        CallError::Overloaded => Error::Overloaded {
            what: format!("too many calls to `{provider}` are in flight"),
            retry_after: OVERLOADED_RETRY_AFTER,
        },
        CallError::Refused(refusal) => refused(refusal, phase),
    }
}

fn refused(refusal: ProviderError, phase: Phase) -> Error {
    match (refusal, phase) {
        (ProviderError::Unauthorized(word), Phase::Connect) => Error::CredentialRejected(word),
        (ProviderError::Unauthorized(word), Phase::Later) => Error::NeedsReauth(word),
        (ProviderError::Forbidden(right), Phase::Connect) => {
            Error::CredentialRejected(format!("it lacks the right {right}"))
        }
        (ProviderError::Forbidden(right), Phase::Later) => Error::PermissionMissing(right),
        (ProviderError::RateLimited(seconds), _) => rate_limited(seconds),
        (ProviderError::Unsupported(what), _) => Error::Unsupported(what),
        (ProviderError::Upstream { status, message }, _) if message.is_empty() => {
            Error::ProviderError(format!("it failed with status {status}"))
        }
        (ProviderError::Upstream { message, .. }, _) => Error::ProviderError(format!("it failed: {message}")),
        (ProviderError::Malformed(what), _) => Error::ProviderError(what),
        (ProviderError::Invalid(field), _) => Error::InvalidFields(vec![field]),
        (ProviderError::Http(error), phase) => no_answer(error, phase),
    }
}

fn no_answer(error: SendError, phase: Phase) -> Error {
    match error {
        SendError::TimedOut => Error::ProviderTimeout,
        SendError::RateLimited(seconds) => rate_limited(Some(seconds)),
        SendError::TooLarge => Error::ProviderError("it is larger than is taken".to_owned()),
        SendError::Unreachable(why) => Error::ProviderError(format!("it could not be reached: {why}")),
        SendError::Malformed(why) => Error::ProviderError(why),
        SendError::CredentialRefused(refusal) => {
            let word = refusal.error.unwrap_or_else(|| format!("status {}", refusal.status));
            match phase {
                Phase::Connect => Error::CredentialRejected(word),
                // Only this word says that the grant is dead (RFC 6749 §5.2); all else may pass.
                Phase::Later if word == "invalid_grant" => Error::NeedsReauth(word),
                Phase::Later => Error::ProviderError(format!("its token endpoint answered {word}")),
            }
        }
        // A component that asks for what it did not declare was told apart before; this keeps the match whole.
        SendError::Denied(denial) => Error::ProviderError(denial.message),
    }
}

/// Asked to wait, with or without a number.
pub(super) fn rate_limited(seconds: Option<u32>) -> Error {
    Error::RateLimited {
        what: "the provider asked to wait".to_owned(),
        retry_after: seconds.unwrap_or(RETRY_AFTER).clamp(1, super::checks::LONGEST_HOLD),
    }
}
