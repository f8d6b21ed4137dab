//! Sends requests to the identity provider through `egress`, with the same checks, limits and reroutes as all others.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{StatusCode, header::AUTHORIZATION};
use jackfield_core::{Secret, manifest::Method};
use jackfield_egress::{Egress, Request, SendError};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::Instant;

/// The longest time of one request; a person waits for it.
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
    #[error("it answered {0}")]
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
        let (parts, body) = request.into_parts();
        let (mut headers, mut authorization) = (Vec::new(), None);
        for (name, value) in &parts.headers {
            let value = value.to_str().unwrap_or_default().to_owned();
            if name == AUTHORIZATION {
                authorization = Some(Secret::new(value));
            } else {
                headers.push((name.as_str().to_owned(), value));
            }
        }
        let is_post = parts.method == http::Method::POST;
        let request = Request {
            method: if is_post { Method::Post } else { Method::Get },
            url: parts.uri.to_string(),
            headers,
            body: is_post.then_some(body),
        };
        let response = self.0.fetch(POOL, Instant::now() + TIME, request, authorization.as_ref()).await?;
        if response.status == 429 || response.status >= 500 {
            return Err(OidcHttpError::Status(response.status));
        }
        // Without headers, so that a provider may label its JSON as `text/plain`.
        let mut http_response = HttpResponse::new(response.body);
        *http_response.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
        Ok(http_response)
    }
}
