//! The outcomes that a caller of Jackfield can act on; each is one stable `code` of the REST API.

use serde::Serialize;

/// Why an operation was not done. Its `Display` is for people and never holds a secret or an inner detail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Return `400 Bad Request`, `invalid_request`: not JSON, or of the wrong shape.
    #[error("{0}")]
    InvalidRequest(String),

    /// Return `422 Unprocessable Content`, `invalid_request`: fields that fail their rules.
    #[error("{}", fields_in_words(.0))]
    InvalidFields(Vec<FieldError>),

    /// Return `422 Unprocessable Content`, `invalid_request`: rows of a file that fail their rules; none was stored.
    #[error("{}", rows_in_words(.0))]
    InvalidRows(Vec<RowError>),

    /// Return `413 Content Too Large`, `invalid_request`.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),

    /// Return `401 Unauthorized`.
    #[error("a valid bearer token is needed")]
    Unauthenticated,

    /// Return `401 Unauthorized`, `unauthenticated`: what was to sign somebody in does not.
    #[error("{0}")]
    NotSignedIn(&'static str),

    /// Return `403 Forbidden`.
    #[error("{0}")]
    Forbidden(String),

    /// Return `404 Not Found`, `unknown_provider`.
    #[error("there is no provider `{0}`")]
    UnknownProvider(String),

    /// Return `404 Not Found`, `unknown_person`.
    #[error("there is no person `{0}`")]
    UnknownPerson(String),

    /// Return `404 Not Found`, `not_found`: no such route or thing.
    #[error("{0}")]
    NotFound(String),

    /// Return `405 Method Not Allowed`, `method_not_allowed`.
    #[error("this path does not take that method")]
    MethodNotAllowed,

    /// Return `421 Misdirected Request`, `misdirected`: sent to a name that is not ours.
    #[error("this service does not answer under that name; JACKFIELD_PUBLIC_URL says under which it does")]
    Misdirected,

    /// Return `409 Conflict`, `conflict`: what this depends on was changed meanwhile; nothing was done.
    #[error("{0}")]
    Conflict(String),

    /// Return `409 Conflict`, `not_connected`.
    #[error("`{0}` is not connected")]
    NotConnected(String),

    /// Return `409 Conflict`, `needs_choice`: one of several accounts is to be chosen first.
    #[error("`{0}` opens several accounts; choose one first: PUT /api/admin/connections/{0}/account")]
    NeedsChoice(String),

    /// Return `422 Unprocessable Content`, `credential_rejected`: nothing was stored.
    #[error("the provider refused the credential: {0}; nothing was stored, what was stored before still is")]
    CredentialRejected(String),

    /// Return `409 Conflict`, `needs_reauth`: the connection is kept and marked.
    #[error("the provider no longer takes the stored credential: {0}")]
    NeedsReauth(String),

    /// Return `409 Conflict`, `permission_missing`.
    #[error("the credential lives but lacks a right: {0}")]
    PermissionMissing(String),

    /// Return `503 Service Unavailable`, `sealed`.
    #[error("{0}")]
    Sealed(String),

    /// Return `503 Service Unavailable`, `overloaded`, with `Retry-After`.
    #[error("{what}; try again in {retry_after} s")]
    Overloaded { what: String, retry_after: u32 },

    /// Return `409 Conflict`, `unsupported`.
    #[error("{0}")]
    Unsupported(String),

    /// Return `429 Too Many Requests`, `rate_limited`, with `Retry-After`.
    #[error("{what}; try again in {retry_after} s")]
    RateLimited { what: String, retry_after: u32 },

    /// Return `502 Bad Gateway`, `provider_error`.
    #[error("the provider's answer cannot be used: {0}")]
    ProviderError(String),

    /// Return `504 Gateway Timeout`, `provider_timeout`.
    #[error("the provider did not answer in time")]
    ProviderTimeout,

    /// Return `502 Bad Gateway`, `plugin_fault`; the inner text goes to the log, not to the caller.
    #[error("the component of `{provider}` failed; the log has more under this request id")]
    PluginFault { provider: String, fault: String },

    /// Return `502 Bad Gateway`, `plugin_fault`, with `Retry-After`: it is left alone for a while.
    #[error("the component of `{provider}` failed again and again and is paused; it is tried again in {retry_after} s")]
    PluginPaused { provider: String, retry_after: u32 },

    /// Return `409 Conflict`, `plugin_not_approved`.
    #[error("the component of `{0}` is not approved")]
    PluginNotApproved(String),

    /// Return `409 Conflict`, `plugin_not_approved`: it was, and somebody took it out of use.
    #[error("the component of `{0}` was disabled")]
    PluginDisabled(String),

    /// Return `500 Internal Server Error`, `internal`: our own trouble, told only to the log.
    #[error("something went wrong inside Jackfield; the log has more under this request id")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a failure of our own.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Creates the error for a single invalid field.
    #[must_use]
    pub fn field(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidFields(vec![FieldError::new(name, message)])
    }

    /// The stable code of this outcome.
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
            Self::NeedsReauth(_) => "needs_reauth",
            Self::PermissionMissing(_) => "permission_missing",
            Self::Sealed(_) => "sealed",
            Self::Overloaded { .. } => "overloaded",
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

/// One field of a request body and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl FieldError {
    /// Says what is wrong with a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// One row of a file and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    pub field: String,
    pub message: String,
}

fn rows_in_words(errors: &[RowError]) -> String {
    let list: Vec<String> =
        errors.iter().map(|error| format!("line {}: {}: {}", error.line, error.field, error.message)).collect();
    format!("{}; nothing was stored", list.join("; "))
}

fn fields_in_words(errors: &[FieldError]) -> String {
    let list: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    list.join("; ")
}
