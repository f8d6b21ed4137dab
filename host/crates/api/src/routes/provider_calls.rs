//! What all routes that call a provider have in common.

use jackfield_core::Error;
use tracing::Instrument;

/// The problems of every request that calls the provider with its stored credential.
pub(crate) const PROVIDER_PROBLEMS: [&str; 11] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "not_connected",
    "needs_choice",
    "needs_reauth",
    "permission_missing",
    "unsupported",
    "sealed",
    "provider_error",
    "provider_timeout",
];

/// The problems of every request that checks a new credential with the provider.
pub(crate) const CONNECT_PROBLEMS: [&str; 7] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "unsupported",
    "credential_rejected",
    "sealed",
    "provider_error",
];

/// Runs a change to its end even if the caller disconnects, so that a change at the provider is always recorded here.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change.in_current_span()).await.map_err(Error::internal)?
}
