//! `/api/admin/audit`: the audit log, newest first, filtered, as JSON or CSV.

use std::collections::{BTreeSet, HashMap};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use jackfield_core::{AuditEntry, Error, Outcome, csv};
use jackfield_service::people::{self, Page};
use jackfield_store::{AuditFilter, Store};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ApiState,
    http::{
        errors::ApiError,
        extractors::Query,
        streaming::{self, prefers_csv, stream_csv},
    },
    operation::{Operation, UtcTime},
};

const DEFAULT_LIMIT: i64 = 100;

const MAX_LIMIT: i64 = 1_000;

const CSV_COLUMNS: [&str; 9] =
    ["seq", "at", "actor", "action", "provider", "outcome", "detail", "origin", "request_id"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Only entries with a lower number.
    #[schemars(range(min = 0))]
    before: Option<i64>,
    /// Maximum number of entries to return. Not for CSV.
    #[schemars(range(min = 1, max = MAX_LIMIT), extend("default" = DEFAULT_LIMIT))]
    limit: Option<i64>,
    /// Only this provider.
    provider: Option<String>,
    /// Only this exact name.
    actor: Option<String>,
    /// Only this action, or all actions that start with it: `connection` selects `connection.connect` and others.
    action: Option<String>,
    /// Only this outcome.
    outcome: Option<OutcomeQuery>,
    /// Only entries from this time on.
    #[schemars(with = "Option<UtcTime>")]
    since: Option<Timestamp>,
    /// Only entries before this time.
    #[schemars(with = "Option<UtcTime>")]
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum OutcomeQuery {
    Done,
    Refused,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditPageView {
    entries: Vec<AuditEntryView>,
    /// The `before` of the next page; null at the end.
    #[schemars(range(min = 0))]
    next_before: Option<i64>,
}

/// One entry of the audit log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditEntryView {
    /// Counts up without gaps.
    #[schemars(range(min = 0))]
    seq: i64,
    at: UtcTime,
    /// The name of a token, or `jwt:` and the subject of a JWT.
    actor: String,
    /// Such as `connection.connect`.
    action: String,
    provider: Option<String>,
    outcome: OutcomeView,
    /// The code of a rejection, or other details.
    detail: Option<String>,
    /// The present name of the person with whose id `detail` starts; null if it is about nobody, or they were removed.
    person_name: Option<String>,
    /// The caller's address.
    origin: Option<String>,
    request_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum OutcomeView {
    Done,
    Refused,
}

impl AuditEntryView {
    fn new(entry: AuditEntry, names: &HashMap<String, String>) -> Self {
        Self {
            person_name: person_id(&entry).and_then(|id| names.get(id)).cloned(),
            seq: entry.seq,
            at: entry.at.into(),
            actor: entry.actor,
            action: entry.action,
            provider: entry.provider,
            outcome: match entry.outcome {
                Outcome::Done => OutcomeView::Done,
                Outcome::Refused => OutcomeView::Refused,
            },
            detail: entry.detail,
            origin: entry.origin,
            request_id: entry.request_id,
        }
    }
}

/// `GET /api/admin/audit`
pub(crate) async fn list(
    State(state): State<ApiState>,
    Query(query): Query<AuditQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (before, requested_limit) = (query.before, query.limit);
    let limit = requested_limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::field("limit", format!("must be 1 to {MAX_LIMIT}")).into());
    }
    let filter = query.into_filter()?;
    if prefers_csv(&headers) {
        if requested_limit.is_some() {
            return Err(Error::field("limit", "is only for JSON; CSV contains all entries that match").into());
        }
        return stream_entries(state.store, filter, before).await;
    }
    let entries = state.store.audit_entries(&filter, before, limit).await?;
    let next_before = next_before(&entries, limit);
    let ids: BTreeSet<&str> = entries.iter().filter_map(person_id).collect();
    let names = state.store.people_names(&ids.into_iter().collect::<Vec<_>>()).await?;
    let entries = entries.into_iter().map(|entry| AuditEntryView::new(entry, &names)).collect();
    Ok(Json(AuditPageView { entries, next_before }).into_response())
}

pub(crate) fn describe_list() -> Operation {
    let entry = json!({
        "seq": 2,
        "at": "2026-11-24T04:23:54.172863Z",
        "actor": "admin",
        "action": "connection.connect",
        "provider": "acme-chat",
        "outcome": "done",
        "detail": "Acme Instruments",
        "person_name": null,
        "origin": "127.0.0.1",
        "request_id": "019ab7f1c7de7a10b6f0a1d2c3b4a596",
    });
    Operation::new("list_audit", "Audit", "Lists the audit log, newest first")
        .description("With `Accept: text/csv`, returns all entries that match as CSV.")
        .query::<AuditQuery>()
        .json::<AuditPageView>(200, "One page of the audit log.", json!({ "entries": [entry], "next_before": 2 }))
        .text("The audit log.", "text/csv", "seq,at,actor,action,…\n")
}

impl AuditQuery {
    fn into_filter(self) -> Result<AuditFilter, Error> {
        for (field, text) in [("provider", &self.provider), ("actor", &self.actor), ("action", &self.action)] {
            if text.as_ref().is_some_and(|text| text.contains(char::is_control)) {
                return Err(Error::field(field, "contains a control character"));
            }
        }
        Ok(AuditFilter {
            provider: self.provider,
            actor: self.actor,
            action: self.action,
            outcome: self.outcome.map(|outcome| match outcome {
                OutcomeQuery::Done => Outcome::Done,
                OutcomeQuery::Refused => Outcome::Refused,
            }),
            since: self.since,
            until: self.until,
        })
    }
}

/// Returns the id of the person that an entry is about, with which its details start.
fn person_id(entry: &AuditEntry) -> Option<&str> {
    let (group, _) = entry.action.split_once('.')?;
    let id = entry.detail.as_deref()?.split(':').next()?;
    (matches!(group, "person" | "mapping") && people::is_id(id)).then_some(id)
}

/// Returns the `before` of the next page; `None` after a page that is not full.
fn next_before(entries: &[AuditEntry], limit: i64) -> Option<i64> {
    let is_full = i64::try_from(entries.len()).is_ok_and(|count| count == limit);
    entries.last().map(|entry| entry.seq).filter(|seq| is_full && *seq > 1)
}

async fn stream_entries(store: Store, filter: AuditFilter, before: Option<i64>) -> Result<Response, ApiError> {
    let batch = i64::from(streaming::BATCH);
    let read = move |after: Option<String>| {
        let (store, filter) = (store.clone(), filter.clone());
        async move {
            let before = after.and_then(|seq| seq.parse().ok()).or(before);
            let items = store.audit_entries(&filter, before, batch).await?;
            let next = next_before(&items, batch).map(|seq| seq.to_string());
            Ok::<_, Error>(Page { items, next })
        }
    };
    stream_csv("attachment; filename=\"audit.csv\"", csv::write_header(CSV_COLUMNS), read, to_csv_rows).await
}

fn to_csv_rows(entries: &[AuditEntry]) -> Vec<u8> {
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
