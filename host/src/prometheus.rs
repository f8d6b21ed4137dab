//! The Prometheus recorder: one for each process.

use std::sync::OnceLock;

use jackfield_core::metrics::{self as list, MetricKind, MetricsRenderer};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the histogram buckets in seconds, from a lookup in the database to the timeout of a provider.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Installs the recorder on the first call, and returns its renderer.
///
/// If it cannot be installed, the metrics are empty and the log says why.
pub(crate) fn install() -> MetricsRenderer {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let installed = install_recorder();
        installed.inspect_err(|error| tracing::error!(%error, "metrics recorder not installed")).ok()
    });
    MetricsRenderer::new(move || handle.as_ref().map(render).unwrap_or_default())
}

fn install_recorder() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    for metric in list::ALL {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    Ok(handle)
}

fn render(handle: &PrometheusHandle) -> String {
    handle.run_upkeep();
    handle.render()
}
