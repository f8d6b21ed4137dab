//! Connecting with OAuth: starting and finishing a flow, the OAuth app, and the page that providers redirect to.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS},
};
use jackfield_core::{Caller, Error, OAuthApp, Secret, audit::Actor, caller::Authentication};
use jackfield_service::connections::{FlowState, OAuthCallback, StartedOAuthFlow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    connections::ConnectedView,
    provider_calls::{CONNECT_PROBLEMS, run_to_completion},
};
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody},
    operation::{DoneView, Operation, UtcTime, forbid_null},
};

const GROUP: &str = "OAuth";

/// An OAuth flow that was started.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FlowView {
    /// The address to send the browser to.
    #[schemars(extend("format" = "uri"))]
    url: String,
    /// In development: the same address at the stand-in that `JACKFIELD_EGRESS_REROUTE` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "uri"))]
    reroute_url: Option<String>,
    flow_id: String,
    expires_at: UtcTime,
}

/// `GET /api/admin/connections/{provider}/auth-url`
pub(crate) async fn begin(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Json<FlowView>, ApiError> {
    let started = state.connections.start_oauth_flow(&provider, &actor).await?;
    let StartedOAuthFlow { url, reroute_url, flow_id, expires_at } = started;
    Ok(Json(FlowView { url, reroute_url, flow_id, expires_at: expires_at.into() }))
}

pub(crate) fn describe_begin() -> Operation {
    let example = json!({
        "url": "https://login.example.com/authorize?response_type=code&state=Zk3v&code_challenge_method=S256",
        "flow_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
        "expires_at": "2026-11-24T04:33:54Z",
    });
    Operation::new("begin_flow", GROUP, "Starts a flow and returns the address to send the browser to")
        .description("The flow belongs to the caller, is valid for 10 minutes, and can be used once.")
        .json::<FlowView>(200, "The started flow.", example)
        .problems(&["unknown_provider", "plugin_not_approved", "plugin_fault", "unsupported", "sealed"])
}

/// The parameters of the provider's redirect: a code, or an error.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuthCallbackBody {
    #[schemars(extend("writeOnly" = true), transform = forbid_null)]
    code: Option<String>,
    #[schemars(extend("writeOnly" = true), transform = forbid_null)]
    state: Option<String>,
    /// As the provider sent it (RFC 9207).
    #[schemars(transform = forbid_null)]
    iss: Option<String>,
    /// The provider's error, instead of a code.
    #[schemars(transform = forbid_null)]
    error: Option<String>,
    #[schemars(transform = forbid_null)]
    error_description: Option<String>,
}

/// `POST /api/admin/connections/{provider}/callback`
pub(crate) async fn finish(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    caller: Caller,
    actor: Actor,
    JsonBody(body): JsonBody<OAuthCallbackBody>,
) -> Result<Json<ConnectedView>, ApiError> {
    // Without `state`, another site could make a browser redeem a code of a flow that its person did not start.
    if caller.authentication == Authentication::Cookie && body.state.is_none() {
        return Err(Error::field("state", "is required with a session cookie").into());
    }
    let callback = OAuthCallback {
        code: body.code.map(Secret::new),
        state: body.state.map(Secret::new),
        iss: body.iss,
        error: body.error,
        error_description: body.error_description,
    };
    let connect = async move { state.connections.complete_oauth_flow(&provider, callback, &actor).await };
    Ok(Json(run_to_completion(connect).await?.into()))
}

pub(crate) fn describe_finish() -> Operation {
    Operation::new("finish_flow", GROUP, "Exchanges the provider's code for tokens, and connects")
        .description(
            "Without `state`, the caller must have exactly one open flow; with a session cookie, `state` is required. \
             If the credential gives access to several accounts, the response lists them as `accounts`, and one \
             must be chosen.",
        )
        .json_body::<OAuthCallbackBody>(json!({ "code": "…", "state": "…" }))
        .json::<ConnectedView>(200, "The provider is connected.", json!({ "ok": true, "org_name": "Acme Instruments" }))
        .problems(&CONNECT_PROBLEMS)
        .problems(&["not_found", "conflict", "needs_reauth"])
}

/// The status of an OAuth flow.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FlowStatusView {
    status: FlowStateView,
    /// Why the flow failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum FlowStateView {
    Pending,
    Succeeded,
    Failed,
    Expired,
}

impl From<FlowState> for FlowStatusView {
    fn from(state: FlowState) -> Self {
        let (status, reason) = match state {
            FlowState::Pending => (FlowStateView::Pending, None),
            FlowState::Succeeded => (FlowStateView::Succeeded, None),
            FlowState::Failed(reason) => (FlowStateView::Failed, Some(reason)),
            FlowState::Expired => (FlowStateView::Expired, None),
        };
        Self { status, reason }
    }
}

/// `GET /api/admin/connections/{provider}/auth-flows/{flow_id}`
pub(crate) async fn status(
    State(state): State<ApiState>,
    Path((provider, flow_id)): Path<(String, String)>,
    actor: Actor,
) -> Result<Json<FlowStatusView>, ApiError> {
    Ok(Json(state.connections.read_flow_state(&provider, &flow_id, &actor).await?.into()))
}

pub(crate) fn describe_status() -> Operation {
    Operation::new("flow_status", GROUP, "Shows the status of a flow")
        .json::<FlowStatusView>(200, "The status of the flow.", json!({ "status": "pending" }))
        .problems(&["unknown_provider", "not_found"])
}

/// The client that a provider registered for this service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuthAppBody {
    client_id: String,
    #[schemars(extend("writeOnly" = true))]
    client_secret: Option<String>,
}

/// `PUT /api/admin/providers/{provider}/oauth-app`
pub(crate) async fn set_app(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    actor: Actor,
    JsonBody(body): JsonBody<OAuthAppBody>,
) -> Result<Json<DoneView>, ApiError> {
    let app = OAuthApp { client_id: body.client_id, client_secret: body.client_secret.map(Secret::new) };
    let set = async move { state.connections.set_oauth_app(&provider, app, &actor).await };
    run_to_completion(set).await?;
    Ok(Json(DoneView::OK))
}

pub(crate) fn describe_set_app() -> Operation {
    Operation::new("set_oauth_app", GROUP, "Sets the OAuth app of a provider")
        .description("Encrypted like every secret, and never returned.")
        .json_body::<OAuthAppBody>(json!({ "client_id": "…", "client_secret": "…" }))
        .json::<DoneView>(200, "The OAuth app is stored.", json!({ "ok": true }))
        .problems(&["unknown_provider", "plugin_not_approved", "plugin_fault", "unsupported", "sealed"])
}

/// `GET /oauth/callback`: the same page for every query, which only its script reads.
pub(crate) async fn page() -> Response {
    respond_with_file("text/html; charset=utf-8", include_str!("oauth/callback.html"))
}

pub(crate) fn describe_page() -> Operation {
    Operation::new("landing_page", GROUP, "The page that the provider redirects to")
        .description(
            "A page for a browser. With a session, its script sends code and state to `POST …/callback`; without one, \
             it shows them to be copied.",
        )
        .text("The page.", "text/html", "<!doctype html>…")
}

/// `GET /oauth/callback.js`
pub(crate) async fn page_script() -> Response {
    respond_with_file("text/javascript; charset=utf-8", include_str!("oauth/callback.js"))
}

pub(crate) fn describe_page_script() -> Operation {
    Operation::new("landing_script", GROUP, "The page's script").text("The file.", "text/javascript", "…")
}

/// `GET /oauth/callback.css`
pub(crate) async fn page_style() -> Response {
    respond_with_file("text/css; charset=utf-8", include_str!("oauth/callback.css"))
}

pub(crate) fn describe_page_style() -> Operation {
    Operation::new("landing_style", GROUP, "The page's style sheet").text("The file.", "text/css", "…")
}

/// Responds with a file of the page. The page's address contains a code, so the page cannot be framed, loads nothing
/// from other hosts, and sends no referrer.
fn respond_with_file(content_type: &'static str, text: &'static str) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin-allow-popups"),
    ];
    let mut response = text.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
