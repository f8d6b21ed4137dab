//! `/api/admin/connections/{provider}/match`: matches a provider's accounts to people, links them, and undoes that.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    response::Response,
};
use futures_util::stream;
use jackfield_core::{Error, audit::Actor};
use jackfield_service::people::{MatchMode, MatchPlan, MatchStatus, MatchedAccount, PlannedPerson};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::provider_calls::PROVIDER_PROBLEMS;
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody, json_fields::JsonFields, streaming::to_response},
    operation::{AlwaysTrue, Operation, ProviderIdView},
};

const GROUP: &str = "Mappings";

/// The number of people in one chunk of the response.
const BATCH: usize = 1_000;

/// A provider's accounts, matched to people.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MatchPlanView<'a> {
    ok: AlwaysTrue,
    #[schemars(with = "ProviderIdView")]
    provider: &'a str,
    dry_run: bool,
    /// The id to undo the match with; null if nothing was changed.
    plan_id: Option<&'a str>,
    /// Number of accounts at the provider.
    accounts: usize,
    /// Number of accounts that belong to nobody.
    unclaimed: usize,
    counts: MatchCountsView,
    // The last field, because the people are streamed.
    people: Vec<PlannedPersonView<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MatchCountsView {
    matched: usize,
    already_linked: usize,
    ambiguous: usize,
    missing: usize,
    orphaned: usize,
}

/// A person, and the accounts that may be theirs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlannedPersonView<'a> {
    person_id: &'a str,
    name: &'a str,
    email: &'a str,
    active: bool,
    status: MatchStatusView,
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<&'static str>,
    accounts: Vec<MatchedAccountView<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    more_accounts: u32,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MatchStatusView {
    Matched,
    AlreadyLinked,
    Ambiguous,
    Missing,
    Orphaned,
}

impl From<MatchStatus> for MatchStatusView {
    fn from(status: MatchStatus) -> Self {
        match status {
            MatchStatus::Matched => Self::Matched,
            MatchStatus::AlreadyLinked => Self::AlreadyLinked,
            MatchStatus::Ambiguous => Self::Ambiguous,
            MatchStatus::Missing => Self::Missing,
            MatchStatus::Orphaned => Self::Orphaned,
        }
    }
}

/// An account, and why it may be the person's.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MatchedAccountView<'a> {
    external_id: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    active: bool,
    evidence: Vec<&'static str>,
    /// Other people whom the account matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<OtherPersonView<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct OtherPersonView<'a> {
    person_id: &'a str,
    name: &'a str,
    email: &'a str,
}

/// Whether to link the matches or only to list them.
#[expect(dead_code, reason = "describes what `start` accepts")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct MatchRequestBody {
    dry_run: bool,
}

/// `POST /api/admin/connections/{provider}/match`
pub(crate) async fn start(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(fields): JsonBody<BTreeMap<String, Value>>,
) -> Result<Response, ApiError> {
    let mut fields = JsonFields::new(fields);
    let mode = if fields.boolean("dry_run") { MatchMode::DryRun } else { MatchMode::Apply };
    fields.finish()?;
    let plan = state.people.match_accounts(&provider, mode, &actor).await?;
    let start = write_start(&plan, mode).map_err(Error::internal)?;
    let chunks = stream::try_unfold((plan, 0, start), |(plan, from, mut chunk)| async move {
        if from > plan.people.len() {
            return Ok(None);
        }
        let to = (from + BATCH).min(plan.people.len());
        for (index, person) in (from..).zip(&plan.people[from..to]) {
            if index > 0 {
                chunk.push(b',');
            }
            serde_json::to_writer(&mut chunk, &PlannedPersonView::new(&plan, person))?;
        }
        let is_last = to == plan.people.len();
        if is_last {
            chunk.extend_from_slice(b"]}");
        }
        // A position past the end means that the end was written.
        let next = if is_last { to + 1 } else { to };
        Ok::<_, serde_json::Error>(Some((Bytes::from(chunk), (plan, next, Vec::new()))))
    });
    Ok(to_response("application/json", Body::from_stream(chunks)))
}

pub(crate) fn describe_start() -> Operation {
    let account = json!({
        "external_id": "U0HDYE3FJ",
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "active": true,
        "evidence": ["email"],
    });
    let example = json!({
        "ok": true,
        "provider": "acme-chat",
        "dry_run": true,
        "plan_id": null,
        "accounts": 1,
        "unclaimed": 0,
        "counts": { "matched": 1, "already_linked": 0, "ambiguous": 0, "missing": 0, "orphaned": 0 },
        "people": [{
            "person_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
            "name": "Ada Okafor",
            "email": "ada@acme.example",
            "active": true,
            "status": "matched",
            "external_id": "U0HDYE3FJ",
            "accounts": [account],
        }],
    });
    Operation::new("match_people", GROUP, "Matches the provider's accounts to people")
        .description(
            "Reads all users of the provider. Each person is `matched`, `already_linked`, `ambiguous`, `missing` there \
             or `orphaned`, with the evidence. A dry run changes nothing. Applying a match again changes nothing more.",
        )
        .json_body::<MatchRequestBody>(json!({ "dry_run": true }))
        .json::<MatchPlanView<'_>>(200, "The matches.", example)
        .problems(&PROVIDER_PROBLEMS)
        .problems(&["conflict"])
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct UndoneMatchView {
    ok: AlwaysTrue,
    /// Number of mappings that were removed.
    undone: u64,
}

/// `POST /api/admin/connections/{provider}/match/{plan_id}/undo`
pub(crate) async fn undo(
    State(state): State<ApiState>,
    Path((provider, plan_id)): Path<(String, String)>,
    actor: Actor,
) -> Result<Json<UndoneMatchView>, ApiError> {
    let undone = state.people.undo_match(&provider, &plan_id, &actor).await?;
    Ok(Json(UndoneMatchView { ok: AlwaysTrue, undone }))
}

pub(crate) fn describe_undo() -> Operation {
    Operation::new("undo_match", GROUP, "Undoes a whole match")
        .json::<UndoneMatchView>(200, "The match is undone.", json!({ "ok": true, "undone": 12 }))
        .problems(&["unknown_provider", "not_found", "conflict", "sealed"])
}

/// Writes the response up to the first person.
fn write_start(plan: &MatchPlan, mode: MatchMode) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(&MatchPlanView {
        ok: AlwaysTrue,
        provider: &plan.provider,
        dry_run: mode == MatchMode::DryRun,
        plan_id: plan.id.as_deref(),
        accounts: plan.accounts,
        unclaimed: plan.unclaimed,
        counts: MatchCountsView {
            matched: plan.counts.matched,
            already_linked: plan.counts.already_linked,
            ambiguous: plan.counts.ambiguous,
            missing: plan.counts.missing,
            orphaned: plan.counts.orphaned,
        },
        people: Vec::new(),
    })?;
    json.truncate(json.len() - b"]}".len());
    Ok(json)
}

impl<'a> PlannedPersonView<'a> {
    fn new(plan: &'a MatchPlan, person: &'a PlannedPerson) -> Self {
        Self {
            person_id: &person.id,
            name: &person.name,
            email: &person.email,
            active: person.active,
            status: person.status.into(),
            external_id: person.external_id.as_deref(),
            reason: person.reason,
            accounts: person.accounts.iter().map(|account| MatchedAccountView::new(plan, account)).collect(),
            more_accounts: person.more_accounts,
        }
    }
}

impl<'a> MatchedAccountView<'a> {
    fn new(plan: &'a MatchPlan, account: &'a MatchedAccount) -> Self {
        let others = account.others.iter().filter_map(|index| plan.people.get(usize::try_from(*index).ok()?));
        Self {
            external_id: &account.external_id,
            name: &account.name,
            email: account.email.as_deref(),
            active: account.active,
            evidence: account.evidence.names(),
            also: others
                .map(|person| OtherPersonView { person_id: &person.id, name: &person.name, email: &person.email })
                .collect(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
