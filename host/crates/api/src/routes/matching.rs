//! `/api/admin/connections/{provider}/match`: matches a provider's accounts to people, links them, and undoes that.

use std::{collections::BTreeMap, ops::Deref, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use jackfield_core::{Error, audit::Actor};
use jackfield_service::{
    connections::ALL_USERS_TIMEOUT,
    people::{MatchAnswer, MatchMode, MatchPlan, MatchStatus, MatchedAccount, PlannedPerson},
};
use jackfield_store::{MatchRun, MatchRunState};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::provider_calls::PROVIDER_PROBLEMS;
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody, json_fields::JsonFields, streaming::to_response},
    operation::{AlwaysTrue, DoneView, Operation, ProviderIdView, UtcTime},
};

const GROUP: &str = "Mappings";

/// The number of people in one chunk of the response.
const BATCH: usize = 1_000;

/// How long a caller waits for the plan if it does not say otherwise. Proxies give a request about a minute, and people
/// want to see progress sooner.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// The longest time that a caller can wait for the plan.
const LONGEST_WAIT: Duration = ALL_USERS_TIMEOUT;

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
    headers: HeaderMap,
    JsonBody(fields): JsonBody<BTreeMap<String, Value>>,
) -> Result<Response, ApiError> {
    let mut fields = JsonFields::new(fields);
    let mode = if fields.boolean("dry_run") { MatchMode::DryRun } else { MatchMode::Apply };
    fields.finish()?;
    let wait = preferred_wait(&headers);
    let plan = match state.people.start_match(&provider, mode, wait, &actor, render_plan).await? {
        MatchAnswer::Plan(plan) => plan,
        MatchAnswer::Running(id) => {
            let run = state.people.match_run(&provider, &id).await?;
            let location = format!("/api/admin/connections/{provider}/match/{id}");
            let location = HeaderValue::from_str(&location).map_err(Error::internal)?;
            let body = Json(MatchRunView::new(&run));
            return Ok((StatusCode::ACCEPTED, [(LOCATION, location)], body).into_response());
        }
    };
    let chunks = stream::try_unfold(PlanChunks::new(plan, mode), |mut chunks| async move {
        Ok::<_, serde_json::Error>(chunks.next()?.map(|chunk| (Bytes::from(chunk), chunks)))
    });
    Ok(to_response("application/json", Body::from_stream(chunks)))
}

/// Returns how long the caller wants to wait for the plan (`Prefer: wait=…` and `respond-async`, RFC 7240 §4).
fn preferred_wait(headers: &HeaderMap) -> Duration {
    let fields = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences: Vec<String> = fields
        .flat_map(|field| field.split(','))
        .map(|one| one.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let wait = preferences.iter().find_map(|one| one.strip_prefix("wait=")?.trim_matches('"').parse().ok());
    match wait {
        Some(seconds) => Duration::from_secs(seconds).min(LONGEST_WAIT),
        None if preferences.iter().any(|one| one == "respond-async") => Duration::ZERO,
        None => DEFAULT_WAIT,
    }
}

/// A plan as JSON, in chunks.
struct PlanChunks<P> {
    plan: P,
    mode: MatchMode,
    /// The number of people that were written; `None` before the start.
    written: Option<usize>,
}

impl<P: Deref<Target = MatchPlan>> PlanChunks<P> {
    fn new(plan: P, mode: MatchMode) -> Self {
        Self { plan, mode, written: None }
    }

    fn next(&mut self) -> serde_json::Result<Option<Vec<u8>>> {
        let plan = &*self.plan;
        let (mut chunk, from) = match self.written {
            None => (write_start(plan, self.mode)?, 0),
            Some(all) if all > plan.people.len() => return Ok(None),
            Some(written) => (Vec::new(), written),
        };
        let to = (from + BATCH).min(plan.people.len());
        for (index, person) in (from..).zip(&plan.people[from..to]) {
            if index > 0 {
                chunk.push(b',');
            }
            serde_json::to_writer(&mut chunk, &PlannedPersonView::new(plan, person))?;
        }
        let is_last = to == plan.people.len();
        if is_last {
            chunk.extend_from_slice(b"]}");
        }
        // A position past the end means that the end was written.
        self.written = Some(if is_last { to + 1 } else { to });
        Ok(Some(chunk))
    }
}

/// Renders a plan that is stored until it is fetched.
fn render_plan(plan: &MatchPlan, mode: MatchMode) -> Result<Vec<String>, Error> {
    let mut chunks = PlanChunks::new(plan, mode);
    let mut parts = Vec::new();
    while let Some(chunk) = chunks.next().map_err(Error::internal)? {
        parts.push(String::from_utf8(chunk).map_err(Error::internal)?);
    }
    Ok(parts)
}

fn plan_example() -> Value {
    let account = json!({
        "external_id": "U0HDYE3FJ",
        "name": "Ada Okafor",
        "email": "ada@acme.example",
        "active": true,
        "evidence": ["email"],
    });
    json!({
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
    })
}

pub(crate) fn describe_start() -> Operation {
    Operation::new("match_people", GROUP, "Matches the provider's accounts to people")
        .description(
            "Reads all users of the provider. Each person is `matched`, `already_linked`, `ambiguous`, `missing` there \
             or `orphaned`, with the evidence. A dry run changes nothing. Applying a match again changes nothing more.\n\n\
             If the plan is not ready before the caller stops waiting, the response is 202, and the match continues.",
        )
        .header("Prefer", "Seconds to wait for the plan, at most 600: `wait=30`. The default is 5; `respond-async` is 0.")
        .json_body::<MatchRequestBody>(json!({ "dry_run": true }))
        .json::<MatchPlanView<'_>>(200, "The matches.", plan_example())
        .json::<MatchRunView<'_>>(202, "The match continues. `Location` is the address of its state and its plan.", run_example())
        .problems(&PROVIDER_PROBLEMS)
        .problems(&["conflict"])
}

/// The state and the progress of a match.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MatchRunView<'a> {
    ok: AlwaysTrue,
    #[schemars(with = "ProviderIdView")]
    provider: &'a str,
    /// The id of the match and of its plan. An undo names it.
    plan_id: &'a str,
    dry_run: bool,
    state: MatchRunStateView,
    started_at: UtcTime,
    /// Number of pages of the provider's users that were read.
    pages: u64,
    /// Number of accounts that were read.
    accounts: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<MatchProblemView<'a>>,
    /// The plan of a match that is ready.
    // The last field, because the plan is streamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<MatchPlanView<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MatchRunStateView {
    Running,
    Ready,
    Failed,
    Cancelled,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MatchProblemView<'a> {
    /// The code of the problem that the match would have answered with.
    code: &'a str,
    detail: &'a str,
}

impl<'a> MatchRunView<'a> {
    pub(crate) fn new(run: &'a MatchRun) -> Self {
        let (state, problem) = match &run.state {
            // `GET` for the match shows it as failed.
            MatchRunState::Running | MatchRunState::Abandoned { .. } => (MatchRunStateView::Running, None),
            MatchRunState::Ready => (MatchRunStateView::Ready, None),
            MatchRunState::Cancelled => (MatchRunStateView::Cancelled, None),
            MatchRunState::Failed { code, detail } => {
                (MatchRunStateView::Failed, Some(MatchProblemView { code, detail }))
            }
        };
        Self {
            ok: AlwaysTrue,
            provider: &run.provider,
            plan_id: &run.id,
            dry_run: run.is_dry_run,
            state,
            started_at: run.started_at.into(),
            pages: run.pages,
            accounts: run.accounts,
            problem,
            plan: None,
        }
    }
}

/// `GET /api/admin/connections/{provider}/match/{plan_id}`
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path((provider, plan_id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let run = state.people.match_run(&provider, &plan_id).await?;
    if run.state != MatchRunState::Ready {
        return Ok(Json(MatchRunView::new(&run)).into_response());
    }
    let mut start = serde_json::to_vec(&MatchRunView::new(&run)).map_err(Error::internal)?;
    start.truncate(start.len() - b"}".len());
    start.extend_from_slice(b",\"plan\":");
    start.extend_from_slice(state.people.match_part(&run.id, 0).await?.as_bytes());
    let first = (state.people, run, 0, Some(start));
    let chunks = stream::try_unfold(first, |(people, run, position, start)| async move {
        if position > run.parts {
            return Ok(None);
        }
        let chunk = match start {
            Some(start) => start,
            None if position == run.parts => b"}".to_vec(),
            None => people.match_part(&run.id, position).await?.into_bytes(),
        };
        Ok::<_, Error>(Some((Bytes::from(chunk), (people, run, position + 1, None))))
    });
    Ok(to_response("application/json", Body::from_stream(chunks)))
}

pub(crate) fn describe_show() -> Operation {
    Operation::new("get_match", GROUP, "Shows the progress of a match, and its plan")
        .description(
            "A match that was answered with 202 is kept for an hour after its end. If the service stops while it runs, it \
             is `failed`, and has linked nobody unless its problem says otherwise.",
        )
        .json::<MatchRunView<'_>>(200, "The match.", run_example())
        .problems(&["unknown_provider", "not_found"])
}

/// `DELETE /api/admin/connections/{provider}/match/{plan_id}`
pub(crate) async fn cancel(
    State(state): State<ApiState>,
    Path((provider, plan_id)): Path<(String, String)>,
) -> Result<Json<DoneView>, ApiError> {
    state.people.cancel_match(&provider, &plan_id).await?;
    Ok(Json(DoneView::OK))
}

pub(crate) fn describe_cancel() -> Operation {
    Operation::new("cancel_match", GROUP, "Cancels a running match")
        .description("It links nobody. A match that has linked people can be undone.")
        .json::<DoneView>(200, "The match is cancelled.", json!({ "ok": true }))
        .problems(&["unknown_provider", "not_found", "conflict"])
}

fn run_example() -> Value {
    json!({
        "ok": true,
        "provider": "acme-chat",
        "plan_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a597",
        "dry_run": true,
        "state": "running",
        "started_at": "2026-07-28T10:00:00Z",
        "pages": 20,
        "accounts": 4000,
    })
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
        .description(
            "Removes all links that the match added; a second undo changes nothing. If links of some people have \
             changed since, nothing is undone, and the response is 409 `conflict` with their names. A match can be \
             undone for 90 days. After that, its record is deleted, and the response is 404 `not_found`.",
        )
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
