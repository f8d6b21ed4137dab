//! `/api/admin/connections`: list, connect, disconnect, status and health of connections.

mod connect;
mod disconnect;
mod users;

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use jackfield_core::{Check, Connection, StartedDisconnect, Status};
use jackfield_service::connections::{HOST_FACTS, HealthResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use self::{
    connect::{ConnectedView, connect, describe_connect, describe_connect_responses},
    disconnect::{
        describe_disconnect, describe_disconnect_responses, describe_preview_disconnect, disconnect, preview_disconnect,
    },
    users::{describe_list as describe_users, list as users},
};
use crate::{
    ApiState,
    http::{errors::ApiError, extractors::Query},
    operation::{Operation, ProviderIdView, UtcTime},
};

pub(crate) const GROUP: &str = "Connections";

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
    /// After a failure, when it is worth another try. Jackfield itself tries then only to renew the token of an OAuth
    /// grant.
    retry_at: Option<UtcTime>,
    last_check: Option<CheckView>,
    /// A disconnect that was started and is not complete; null if there is none. It is completed automatically, or by
    /// another disconnect. A connect cancels it.
    disconnect: Option<StartedDisconnectView>,
}

/// Who started a disconnect, and when.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct StartedDisconnectView {
    by: String,
    at: UtcTime,
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
    /// The facts that the plugin reported in the last check of the connection's health.
    #[schemars(with = "BTreeMap<String, ReportedFactView>")]
    facts: Map<String, Value>,
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
            disconnect: connection.disconnect.map(StartedDisconnectView::from),
        }
    }
}

impl From<StartedDisconnect> for StartedDisconnectView {
    fn from(started: StartedDisconnect) -> Self {
        Self { by: started.by, at: started.at.into() }
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
            facts: check.facts,
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
        "facts": { "team": "Acme Instruments" },
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
        "disconnect": null,
    });
    Operation::new("list_connections", GROUP, "Lists all connections")
        .description("Providers are not called. A connection that cannot be decrypted is listed as `unreadable`.")
        .json::<ConnectionListView>(200, "All connections.", json!({ "connections": [connection] }))
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

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthQuery {
    /// Call the provider although it asked to wait.
    #[serde(default)]
    ignore_wait: bool,
}

/// `GET /api/admin/connections/{provider}/health`
pub(crate) async fn health(
    State(state): State<ApiState>,
    Path(provider): Path<String>,
    Query(query): Query<HealthQuery>,
) -> Result<Json<ConnectionHealthView>, ApiError> {
    let connections = &state.connections;
    let health = match query.ignore_wait {
        true => connections.check_health_by_hand(&provider).await?,
        false => connections.check_health(&provider).await?,
    };
    Ok(Json(health.into()))
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
            "If the provider fails, the response has status 200 with `healthy` false, `code` and `reason`. If it is \
             not connected, `configured` and `healthy` are false. The provider is not called before its own \
             `Retry-After` has passed, unless `ignore_wait` is true. If it is then healthy, the wait is over.",
        )
        .query::<HealthQuery>()
        .json::<ConnectionHealthView>(200, "The health of the connection.", example)
        .problems(&["unknown_provider", "sealed"])
}
