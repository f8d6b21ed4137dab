//! `/api/admin/providers`: the plugins of all providers, and an Executive's decisions about them.

mod risk_view;
mod views;

use axum::{
    Json,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use jackfield_core::{Error, audit::Actor};
use jackfield_sandbox::PluginEntry;
use jackfield_service::connections::StoredDestinations;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::views::ProviderView;
use super::provider_calls::run_to_completion;
use crate::{
    ApiState,
    http::{
        errors::ApiError,
        extractors::{self, JsonBody, MAX_LARGE_BODY, media_type},
    },
    operation::{AlwaysTrue, Operation},
};

const GROUP: &str = "Providers";

/// The header with a signature of the body.
const SIGNATURE_HEADER: &str = "component-signature";

#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderListView {
    providers: Vec<ProviderView>,
    /// Why the plugins folder is not used.
    folder_problem: Option<String>,
}

/// `GET /api/admin/providers`
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<ProviderListView>, ApiError> {
    let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
    let providers = state.catalog.entries().iter().map(|entry| ProviderView::new(entry, now, &stored)).collect();
    Ok(Json(ProviderListView { providers, folder_problem: state.plugins.folder_problem() }))
}

pub(crate) fn describe_list() -> Operation {
    Operation::new("list_providers", GROUP, "Lists all plugins and what they request")
        .description(
            "For each provider, the version that serves calls, and the versions that wait for approval with their \
             changes and risks. A file that is not a valid plugin is listed under its name, with the reason. In the \
             texts of a plugin, control, bidirectional and invisible characters are replaced.",
        )
        .json::<ProviderListView>(
            200,
            "All plugins.",
            json!({ "providers": [provider_example()], "folder_problem": null }),
        )
}

/// The result of a decision about a plugin.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderDecisionView {
    ok: AlwaysTrue,
    /// The provider now; null if it is removed.
    provider: Option<ProviderView>,
}

impl ProviderDecisionView {
    fn new(entry: Option<&PluginEntry>, now: Timestamp, stored: &StoredDestinations) -> Self {
        Self { ok: AlwaysTrue, provider: entry.map(|entry| ProviderView::new(entry, now, stored)) }
    }
}

/// `POST /api/admin/providers`
pub(crate) async fn add(State(state): State<ApiState>, actor: Actor, request: Request) -> Result<Response, ApiError> {
    if !media_type(&request).eq_ignore_ascii_case("application/wasm") {
        let message = "the body must be the bytes of a component, with Content-Type: application/wasm";
        return Err(Error::InvalidRequest(message.to_owned()).into());
    }
    let signature = parse_signature(request.headers())?;
    let bytes = extractors::read_body(request, MAX_LARGE_BODY).await?.to_vec();
    let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
    let add = async move { state.plugins.add(bytes, signature.as_deref(), &actor).await };
    let added = run_to_completion(add).await?;
    Ok((StatusCode::CREATED, Json(ProviderDecisionView::new(Some(&added), now, &stored))).into_response())
}

pub(crate) fn describe_add() -> Operation {
    Operation::new("add_provider", GROUP, "Uploads a plugin")
        .description(
            "The plugin waits for approval, unless a trusted key signed it and permits everything that it requests, and \
             it requests no more than the approved version, if there is one. Uploading the same bytes again changes \
             nothing.",
        )
        .header(
            "Component-Signature",
            "A minisign signature of the body: the text of the `.minisig` file in base64. Checked if keys are trusted; \
             an invalid signature is rejected.",
        )
        .body("application/wasm", json!({ "contentMediaType": "application/wasm" }), "…")
        .json::<ProviderDecisionView>(201, "The plugin is uploaded.", decision_example())
        .problems(&["sealed"])
}

/// Decodes the signature header: the text of a minisign file in base64.
fn parse_signature(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(SIGNATURE_HEADER) else { return Ok(None) };
    let text = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| Error::field("signature", "must be the text of a .minisig file in base64"))
}

/// The version to approve.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalBody {
    /// The digest as it was listed.
    digest: String,
}

/// `POST /api/admin/providers/{provider}/approve`
pub(crate) async fn approve(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(body): JsonBody<ApprovalBody>,
) -> Result<Json<ProviderDecisionView>, ApiError> {
    let (now, connections) = (state.clock.now(), state.connections.clone());
    let approve = async move { state.plugins.approve(&provider, &body.digest, &actor).await };
    let approved = run_to_completion(approve).await?;
    // Read afterwards, because the approval permits that the OAuth app of the settings is sent to other endpoints.
    let stored = connections.stored_destinations().await?;
    Ok(Json(ProviderDecisionView::new(Some(&*approved), now, &stored)))
}

pub(crate) fn describe_approve() -> Operation {
    Operation::new("approve_provider", GROUP, "Approves a version by its digest")
        .description(
            "The previous version is kept for a rollback; calls that are running finish on it. The OAuth app of the \
             settings may be sent to the endpoints of the approved version from now on; the risks of a version say so \
             if it was not sent there before.",
        )
        .json_body::<ApprovalBody>(json!({ "digest": DIGEST_EXAMPLE }))
        .json::<ProviderDecisionView>(200, "The version serves calls.", decision_example())
        .problems(&["unknown_provider", "conflict", "sealed"])
}

/// `POST /api/admin/providers/{provider}/disable`
pub(crate) async fn disable(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Json<ProviderDecisionView>, ApiError> {
    let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
    let disable = async move { state.plugins.disable(&provider, &actor).await };
    Ok(Json(ProviderDecisionView::new(Some(&*run_to_completion(disable).await?), now, &stored)))
}

pub(crate) fn describe_disable() -> Operation {
    Operation::new("disable_provider", GROUP, "Disables a plugin")
        .description("Its connection is kept. Approving a version enables it again.")
        .json::<ProviderDecisionView>(200, "The plugin is disabled.", decision_example())
        .problems(&["unknown_provider", "conflict", "sealed"])
}

/// `POST /api/admin/providers/{provider}/rollback`
pub(crate) async fn rollback(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Json<ProviderDecisionView>, ApiError> {
    let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
    let rollback = async move { state.plugins.rollback(&provider, &actor).await };
    Ok(Json(ProviderDecisionView::new(Some(&*run_to_completion(rollback).await?), now, &stored)))
}

pub(crate) fn describe_rollback() -> Operation {
    Operation::new("roll_provider_back", GROUP, "Goes back to the previously approved version")
        .description("The current version must be approved again before it can serve calls.")
        .json::<ProviderDecisionView>(200, "The previous version serves calls.", decision_example())
        .problems(&["unknown_provider", "conflict", "sealed"])
}

/// `DELETE /api/admin/providers/{provider}`
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Json<ProviderDecisionView>, ApiError> {
    let (now, stored) = (state.clock.now(), state.connections.stored_destinations().await?);
    let remove = async move { state.plugins.remove(&provider, &actor).await };
    Ok(Json(ProviderDecisionView::new(run_to_completion(remove).await?.as_deref(), now, &stored)))
}

pub(crate) fn describe_remove() -> Operation {
    Operation::new("remove_provider", GROUP, "Removes a plugin")
        .description(
            "Deletes its approvals and uploaded versions; its connection is kept. A version that is still in the \
             plugins folder waits for approval again, and is in the response.",
        )
        .json::<ProviderDecisionView>(
            200,
            "The plugin is removed. A version in the plugins folder waits for approval.",
            decision_example(),
        )
        .problems(&["unknown_provider", "sealed"])
}

const DIGEST_EXAMPLE: &str = "3ad8c834f1d07b0ce4b7f0f7f6cbb0a9f7d3e3a4b8c1d2e5f60718293a4b5c6d";

fn decision_example() -> Value {
    json!({ "ok": true, "provider": provider_example() })
}

fn provider_example() -> Value {
    let field = json!({
        "name": "api_token",
        "label": "API token",
        "help": "From the page API of your workspace.",
        "help_url": null,
        "kind": "text",
        "secret": true,
        "required": true,
        "choices": [],
        "pattern": "^act-[a-z0-9]+$",
    });
    json!({
        "id": "acme-chat",
        "file": "acme-chat.wasm",
        "digest": DIGEST_EXAMPLE,
        "state": "approved",
        "title": "Acme Chat",
        "version": "0.1.0",
        "auth": "fields",
        "grant": { "by": "fields" },
        "scopes": [],
        "fields": [field],
        "hosts": ["api.chat.example.com"],
        "endpoints": ["GET api.chat.example.com/v1/users"],
        "credentials": {
            "GET api.chat.example.com/v1/users":
                "place header (format Bearer {}, name Authorization), source field api_token",
        },
        "placements": {
            "GET api.chat.example.com/v1/users": "secret `api_token` in the header `Authorization: Bearer {}`",
        },
        "capabilities": { "users": true, "alerts": false, "accounts": false },
        "on_disconnect": "keep",
        "risks": [],
        "secrets_again": [],
        "missing_fields": [],
        "paused_until": null,
        "signature": null,
        "waiting": [],
        "previous": null,
    })
}
