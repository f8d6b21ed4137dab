//! `/api/admin/connections`: list, connect, disconnect, status, health, users.

use std::collections::BTreeMap;

use axum::{
    Json as Answer,
    extract::{Path, State as Given},
};
use jackfield_core::{Check, Connection, Error, FieldError, Status, User, audit::Actor};
use jackfield_service::connections::{Connected, Revokes, Submitted, Upstream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::Instrument;

use crate::{
    State,
    error::ApiError,
    extract::{Json, Query},
};

/// Users of a page where the caller names no number.
const USERS: u32 = 100;

/// Users of a page at most.
const MOST_USERS: u32 = 200;

#[derive(Serialize)]
pub(crate) struct ListView {
    connections: Vec<ConnectionView>,
}

#[derive(Serialize)]
pub(crate) struct ConnectionView {
    provider: String,
    org_name: Option<String>,
    connected_by: String,
    connected_at: Timestamp,
    token_expires_at: Option<Timestamp>,
    status: Status,
    reason: Option<String>,
    since: Timestamp,
    next_action: Option<&'static str>,
    retry_at: Option<Timestamp>,
    last_check: Option<Check>,
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
            connected_at: connection.connected_at,
            token_expires_at: connection.token_expires_at,
            status: connection.status,
            reason: connection.reason,
            since: connection.since,
            next_action: connection.status.next_action(),
            retry_at: connection.retry_at,
            last_check: connection.last_check,
        }
    }
}

/// `GET /api/admin/connections`
pub(crate) async fn list(Given(state): Given<State>) -> Result<Answer<ListView>, ApiError> {
    let connections = state.connections.list().await?.into_iter().map(ConnectionView::from).collect();
    Ok(Answer(ListView { connections }))
}

/// `PUT /api/admin/connections/{provider}`
pub(crate) async fn connect(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(body): Json<BTreeMap<String, Submitted>>,
) -> Result<Answer<Value>, ApiError> {
    let connected = to_its_end(async move { state.connections.connect(&provider, body, &actor).await }).await?;
    Ok(Answer(connected_view(&connected)))
}

/// What a connect came to: the organisation, or the accounts of which one is to be chosen.
pub(crate) fn connected_view(connected: &Connected) -> Value {
    if connected.accounts.is_empty() {
        json!({ "ok": true, "org_name": connected.org_name })
    } else {
        json!({ "ok": true, "accounts": connected.accounts })
    }
}

/// `DELETE /api/admin/connections/{provider}`
pub(crate) async fn disconnect(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Answer<Value>, ApiError> {
    let gone = to_its_end(async move { state.connections.disconnect(&provider, &actor).await }).await?;
    let upstream = match gone.upstream {
        Upstream::Revoked => "revoked",
        Upstream::Kept => "kept",
        Upstream::Failed => "failed",
        Upstream::Nothing => "nothing",
    };
    Ok(Answer(json!({ "ok": true, "upstream": upstream, "note": gone.note })))
}

/// `GET /api/admin/connections/{provider}/disconnect`
pub(crate) async fn foresee_disconnect(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<Value>, ApiError> {
    let foreseen = state.connections.foresee_disconnect(&provider).await?;
    let services: Vec<Value> = foreseen.services.iter().map(|name| json!({ "name": name })).collect();
    Ok(Answer(json!({
        "provider": provider,
        "configured": foreseen.configured,
        "org_name": foreseen.org_name,
        "mappings": foreseen.mappings,
        "mappings_kept": foreseen.mappings_kept,
        "alerts": foreseen.alerts,
        "revokes": match foreseen.revokes {
            Revokes::Upstream => "upstream",
            Revokes::Local => "local",
        },
        "services": services,
    })))
}

/// Does a change to its end, also when the caller hangs up in the middle: what was begun at the provider is then
/// written down here too.
pub(crate) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change.in_current_span()).await.map_err(Error::internal)?
}

/// `GET /api/admin/connections/{provider}/status`
pub(crate) async fn status(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<Value>, ApiError> {
    let stored = state.connections.status(&provider).await?;
    let mut view = Map::from_iter([("configured".to_owned(), Value::Bool(stored.is_some()))]);
    view.extend(stored.into_iter().flat_map(|connection| connection.fields).map(|(name, value)| (name, value.into())));
    Ok(Answer(view.into()))
}

/// `GET /api/admin/connections/{provider}/health`
pub(crate) async fn health(
    Given(state): Given<State>,
    Path(provider): Path<String>,
) -> Result<Answer<Value>, ApiError> {
    let health = state.connections.health(&provider).await?;
    // The component's own facts first, so that ours hold where the names meet.
    let mut view = health.report;
    view.retain(|name, _| !["code", "reason"].contains(&name.as_str()));
    view.insert("configured".to_owned(), health.configured.into());
    view.insert("healthy".to_owned(), health.check.as_ref().is_some_and(|check| check.healthy).into());
    if let Some(check) = health.check {
        view.insert("checked_at".to_owned(), check.at.to_string().into());
        view.insert("latency_ms".to_owned(), check.latency_ms.into());
        if !check.healthy {
            view.insert("code".to_owned(), check.code.into());
            view.insert("reason".to_owned(), check.reason.into());
        }
    }
    Ok(Answer(view.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersQuery {
    cursor: Option<String>,
    limit: Option<u32>,
    with: Option<With>,
}

/// What is told of each user besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum With {
    Person,
}

#[derive(Serialize)]
pub(crate) struct UsersView {
    users: Vec<UserView>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct UserView {
    #[serde(flatten)]
    user: User,
    /// Whose account it is, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<Option<HolderView>>,
}

#[derive(Serialize)]
struct HolderView {
    id: String,
    name: String,
}

/// `GET /api/admin/connections/{provider}/users`
pub(crate) async fn users(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    Query(query): Query<UsersQuery>,
) -> Result<Answer<UsersView>, ApiError> {
    let limit = query.limit.unwrap_or(USERS);
    if !(1..=MOST_USERS).contains(&limit) {
        return Err(Error::InvalidFields(vec![FieldError::new("limit", format!("must be 1 to {MOST_USERS}"))]).into());
    }
    let page = state.connections.users(&provider, query.cursor.as_deref(), limit).await?;
    let mut holders = match query.with {
        None => None,
        Some(With::Person) => {
            let accounts: Vec<&str> = page.users.iter().map(|user| user.external_id.as_str()).collect();
            Some(state.people.holders(&provider, &accounts).await?)
        }
    };
    let with_person = |user: User| {
        let holder = holders.as_mut().map(|holders| holders.remove(&user.external_id));
        let person = holder.map(|holder| holder.map(|person| HolderView { id: person.id, name: person.name }));
        UserView { user, person }
    };
    let users = page.users.into_iter().map(with_person).collect();
    Ok(Answer(UsersView { users, next_cursor: page.next_cursor }))
}
