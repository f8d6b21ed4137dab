//! `…/{provider}/accounts` and `…/account`: the accounts that a credential gives access to, and the chosen one.

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::{Account, audit::Actor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::provider_calls::{PROVIDER_PROBLEMS, run_to_completion};
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody},
    operation::{AlwaysTrue, Operation},
};

#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountListView {
    accounts: Vec<AccountView>,
    /// The id of the chosen account.
    selected: Option<String>,
}

/// One of several accounts that a credential gives access to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AccountView {
    id: String,
    name: String,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self { id: account.id, name: account.name }
    }
}

/// `GET /api/admin/connections/{provider}/accounts`
pub(crate) async fn list(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<AccountListView>, ApiError> {
    let found = state.connections.list_accounts(&provider).await?;
    let accounts = found.accounts.into_iter().map(AccountView::from).collect();
    Ok(Json(AccountListView { accounts, selected: found.selected }))
}

pub(crate) fn describe_list() -> Operation {
    let example = json!({
        "accounts": [{ "id": "a-1", "name": "Acme Instruments" }, { "id": "a-2", "name": "Acme Labs" }],
        "selected": "a-1",
    });
    Operation::new("list_accounts", "OAuth", "Lists the accounts that the credential gives access to")
        .json::<AccountListView>(200, "The accounts, and which one is chosen.", example)
        .problems(&PROVIDER_PROBLEMS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChoiceBody {
    /// The account's id.
    id: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ChosenAccountView {
    ok: AlwaysTrue,
    /// The provider's name of the organisation.
    org_name: Option<String>,
}

/// `PUT /api/admin/connections/{provider}/account`
pub(crate) async fn choose(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(body): JsonBody<AccountChoiceBody>,
) -> Result<Json<ChosenAccountView>, ApiError> {
    let choice = async move { state.connections.choose_account(&provider, &body.id, &actor).await };
    let org_name = run_to_completion(choice).await?;
    Ok(Json(ChosenAccountView { ok: AlwaysTrue, org_name }))
}

pub(crate) fn describe_choose() -> Operation {
    Operation::new("choose_account", "OAuth", "Chooses the account of the connection")
        .json_body::<AccountChoiceBody>(json!({ "id": "a-1" }))
        .json::<ChosenAccountView>(200, "The account is chosen.", json!({ "ok": true, "org_name": "Acme Instruments" }))
        .problems(&PROVIDER_PROBLEMS)
}
