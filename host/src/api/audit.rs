//! `/api/admin/audit`: who did what, newest first.

use axum::{Json as Answer, extract::State as Given};
use serde::{Deserialize, Serialize};

use super::{State, error::ApiError, extract::Query};
use crate::model::{AuditEntry, Error, FieldError};

/// Rows of a page where the caller names no number.
const ROWS: i64 = 100;

/// Rows of a page at most.
const MOST_ROWS: i64 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Rows below this number.
    before: Option<i64>,
    limit: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct AuditView {
    entries: Vec<AuditEntry>,
    /// What to ask for as `before` to go on; none at the end.
    next_before: Option<i64>,
}

/// `GET /api/admin/audit`
pub(super) async fn list(
    Given(state): Given<State>,
    Query(query): Query<AuditQuery>,
) -> Result<Answer<AuditView>, ApiError> {
    let limit = query.limit.unwrap_or(ROWS);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(Error::InvalidFields(vec![FieldError::new("limit", format!("must be 1 to {MOST_ROWS}"))]).into());
    }
    let entries = state.store.audit_entries(query.before, limit).await?;
    let next_before = entries.last().map(|entry| entry.seq).filter(|seq| *seq > 1);
    Ok(Answer(AuditView { entries, next_before }))
}
