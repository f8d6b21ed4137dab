//! The settings of traces: the standard environment variables of OpenTelemetry.

use url::Url;

use super::settings::Settings;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// Where traces are sent.
///
/// The exporter itself reads the variables for headers and the timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceExport {
    /// The URL of the collector: `…/v1/traces`.
    pub endpoint: Url,
    pub service_name: String,
}

/// Reads where traces are sent, if an endpoint is set.
pub(super) fn read_trace_export(settings: &mut Settings) -> Option<TraceExport> {
    let mut read = |name: &str| settings.standard(name);
    let (of_all, of_traces) = (read(ENDPOINT), read(TRACES_ENDPOINT));
    let (protocol, service_name, disabled) =
        (read(TRACES_PROTOCOL).or(read(PROTOCOL)), read(SERVICE_NAME), read(DISABLED));
    let (name, url, path) = match (of_traces, of_all) {
        (Some(url), _) => (TRACES_ENDPOINT, url, ""),
        (None, Some(url)) => (ENDPOINT, url, "/v1/traces"),
        (None, None) => return None,
    };
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    if protocol.is_some_and(|protocol| protocol != "http/protobuf") {
        settings.reject_standard(PROTOCOL, "must be http/protobuf; Jackfield supports no other protocol");
    }
    let endpoint = Url::parse(&format!("{}{path}", url.trim_end_matches('/')));
    let Some(endpoint) = endpoint.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        settings.reject_standard(name, "must be the http:// or https:// URL of a collector");
        return None;
    };
    Some(TraceExport { endpoint, service_name: service_name.unwrap_or_else(|| "jackfield".to_owned()) })
}
