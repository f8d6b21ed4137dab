//! Adds up what the calls of each plugin did and used since the process started.
//!
//! The totals are kept in memory, one row for each operation of each plugin, and every call is counted in the metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jackfield_core::{
    Error,
    metrics::{
        CALL_DENIED, CALL_GUEST_SECONDS, CALL_MEMORY_BYTES, CALL_RECEIVED_BYTES, CALL_REQUESTS, CALL_SECONDS,
        CALL_SENT_BYTES, CALL_UPSTREAM_SECONDS, CALLS,
    },
};
use jackfield_egress::CallStats;
use jiff::Timestamp;
use tracing::{Span, field::Empty};

use super::Connections;

/// The totals of every plugin, by provider and operation.
#[derive(Clone, Debug, Default)]
pub(super) struct CallMetrics(Arc<Mutex<BTreeMap<String, BTreeMap<&'static str, CallTotals>>>>);

/// The totals of one operation of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    pub calls: u64,
    /// The number of failed calls, by error code.
    pub errors: BTreeMap<&'static str, u64>,
    /// The duration of all calls. It includes `guest` and `upstream`.
    pub time: Duration,
    /// The time that the component spent computing.
    pub guest: Duration,
    /// The time that the component waited for requests.
    pub upstream: Duration,
    /// The most memory that one call used.
    pub memory_bytes: usize,
    pub requests: u64,
    pub denied: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    pub last_at: Option<Timestamp>,
}

/// One finished call.
#[derive(Debug)]
pub(super) struct FinishedCall<'a> {
    pub(super) provider: &'a str,
    pub(super) operation: &'static str,
    /// The error code of a failed call.
    pub(super) code: Option<&'static str>,
    pub(super) time: Duration,
    pub(super) stats: CallStats,
    pub(super) at: Timestamp,
}

impl Connections {
    /// Returns the totals of a plugin's calls in this process, by operation.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`] if no plugin has this id.
    pub fn call_totals(&self, provider: &str) -> Result<BTreeMap<&'static str, CallTotals>, Error> {
        if !self.catalog.entries().iter().any(|entry| entry.id == provider) {
            return Err(Error::UnknownProvider(provider.to_owned()));
        }
        let totals = self.call_metrics.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(totals.get(provider).cloned().unwrap_or_default())
    }
}

impl CallMetrics {
    /// Adds a call to the totals, to the metrics and to the call's span.
    pub(super) fn record(&self, call: &FinishedCall<'_>, span: &Span) {
        record_in_span(call, span);
        let max_memory = self.add_to_totals(call);
        record_in_metrics(call, max_memory);
    }

    /// Adds a call to the totals.
    ///
    /// Returns the most memory that one call of the operation used.
    fn add_to_totals(&self, call: &FinishedCall<'_>) -> usize {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !totals.contains_key(call.provider) {
            totals.insert(call.provider.to_owned(), BTreeMap::new());
        }
        let Some(operations) = totals.get_mut(call.provider) else { return 0 };
        let row = operations.entry(call.operation).or_default();
        row.calls += 1;
        if let Some(code) = call.code {
            *row.errors.entry(code).or_default() += 1;
        }
        row.time += call.time;
        row.guest += call.stats.guest;
        row.upstream += call.stats.upstream;
        row.memory_bytes = row.memory_bytes.max(call.stats.memory_bytes);
        row.requests += u64::from(call.stats.requests);
        row.denied += u64::from(call.stats.denied);
        row.sent_bytes += call.stats.sent_bytes;
        row.received_bytes += call.stats.received_bytes;
        row.last_at = Some(call.at);
        row.memory_bytes
    }
}

/// Creates the span of a call. [`CallMetrics::record`] fills its empty fields.
pub(super) fn new_call_span(provider: &str, operation: &'static str) -> Span {
    tracing::info_span!(
        "call",
        provider,
        operation,
        outcome = Empty,
        guest_ms = Empty,
        upstream_ms = Empty,
        memory_bytes = Empty,
        requests = Empty,
        denied = Empty,
        sent_bytes = Empty,
        received_bytes = Empty,
    )
}

fn record_in_span(call: &FinishedCall<'_>, span: &Span) {
    let stats = &call.stats;
    span.record("outcome", call.code.unwrap_or("ok"));
    span.record("guest_ms", stats.guest.as_secs_f64() * 1e3);
    span.record("upstream_ms", stats.upstream.as_secs_f64() * 1e3);
    // OpenTelemetry has no unsigned integers.
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    span.record("memory_bytes", signed(stats.memory_bytes as u64));
    span.record("requests", i64::from(stats.requests));
    span.record("denied", i64::from(stats.denied));
    span.record("sent_bytes", signed(stats.sent_bytes));
    span.record("received_bytes", signed(stats.received_bytes));
}

fn record_in_metrics(call: &FinishedCall<'_>, max_memory: usize) {
    let labels = [("provider", call.provider.to_owned()), ("operation", call.operation.to_owned())];
    metrics::counter!(
        CALLS.name,
        "provider" => call.provider.to_owned(), "operation" => call.operation, "outcome" => call.code.unwrap_or("ok")
    )
    .increment(1);
    metrics::histogram!(CALL_SECONDS.name, &labels).record(call.time.as_secs_f64());
    metrics::histogram!(CALL_GUEST_SECONDS.name, &labels).record(call.stats.guest.as_secs_f64());
    metrics::histogram!(CALL_UPSTREAM_SECONDS.name, &labels).record(call.stats.upstream.as_secs_f64());
    for (metric, number) in [
        (CALL_REQUESTS, u64::from(call.stats.requests)),
        (CALL_DENIED, u64::from(call.stats.denied)),
        (CALL_SENT_BYTES, call.stats.sent_bytes),
        (CALL_RECEIVED_BYTES, call.stats.received_bytes),
    ] {
        metrics::counter!(metric.name, &labels).increment(number);
    }
    let max_memory = u32::try_from(max_memory).map_or(f64::MAX, f64::from);
    metrics::gauge!(CALL_MEMORY_BYTES.name, &labels).set(max_memory);
}
