//! Connecting by OAuth: `auth-url`, `callback`, `auth-flows`, the OAuth app, and the page that the provider leads to.

use axum::{
    Json as Answer,
    extract::{Path, State as Given},
    response::{IntoResponse, Response},
};
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS},
};
use jackfield_core::{Caller, Error, OAuthApp, Secret, audit::Actor, caller::By};
use jackfield_service::connections::{FlowState, OAuthCallback, StartedOAuthFlow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    State,
    connections::{connected_view, to_its_end},
    error::ApiError,
    extract::Json,
};

#[derive(Serialize)]
pub(crate) struct AuthorizationView {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reroute_url: Option<String>,
    flow_id: String,
    expires_at: Timestamp,
}

/// `GET /api/admin/connections/{provider}/auth-url`
pub(crate) async fn auth_url(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Answer<AuthorizationView>, ApiError> {
    let begun = state.connections.start_oauth_flow(&provider, &actor).await?;
    let StartedOAuthFlow { url, reroute_url, flow_id, expires_at } = begun;
    Ok(Answer(AuthorizationView { url, reroute_url, flow_id, expires_at }))
}

/// What the redirect brought: a code, or the provider's refusal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackBody {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `POST /api/admin/connections/{provider}/callback`
pub(crate) async fn callback(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    caller: Caller,
    actor: Actor,
    Json(body): Json<CallbackBody>,
) -> Result<Answer<Value>, ApiError> {
    // A browser could be led to redeem a code that its person never asked for.
    if caller.by == By::Cookie && body.state.is_none() {
        return Err(Error::field("state", "is needed from a caller by cookie").into());
    }
    let returned = OAuthCallback {
        code: body.code.map(Secret::new),
        state: body.state.map(Secret::new),
        iss: body.iss,
        error: body.error,
        error_description: body.error_description,
    };
    let redeemed = async move { state.connections.complete_oauth_flow(&provider, returned, &actor).await };
    Ok(Answer(connected_view(&to_its_end(redeemed).await?)))
}

/// `GET /api/admin/connections/{provider}/auth-flows/{flow}`
pub(crate) async fn flow(
    Given(state): Given<State>,
    Path((provider, flow)): Path<(String, String)>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    Ok(Answer(match state.connections.flow_state(&provider, &flow, &actor).await? {
        FlowState::Pending => json!({ "status": "pending" }),
        FlowState::Succeeded => json!({ "status": "succeeded" }),
        FlowState::Failed(reason) => json!({ "status": "failed", "reason": reason }),
        FlowState::Expired => json!({ "status": "expired" }),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppBody {
    client_id: String,
    client_secret: Option<String>,
}

/// `PUT /api/admin/providers/{provider}/oauth-app`
pub(crate) async fn set_app(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(body): Json<AppBody>,
) -> Result<Answer<Value>, ApiError> {
    let app = OAuthApp { client_id: body.client_id, client_secret: body.client_secret.map(Secret::new) };
    let set = async move { state.connections.set_oauth_app(&provider, app, &actor).await };
    to_its_end(set).await?;
    Ok(Answer(json!({ "ok": true })))
}

/// `GET /oauth/callback`: the same page whatever the query holds; its script reads it in the browser.
pub(crate) async fn landing() -> Response {
    page("text/html; charset=utf-8", include_str!("oauth/callback.html"))
}

/// `GET /oauth/callback.js`
pub(crate) async fn landing_script() -> Response {
    page("text/javascript; charset=utf-8", include_str!("oauth/callback.js"))
}

/// `GET /oauth/callback.css`
pub(crate) async fn landing_style() -> Response {
    page("text/css; charset=utf-8", include_str!("oauth/callback.css"))
}

/// A code stands in this page's address: nothing of it is framed, loaded from elsewhere or told to another page.
fn page(kind: &'static str, text: &'static str) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    let fields: [(HeaderName, &'static str); 5] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin-allow-popups"),
    ];
    let mut response = text.into_response();
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
