//! Carries one request of the OAuth client through `egress`, and turns its error response into a [`TokenEndpointError`].

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use jackfield_core::{Error, Secret};
use jackfield_egress::{Egress, Request, Scrubber, SendError, TokenErrorResponse};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::{TOKEN_REQUEST_TIMEOUT, TokenEndpointError, find_header, repair_token_body};

/// Maximum length in characters of an `error` that is shown.
const MAX_ERROR_LENGTH: usize = 100;

/// Maximum length in characters of an `error_description` that is shown.
const MAX_DESCRIPTION_LENGTH: usize = 300;

/// Sends one request, and remembers the status and date of its response.
pub(super) struct TokenTransport<'a> {
    egress: &'a Egress,
    pool: String,
    url: &'a str,
    scrubber: Scrubber,
    response: Mutex<ResponseHead>,
}

#[derive(Clone, Default)]
struct ResponseHead {
    status: u16,
    date: Option<String>,
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
#[error("the token endpoint did not answer")]
pub(super) struct TransportError(#[source] pub(super) SendError);

impl<'c> AsyncHttpClient<'c> for TokenTransport<'_> {
    type Error = TransportError;
    type Future = BoxFuture<'c, Result<HttpResponse, TransportError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl<'a> TokenTransport<'a> {
    /// Creates the transport of one request. `secrets` are masked in error responses.
    pub(super) fn new<'s>(
        egress: &'a Egress,
        pool: String,
        url: &'a str,
        secrets: impl Iterator<Item = &'s Secret<String>>,
    ) -> Self {
        let scrubber = Scrubber::new(secrets.map(|secret| secret.expose().as_str()));
        Self { egress, pool, url, scrubber, response: Mutex::default() }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let (request, authorization) = Request::from_http(request);
        let request = Request { url: self.url.to_owned(), ..request };
        let deadline = Instant::now() + TOKEN_REQUEST_TIMEOUT;
        let mut response =
            self.egress.fetch(&self.pool, deadline, request, authorization.as_ref()).await.map_err(TransportError)?;
        if let Ok(mut head) = self.response.lock() {
            *head = ResponseHead { status: response.status, date: find_header(&response.headers, "date") };
        }
        response.body = repair_token_body(std::mem::take(&mut response.body));
        Ok(response.into_http())
    }

    /// Returns the error for a response with the fields of RFC 6749 §5.2.
    pub(super) fn to_error(&self, error: Option<String>, description: Option<&String>) -> TokenEndpointError {
        let description = description.map(|text| {
            let scrubbed = self.scrubber.scrub_text(text.clone());
            scrubbed.chars().take(MAX_DESCRIPTION_LENGTH).collect::<String>().replace(char::is_control, " ")
        });
        let error = error.map(|code| self.scrubber.scrub_text(code).chars().take(MAX_ERROR_LENGTH).collect());
        let ResponseHead { status, date } = self.response_head();
        match status {
            500.. => {
                TokenEndpointError::NoResponse(Error::ProviderError(format!("its token endpoint failed with {status}")))
            }
            429 => TokenEndpointError::Rejected(TokenErrorResponse { status, error: None, description: None, date }),
            _ => TokenEndpointError::Rejected(TokenErrorResponse { status, error, description, date }),
        }
    }

    /// Returns the error for a response that does not follow RFC 6749.
    pub(super) fn to_unreadable_error(&self) -> TokenEndpointError {
        match self.response_head().status {
            400..=499 => self.to_error(None, None),
            status => TokenEndpointError::NoResponse(Error::ProviderError(format!(
                "its token endpoint answered with status {status} and an unreadable body"
            ))),
        }
    }

    fn response_head(&self) -> ResponseHead {
        self.response.lock().map(|head| head.clone()).unwrap_or_default()
    }
}
