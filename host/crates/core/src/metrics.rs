//! Every metric of the service, with its labels and meaning.
//!
//! `docs/operations.md` shows the same list.

use std::{fmt, sync::Arc};

/// A metric, as `/metrics` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub labels: &'static [&'static str],
    /// The meaning, as a phrase in Markdown.
    pub help: &'static str,
}

/// The Prometheus type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

const CALL: &[&str] = &["provider", "operation"];

pub const REQUESTS: Metric = counter("jackfield_requests_total", &["method", "route", "status"], "API requests");
pub const REQUEST_SECONDS: Metric = histogram("jackfield_request_seconds", &["route"], "duration of API requests");
pub const HTTP_CONNECTIONS: Metric = gauge("jackfield_http_connections", &[], "open HTTP connections");
pub const EVENT_LISTENERS: Metric = gauge("jackfield_event_listeners", &[], "open event streams");
pub const CALLS: Metric = counter(
    "jackfield_calls_total",
    &["provider", "operation", "outcome"],
    "calls of plugins; `outcome` is `ok` or an error code",
);
pub const CALL_SECONDS: Metric = histogram("jackfield_call_seconds", CALL, "duration of calls");
pub const CALL_GUEST_SECONDS: Metric =
    histogram("jackfield_call_guest_seconds", CALL, "time computing in the component");
pub const CALL_UPSTREAM_SECONDS: Metric =
    histogram("jackfield_call_upstream_seconds", CALL, "time waiting for the component's requests");
pub const CALL_REQUESTS: Metric = counter("jackfield_call_requests_total", CALL, "requests that were sent");
pub const CALL_DENIED: Metric = counter("jackfield_call_denied_total", CALL, "requests that a rule denied");
pub const CALL_SENT_BYTES: Metric = counter("jackfield_call_sent_bytes_total", CALL, "size of the request bodies");
pub const CALL_RECEIVED_BYTES: Metric =
    counter("jackfield_call_received_bytes_total", CALL, "size of the response bodies");
pub const CALL_MEMORY_BYTES: Metric =
    gauge("jackfield_call_memory_bytes", CALL, "the most memory that a single call has used since the start");
pub const REFRESHES: Metric = counter(
    "jackfield_refreshes_total",
    &["provider", "outcome"],
    "refreshes of OAuth grants; `outcome` is `ok` or `failed`",
);

/// Every metric, in the order of the documentation.
pub const ALL: [Metric; 14] = [
    REQUESTS,
    REQUEST_SECONDS,
    HTTP_CONNECTIONS,
    EVENT_LISTENERS,
    CALLS,
    CALL_SECONDS,
    CALL_GUEST_SECONDS,
    CALL_UPSTREAM_SECONDS,
    CALL_REQUESTS,
    CALL_DENIED,
    CALL_SENT_BYTES,
    CALL_RECEIVED_BYTES,
    CALL_MEMORY_BYTES,
    REFRESHES,
];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, help }
}

/// Renders the recorded metrics in the Prometheus text format.
///
/// The recorder itself belongs to the program.
#[derive(Clone)]
pub struct MetricsRenderer(Arc<dyn Fn() -> String + Send + Sync>);

impl MetricsRenderer {
    /// Wraps the function of a recorder.
    pub fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    /// Renders all metrics.
    #[must_use]
    pub fn render(&self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for MetricsRenderer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MetricsRenderer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTATION: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/operations.md"));

    /// The row of a metric in the table of the documentation.
    fn row(metric: &Metric) -> String {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{} ", labels.join(", ")) };
        format!("| `{}` | {kind} | {labels}| {} |", metric.name, metric.help)
    }

    #[test]
    fn the_documentation_lists_exactly_these_metrics() {
        let documented: Vec<&str> = DOCUMENTATION.lines().filter(|line| line.starts_with("| `jackfield_")).collect();
        let listed: Vec<String> = ALL.iter().map(row).collect();
        assert_eq!(documented, listed);
    }
}
