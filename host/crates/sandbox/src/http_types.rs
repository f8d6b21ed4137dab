//! Converts between the HTTP types of the contract and those of `egress`.

use jackfield_core::manifest::Method;
use jackfield_egress::{Denial, Request, Response, SendError, TokenErrorResponse};

use crate::bindings::jackfield::provider::http;

/// Converts the request of a guest. `egress` checks it.
pub(crate) fn from_wit_request(request: http::Request) -> Request {
    Request {
        method: from_wit_method(request.method),
        url: request.url,
        headers: request.headers.into_iter().map(|http::Header { name, value }| (name, value)).collect(),
        body: request.body,
    }
}

pub(crate) fn from_wit_method(method: http::Method) -> Method {
    match method {
        http::Method::Get => Method::Get,
        http::Method::Head => Method::Head,
        http::Method::Post => Method::Post,
        http::Method::Put => Method::Put,
        http::Method::Patch => Method::Patch,
        http::Method::Delete => Method::Delete,
    }
}

pub(crate) fn to_wit_response(response: Response) -> http::Response {
    http::Response {
        status: response.status,
        headers: response.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect(),
        body: response.body,
    }
}

pub(crate) fn to_wit_error(error: SendError) -> http::Error {
    match error {
        SendError::Denied(denial) => {
            http::Error::Denied(http::Denial { rule: denial.rule.to_owned(), message: denial.message })
        }
        SendError::TimedOut => http::Error::TimedOut,
        SendError::TooLarge => http::Error::TooLarge,
        SendError::Unreachable(reason) => http::Error::Unreachable(reason),
        SendError::RateLimited(seconds) => http::Error::RateLimited(seconds),
        SendError::Malformed(reason) => http::Error::Malformed(reason),
        SendError::CredentialRefused(response) => http::Error::CredentialRefused(http::Refusal {
            status: response.status,
            error: response.error,
            description: response.description,
            date: response.date,
        }),
    }
}

/// Converts an error of `http.send` that a component returns as its own error.
///
/// The rule of a denial becomes `denied`, because a component may return any text there.
pub(crate) fn from_wit_error(error: http::Error) -> SendError {
    match error {
        http::Error::Denied(denial) => SendError::Denied(Denial { rule: "denied", message: denial.message }),
        http::Error::TimedOut => SendError::TimedOut,
        http::Error::TooLarge => SendError::TooLarge,
        http::Error::Unreachable(reason) => SendError::Unreachable(reason),
        http::Error::RateLimited(seconds) => SendError::RateLimited(seconds),
        http::Error::Malformed(reason) => SendError::Malformed(reason),
        http::Error::CredentialRefused(refusal) => SendError::CredentialRefused(TokenErrorResponse {
            status: refusal.status,
            error: refusal.error,
            description: refusal.description,
            date: refusal.date,
        }),
    }
}
