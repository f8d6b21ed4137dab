//! `/api/admin/providers/{provider}/activity`: what the calls of one component did and used, on one page.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json as Answer,
    extract::{Path, State as Given},
};
use jackfield_service::connections::Totals;
use jiff::Timestamp;
use serde::Serialize;

use crate::{State, error::ApiError};

#[derive(Serialize)]
pub(crate) struct ActivityView {
    provider: String,
    operations: Vec<OperationView>,
}

#[derive(Serialize)]
struct OperationView {
    operation: &'static str,
    calls: u64,
    errors: BTreeMap<&'static str, u64>,
    total_ms: f64,
    guest_ms: f64,
    upstream_ms: f64,
    memory_bytes: usize,
    requests: u64,
    denied: u64,
    sent_bytes: u64,
    received_bytes: u64,
    last_at: Option<Timestamp>,
}

/// `GET /api/admin/providers/{provider}/activity`
pub(crate) async fn show(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<ActivityView>, ApiError> {
    let totals = state.connections.activity(&provider)?;
    let operations = totals.into_iter().map(|(operation, totals)| view(operation, totals)).collect();
    Ok(Answer(ActivityView { provider, operations }))
}

fn view(operation: &'static str, totals: Totals) -> OperationView {
    OperationView {
        operation,
        calls: totals.calls,
        errors: totals.errors,
        total_ms: ms(totals.time),
        guest_ms: ms(totals.guest),
        upstream_ms: ms(totals.upstream),
        memory_bytes: totals.memory_bytes,
        requests: totals.requests,
        denied: totals.denied,
        sent_bytes: totals.sent_bytes,
        received_bytes: totals.received_bytes,
        last_at: totals.last_at,
    }
}

/// Milliseconds, to the microsecond.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
