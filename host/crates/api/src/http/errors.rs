//! Turns errors into RFC 9457 problems: their status, body and headers. Logs an error's whole chain, and is the only
//! place that does.

use std::{error::Error as StdError, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use jackfield_core::{Error, FieldError, RowError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::operation::code_schema;

/// The error of a handler.
#[derive(Debug)]
pub struct ApiError(Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The error of a request, as a response extension for [`to_response`], which needs the request's id.
#[derive(Clone, Debug)]
pub(crate) struct ResponseError(Arc<Error>);

/// An error (RFC 9457). Programs should use `code`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProblemView<'a> {
    #[serde(rename = "type")]
    #[schemars(extend("const" = "about:blank"))]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status code.
    status: u16,
    /// What went wrong, for people. Never contains a secret.
    detail: String,
    /// A stable name of what went wrong.
    #[schemars(schema_with = "code_schema")]
    code: &'static str,
    /// The request's id, as in the log and the audit log.
    request_id: &'a str,
    /// The fields that are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<FieldErrorView>")]
    errors: Option<Vec<FieldErrorView<'a>>>,
}

impl<'a> ProblemView<'a> {
    /// Describes a request that could not be parsed as HTTP, so that no route has seen it.
    pub(super) fn of_parser(status: StatusCode, detail: &str, request_id: &'a str) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.to_owned(),
            code: "invalid_request",
            request_id,
            errors: None,
        }
    }
}

/// One field and what is wrong with it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FieldErrorView<'a> {
    /// The line of an imported CSV file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    line: Option<u64>,
    field: &'a str,
    /// What is wrong and what to do. Never repeats the value.
    message: &'a str,
}

impl<'a> From<&'a FieldError> for FieldErrorView<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self { line: None, field: &error.field, message: &error.message }
    }
}

impl<'a> From<&'a RowError> for FieldErrorView<'a> {
    fn from(error: &'a RowError) -> Self {
        Self { line: Some(error.line), field: &error.field, message: &error.message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(ResponseError(Arc::new(self.0)));
        response
    }
}

/// Logs an error and turns it into a response.
pub(crate) fn to_response(ResponseError(error): &ResponseError, request_id: &str) -> Response {
    let status = status(error);
    match error.as_ref() {
        Error::Internal(source) => tracing::error!(error = format_chain(source.as_ref()), "request failed"),
        Error::Unavailable { what, source, .. } => {
            tracing::error!(error = format_chain(source.as_ref()), "request failed: {what}");
        }
        Error::PluginFault { provider, fault } => tracing::error!(provider, fault, "plugin failed"),
        other => tracing::debug!(code = other.code(), detail = %other, "request rejected"),
    }
    let errors = match error.as_ref() {
        Error::InvalidFields(errors) => Some(errors.iter().map(FieldErrorView::from).collect()),
        Error::InvalidRows(errors) => Some(errors.iter().map(FieldErrorView::from).collect()),
        _ => None,
    };
    let view = ProblemView {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: error.to_string(),
        code: error.code(),
        request_id,
        errors,
    };
    let mut response = (status, axum::Json(view)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match error.as_ref() {
        Error::Overloaded { retry_after, .. }
        | Error::Unavailable { retry_after, .. }
        | Error::RateLimited { retry_after, .. }
        | Error::PluginPaused { retry_after, .. } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after));
        }
        Error::Unauthenticated | Error::NotSignedIn(_) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// Returns the status of each error, as the contract defines it.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::InvalidRequest(_) => StatusCode::BAD_REQUEST,
        Error::InvalidFields(_) | Error::InvalidRows(_) | Error::CredentialRejected(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unauthenticated | Error::NotSignedIn(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::UnknownProvider(_) | Error::UnknownPerson(_) | Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Error::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Error::Conflict(_)
        | Error::NotConnected(_)
        | Error::NeedsChoice(_)
        | Error::NeedsReauth(_)
        | Error::SecretNeeded(_)
        | Error::PermissionMissing(_)
        | Error::Unsupported(_)
        | Error::PluginNotApproved(_)
        | Error::PluginDisabled(_) => StatusCode::CONFLICT,
        Error::Sealed(_) | Error::Overloaded { .. } | Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::ProviderError(_) | Error::PluginFault { .. } | Error::PluginPaused { .. } => StatusCode::BAD_GATEWAY,
        Error::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Formats an error and all its sources in one line.
fn format_chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(": ");
        line.push_str(&error.to_string());
        source = error.source();
    }
    line
}

/// Answers a path that is not in the route table.
pub(crate) async fn not_found() -> ApiError {
    Error::NotFound("there is no such path".to_owned()).into()
}

/// Answers a method that the route table does not list for the path.
pub(crate) async fn method_not_allowed() -> ApiError {
    Error::MethodNotAllowed.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::PROBLEMS;

    #[test]
    fn every_error_is_in_the_list_of_problems() {
        let text = || "x".to_owned();
        let errors = [
            Error::InvalidRequest(text()),
            Error::field("x", "x"),
            Error::InvalidRows(Vec::new()),
            Error::TooLarge(1),
            Error::Unauthenticated,
            Error::NotSignedIn("x"),
            Error::Forbidden(text()),
            Error::UnknownProvider(text()),
            Error::UnknownPerson(text()),
            Error::NotFound(text()),
            Error::Conflict(text()),
            Error::NeedsChoice(text()),
            Error::MethodNotAllowed,
            Error::Misdirected,
            Error::NotConnected(text()),
            Error::CredentialRejected(text()),
            Error::NeedsReauth(text()),
            Error::SecretNeeded(text()),
            Error::PermissionMissing(text()),
            Error::Sealed(text()),
            Error::Overloaded { what: text(), retry_after: 1 },
            Error::Unavailable { what: text(), retry_after: 1, source: "x".into() },
            Error::Unsupported(text()),
            Error::RateLimited { what: text(), retry_after: 1 },
            Error::ProviderError(text()),
            Error::ProviderTimeout,
            Error::PluginFault { provider: text(), fault: text() },
            Error::PluginPaused { provider: text(), retry_after: 1 },
            Error::PluginNotApproved(text()),
            Error::PluginDisabled(text()),
            Error::internal("x"),
        ];
        for error in errors {
            let problem = (error.code(), status(&error).as_u16());
            assert!(PROBLEMS.iter().any(|(code, status, _)| (*code, *status) == problem), "{problem:?} is not listed");
        }
    }
}
