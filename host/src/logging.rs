//! The log: to standard error, as text or JSON, with the crates that print what goes over the wire held down.

use std::io;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{Config, LogFormat};

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

/// Starts the log.
///
/// # Errors
/// The filter is none, or a log was started before.
pub fn start(config: &Config) -> anyhow::Result<()> {
    start_with(&config.log, config.log_format, io::stderr)
}

/// Starts the log into any writer.
///
/// # Errors
/// The filter is none, or a log was started before.
pub fn start_with<W>(filter: &str, format: LogFormat, writer: W) -> anyhow::Result<()>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter: EnvFilter =
        filter.parse().map_err(|error| anyhow::anyhow!("JACKFIELD_LOG is no tracing filter: {error}"))?;
    let filter = filter.and(filter_fn(|metadata| !is_held(metadata)));
    let registry = tracing_subscriber::registry();
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
    Ok(())
}

/// Whether a line comes from the depths of a held crate. In tracing, the more it tells the greater the level.
fn is_held(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() > Level::INFO && HELD.contains(&name)
}
