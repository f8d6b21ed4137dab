//! Carries what is asked of the identity provider through `egress`: the same checks, caps and reroutes as all else.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{StatusCode, header::AUTHORIZATION};
use jackfield_core::{Secret, manifest::Method};
use jackfield_egress::{Egress, Request, SendError};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::Instant;

/// How long one answer may take; a person waits for it.
const TIME: Duration = Duration::from_secs(8);

/// The name under which the network connections to the provider are kept.
const POOL: &str = "host/oidc";

/// The way to the provider.
pub(crate) struct Wire<'a>(pub(crate) &'a Egress);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("it answered {0}")]
    Status(u16),
}

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = WireError;
    type Future = BoxFuture<'c, Result<HttpResponse, WireError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Wire<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
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
            return Err(WireError::Status(response.status));
        }
        // Without its fields: a provider that calls its JSON `text/plain` has answered all the same.
        let mut answer = HttpResponse::new(response.body);
        *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
        Ok(answer)
    }
}
