//! The log: to standard error, as text or JSON, with the crates that print what goes over the wire held down.
//!
//! Its spans go to a collector too, where one is set: `logging/traces.rs`.

mod traces;

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

pub use self::traces::Traces;
use crate::config::{Config, LogFormat, TraceExport};

/// Crates that print headers, frames, keys or statements below `info`. They are held there whatever the filter says:
/// at `trace` they would write credentials into the log.
const HELD: [&str; 14] = [
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

/// Starts the log, and the traces where they are wanted. Call [`Traces::end`] last.
///
/// # Errors
/// The filter is none, the collector cannot be spoken to, or a log was started before.
pub fn start(config: &Config) -> anyhow::Result<Traces> {
    start_with(&config.log, config.log_format, config.traces.as_ref(), io::stderr)
}

/// Starts the log into any writer.
///
/// # Errors
/// As [`start`].
pub fn start_with<W>(filter: &str, format: LogFormat, export: Option<&TraceExport>, writer: W) -> anyhow::Result<Traces>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter: EnvFilter =
        filter.parse().map_err(|error| anyhow::anyhow!("JACKFIELD_LOG is not a tracing filter: {error}"))?;
    let filter = filter.and(filter_fn(|metadata| !is_held(metadata)));
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

/// Whether a span or a line of the log stands in traces: our own, at `info` and above, whatever the log's filter says.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && metadata.target().split("::").next() == Some("jackfield")
}

/// Whether a line comes from the depths of a held crate. In tracing, the more it tells the greater the level.
fn is_held(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() > Level::INFO && HELD.contains(&name)
}
