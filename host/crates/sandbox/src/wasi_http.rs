//! `wasi:http/outgoing-handler` as a second door to the gate of `http.send`, for `fetch` and ordinary HTTP libraries.
//!
//! Turns a standard request into ours and our answer into a standard one. Judges nothing; `egress` does.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{HeaderName, request::Parts};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use jackfield_core::manifest::Method;
use jackfield_egress::{Request, Response, SendError};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use super::{convert, guest::Guest, outbound::Outbound};

/// Fields that libraries set by themselves and that are the host's alone: left out here, where `http.send` refuses
/// them. A field that could change the meaning of a request, such as `Range` or `Cookie`, is refused as ever.
const LEFT_OUT: [&str; 7] =
    ["accept-encoding", "connection", "content-length", "host", "keep-alive", "te", "transfer-encoding"];

/// Bytes of a body, as `wit/host.wit` has them.
const REQUEST_BODY: usize = 1 << 20;

/// Bytes of one write into a body. The default of 1 MiB would let each of a thousand open bodies hold so much.
const CHUNK: usize = 64 << 10;

/// Requests of one call that are read in and sent at a time; more wait for their turn, as in a browser.
const AT_A_TIME: usize = 4;

/// Bytes of answers that lie in the host until the guest has read them: two of the largest.
const UNREAD: usize = 32 << 20;

/// What a set of fields may take in memory: an answer's 64 KiB, and as much again for how they are kept.
const FIELDS: usize = 128 << 10;

/// Refusals of one call that are logged: `wasi:http` has no words for them, and an author needs some.
const REFUSALS: u32 = 8;

/// The host's side of the door, for one call.
pub(super) struct Door {
    outbound: Outbound,
    provider: Arc<str>,
    turns: Arc<Semaphore>,
    unread: Arc<AtomicUsize>,
    refusals: Arc<AtomicU32>,
}

/// Links `outgoing-handler` and the types that it needs, and nothing else of `wasi:http`.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// What the standard's own resources are held to.
pub(super) fn bounds() -> WasiHttpCtx {
    let mut bounds = WasiHttpCtx::new();
    bounds.set_field_size_limit(FIELDS);
    bounds
}

impl Door {
    pub(super) fn new(outbound: Outbound, provider: &str) -> Self {
        Self {
            outbound,
            provider: provider.into(),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            unread: Arc::default(),
            refusals: Arc::default(),
        }
    }
}

/// An answer, and what still goes on behind it: here nothing.
type Answered = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Door {
    // Setting a field never fails: what is the host's is left out, the rest is judged with the whole request.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|_| false)
    }

    fn is_supported_scheme(&mut self, _: &http::uri::Scheme) -> bool {
        // Judged with the whole URL, so that the refusal is told as one.
        true
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    // A library's own time-outs are left aside: the call's time is shorter than what libraries come with.
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _ended: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answered, Error>> + Send> {
        let (outbound, provider) = (self.outbound.clone(), Arc::clone(&self.provider));
        let (turns, unread, refusals) = (Arc::clone(&self.turns), Arc::clone(&self.unread), Arc::clone(&self.refusals));
        Box::new(async move {
            let _turn = turns.acquire().await.map_err(|_closed| Error::ConnectionLimitReached)?;
            let (parts, body) = request.into_parts();
            let request = taken(&parts, &read(body).await?)?;
            let response = outbound.send(request).await.map_err(|error| {
                if refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS {
                    let error = convert::clean(&error.to_string(), 1_000);
                    tracing::info!(target: "jackfield::guest", provider = &*provider, "no answer: {error}");
                }
                told(error)
            })?;
            let nothing_more: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((given(response, unread)?, nothing_more))
        })
    }
}

/// Reads the whole body in, under its cap.
async fn read(body: WasiBody) -> Result<Bytes, Error> {
    match Limited::new(body, REQUEST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::HttpRequestBodySize(None)),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::HttpProtocolError,
        }),
    }
}

/// A standard request as `egress` takes it, unjudged.
fn taken(parts: &Parts, body: &Bytes) -> Result<Request, Error> {
    let method = match parts.method {
        http::Method::GET => Method::Get,
        http::Method::HEAD => Method::Head,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::PATCH => Method::Patch,
        http::Method::DELETE => Method::Delete,
        _ => return Err(Error::HttpRequestMethodInvalid),
    };
    let fields = parts.headers.iter().filter(|(name, _)| !is_left_out(name));
    let headers: Result<Vec<_>, Error> = fields
        .map(|(name, value)| {
            let value = value.to_str().map_err(|_not_ascii| Error::HttpRequestDenied)?;
            Ok((name.as_str().to_owned(), value.to_owned()))
        })
        .collect();
    let body = (!body.is_empty()).then(|| body.to_vec());
    Ok(Request { method, url: parts.uri.to_string(), headers: headers?, body })
}

fn is_left_out(name: &HeaderName) -> bool {
    LEFT_OUT.contains(&name.as_str())
}

/// A provider's answer as a standard one, which counts as unread until the guest has let go of its bytes.
fn given(response: Response, unread: Arc<AtomicUsize>) -> Result<http::Response<WasiBody>, Error> {
    let body = Held::new(response.body, unread).ok_or(Error::HttpResponseBodySize(None))?;
    let body = Full::new(Bytes::from_owner(body)).map_err(|never| match never {}).boxed_unsync();
    let mut answer = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        answer = answer.header(name, value);
    }
    answer.body(body).map_err(|_unfit| Error::HttpProtocolError)
}

/// Why there is no answer, in the words that the standard has.
fn told(error: SendError) -> Error {
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
        // The standard has no case for these two.
        SendError::RateLimited(_) | SendError::CredentialRefused(_) => Error::InternalError(Some(error.to_string())),
    }
}

/// Bytes of an answer that are counted for as long as they are held.
struct Held {
    bytes: Vec<u8>,
    unread: Arc<AtomicUsize>,
}

impl Held {
    /// None where a call already holds as much as it may.
    fn new(bytes: Vec<u8>, unread: Arc<AtomicUsize>) -> Option<Self> {
        let more = |held: usize| held.checked_add(bytes.len()).filter(|held| *held <= UNREAD);
        unread.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { bytes, unread })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unread.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn what_libraries_set_by_themselves_is_left_out_and_the_rest_is_kept() {
        let fields = [
            ("Host", "other.example.com"),
            ("Content-Length", "3"),
            ("Connection", "X-Auth-Token"),
            ("TE", "trailers"),
            ("Accept-Encoding", "zstd"),
            ("User-Agent", "library/1"),
            ("Cookie", "a=b"),
        ];
        let parts = parts("POST", "https://api.example.com/a?b=c%20d", &fields);
        let request = taken(&parts, &"abc".into()).expect("taken");
        assert_eq!(request.url, "https://api.example.com/a?b=c%20d");
        assert_eq!(request.body.as_deref(), Some(b"abc".as_slice()));
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["user-agent", "cookie"], "the last is for the gate to refuse");
    }

    #[test]
    fn a_method_that_no_endpoint_can_declare_is_none() {
        for method in ["CONNECT", "OPTIONS", "TRACE", "PURGE"] {
            let refused = taken(&parts(method, "https://api.example.com/", &[]), &Bytes::new());
            assert!(matches!(refused, Err(Error::HttpRequestMethodInvalid)), "{method}");
        }
    }

    #[test]
    fn answers_that_lie_unread_share_one_allowance() {
        let unread = Arc::default();
        let first = Held::new(vec![0; UNREAD - 1], Arc::clone(&unread)).expect("fits");
        assert!(Held::new(vec![0; 2], Arc::clone(&unread)).is_none());
        drop(Bytes::from_owner(first));
        assert!(Held::new(vec![0; 2], unread).is_some(), "what was read makes room");
    }
}
