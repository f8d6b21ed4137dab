//! Implements `wasi:http/outgoing-handler`, which `fetch` and ordinary HTTP libraries use.
//!
//! Converts a standard request, passes it to the same [`RequestSender`] as `http.send`, and converts the response. The
//! checks are in `egress`.

mod body;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use http::{HeaderName, request::Parts};
use jackfield_core::manifest::Method;
use jackfield_egress::{Request, Response, SendError};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use self::body::{UnreadBytes, read_request_body};
use crate::{request_sender::RequestSender, text::sanitize};

/// Header fields that libraries set and that only the host may set. They are removed here, whereas `http.send` denies
/// them. A field that could change the meaning of a request, such as `Range` or `Cookie`, is denied in both.
const REMOVED_HEADERS: [&str; 7] =
    ["accept-encoding", "connection", "content-length", "host", "keep-alive", "te", "transfer-encoding"];

/// Maximum number of bytes of one write to a request body. With the default of 1 MiB, a thousand open bodies could use
/// 1 GiB.
const BODY_CHUNK: usize = 64 << 10;

/// Maximum number of requests of one call that are read and sent at the same time. Further ones wait, as in a browser.
const CONCURRENT_REQUESTS: usize = 4;

/// Maximum number of bytes of memory for a set of header fields: the 64 KiB of a response, and the same again for their
/// representation.
const HEADER_BYTES: usize = 128 << 10;

/// Maximum number of failed requests of one call that are logged. The log is needed because the error codes of
/// `wasi:http` say too little.
const LOGGED_ERRORS: u32 = 8;

/// The host's state of `wasi:http` for one call.
pub(crate) struct OutgoingHandler {
    requests: RequestSender,
    provider: Arc<str>,
    permits: Arc<Semaphore>,
    unread: UnreadBytes,
    errors: Arc<AtomicU32>,
}

impl OutgoingHandler {
    pub(crate) fn new(requests: RequestSender, provider: &str) -> Self {
        Self {
            requests,
            provider: provider.into(),
            permits: Arc::new(Semaphore::new(CONCURRENT_REQUESTS)),
            unread: UnreadBytes::default(),
            errors: Arc::default(),
        }
    }
}

/// Creates the context of the `wasi:http` resources with their limits.
pub(crate) fn new_context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(HEADER_BYTES);
    context
}

/// Work that continues after a response, or until a request ends. This implementation has none.
type BackgroundWork = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for OutgoingHandler {
    // Setting a field never fails: `to_request` removes the host's own fields, and `egress` checks all others.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|_| false)
    }

    fn is_supported_scheme(&mut self, _: &http::uri::Scheme) -> bool {
        // `egress` checks the whole URL, so that every wrong URL has the same error.
        true
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    // The options are the timeouts that the guest's library sets. They are ignored, because their defaults are longer
    // than the time of a call.
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _ended: BackgroundWork,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, BackgroundWork), Error>> + Send> {
        let (requests, provider) = (self.requests.clone(), Arc::clone(&self.provider));
        let (permits, unread, errors) = (Arc::clone(&self.permits), self.unread.clone(), Arc::clone(&self.errors));
        Box::new(async move {
            let _permit = permits.acquire().await.map_err(|_closed| Error::ConnectionLimitReached)?;
            let (parts, body) = request.into_parts();
            let request = to_request(&parts, read_request_body(body).await?)?;
            let response = requests.send(request).await.map_err(|error| {
                if errors.fetch_add(1, Ordering::Relaxed) < LOGGED_ERRORS {
                    let error = sanitize(&error.to_string(), 1_000);
                    tracing::info!(target: "jackfield::guest", provider = &*provider, "request failed: {error}");
                }
                to_wasi_error(error)
            })?;
            let no_work: BackgroundWork = Box::new(async { Ok(()) });
            Ok((to_wasi_response(response, &unread)?, no_work))
        })
    }
}

fn to_request(parts: &Parts, body: Vec<u8>) -> Result<Request, Error> {
    let method = match parts.method {
        http::Method::GET => Method::Get,
        http::Method::HEAD => Method::Head,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::PATCH => Method::Patch,
        http::Method::DELETE => Method::Delete,
        _ => return Err(Error::HttpRequestMethodInvalid),
    };
    let kept = parts.headers.iter().filter(|(name, _)| !is_removed(name));
    let headers: Result<Vec<_>, Error> = kept
        .map(|(name, value)| {
            let value = value.to_str().map_err(|_not_ascii| Error::HttpRequestDenied)?;
            Ok((name.as_str().to_owned(), value.to_owned()))
        })
        .collect();
    let body = (!body.is_empty()).then_some(body);
    Ok(Request { method, url: parts.uri.to_string(), headers: headers?, body })
}

fn is_removed(name: &HeaderName) -> bool {
    REMOVED_HEADERS.contains(&name.as_str())
}

/// Converts a response. Its bytes count as unread until the guest has read them.
fn to_wasi_response(response: Response, unread: &UnreadBytes) -> Result<http::Response<WasiBody>, Error> {
    let body = unread.buffer(response.body, response.memory).ok_or(Error::HttpResponseBodySize(None))?;
    let mut converted = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        converted = converted.header(name, value);
    }
    converted.body(body.into_wasi_body()).map_err(|_invalid| Error::HttpProtocolError)
}

/// Converts an error to the closest error code of `wasi:http`.
fn to_wasi_error(error: SendError) -> Error {
    match error {
        SendError::Denied(denial) => match denial.rule {
            "address" => Error::DestinationIpProhibited,
            "size" => Error::HttpRequestBodySize(None),
            _ => Error::HttpRequestDenied,
        },
        SendError::TimedOut => Error::HttpResponseTimeout,
        SendError::TooLarge => Error::HttpResponseBodySize(None),
        SendError::Unreachable(_) => Error::DestinationUnavailable,
        SendError::Malformed(_) => Error::HttpProtocolError,
        // `wasi:http` has no code for these two.
        SendError::RateLimited(_) | SendError::CredentialRefused(_) => Error::InternalError(Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn headers_that_libraries_set_are_removed_and_others_are_kept() {
        let headers = [
            ("Host", "other.example.com"),
            ("Content-Length", "3"),
            ("Connection", "X-Auth-Token"),
            ("TE", "trailers"),
            ("Accept-Encoding", "zstd"),
            ("User-Agent", "library/1"),
            ("Cookie", "a=b"),
        ];
        let parts = parts("POST", "https://api.example.com/a?b=c%20d", &headers);
        let request = to_request(&parts, b"abc".to_vec()).expect("a request");
        assert_eq!(request.url, "https://api.example.com/a?b=c%20d");
        assert_eq!(request.body.as_deref(), Some(b"abc".as_slice()));
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["user-agent", "cookie"], "egress denies the cookie");
    }

    #[test]
    fn a_method_that_no_endpoint_can_declare_is_rejected() {
        for method in ["CONNECT", "OPTIONS", "TRACE", "PURGE"] {
            let rejected = to_request(&parts(method, "https://api.example.com/", &[]), Vec::new());
            assert!(matches!(rejected, Err(Error::HttpRequestMethodInvalid)), "{method}");
        }
    }
}
