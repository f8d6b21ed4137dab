//! Sends a request with a token that the host mints, and maps the errors that concern the token.

use jackfield_sdk::Error;
use jackfield_sdk::http::{self, Request, Response};

use crate::api::Api;
use crate::token_errors;

/// Sends a request. A rejected token is an error; every other response is returned, whatever its status.
pub(crate) fn send(request: Request, api: &Api, administrator: Option<&str>) -> Result<Response, Error> {
    let mut outcome = request.clone().send();
    if let Err(http::Error::CredentialRefused(refusal)) = &outcome
        && token_errors::is_transient(refusal)
    {
        outcome = request.send();
    }
    match outcome {
        Ok(response) if response.status == 401 => Err(response.failure("authError", None)),
        Ok(response) => Ok(response),
        Err(http::Error::CredentialRefused(refusal)) => Err(token_errors::to_error(&refusal, api, administrator)),
        Err(error) => Err(error.into()),
    }
}
