//! `…/{provider}/alerts-config`: where a provider sends its change alerts.

use axum::{
    Json as Answer,
    extract::{Path, State as Given},
};
use jackfield_core::audit::Actor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{State, connections::to_its_end, error::ApiError, extract::Json};

#[derive(Serialize)]
pub(crate) struct TargetView {
    configured: bool,
    webhook_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetBody {
    webhook_url: String,
}

/// `GET /api/admin/connections/{provider}/alerts-config`
pub(crate) async fn show(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<TargetView>, ApiError> {
    let webhook_url = state.connections.alert_target(&provider).await?;
    Ok(Answer(TargetView { configured: webhook_url.is_some(), webhook_url }))
}

/// `POST /api/admin/connections/{provider}/alerts-config`
pub(crate) async fn set(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(body): Json<TargetBody>,
) -> Result<Answer<Value>, ApiError> {
    let set = async move { state.connections.set_alert_target(&provider, &body.webhook_url, &actor).await };
    let webhook_url = to_its_end(set).await?;
    Ok(Answer(json!({ "ok": true, "webhook_url": webhook_url })))
}
