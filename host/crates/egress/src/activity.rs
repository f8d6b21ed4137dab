//! What one call did: its requests, their bytes, the times and the memory. Counts and keeps; judges nothing.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jackfield_core::manifest::Method;
use serde::Serialize;

use super::{Denial, Scrubber, SendError, attach::Draft};

/// Stands where a credential was that no longer looks like the secret that it was made from.
const CREDENTIAL: &str = "[credential]";

/// Counts what one call does; clones count together. Read it when the call has ended.
#[derive(Clone, Default)]
pub struct Activity(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    tally: Tally,
    /// Time that the call kept a thread, the host's part of it included.
    busy: Duration,
    /// The host's part.
    host: Duration,
    /// Each request, where somebody wants to see them.
    trace: Option<Vec<Exchange>>,
}

/// The numbers of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that left, redirects included.
    pub requests: u32,
    /// Requests that a rule refused.
    pub denied: u32,
    /// Bytes of the bodies that were sent.
    pub sent_bytes: u64,
    /// Bytes of the bodies that came back, decoded.
    pub received_bytes: u64,
    /// Time for which the guest waited for its requests.
    #[serde(rename = "upstream_ms", serialize_with = "as_ms")]
    pub upstream: Duration,
    /// Time for which the guest itself computed.
    #[serde(rename = "guest_ms", serialize_with = "as_ms")]
    pub guest: Duration,
    /// The most linear memory that the guest held, in bytes.
    pub memory_bytes: usize,
    /// About one for each instruction of the guest; none where nobody counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// One request as it left or was refused, with the credential masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    pub method: Method,
    pub url: String,
    /// As the component set them, and the credential's own.
    pub headers: Vec<(String, String)>,
    pub body_bytes: usize,
    /// What came back; none where the call ended first.
    pub outcome: Option<Result<Received, SendError>>,
    pub time: Duration,
}

/// An answer's status and the bytes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub status: u16,
    pub body_bytes: usize,
}

impl Activity {
    /// Counts, and keeps each request for a person to look at.
    #[must_use]
    pub fn traced() -> Self {
        Self(Arc::new(Mutex::new(Record { trace: Some(Vec::new()), ..Record::default() })))
    }

    /// The numbers so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let record = self.record();
        Tally { guest: record.busy.saturating_sub(record.host), ..record.tally }
    }

    /// The requests so far, in order; none where they were not to be kept.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.record().trace.clone().unwrap_or_default()
    }

    /// Runs a call and adds up the time for which it keeps a thread.
    pub async fn of_call<F: Future>(&self, call: F) -> F::Output {
        each_poll(call, |time| self.record().busy += time).await
    }

    /// Notes the most memory that the call held, and the fuel that it burnt.
    pub fn held(&self, bytes: usize, fuel: Option<u64>) {
        let mut record = self.record();
        record.tally.memory_bytes = bytes;
        record.tally.fuel = fuel;
    }

    /// Runs the host's part of one request: what it computes is not the guest's, and what it waits for is upstream.
    pub(super) async fn of_request<F: Future>(&self, request: F) -> F::Output {
        let _waiting = Waiting { activity: self, begun: Instant::now() };
        each_poll(request, |time| self.record().host += time).await
    }

    /// Whether requests are kept.
    pub(super) fn keeps(&self) -> bool {
        self.record().trace.is_some()
    }

    /// Notes a request that a rule refused.
    pub(super) fn denied(&self, refused: Option<(Method, String)>, denial: &Denial) {
        let mut record = self.record();
        record.tally.denied += 1;
        if let (Some(trace), Some((method, url))) = (&mut record.trace, refused) {
            trace.push(Exchange {
                method,
                url,
                headers: Vec::new(),
                body_bytes: 0,
                outcome: Some(Err(denial.clone().into())),
                time: Duration::ZERO,
            });
        }
    }

    /// Notes a request that leaves now.
    pub(super) fn leaves(&self, method: Method, draft: &Draft, scrubber: &Scrubber) -> Leaving<'_> {
        let body_bytes = draft.body.as_ref().map_or(0, bytes::Bytes::len);
        let mut record = self.record();
        record.tally.requests += 1;
        record.tally.sent_bytes += body_bytes as u64;
        let place = record.trace.as_mut().map(|trace| {
            let url = scrubber.scrub_text(draft.url.to_string());
            let headers = shown(draft, scrubber);
            trace.push(Exchange { method, url, headers, body_bytes, outcome: None, time: Duration::ZERO });
            trace.len() - 1
        });
        Leaving { activity: self, place, begun: Instant::now() }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Activity").field(&self.tally()).finish()
    }
}

/// A request that has left and has no answer yet.
pub(super) struct Leaving<'a> {
    activity: &'a Activity,
    place: Option<usize>,
    begun: Instant,
}

impl Leaving<'_> {
    /// Notes what came back.
    pub(super) fn answered(self, outcome: Result<Received, &SendError>) {
        let mut record = self.activity.record();
        if let Ok(received) = outcome {
            record.tally.received_bytes += received.body_bytes as u64;
        }
        let exchange = self.place.zip(record.trace.as_mut()).and_then(|(place, trace)| trace.get_mut(place));
        if let Some(exchange) = exchange {
            exchange.outcome = Some(outcome.map_err(Clone::clone));
            exchange.time = self.begun.elapsed();
        }
    }
}

/// Counts the time until it goes, also where the call is given up meanwhile.
struct Waiting<'a> {
    activity: &'a Activity,
    begun: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.activity.record().tally.upstream += self.begun.elapsed();
    }
}

/// Tells of each turn that a future takes how long it took.
async fn each_poll<F: Future>(future: F, mut told: impl FnMut(Duration)) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let begun = Instant::now();
        let polled = future.as_mut().poll(context);
        told(begun.elapsed());
        polled
    })
    .await
}

fn shown(draft: &Draft, scrubber: &Scrubber) -> Vec<(String, String)> {
    let own = draft.headers.iter().map(|(name, value)| (name.clone(), scrubber.scrub_text(value.clone())));
    let credential = draft.credential.as_ref().map(|(name, value)| {
        let masked = value.to_str().ok().map(|value| (value, scrubber.scrub_text(value.to_owned())));
        // A value in which the secret is not found again, such as a signature, is not shown at all.
        let masked =
            masked.filter(|(value, masked)| value != masked).map_or(CREDENTIAL.to_owned(), |(_, masked)| masked);
        (name.as_str().to_owned(), masked)
    });
    own.chain(credential).collect()
}

/// A time as milliseconds, to the microsecond.
fn as_ms<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn draft(value: &'static str) -> Draft {
        Draft {
            method: Method::Post,
            url: "https://api.example.com/v1?key=s%26cret-1234".parse().unwrap(),
            headers: vec![("accept".to_owned(), "text/s&cret-1234".to_owned())],
            body: Some(b"12345".as_slice().into()),
            credential: Some((HeaderName::from_static("authorization"), HeaderValue::from_static(value))),
        }
    }

    #[test]
    fn a_kept_request_shows_no_secret() {
        let scrubber = Scrubber::new(["s&cret-1234"]);
        let activity = Activity::traced();
        let received = Received { status: 200, body_bytes: 7 };
        activity.leaves(Method::Post, &draft("Bearer s&cret-1234"), &scrubber).answered(Ok(received));
        activity.leaves(Method::Post, &draft("Signature 0123456789"), &scrubber).answered(Err(&SendError::TimedOut));
        let exchanges = activity.exchanges();
        assert!(!format!("{exchanges:?}").contains("cret-1234"), "{exchanges:?}");
        let credentials: Vec<&str> = exchanges.iter().map(|exchange| exchange.headers[1].1.as_str()).collect();
        assert_eq!(credentials, ["Bearer [secret]", CREDENTIAL]);
        let tally = activity.tally();
        assert_eq!((tally.requests, tally.sent_bytes, tally.received_bytes, tally.denied), (2, 10, 7, 0));
    }

    #[test]
    fn nothing_is_kept_where_only_numbers_are_wanted() {
        let activity = Activity::default();
        let _unanswered = activity.leaves(Method::Get, &draft("x"), &Scrubber::new([]));
        activity.denied(None, &Denial::new("endpoint", "no"));
        assert!(activity.exchanges().is_empty() && !activity.keeps());
        assert_eq!((activity.tally().requests, activity.tally().denied), (1, 1));
    }

    #[tokio::test]
    async fn the_hosts_own_time_is_not_the_guests() {
        let activity = Activity::default();
        let spin = |time: Duration| {
            let begun = Instant::now();
            while begun.elapsed() < time {
                std::hint::spin_loop();
            }
        };
        let request = activity.of_request(async { spin(Duration::from_millis(60)) });
        activity
            .of_call(async {
                spin(Duration::from_millis(5));
                request.await;
            })
            .await;
        let tally = activity.tally();
        assert!(tally.guest >= Duration::from_millis(5) && tally.guest < Duration::from_millis(60), "{tally:?}");
        assert!(tally.upstream >= Duration::from_millis(60), "{tally:?}");
    }
}
