//! `…/{provider}/alerts-config`: where a provider sends its change alerts.

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::audit::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    connections::GROUP,
    provider_calls::{PROVIDER_PROBLEMS, run_to_completion},
};
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody},
    operation::{AlwaysTrue, Operation},
};

#[derive(Serialize, JsonSchema)]
pub(crate) struct AlertTargetView {
    configured: bool,
    webhook_url: Option<String>,
}

/// `GET /api/admin/connections/{provider}/alerts-config`
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<AlertTargetView>, ApiError> {
    let webhook_url = state.connections.read_alert_target(&provider).await?;
    Ok(Json(AlertTargetView { configured: webhook_url.is_some(), webhook_url }))
}

pub(crate) fn describe_show() -> Operation {
    let example = json!({ "configured": true, "webhook_url": "https://hooks.example.com/acme" });
    Operation::new("alert_target", GROUP, "Shows where change alerts are sent")
        .json::<AlertTargetView>(200, "Where alerts are sent.", example)
        .problems(&PROVIDER_PROBLEMS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAlertTargetBody {
    /// A public https URL. An empty text turns alerts off.
    webhook_url: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct SavedAlertTargetView {
    ok: AlwaysTrue,
    webhook_url: Option<String>,
}

/// `POST /api/admin/connections/{provider}/alerts-config`
pub(crate) async fn set(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(body): JsonBody<NewAlertTargetBody>,
) -> Result<Json<SavedAlertTargetView>, ApiError> {
    let set = async move { state.connections.set_alert_target(&provider, &body.webhook_url, &actor).await };
    let webhook_url = run_to_completion(set).await?;
    Ok(Json(SavedAlertTargetView { ok: AlwaysTrue, webhook_url }))
}

pub(crate) fn describe_set() -> Operation {
    Operation::new("set_alert_target", GROUP, "Sets where change alerts are sent")
        .json_body::<NewAlertTargetBody>(json!({ "webhook_url": "https://hooks.example.com/acme" }))
        .json::<SavedAlertTargetView>(
            200,
            "Where alerts are sent now, as the provider reports it.",
            json!({ "ok": true, "webhook_url": "https://hooks.example.com/acme" }),
        )
        .problems(&PROVIDER_PROBLEMS)
}
