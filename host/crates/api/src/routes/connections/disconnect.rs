//! `DELETE /api/admin/connections/{provider}`, and `GET …/disconnect`, which shows what it would do.

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::audit::Actor;
use jackfield_service::connections::{DisconnectPreview, RevocationResult, RevocationScope};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::GROUP;
use crate::{
    ApiState,
    http::errors::ApiError,
    operation::{AlwaysTrue, Operation, ProviderIdView},
    routes::provider_calls::run_to_completion,
};

/// What happened to the credential at the provider.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DisconnectedView {
    ok: AlwaysTrue,
    /// `revoked`; `kept`: it is still valid there; `failed`: see `note`; `nothing`: there was no connection.
    upstream: UpstreamView,
    /// What is left to do at the provider, or why the revocation failed.
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum UpstreamView {
    Revoked,
    Kept,
    Failed,
    Nothing,
}

impl From<RevocationResult> for UpstreamView {
    fn from(result: RevocationResult) -> Self {
        match result {
            RevocationResult::Revoked => Self::Revoked,
            RevocationResult::Kept => Self::Kept,
            RevocationResult::Failed => Self::Failed,
            RevocationResult::NotConnected => Self::Nothing,
        }
    }
}

/// `DELETE /api/admin/connections/{provider}`
pub(crate) async fn disconnect(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Json<DisconnectedView>, ApiError> {
    let disconnect = async move { state.connections.disconnect(&provider, &actor).await };
    let result = run_to_completion(disconnect).await?;
    Ok(Json(DisconnectedView { ok: AlwaysTrue, upstream: result.revocation.into(), note: result.note }))
}

pub(crate) fn describe_disconnect() -> Operation {
    let disconnect = Operation::new("disconnect", GROUP, "Disconnects a provider").description(
        "Revokes the credential at the provider if possible, and always deletes the connection with its secrets. \
         Disconnecting a provider that is not connected succeeds.",
    );
    describe_disconnect_responses(disconnect)
}

/// Describes the responses to a disconnect, of any provider or of one.
pub(crate) fn describe_disconnect_responses(operation: Operation) -> Operation {
    operation
        .json::<DisconnectedView>(
            200,
            "The provider is no longer connected.",
            json!({ "ok": true, "upstream": "revoked", "note": null }),
        )
        .problems(&["unknown_provider", "sealed"])
}

/// What a disconnect would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DisconnectPreviewView {
    #[schemars(with = "ProviderIdView")]
    provider: String,
    /// Whether there is a connection.
    configured: bool,
    org_name: Option<String>,
    /// Number of mappings that would be deleted.
    mappings: u64,
    /// Number of mappings that would be kept for the next connection.
    mappings_kept: u64,
    /// Whether change alerts are on; null if the provider did not say.
    alerts: Option<bool>,
    /// `upstream`: the plugin declares that it can revoke the credential at the provider. `local`: it is deleted here
    /// and is still valid there.
    revokes: RevokesView,
    /// The service tokens that name the provider.
    services: Vec<ServiceTokenView>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum RevokesView {
    Upstream,
    Local,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ServiceTokenView {
    name: String,
}

impl DisconnectPreviewView {
    fn new(provider: String, preview: DisconnectPreview) -> Self {
        Self {
            provider,
            configured: preview.configured,
            org_name: preview.org_name,
            mappings: preview.mappings,
            mappings_kept: preview.mappings_kept,
            alerts: preview.alerts,
            revokes: match preview.revocation {
                RevocationScope::Provider => RevokesView::Upstream,
                RevocationScope::Local => RevokesView::Local,
            },
            services: preview.services.into_iter().map(|name| ServiceTokenView { name }).collect(),
        }
    }
}

/// `GET /api/admin/connections/{provider}/disconnect`
pub(crate) async fn preview_disconnect(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<DisconnectPreviewView>, ApiError> {
    let preview = state.connections.preview_disconnect(&provider).await?;
    Ok(Json(DisconnectPreviewView::new(provider, preview)))
}

pub(crate) fn describe_preview_disconnect() -> Operation {
    let example = json!({
        "provider": "acme-chat",
        "configured": true,
        "org_name": "Acme Instruments",
        "mappings": 290,
        "mappings_kept": 0,
        "alerts": false,
        "revokes": "upstream",
        "services": [{ "name": "payroll export" }],
    });
    Operation::new("foresee_disconnect", GROUP, "Shows what a disconnect would do")
        .description("Changes nothing. A provider with change alerts is asked whether they are on.")
        .json::<DisconnectPreviewView>(200, "What a disconnect would do.", example)
        .problems(&["unknown_provider"])
}
