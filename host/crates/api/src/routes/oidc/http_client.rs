//! Sends requests to the identity provider through `egress`, with the same checks, limits and reroutes as all others.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jackfield_egress::{Egress, Request, SendError};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::Instant;

/// The time limit of one request. A person waits for it.
const TIME: Duration = Duration::from_secs(8);

/// The name of the pool of HTTP connections to the provider.
const POOL: &str = "host/oidc";

/// An HTTP client for `openidconnect`.
pub(super) struct OidcHttpClient<'a>(pub(super) &'a Egress);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum OidcHttpError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the response has status {0}")]
    Status(u16),
}

impl<'c> AsyncHttpClient<'c> for OidcHttpClient<'_> {
    type Error = OidcHttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, OidcHttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl OidcHttpClient<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OidcHttpError> {
        let (request, authorization) = Request::from_http(request);
        let response = self.0.fetch(POOL, Instant::now() + TIME, request, authorization.as_ref()).await?;
        if response.status == 429 || response.status >= 500 {
            return Err(OidcHttpError::Status(response.status));
        }
        Ok(response.into_http())
    }
}
