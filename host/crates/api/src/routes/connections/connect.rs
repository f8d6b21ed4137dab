//! `PUT /api/admin/connections/{provider}`: connects a provider or updates its connection.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::audit::Actor;
use jackfield_service::connections::{ConnectResult, SubmittedValue};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::GROUP;
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody},
    operation::{AlwaysTrue, Operation},
    routes::{
        accounts::AccountView,
        provider_calls::{CONNECT_PROBLEMS, run_to_completion},
    },
};

/// The result of a connect: the organisation, or the accounts to choose from.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectedView {
    ok: AlwaysTrue,
    /// The provider's name of the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    org_name: Option<Option<String>>,
    /// The accounts to choose from, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<AccountView>,
}

impl From<ConnectResult> for ConnectedView {
    fn from(connected: ConnectResult) -> Self {
        let accounts: Vec<AccountView> = connected.accounts.into_iter().map(AccountView::from).collect();
        let org_name = if accounts.is_empty() { Some(connected.org_name) } else { None };
        Self { ok: AlwaysTrue, org_name, accounts }
    }
}

/// `PUT /api/admin/connections/{provider}`
pub(crate) async fn connect(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(fields): JsonBody<BTreeMap<String, SubmittedValue>>,
) -> Result<Json<ConnectedView>, ApiError> {
    let connect = async move { state.connections.connect(&provider, fields, &actor).await };
    Ok(Json(run_to_completion(connect).await?.into()))
}

pub(crate) fn describe_connect() -> Operation {
    let fields = json!({ "type": "object", "additionalProperties": { "type": ["string", "object", "null"] } });
    let connect = Operation::new("connect", GROUP, "Connects a provider, or updates its connection")
        .description(
            "The body contains the provider's fields, as `GET /api/admin/providers` lists them. On an update, an \
             omitted field keeps its value, even if it is secret, and null clears an optional field. A secret that was \
             not entered for all destinations of the approved version must be sent again. Secrets are never returned, \
             not even masked. The credential is checked with the provider before anything is stored.",
        )
        .json_body_with_schema(fields, Some(json!({ "api_token": "…", "organization": "acme" })));
    describe_connect_responses(connect)
}

/// Describes the responses to a connect, of any provider or of one.
pub(crate) fn describe_connect_responses(operation: Operation) -> Operation {
    operation
        .json::<ConnectedView>(
            200,
            "The provider accepts the credential, and it is stored.",
            json!({ "ok": true, "org_name": "Acme Instruments" }),
        )
        .problems(&CONNECT_PROBLEMS)
}
