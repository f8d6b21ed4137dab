//! `/api/admin/audit`: who did what, newest first, filtered, and as a CSV file.

use axum::{
    Json as Answer,
    extract::State as Given,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use jackfield_core::{AuditEntry, Error, FieldError, csv};
use jackfield_service::people::Page;
use jackfield_store::{AuditFilter, Store};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    State,
    error::ApiError,
    extract::Query,
    stream::{self, wants_csv},
};

/// Rows of a page where the caller names no number.
const ROWS: i64 = 100;

/// Rows of a page at most.
const MOST_ROWS: i64 = 1_000;

/// The columns of a file.
const COLUMNS: [&str; 9] = ["seq", "at", "actor", "action", "provider", "outcome", "detail", "origin", "request_id"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Rows below this number.
    before: Option<i64>,
    limit: Option<i64>,
    provider: Option<String>,
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<OutcomeQuery>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutcomeQuery {
    Done,
    Refused,
}

#[derive(Serialize)]
struct AuditView {
    entries: Vec<AuditEntry>,
    /// What to ask for as `before` to go on; none at the end.
    next_before: Option<i64>,
}

/// `GET /api/admin/audit`
pub(crate) async fn list(
    Given(state): Given<State>,
    Query(query): Query<AuditQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wrong = |field: &str, message: String| Error::InvalidFields(vec![FieldError::new(field, message)]);
    let limit = query.limit.unwrap_or(ROWS);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(wrong("limit", format!("must be 1 to {MOST_ROWS}")).into());
    }
    for (field, text) in [("provider", &query.provider), ("actor", &query.actor), ("action", &query.action)] {
        if text.as_ref().is_some_and(|text| text.contains(char::is_control)) {
            return Err(wrong(field, "holds a character that none has".to_owned()).into());
        }
    }
    let filter = AuditFilter {
        provider: query.provider,
        actor: query.actor,
        action: query.action,
        outcome: query.outcome.map(|outcome| match outcome {
            OutcomeQuery::Done => jackfield_core::Outcome::Done,
            OutcomeQuery::Refused => jackfield_core::Outcome::Refused,
        }),
        since: query.since,
        until: query.until,
    };
    if wants_csv(&headers) {
        if query.limit.is_some() {
            return Err(
                wrong("limit", "is for JSON; a CSV file holds all that the filter lets through".to_owned()).into()
            );
        }
        return csv(state.store, filter, query.before).await;
    }
    let entries = state.store.audit_entries(&filter, query.before, limit).await?;
    Ok(Answer(AuditView { next_before: next(&entries, limit), entries }).into_response())
}

/// Where the page after a full one begins.
fn next(entries: &[AuditEntry], limit: i64) -> Option<i64> {
    let is_full = i64::try_from(entries.len()).is_ok_and(|count| count == limit);
    entries.last().map(|entry| entry.seq).filter(|seq| is_full && *seq > 1)
}

async fn csv(store: Store, filter: AuditFilter, before: Option<i64>) -> Result<Response, ApiError> {
    let part = i64::from(stream::PART);
    let read = move |after: Option<String>| {
        let (store, filter) = (store.clone(), filter.clone());
        async move {
            let before = after.and_then(|seq| seq.parse().ok()).or(before);
            let items = store.audit_entries(&filter, before, part).await?;
            let next = next(&items, part).map(|seq| seq.to_string());
            Ok::<_, Error>(Page { items, next })
        }
    };
    stream::csv("attachment; filename=\"audit.csv\"", csv::write([COLUMNS]), read, lines).await
}

fn lines(entries: &[AuditEntry]) -> Vec<u8> {
    csv::write(entries.iter().map(|entry| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            entry.seq.to_string(),
            entry.at.to_string(),
            entry.actor.clone(),
            entry.action.clone(),
            text(&entry.provider),
            entry.outcome.as_str().to_owned(),
            text(&entry.detail),
            text(&entry.origin),
            text(&entry.request_id),
        ]
    }))
}
