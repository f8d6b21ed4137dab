//! Sends requests to Xero's API and maps its errors to errors of the contract.

use jackfield_sdk::Error;
use jackfield_sdk::http::{self, Refusal, Request, Response};

/// Xero's error for an expired access token.
pub(crate) const TOKEN_EXPIRED: &str = "TokenExpired";

/// Seconds to wait when Xero does not say how long.
const DEFAULT_WAIT: u32 = 60;

/// Sends a request and returns the response if it is a success.
pub(crate) fn send(request: Request) -> Result<Response, Error> {
    // Without this header Xero answers in XML.
    let response = request.header("Accept", "application/json").send().map_err(from_http_error)?;
    match response.status {
        200..=299 => Ok(response),
        // Xero does not document the bodies of these.
        429 | 500..=599 => Err(response.failure("", Some(response.retry_after().unwrap_or(DEFAULT_WAIT)))),
        _ => Err(response.failure(&parse_error_name(&response), None)),
    }
}

/// Parses the name of an error, such as `TokenExpired`, without the explanation after the colon.
///
/// The keys are in either case, and the newer payroll APIs nest them in `problem`.
fn parse_error_name(response: &Response) -> String {
    let body = response.object().unwrap_or_default();
    let body = body.get("problem").object().unwrap_or(body);
    let text = body.first_text(["detail", "Detail", "title", "Title", "type", "Type"]).unwrap_or_default();
    text.split(':').next().unwrap_or_default().to_owned()
}

/// Maps the reason why there is no response.
///
/// Of all errors of the token endpoint, only `invalid_grant` means that the OAuth grant is no longer valid.
fn from_http_error(error: http::Error) -> Error {
    match error {
        http::Error::CredentialRefused(Refusal { status, error, .. }) => match error {
            Some(code) if code == "invalid_grant" => Error::unauthorized(code),
            code => Error::upstream(status, code.unwrap_or_default()),
        },
        other => other.into(),
    }
}
