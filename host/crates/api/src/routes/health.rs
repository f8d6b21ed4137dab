//! `/healthz`, `/readyz`, `/metrics`: the service itself, for whoever runs it. No names, hosts or addresses.

use axum::{Json as Answer, extract::State as Given, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use crate::State;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct ReadyView {
    ready: bool,
    database: &'static str,
    /// `open`, or why not and what to do.
    key: String,
    catalog: &'static str,
}

/// `GET /readyz`: database, key and catalog are ready.
pub(crate) async fn ready(Given(state): Given<State>) -> impl IntoResponse {
    let database = state.store.ping().await.is_ok();
    let sealed = state.store.sealed_because();
    let ready = database && sealed.is_none();
    let view = ReadyView {
        ready,
        database: if database { "ok" } else { "does not answer" },
        key: sealed.unwrap_or("open").to_owned(),
        // The service listens only when the catalog has been read.
        catalog: "ok",
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Answer(view))
}

/// `GET /metrics`: Prometheus' text format.
pub(crate) async fn metrics(Given(state): Given<State>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render())
}
