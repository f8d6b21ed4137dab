//! `/api/admin/connections/{provider}/match`: finds whose the accounts are, links them, and undoes that.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    body::{Body, Bytes},
    extract::{Path, State as Given},
    response::Response,
};
use futures_util::stream;
use jackfield_core::{Error, audit::Actor};
use jackfield_service::people::{MatchMode, MatchPlan, MatchedAccount, PlannedPerson};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{State, error::ApiError, extract::Json, form::Form, stream::response};

/// People that are written into one part of the answer.
const PART: usize = 1_000;

#[derive(Serialize)]
struct HeadView<'a> {
    ok: bool,
    provider: &'a str,
    dry_run: bool,
    plan_id: Option<&'a str>,
    accounts: usize,
    unclaimed: usize,
    counts: CountsView,
}

#[derive(Serialize)]
struct CountsView {
    matched: usize,
    already_linked: usize,
    ambiguous: usize,
    missing: usize,
    orphaned: usize,
}

#[derive(Serialize)]
struct PersonView<'a> {
    person_id: &'a str,
    name: &'a str,
    email: &'a str,
    active: bool,
    status: &'static str,
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    accounts: Vec<AccountView<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    more_accounts: u32,
}

#[derive(Serialize)]
struct AccountView<'a> {
    external_id: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    active: bool,
    evidence: Vec<&'static str>,
    /// The other people to whom the account points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoView<'a>>,
}

#[derive(Serialize)]
struct AlsoView<'a> {
    person_id: &'a str,
    name: &'a str,
    email: &'a str,
}

/// `POST /api/admin/connections/{provider}/match`
pub(crate) async fn start(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(fields): Json<BTreeMap<String, Value>>,
) -> Result<Response, ApiError> {
    let mut form = Form::new(fields);
    let mode = if form.flag("dry_run") { MatchMode::DryRun } else { MatchMode::Apply };
    form.finish()?;
    let plan = state.people.match_accounts(&provider, mode, &actor).await?;
    let head = head(&plan, mode).map_err(Error::internal)?;
    let parts = stream::try_unfold((plan, 0, head), |(plan, from, mut chunk)| async move {
        if from > plan.people.len() {
            return Ok(None);
        }
        let to = (from + PART).min(plan.people.len());
        for (at, person) in (from..).zip(&plan.people[from..to]) {
            if at > 0 {
                chunk.push(b',');
            }
            serde_json::to_writer(&mut chunk, &person_view(&plan, person))?;
        }
        let is_last = to == plan.people.len();
        if is_last {
            chunk.extend_from_slice(b"]}");
        }
        // One past the end says that the end was written.
        let next = if is_last { to + 1 } else { to };
        Ok::<_, serde_json::Error>(Some((Bytes::from(chunk), (plan, next, Vec::new()))))
    });
    Ok(response("application/json", Body::from_stream(parts)))
}

/// `POST /api/admin/connections/{provider}/match/{plan_id}/undo`
pub(crate) async fn undo(
    Given(state): Given<State>,
    Path((provider, plan_id)): Path<(String, String)>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    let undone = state.people.undo_match(&provider, &plan_id, &actor).await?;
    Ok(Answer(json!({ "ok": true, "undone": undone })))
}

/// The answer up to its people.
fn head(plan: &MatchPlan, mode: MatchMode) -> serde_json::Result<Vec<u8>> {
    let counts = plan.counts;
    let mut head = serde_json::to_vec(&HeadView {
        ok: true,
        provider: &plan.provider,
        dry_run: mode == MatchMode::DryRun,
        plan_id: plan.id.as_deref(),
        accounts: plan.accounts,
        unclaimed: plan.unclaimed,
        counts: CountsView {
            matched: counts.matched,
            already_linked: counts.already_linked,
            ambiguous: counts.ambiguous,
            missing: counts.missing,
            orphaned: counts.orphaned,
        },
    })?;
    head.pop();
    head.extend_from_slice(b",\"people\":[");
    Ok(head)
}

fn person_view<'a>(plan: &'a MatchPlan, person: &'a PlannedPerson) -> PersonView<'a> {
    PersonView {
        person_id: &person.id,
        name: &person.name,
        email: &person.email,
        active: person.active,
        status: person.status.as_str(),
        external_id: person.external_id.as_deref(),
        reason: person.reason,
        accounts: person.accounts.iter().map(|account| account_view(plan, account)).collect(),
        more_accounts: person.more_accounts,
    }
}

fn account_view<'a>(plan: &'a MatchPlan, account: &'a MatchedAccount) -> AccountView<'a> {
    let others = account.others.iter().filter_map(|place| plan.people.get(usize::try_from(*place).ok()?));
    AccountView {
        external_id: &account.external_id,
        name: &account.name,
        email: account.email.as_deref(),
        active: account.active,
        evidence: account.evidence.names(),
        also: others
            .map(|person| AlsoView { person_id: &person.id, name: &person.name, email: &person.email })
            .collect(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
