//! `/api/admin/connections`: list, connect, disconnect, status and health of connections.

mod users;

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::{Check, Connection, Error, Status, audit::Actor};
use jackfield_service::connections::{
    ConnectResult, DisconnectPreview, HealthResult, RevocationResult, RevocationScope, SubmittedValue,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::Instrument;

pub(crate) use self::users::{describe_list as describe_users, list as users};
use super::accounts::AccountView;
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::JsonBody},
    openapi::{AlwaysTrue, Operation, ProviderIdView, UtcTime},
};

pub(crate) const GROUP: &str = "Connections";

/// The problems of every request that calls the provider with its stored credential.
pub(crate) const PROVIDER_PROBLEMS: [&str; 11] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "not_connected",
    "needs_choice",
    "needs_reauth",
    "permission_missing",
    "unsupported",
    "sealed",
    "provider_error",
    "provider_timeout",
];

/// The problems of every request that checks a new credential with the provider.
pub(crate) const CONNECT_PROBLEMS: [&str; 7] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "unsupported",
    "credential_rejected",
    "sealed",
    "provider_error",
];

/// Runs a change to its end even if the caller disconnects, so that a change at the provider is always recorded here.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change.in_current_span()).await.map_err(Error::internal)?
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectionListView {
    connections: Vec<ConnectionView>,
}

/// A connection, without its secrets.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectionView {
    #[schemars(with = "ProviderIdView")]
    provider: String,
    /// The provider's name of the organisation.
    org_name: Option<String>,
    /// Who connected it, as named in the audit log.
    connected_by: String,
    connected_at: UtcTime,
    token_expires_at: Option<UtcTime>,
    status: ConnectionStateView,
    /// Why the status is not `connected`, in words.
    reason: Option<String>,
    /// When it got this status.
    since: UtcTime,
    /// What to do, in words.
    next_action: Option<&'static str>,
    /// When it is retried automatically.
    retry_at: Option<UtcTime>,
    last_check: Option<CheckView>,
}

/// What a person should do. `connected`: nothing. `expiring`: connect again soon. `degraded`: wait, or see `reason`.
/// `needs_choice`: choose an account. `needs_reauth`: connect again. `unreadable`: restore the right master key, or
/// connect again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ConnectionStateView {
    Connected,
    Expiring,
    Degraded,
    NeedsChoice,
    NeedsReauth,
    Unreadable,
}

/// The result of the last request to the provider.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CheckView {
    at: UtcTime,
    healthy: bool,
    /// The code of the failure.
    code: Option<String>,
    /// The failure in words.
    reason: Option<String>,
    #[schemars(range(min = 0))]
    latency_ms: i64,
}

impl ConnectionView {
    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        Self {
            provider: connection.provider.to_string(),
            org_name: connection.org_name,
            connected_by: connection.connected_by,
            connected_at: connection.connected_at.into(),
            token_expires_at: connection.token_expires_at.map(UtcTime::from),
            status: connection.status.into(),
            reason: connection.reason,
            since: connection.since.into(),
            next_action: connection.status.next_action(),
            retry_at: connection.retry_at.map(UtcTime::from),
            last_check: connection.last_check.map(CheckView::from),
        }
    }
}

impl From<Status> for ConnectionStateView {
    fn from(status: Status) -> Self {
        match status {
            Status::Connected => Self::Connected,
            Status::Expiring => Self::Expiring,
            Status::Degraded => Self::Degraded,
            Status::NeedsChoice => Self::NeedsChoice,
            Status::NeedsReauth => Self::NeedsReauth,
            Status::Unreadable => Self::Unreadable,
        }
    }
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self {
            at: check.at.into(),
            healthy: check.healthy,
            code: check.code,
            reason: check.reason,
            latency_ms: check.latency_ms,
        }
    }
}

/// `GET /api/admin/connections`
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<ConnectionListView>, ApiError> {
    let connections = state.connections.list().await?.into_iter().map(ConnectionView::from).collect();
    Ok(Json(ConnectionListView { connections }))
}

pub(crate) fn describe_list() -> Operation {
    let check = json!({
        "at": "2026-11-24T04:23:54.172214Z", "healthy": true, "code": null, "reason": null, "latency_ms": 2,
    });
    let connection = json!({
        "provider": "acme-chat",
        "org_name": "Acme Instruments",
        "connected_by": "admin",
        "connected_at": "2026-11-24T04:23:54.172217Z",
        "token_expires_at": null,
        "status": "connected",
        "reason": null,
        "since": "2026-11-24T04:23:54.172217Z",
        "next_action": null,
        "retry_at": null,
        "last_check": check,
    });
    Operation::new("list_connections", GROUP, "Lists all connections")
        .description("Providers are not called. A connection that cannot be decrypted is listed as `unreadable`.")
        .json::<ConnectionListView>(200, "All connections.", json!({ "connections": [connection] }))
}

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
             omitted field keeps its value, even if it is secret, and null clears an optional field. Secrets are never \
             returned, not even masked. The credential is checked with the provider before anything is stored.",
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
            "The provider is not connected any more.",
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

#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectionStatusView {
    configured: bool,
    /// A field that is not secret.
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
}

/// `GET /api/admin/connections/{provider}/status`
pub(crate) async fn status(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<ConnectionStatusView>, ApiError> {
    let connection = state.connections.find(&provider).await?;
    let configured = connection.is_some();
    let fields = connection.map(|connection| connection.fields).unwrap_or_default();
    Ok(Json(ConnectionStatusView { configured, fields }))
}

pub(crate) fn describe_status() -> Operation {
    Operation::new("connection_status", GROUP, "Shows the fields that are not secret")
        .description("The provider is not called.")
        .json::<ConnectionStatusView>(
            200,
            "Whether there is a connection, and its fields.",
            json!({ "configured": true, "organization": "acme" }),
        )
        .problems(&["unknown_provider"])
}

/// Whether the connection works, with the facts that the plugin reports.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConnectionHealthView {
    /// Whether there is a connection.
    configured: bool,
    healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UtcTime")]
    checked_at: Option<UtcTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    latency_ms: Option<i64>,
    /// The code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    code: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<String>,
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, ReportedFactView>")]
    report: Map<String, Value>,
}

/// A fact that the provider's plugin reports.
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean", "array"]))]
struct ReportedFactView(#[expect(dead_code, reason = "only its schema is used")] Value);

impl From<HealthResult> for ConnectionHealthView {
    fn from(health: HealthResult) -> Self {
        const HOST_FACTS: [&str; 6] = ["configured", "healthy", "checked_at", "latency_ms", "code", "reason"];
        let mut report = health.report;
        report.retain(|name, _| !HOST_FACTS.contains(&name.as_str()));
        let failure = health.check.as_ref().filter(|check| !check.healthy);
        Self {
            configured: health.configured,
            healthy: health.check.as_ref().is_some_and(|check| check.healthy),
            checked_at: health.check.as_ref().map(|check| check.at.into()),
            latency_ms: health.check.as_ref().map(|check| check.latency_ms),
            code: failure.and_then(|check| check.code.clone()),
            reason: failure.and_then(|check| check.reason.clone()),
            report,
        }
    }
}

/// `GET /api/admin/connections/{provider}/health`
pub(crate) async fn health(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
) -> Result<Json<ConnectionHealthView>, ApiError> {
    Ok(Json(state.connections.check_health(&provider).await?.into()))
}

pub(crate) fn describe_health() -> Operation {
    let example = json!({
        "configured": true,
        "healthy": true,
        "checked_at": "2026-11-24T04:23:54.303739Z",
        "latency_ms": 41,
        "organization": "Acme Instruments",
    });
    Operation::new("connection_health", GROUP, "Checks with the provider whether the connection works")
        .description(
            "A failure of the provider is status 200 with `healthy` false, `code` and `reason`; so is a provider that \
             is not connected. The provider is not called before the end of its own `Retry-After`.",
        )
        .json::<ConnectionHealthView>(200, "The health of the connection.", example)
        .problems(&["unknown_provider", "sealed"])
}
