//! The HTTP client for the operator's trace collector. It sends no requests of components and no stored credentials.

use bytes::{Bytes, BytesMut};

use crate::{
    clients,
    config::EgressLimits,
    error::{EgressError, SendError},
};

/// Maximum number of bytes to read of a response. The responses of collectors are much smaller.
const MAX_RESPONSE: usize = 64 * 1024;

/// An HTTP client for one trace collector.
///
/// It connects to any address, because the operator configured the URL.
#[derive(Clone, Debug)]
pub struct TraceCollectorClient(reqwest::Client);

impl TraceCollectorClient {
    /// Creates a client that trusts the public certificate authorities.
    ///
    /// It uses no redirects, proxies or retries.
    ///
    /// # Errors
    /// The HTTP client cannot be created.
    pub fn new() -> Result<Self, EgressError> {
        let limits = EgressLimits::default();
        let client = clients::client_builder(&limits)
            .tls_backend_preconfigured(clients::tls_config(Vec::new())?)
            .timeout(limits.first_byte)
            .build()
            .map_err(EgressError::Client)?;
        Ok(Self(client))
    }

    /// Sends one request and reads the beginning of the response.
    ///
    /// # Errors
    /// [`SendError::Malformed`] if the request has no absolute URL, [`SendError::Unreachable`] if there is no response.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, SendError> {
        let request =
            request.try_into().map_err(|_| SendError::Malformed("the request has no valid URL".to_owned()))?;
        // Without the URL, because it may contain a password.
        let unreachable = |error: reqwest::Error| SendError::Unreachable(error.without_url().to_string());
        let mut received = self.0.execute(request).await.map_err(unreachable)?;
        let mut body = BytesMut::new();
        while body.len() < MAX_RESPONSE
            && let Some(chunk) = received.chunk().await.map_err(unreachable)?
        {
            body.extend_from_slice(&chunk);
        }
        let mut response = http::Response::new(body.freeze());
        *response.status_mut() = received.status();
        *response.headers_mut() = std::mem::take(received.headers_mut());
        Ok(response)
    }
}
