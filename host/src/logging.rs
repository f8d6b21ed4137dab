//! The log: text or JSON on standard error. The lines in which libraries would print credentials are never written.
//!
//! Its spans can also be sent to a trace collector: `logging/traces.rs`.

mod traces;

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::{Filter, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

pub use self::traces::Traces;
use crate::config::{Config, LogFormat, TraceExport};

/// Crates that print headers, frames or keys, and with them credentials.
///
/// They do so at `debug` or `trace`. Those lines are dropped, whatever the filter says.
const DROPPED_BELOW_INFO: [&str; 14] = [
    "axum",
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "sqlx",
    "tokio",
    "tower",
    "wasmtime",
    "wasmtime_wasi",
    "cranelift_codegen",
    "regalloc2",
    "want",
];

/// Starts the log, and the export of traces if it is configured.
///
/// Call [`Traces::end`] last.
///
/// # Errors
/// The filter is malformed, the exporter cannot be set up, or a log was started before.
pub fn start(config: &Config) -> anyhow::Result<Traces> {
    start_into(&config.log, config.log_format, config.traces.as_ref(), io::stderr)
}

/// Starts the log, written to `writer`.
///
/// # Errors
/// See [`start`].
#[cfg(feature = "testing")]
pub fn start_with_writer<W>(filter: &str, format: LogFormat, writer: W) -> anyhow::Result<Traces>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    start_into(filter, format, None, writer)
}

fn start_into<W>(filter: &str, format: LogFormat, export: Option<&TraceExport>, writer: W) -> anyhow::Result<Traces>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = line_filter(filter)?;
    let traces = export.map_or_else(|| Ok(Traces::none()), Traces::start)?;
    let spans = traces.tracer().map(|tracer| {
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        layer.with_level(false).with_target(false).with_filter(filter_fn(is_traced))
    });
    let registry = tracing_subscriber::registry().with(spans);
    match format {
        LogFormat::Text => {
            let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
            registry.with(lines.with_filter(filter)).try_init()?;
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().with_writer(writer).json();
            registry.with(lines.with_filter(filter)).try_init()?;
        }
    }
    Ok(traces)
}

/// Returns the filter of lines: those that match, without those that are dropped in any case.
fn line_filter<S>(filter: &str) -> anyhow::Result<impl Filter<S> + Send + Sync + 'static>
where
    S: tracing::Subscriber + for<'lookup> LookupSpan<'lookup> + 'static,
{
    let filter: EnvFilter =
        filter.parse().map_err(|error| anyhow::anyhow!("JACKFIELD_LOG is not a valid log filter: {error}"))?;
    Ok(filter.and(filter_fn(|metadata| !is_dropped(metadata))))
}

/// Returns whether a span or an event is part of a trace, whatever the log's filter says.
///
/// Those of Jackfield's crates are, from `info` up.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO && (crate_name == "jackfield" || crate_name.starts_with("jackfield_"))
}

/// Returns whether a line is dropped.
///
/// In `tracing`, `debug` and `trace` are greater than `info`.
fn is_dropped(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() > Level::INFO && DROPPED_BELOW_INFO.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_shows_lines_in_which_libraries_print_credentials() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let writer = std::sync::Mutex::new(file.reopen().expect("the file opens"));
        let filter = line_filter("hyper::proto=trace,sqlx=debug,h2=trace,jackfield=debug").expect("a filter");
        let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::trace!(target: "hyper::proto", "hidden");
            tracing::debug!(target: "sqlx::query", "hidden");
            tracing::trace!(target: "h2", "hidden");
            tracing::warn!(target: "hyper::proto", "shown at warn");
            tracing::debug!(target: "jackfield::app", "shown at debug");
        });
        let text = std::fs::read_to_string(file.path()).expect("the file is read");
        assert!(!text.contains("hidden"), "{text}");
        assert!(text.contains("shown at warn") && text.contains("shown at debug"), "{text}");
    }
}
