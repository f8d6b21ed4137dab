//! Sends the spans of requests and calls to a trace collector: OTLP over HTTP, with OpenTelemetry's standard names.
//!
//! The spans are those of the log. Without a configured collector, nothing is exported.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use jackfield_egress::TraceCollectorClient;
use opentelemetry::{
    KeyValue, Value,
    trace::{SpanKind, Status, TracerProvider},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Handle;

use crate::config::TraceExport;

/// How long the service waits for the last spans to be sent when it stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The export of spans, if it is configured.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Returns an export that sends nothing.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Starts the export. It must be called in a Tokio runtime.
    pub(super) fn start(export: &TraceExport) -> anyhow::Result<Self> {
        let client = CollectorHttpClient { collector: TraceCollectorClient::new()?, runtime: Handle::current() };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(export.endpoint.as_str())
            .build()
            .context("cannot set up the export of traces")?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", export.service_name.clone()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let exporter = StandardNames { inner: exporter, is_failing: AtomicBool::new(false) };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self(Some(provider)))
    }

    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.0.as_ref().map(|provider| provider.tracer("jackfield"))
    }

    /// Sends the remaining spans, for a few seconds at most.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // Blocks its thread until the spans are sent.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans were not sent to the trace collector");
        }
    }
}

/// Sends the exporter's requests on the service's runtime.
///
/// The exporter's own thread has no runtime.
#[derive(Debug)]
struct CollectorHttpClient {
    collector: TraceCollectorClient,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for CollectorHttpClient {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let collector = self.collector.clone();
        Ok(self.runtime.spawn(async move { collector.send(request).await }).await??)
    }
}

/// Gives spans their standard names before they are sent.
///
/// It also logs once when sending fails, and when it works again.
#[derive(Debug)]
struct StandardNames<E> {
    inner: E,
    is_failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for StandardNames<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            set_standard_names(span);
        }
        let sent = self.inner.export(batch).await;
        let failed_before = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => {
                tracing::warn!(%error, "spans were not sent to the trace collector; further failures are not logged")
            }
            Ok(()) if failed_before => tracing::info!("spans were sent to the trace collector again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Gives a span its standard name, kind, status and attributes.
fn set_standard_names(span: &mut SpanData) {
    let attribute = |key: &str| attribute_text(&span.attributes, key);
    let joined = |first: &str, second: &str| {
        format!("{} {}", attribute(first).unwrap_or_default(), attribute(second).unwrap_or_default())
    };
    let (kind, name, failure) = match span.name.as_ref() {
        "request" => {
            let failure = attribute("status").filter(|status| status.starts_with('5'));
            (SpanKind::Server, joined("method", "route"), failure)
        }
        "call" => {
            let failure = attribute("outcome").filter(|outcome| outcome != "ok");
            (SpanKind::Internal, joined("provider", "operation"), failure)
        }
        "upstream" => (SpanKind::Client, attribute("method").unwrap_or_default(), attribute("error")),
        _ => return,
    };
    span.span_kind = kind;
    span.name = name.into();
    if let Some(failure) = failure {
        span.status = Status::error(failure.clone());
        span.attributes.retain(|attribute| attribute.key.as_str() != "error");
        span.attributes.push(KeyValue::new("error.type", failure));
    }
    for attribute in &mut span.attributes {
        let standard = match attribute.key.as_str() {
            "method" => "http.request.method".to_owned(),
            "route" => "http.route".to_owned(),
            "status" => "http.response.status_code".to_owned(),
            "host" => "server.address".to_owned(),
            "id" => "jackfield.request_id".to_owned(),
            "error.type" => continue,
            other => format!("jackfield.{other}"),
        };
        attribute.key = standard.into();
    }
}

fn attribute_text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key.as_str() == key)?;
    Some(match &found.value {
        Value::String(text) => text.as_str().to_owned(),
        other => other.to_string(),
    })
}
