//! `…/{provider}/accounts` and `…/account`: which accounts a credential opens, and which one the connection is for.

use axum::{
    Json as Answer,
    extract::{Path, State as Given},
};
use jackfield_core::{Account, audit::Actor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{State, connections::to_its_end, error::ApiError, extract::Json};

#[derive(Serialize)]
pub(crate) struct AccountsView {
    accounts: Vec<Account>,
    selected: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoiceBody {
    id: String,
}

/// `GET /api/admin/connections/{provider}/accounts`
pub(crate) async fn list(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<AccountsView>, ApiError> {
    let found = state.connections.accounts(&provider).await?;
    Ok(Answer(AccountsView { accounts: found.accounts, selected: found.selected }))
}

/// `PUT /api/admin/connections/{provider}/account`
pub(crate) async fn choose(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(body): Json<ChoiceBody>,
) -> Result<Answer<Value>, ApiError> {
    let chosen = async move { state.connections.choose_account(&provider, &body.id, &actor).await };
    let org_name = to_its_end(chosen).await?;
    Ok(Answer(json!({ "ok": true, "org_name": org_name })))
}
