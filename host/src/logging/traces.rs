//! Sends what requests and calls did to the operator's collector: OTLP over HTTP, under OpenTelemetry's own names.
//!
//! The spans are those of the log. Where none is set, nothing is made.

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

/// How long the end waits for the last spans to arrive.
const LAST_SPANS: Duration = Duration::from_secs(5);

/// The spans that wait to be sent.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Traces that go nowhere.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Starts to send. Wants a runtime of tokio's around it.
    pub(super) fn start(export: &TraceExport) -> anyhow::Result<Self> {
        let client = Sending { collector: TraceCollectorClient::new()?, runtime: Handle::current() };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(export.endpoint.as_str())
            .build()
            .context("traces cannot be sent")?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", export.service_name.clone()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let exporter = InTheirWords { inner: exporter, failing: AtomicBool::new(false) };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Self(Some(provider)))
    }

    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.0.as_ref().map(|provider| provider.tracer("jackfield"))
    }

    /// Sends what is left, for a few seconds at most.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // It waits on the thread that calls it.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last traces did not reach their collector");
        }
    }
}

/// The client of the exporter, whose own thread has no runtime: requests run on the service's.
#[derive(Debug)]
struct Sending {
    collector: TraceCollectorClient,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sending {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let collector = self.collector.clone();
        Ok(self.runtime.spawn(async move { collector.send(request).await }).await??)
    }
}

/// Puts spans under the names of OpenTelemetry's conventions, and says once when they no longer arrive.
#[derive(Debug)]
struct InTheirWords<E> {
    inner: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for InTheirWords<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            name(span);
        }
        let sent = self.inner.export(batch).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => tracing::warn!(%error, "traces do not reach their collector"),
            Ok(()) if failed_before => tracing::info!("traces reach their collector again"),
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

/// Names one span, its kind, its attributes and its status.
fn name(span: &mut SpanData) {
    let of = |key: &str| text(&span.attributes, key);
    let (kind, name, failure) = match span.name.as_ref() {
        "request" => {
            let failed = of("status").filter(|status| status.starts_with('5'));
            (
                SpanKind::Server,
                format!("{} {}", of("method").unwrap_or_default(), of("route").unwrap_or_default()),
                failed,
            )
        }
        "call" => {
            let failed = of("outcome").filter(|outcome| outcome != "ok");
            (
                SpanKind::Internal,
                format!("{} {}", of("provider").unwrap_or_default(), of("operation").unwrap_or_default()),
                failed,
            )
        }
        "upstream" => (SpanKind::Client, of("method").unwrap_or_default(), of("error")),
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
        let theirs = match attribute.key.as_str() {
            "method" => "http.request.method".to_owned(),
            "route" => "http.route".to_owned(),
            "status" => "http.response.status_code".to_owned(),
            "host" => "server.address".to_owned(),
            "id" => "jackfield.request_id".to_owned(),
            "error.type" => continue,
            own => format!("jackfield.{own}"),
        };
        attribute.key = theirs.into();
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key.as_str() == key)?;
    Some(match &found.value {
        Value::String(text) => text.as_str().to_owned(),
        other => other.to_string(),
    })
}
