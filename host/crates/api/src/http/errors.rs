//! Errors as RFC 9457 problems. The one place that logs an error's whole chain, under the request's id.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use jackfield_core::{Error, FieldError, RowError};
use serde::Serialize;

/// A handler's failure.
#[derive(Debug)]
pub struct ApiError(Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What a handler leaves on its answer for [`write`], which knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Problem(std::sync::Arc<Error>);

#[derive(Serialize)]
struct ProblemView<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<ErrorsView<'a>>,
}

/// What is wrong with which field, or with which line of a file.
#[derive(Serialize)]
#[serde(untagged)]
enum ErrorsView<'a> {
    Fields(&'a [FieldError]),
    Rows(&'a [RowError]),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(Problem(std::sync::Arc::new(self.0)));
        response
    }
}

/// Writes a problem out, and logs what went wrong inside.
pub(crate) fn write(Problem(error): &Problem, request_id: &str) -> Response {
    let status = status(error);
    match error.as_ref() {
        Error::Internal(source) => tracing::error!(error = chain(source.as_ref()), "failed"),
        Error::PluginFault { provider, fault } => tracing::error!(provider, fault, "a component failed"),
        other => tracing::debug!(code = other.code(), detail = %other, "refused"),
    }
    let errors = match error.as_ref() {
        Error::InvalidFields(errors) => Some(ErrorsView::Fields(errors)),
        Error::InvalidRows(errors) => Some(ErrorsView::Rows(errors)),
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

/// The status of each outcome, as the contract has it.
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
        | Error::PermissionMissing(_)
        | Error::Unsupported(_)
        | Error::PluginNotApproved(_)
        | Error::PluginDisabled(_) => StatusCode::CONFLICT,
        Error::Sealed(_) | Error::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::ProviderError(_) | Error::PluginFault { .. } | Error::PluginPaused { .. } => StatusCode::BAD_GATEWAY,
        Error::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error and all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(": ");
        line.push_str(&error.to_string());
        source = error.source();
    }
    line
}

pub(crate) async fn not_found() -> ApiError {
    Error::NotFound("there is no such path".to_owned()).into()
}

pub(crate) async fn method_not_allowed() -> ApiError {
    Error::MethodNotAllowed.into()
}
