//! The way to the operator's own collector of traces: no component's request goes here, and no credential but the operator's.

use bytes::{Bytes, BytesMut};

use super::{EgressError, EgressLimits, SendError, client};

/// The most that is read of an answer: a collector answers with a few bytes.
const ANSWER: usize = 64 * 1024;

/// A client for one collector, which may stand at any address: the operator named it, as the database.
#[derive(Clone, Debug)]
pub struct Collector(reqwest::Client);

impl Collector {
    /// Makes the client: the compiled-in trust anchors, no redirect, no proxy, no second try.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new() -> Result<Self, EgressError> {
        let limits = EgressLimits::default();
        let client = client::bare_client(&limits)
            .tls_backend_preconfigured(client::tls(Vec::new())?)
            .timeout(limits.first_byte)
            .build()
            .map_err(EgressError::Client)?;
        Ok(Self(client))
    }

    /// Sends one request, and reads the beginning of its answer.
    ///
    /// # Errors
    /// [`SendError::Malformed`] when the request names no URL, [`SendError::Unreachable`] when no answer comes.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, SendError> {
        let request = request.try_into().map_err(|_| SendError::Malformed("no request that can be sent".to_owned()))?;
        // Without the URL, which may hold a password.
        let unreachable = |error: reqwest::Error| SendError::Unreachable(error.without_url().to_string());
        let mut answer = self.0.execute(request).await.map_err(unreachable)?;
        let mut body = BytesMut::new();
        while body.len() < ANSWER
            && let Some(chunk) = answer.chunk().await.map_err(unreachable)?
        {
            body.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}
