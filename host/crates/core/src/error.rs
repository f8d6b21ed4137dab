//! The errors of the REST API. Each has a stable `code` that a caller can act on.

use serde::Serialize;

/// Why an operation failed.
///
/// Its `Display` is shown to callers, and contains neither secrets nor internal details.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Return `400 Bad Request`, `invalid_request`: the body is not JSON, or has the wrong structure.
    #[error("{0}")]
    InvalidRequest(String),

    /// Return `422 Unprocessable Content`, `invalid_request`: fields are not valid.
    #[error("{}", join_fields(.0))]
    InvalidFields(Vec<FieldError>),

    /// Return `422 Unprocessable Content`, `invalid_request`: no row of the file was stored.
    #[error("{}", join_rows(.0))]
    InvalidRows(Vec<RowError>),

    /// Return `413 Content Too Large`, `invalid_request`, with the limit in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),

    /// Return `401 Unauthorized`, `unauthenticated`.
    #[error("a valid bearer token is required")]
    Unauthenticated,

    /// Return `401 Unauthorized`, `unauthenticated`: a sign-in failed.
    #[error("{0}")]
    NotSignedIn(&'static str),

    /// Return `403 Forbidden`, `forbidden`.
    #[error("{0}")]
    Forbidden(String),

    /// Return `404 Not Found`, `unknown_provider`.
    #[error("there is no provider `{0}`")]
    UnknownProvider(String),

    /// Return `404 Not Found`, `unknown_person`.
    #[error("there is no person `{0}`")]
    UnknownPerson(String),

    /// Return `404 Not Found`, `not_found`: there is no such route or resource.
    #[error("{0}")]
    NotFound(String),

    /// Return `405 Method Not Allowed`, `method_not_allowed`.
    #[error("this path does not support that method")]
    MethodNotAllowed,

    /// Return `421 Misdirected Request`, `misdirected`: the request is for another host name.
    #[error(
        "this service does not answer under that host name; add it to JACKFIELD_HOSTS, or set JACKFIELD_PUBLIC_URL to the \
             address that browsers use"
    )]
    Misdirected,

    /// Return `409 Conflict`, `conflict`: the data has changed; nothing was done.
    #[error("{0}")]
    Conflict(String),

    /// Return `409 Conflict`, `not_connected`.
    #[error("`{0}` is not connected")]
    NotConnected(String),

    /// Return `409 Conflict`, `needs_choice`: an account must be chosen first.
    #[error(
        "the credential of `{0}` has access to several accounts; choose one with PUT /api/admin/connections/{0}/account"
    )]
    NeedsChoice(String),

    /// Return `422 Unprocessable Content`, `credential_rejected`: nothing was stored.
    #[error(
        "the provider rejected the credential: {0}. Nothing was changed; a previously stored credential is still in \
         place."
    )]
    CredentialRejected(String),

    /// Return `409 Conflict`, `needs_reauth`: the connection is kept with this status.
    #[error("the provider no longer accepts the stored credential: {0}")]
    NeedsReauth(String),

    /// Return `409 Conflict`, `needs_reauth`: the approved version would send a stored secret to destinations for which
    /// nobody entered it. It was not sent.
    #[error("{0}")]
    SecretNeeded(String),

    /// Return `409 Conflict`, `permission_missing`.
    #[error("the credential is valid but lacks a permission: {0}")]
    PermissionMissing(String),

    /// Return `503 Service Unavailable`, `sealed`.
    #[error("{0}")]
    Sealed(String),

    /// Return `503 Service Unavailable`, `overloaded`, with `Retry-After`.
    #[error("{what}; try again in {retry_after} s")]
    Overloaded { what: String, retry_after: u32 },

    /// Return `503 Service Unavailable`, `overloaded`, with `Retry-After`: the database cannot do this at the moment.
    ///
    /// The caller does not see the source; it is logged.
    #[error("{what}; try again in {retry_after} s")]
    Unavailable {
        what: String,
        retry_after: u32,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// Return `409 Conflict`, `unsupported`.
    #[error("{0}")]
    Unsupported(String),

    /// Return `429 Too Many Requests`, `rate_limited`, with `Retry-After`.
    #[error("{what}; try again in {retry_after} s")]
    RateLimited { what: String, retry_after: u32 },

    /// Return `502 Bad Gateway`, `provider_error`.
    #[error("the response of the provider cannot be used: {0}")]
    ProviderError(String),

    /// Return `504 Gateway Timeout`, `provider_timeout`.
    #[error("the provider did not respond in time")]
    ProviderTimeout,

    /// Return `502 Bad Gateway`, `plugin_fault`.
    ///
    /// The caller does not see `fault`; it is logged.
    #[error("the plugin `{provider}` failed; the log contains the cause under this request id")]
    PluginFault { provider: String, fault: String },

    /// Return `502 Bad Gateway`, `plugin_fault`, with `Retry-After`: the plugin is paused.
    #[error("the plugin `{provider}` failed repeatedly and is paused; try again in {retry_after} s")]
    PluginPaused { provider: String, retry_after: u32 },

    /// Return `409 Conflict`, `plugin_not_approved`.
    #[error(
        "the plugin `{0}` is not approved; an Executive can approve it in the console, or with `jackfield plugin approve`"
    )]
    PluginNotApproved(String),

    /// Return `409 Conflict`, `plugin_not_approved`: it was approved and then disabled.
    #[error("the plugin `{0}` is disabled")]
    PluginDisabled(String),

    /// Return `500 Internal Server Error`, `internal`.
    ///
    /// The caller does not see the source; it is logged.
    #[error("an internal error occurred; the log contains the cause under this request id")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an internal error.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Creates the error for a single invalid field.
    #[must_use]
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidFields(vec![FieldError::new(name, message)])
    }

    /// Returns the stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::InvalidFields(_) | Self::InvalidRows(_) | Self::TooLarge(_) => {
                "invalid_request"
            }
            Self::Unauthenticated | Self::NotSignedIn(_) => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::UnknownProvider(_) => "unknown_provider",
            Self::UnknownPerson(_) => "unknown_person",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Misdirected => "misdirected",
            Self::Conflict(_) => "conflict",
            Self::NotConnected(_) => "not_connected",
            Self::NeedsChoice(_) => "needs_choice",
            Self::CredentialRejected(_) => "credential_rejected",
            Self::NeedsReauth(_) | Self::SecretNeeded(_) => "needs_reauth",
            Self::PermissionMissing(_) => "permission_missing",
            Self::Sealed(_) => "sealed",
            Self::Overloaded { .. } | Self::Unavailable { .. } => "overloaded",
            Self::Unsupported(_) => "unsupported",
            Self::RateLimited { .. } => "rate_limited",
            Self::ProviderError(_) => "provider_error",
            Self::ProviderTimeout => "provider_timeout",
            Self::PluginFault { .. } | Self::PluginPaused { .. } => "plugin_fault",
            Self::PluginNotApproved(_) | Self::PluginDisabled(_) => "plugin_not_approved",
            Self::Internal(_) => "internal",
        }
    }
}

/// A field of a request, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl FieldError {
    /// Creates the error of a field.
    ///
    /// The message continues a sentence that starts with the name of the field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A row of a file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line number of the start of the row, from 1.
    pub line: u64,
    pub field: String,
    pub message: String,
}

fn join_rows(errors: &[RowError]) -> String {
    let list: Vec<String> =
        errors.iter().map(|error| format!("line {}: {}: {}", error.line, error.field, error.message)).collect();
    format!("{}; nothing was stored", list.join("; "))
}

fn join_fields(errors: &[FieldError]) -> String {
    let list: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    list.join("; ")
}
