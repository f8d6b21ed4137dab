//! Counts the requests, bytes, times and memory of one call, and records its requests if asked to.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jackfield_core::manifest::Method;
use serde::Serialize;

use crate::{
    error::{Denial, SendError},
    outgoing_request::OutgoingRequest,
    scrub::Scrubber,
};

/// Replaces a credential that the scrubber does not find, such as a signature.
const CREDENTIAL: &str = "[credential]";

/// Counts what one call does. Clones share their numbers.
#[derive(Clone, Default)]
pub struct CallRecorder(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    stats: CallStats,
    /// The requests, if they are recorded.
    trace: Option<Vec<TracedRequest>>,
    /// The lines that the guest wrote, if the requests are recorded.
    lines: Vec<GuestLine>,
}

/// The numbers of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallStats {
    /// Requests that were sent, including redirects.
    pub requests: u32,
    /// Requests that a rule denied.
    pub denied: u32,
    /// Bytes of the request bodies.
    pub sent_bytes: u64,
    /// Bytes of the response bodies after decompression.
    pub received_bytes: u64,
    /// Time for which the guest waited for its requests.
    #[serde(rename = "upstream_ms", serialize_with = "serialize_ms")]
    pub upstream: Duration,
    /// Time for which the guest itself computed.
    #[serde(rename = "guest_ms", serialize_with = "serialize_ms")]
    pub guest: Duration,
    /// The largest linear memory of the guest, in bytes.
    pub memory_bytes: usize,
    /// The fuel that the guest used, about one unit for each instruction; nothing if fuel was not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// A request that was sent or denied, with its credential masked.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedRequest {
    pub method: Method,
    pub url: String,
    /// The component's headers, and the header with the credential.
    pub headers: Vec<(String, String)>,
    pub body_bytes: usize,
    /// Nothing if the call ended before the response.
    pub outcome: Option<Result<ResponseSummary, SendError>>,
    pub time: Duration,
}

/// A line that the guest wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuestLine {
    /// Where the guest wrote it.
    pub source: LineSource,
    /// The line, without control characters.
    pub text: String,
    /// How many requests were recorded before it.
    pub after_requests: usize,
}

/// Where a guest wrote a line: to its log with this level, or to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineSource {
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
}

/// The status and size of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseSummary {
    pub status: u16,
    pub body_bytes: usize,
}

impl CallRecorder {
    /// Creates a recorder that also records each request, and each line that the guest writes.
    #[must_use]
    pub fn with_trace() -> Self {
        Self(Arc::new(Mutex::new(Record { trace: Some(Vec::new()), ..Record::default() })))
    }

    /// Returns the numbers so far.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.record().stats
    }

    /// Returns the recorded requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<TracedRequest> {
        self.record().trace.clone().unwrap_or_default()
    }

    /// Returns the lines that the guest has written so far, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<GuestLine> {
        self.record().lines.clone()
    }

    /// Records a line of the guest, if requests are recorded. The caller limits the number of lines.
    pub fn record_line(&self, source: LineSource, text: String) {
        let mut record = self.record();
        if let Some(after_requests) = record.trace.as_ref().map(Vec::len) {
            record.lines.push(GuestLine { source, text, after_requests });
        }
    }

    /// Runs a call and measures the time for which it keeps a thread busy. Its requests run in tasks of their own.
    pub async fn time_call<F: Future>(&self, call: F) -> F::Output {
        time_polls(call, |time| self.record().stats.guest += time).await
    }

    /// Sets the largest memory of the call, in bytes, and the fuel that it used.
    pub fn record_memory(&self, bytes: usize, fuel: Option<u64>) {
        let mut record = self.record();
        record.stats.memory_bytes = bytes;
        record.stats.fuel = fuel;
    }

    /// Runs one request. Its whole duration counts as waiting for upstream.
    pub(crate) async fn time_request<F: Future>(&self, request: F) -> F::Output {
        let _timer = UpstreamTimer { recorder: self, started: Instant::now() };
        request.await
    }

    /// Returns whether requests are recorded.
    pub(crate) fn is_tracing(&self) -> bool {
        self.record().trace.is_some()
    }

    /// Counts a request that a rule denied.
    ///
    /// Records it as well if its method and scrubbed URL are given.
    pub(crate) fn record_denial(&self, request: Option<(Method, String)>, denial: &Denial) {
        let mut record = self.record();
        record.stats.denied += 1;
        if let (Some(trace), Some((method, url))) = (&mut record.trace, request) {
            trace.push(TracedRequest {
                method,
                url,
                headers: Vec::new(),
                body_bytes: 0,
                outcome: Some(Err(denial.clone().into())),
                time: Duration::ZERO,
            });
        }
    }

    /// Counts a request that is sent now.
    pub(crate) fn start_request(&self, request: &OutgoingRequest, scrubber: &Scrubber) -> StartedRequest<'_> {
        let body_bytes = request.body.as_ref().map_or(0, bytes::Bytes::len);
        let mut record = self.record();
        record.stats.requests += 1;
        record.stats.sent_bytes += body_bytes as u64;
        let index = record.trace.as_mut().map(|trace| {
            trace.push(TracedRequest {
                method: request.method,
                url: scrubber.scrub_text(request.url.to_string()),
                headers: scrub_headers(request, scrubber),
                body_bytes,
                outcome: None,
                time: Duration::ZERO,
            });
            trace.len() - 1
        });
        StartedRequest { recorder: self, index, started: Instant::now() }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallRecorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CallRecorder").field(&self.stats()).finish()
    }
}

/// A request that was sent and has no response yet.
pub(crate) struct StartedRequest<'a> {
    recorder: &'a CallRecorder,
    index: Option<usize>,
    started: Instant,
}

impl StartedRequest<'_> {
    /// Records the response, or why there is none.
    pub(crate) fn finish(self, outcome: Result<ResponseSummary, &SendError>) {
        let mut record = self.recorder.record();
        if let Ok(response) = outcome {
            record.stats.received_bytes += response.body_bytes as u64;
        }
        let request = self.index.zip(record.trace.as_mut()).and_then(|(index, trace)| trace.get_mut(index));
        if let Some(request) = request {
            request.outcome = Some(outcome.map_err(Clone::clone));
            request.time = self.started.elapsed();
        }
    }
}

/// Adds the time until it is dropped, even if the call is cancelled.
struct UpstreamTimer<'a> {
    recorder: &'a CallRecorder,
    started: Instant,
}

impl Drop for UpstreamTimer<'_> {
    fn drop(&mut self) {
        self.recorder.record().stats.upstream += self.started.elapsed();
    }
}

/// Reports how long each poll of a future takes.
async fn time_polls<F: Future>(future: F, mut report: impl FnMut(Duration)) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let started = Instant::now();
        let polled = future.as_mut().poll(context);
        report(started.elapsed());
        polled
    })
    .await
}

fn scrub_headers(request: &OutgoingRequest, scrubber: &Scrubber) -> Vec<(String, String)> {
    let headers = request.headers.iter().map(|(name, value)| (name.clone(), scrubber.scrub_text(value.clone())));
    let credential = request.credential.as_ref().map(|(name, value)| {
        let scrubbed = value.to_str().ok().map(|value| (value, scrubber.scrub_text(value.to_owned())));
        // A value in which the scrubber finds no secret is hidden completely.
        let scrubbed = scrubbed.filter(|(value, scrubbed)| value != scrubbed);
        (name.as_str().to_owned(), scrubbed.map_or(CREDENTIAL.to_owned(), |(_, scrubbed)| scrubbed))
    });
    headers.chain(credential).collect()
}

/// Serializes a duration as milliseconds, rounded to a microsecond.
fn serialize_ms<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn request(value: &'static str) -> OutgoingRequest {
        OutgoingRequest {
            method: Method::Post,
            url: "https://api.example.com/v1?key=s%26cret-1234".parse().unwrap(),
            headers: vec![("accept".to_owned(), "text/s&cret-1234".to_owned())],
            body: Some(b"12345".as_slice().into()),
            credential: Some((HeaderName::from_static("authorization"), HeaderValue::from_static(value))),
        }
    }

    #[test]
    fn a_recorded_request_contains_no_secret() {
        let scrubber = Scrubber::new(["s&cret-1234"]);
        let recorder = CallRecorder::with_trace();
        let response = ResponseSummary { status: 200, body_bytes: 7 };
        recorder.start_request(&request("Bearer s&cret-1234"), &scrubber).finish(Ok(response));
        recorder.start_request(&request("Signature 0123456789"), &scrubber).finish(Err(&SendError::TimedOut));
        let requests = recorder.requests();
        assert!(!format!("{requests:?}").contains("cret-1234"), "{requests:?}");
        let credentials: Vec<&str> = requests.iter().map(|request| request.headers[1].1.as_str()).collect();
        assert_eq!(credentials, ["Bearer [secret]", CREDENTIAL]);
        let stats = recorder.stats();
        assert_eq!((stats.requests, stats.sent_bytes, stats.received_bytes, stats.denied), (2, 10, 7, 0));
    }

    #[test]
    fn requests_are_recorded_only_if_asked_for() {
        let recorder = CallRecorder::default();
        let _pending = recorder.start_request(&request("x"), &Scrubber::new([]));
        recorder.record_denial(None, &Denial::new("endpoint", "no"));
        assert!(recorder.requests().is_empty() && !recorder.is_tracing());
        assert_eq!((recorder.stats().requests, recorder.stats().denied), (1, 1));
    }

    #[tokio::test]
    async fn the_time_of_a_request_does_not_count_as_the_guests() {
        let recorder = CallRecorder::default();
        let test_started = Instant::now();
        let spin = |time: Duration| {
            let started = Instant::now();
            while started.elapsed() < time {
                std::hint::spin_loop();
            }
        };
        let sender = recorder.clone();
        recorder
            .time_call(async {
                spin(Duration::from_millis(5));
                // On the only thread, so it starts once the call waits.
                let sending = async move { sender.time_request(async { spin(Duration::from_millis(60)) }).await };
                tokio::spawn(sending).await.unwrap();
            })
            .await;
        let stats = recorder.stats();
        let all_but_the_request = test_started.elapsed() - Duration::from_millis(60);
        assert!(stats.guest >= Duration::from_millis(5) && stats.guest <= all_but_the_request, "{stats:?}");
        assert!(stats.upstream >= Duration::from_millis(60), "{stats:?}");
    }
}
