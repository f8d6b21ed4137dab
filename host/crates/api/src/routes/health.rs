//! `/healthz`, `/readyz`, `/metrics`: health checks and metrics. They contain no names, hosts or addresses.

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{ApiState, operation::Operation};

const GROUP: &str = "Service";

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

pub(crate) fn describe_alive() -> Operation {
    Operation::new("alive", GROUP, "Checks whether the process answers").text(
        "The process answers.",
        "text/plain",
        "ok\n",
    )
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ReadinessView {
    ready: bool,
    /// `ok`: a change was written in the last five seconds. Otherwise what is wrong.
    database: &'static str,
    /// `open` or `sealed`. The reason is in the log and in `GET /api/admin/service`, because anybody can read this.
    key: &'static str,
    catalog: &'static str,
    /// Present if the service is stopping: requests are still served, but new ones should go to another host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("const" = true))]
    stopping: bool,
}

/// `GET /readyz`: database, key and catalog are ready.
pub(crate) async fn ready(State(state): State<ApiState>) -> impl IntoResponse {
    let database = state.store.check_write().await;
    let sealed = state.store.sealed_reason();
    let stopping = state.lifecycle.is_stopping();
    let ready = database.is_ok() && sealed.is_none() && !stopping;
    let view = ReadinessView {
        ready,
        database: database.err().unwrap_or("ok"),
        key: if sealed.is_some() { "sealed" } else { "open" },
        // The service only listens after it has read the catalog.
        catalog: "ok",
        stopping,
    };
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(view))
}

pub(crate) fn describe_ready() -> Operation {
    let example = |ready: bool| {
        let database = if ready { "ok" } else { "the database cannot store anything: its disk is full" };
        json!({ "ready": ready, "database": database, "key": "open", "catalog": "ok" })
    };
    Operation::new("ready", GROUP, "Checks whether database, key and catalog are ready")
        .json::<ReadinessView>(200, "All are ready.", example(true))
        .json::<ReadinessView>(503, "At least one is not ready, or the service is stopping.", example(false))
}

/// `GET /metrics`: the Prometheus text format.
pub(crate) async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render())
}

pub(crate) fn describe_metrics() -> Operation {
    Operation::new("metrics", GROUP, "Returns metrics for Prometheus").text(
        "The Prometheus text format.",
        "text/plain",
        "jackfield_requests_total…",
    )
}
