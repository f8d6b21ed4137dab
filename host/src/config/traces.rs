//! Where traces go, by the variables that every program of OpenTelemetry's reads.

use url::Url;

use super::source::Settings;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// The collector of traces. Its headers and its time-out are the exporter's own to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceExport {
    /// Where spans are posted: `…/v1/traces`.
    pub endpoint: Url,
    pub service_name: String,
}

/// Reads where traces go; none where no endpoint is set.
pub(super) fn export(settings: &mut Settings) -> Option<TraceExport> {
    let mut take = |name: &str| settings.standard(name);
    let (all, own) = (take(ENDPOINT), take(TRACES_ENDPOINT));
    let (protocol, service_name, disabled) =
        (take(TRACES_PROTOCOL).or(take(PROTOCOL)), take(SERVICE_NAME), take(DISABLED));
    let (name, text, path) = match (own, all) {
        (Some(own), _) => (TRACES_ENDPOINT, own, ""),
        (None, Some(all)) => (ENDPOINT, all, "/v1/traces"),
        (None, None) => return None,
    };
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    if protocol.is_some_and(|protocol| protocol != "http/protobuf") {
        settings.refuse_standard(PROTOCOL, "must be http/protobuf: nothing else is spoken here");
    }
    let endpoint = Url::parse(&format!("{}{path}", text.trim_end_matches('/')));
    let Some(endpoint) = endpoint.ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
        settings.refuse_standard(name, "must be the http:// or https:// URL of a collector");
        return None;
    };
    Some(TraceExport { endpoint, service_name: service_name.unwrap_or_else(|| "jackfield".to_owned()) })
}
