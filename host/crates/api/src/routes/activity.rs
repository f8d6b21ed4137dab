//! `/api/admin/providers/{provider}/activity`: totals of a plugin's calls.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_service::connections::CallTotals;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    ApiState,
    http::errors::ApiError,
    operation::{Operation, UtcTime},
};

/// Totals of a plugin's calls.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ActivityView {
    provider: String,
    operations: Vec<OperationActivityView>,
}

/// Totals of the calls of one operation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OperationActivityView {
    operation: &'static str,
    calls: u64,
    /// Number of failed calls by code.
    errors: BTreeMap<&'static str, u64>,
    #[schemars(range(min = 0))]
    total_ms: f64,
    /// The part of `total_ms` in which the component computed.
    #[schemars(range(min = 0))]
    guest_ms: f64,
    /// The part of `total_ms` in which it waited for its requests.
    #[schemars(range(min = 0))]
    upstream_ms: f64,
    /// The most memory that one call used.
    memory_bytes: usize,
    /// Requests that were sent, redirects included.
    requests: u64,
    /// Requests that were not allowed.
    denied: u64,
    sent_bytes: u64,
    received_bytes: u64,
    last_at: Option<UtcTime>,
}

/// `GET /api/admin/providers/{provider}/activity`
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<ActivityView>, ApiError> {
    let totals = state.connections.call_totals(&provider)?;
    let operations =
        totals.into_iter().map(|(operation, totals)| OperationActivityView::new(operation, totals)).collect();
    Ok(Json(ActivityView { provider, operations }))
}

pub(crate) fn describe_show() -> Operation {
    let example = json!({
        "provider": "acme-chat",
        "operations": [{
            "operation": "health",
            "calls": 12,
            "errors": { "provider_timeout": 1 },
            "total_ms": 2210.4,
            "guest_ms": 3.1,
            "upstream_ms": 2205.2,
            "memory_bytes": 1_310_720,
            "requests": 12,
            "denied": 0,
            "sent_bytes": 0,
            "received_bytes": 4096,
            "last_at": "2026-03-07T18:46:19Z",
        }],
    });
    Operation::new("show_activity", "Providers", "Shows totals of a plugin's calls")
        .description("Since this process started, by operation. Each host has its own totals.")
        .json::<ActivityView>(200, "The operations that were called, by name.", example)
        .problems(&["unknown_provider"])
}

impl OperationActivityView {
    fn new(operation: &'static str, totals: CallTotals) -> Self {
        Self {
            operation,
            calls: totals.calls,
            errors: totals.errors,
            total_ms: to_milliseconds(totals.time),
            guest_ms: to_milliseconds(totals.guest),
            upstream_ms: to_milliseconds(totals.upstream),
            memory_bytes: totals.memory_bytes,
            requests: totals.requests,
            denied: totals.denied,
            sent_bytes: totals.sent_bytes,
            received_bytes: totals.received_bytes,
            last_at: totals.last_at.map(UtcTime::from),
        }
    }
}

/// Converts to milliseconds, rounded to microseconds.
fn to_milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
