//! `/api/admin/service`: the service's key, database, versions and plugins, for its operator.

use axum::{Json, extract::State};
use jackfield_core::Person;
use jackfield_sandbox::{CONTRACT_VERSIONS, PluginState};
use jackfield_store::EditedRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    ApiState,
    operation::{Operation, UtcTime},
};

/// The state of the service.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ServiceStateView {
    version: &'static str,
    started_at: UtcTime,
    key: MasterKeyView,
    database: DatabaseView,
    providers: PluginCountsView,
    /// The rows of the database that are ignored because they were inserted or edited by hand: at most 100.
    edited_rows: Vec<EditedRowView>,
    /// People who share their `user_id` with somebody: at most 100. Change all but one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shared_user_ids: Vec<SharedUserIdView>,
    /// The versions of the plugin contract that are supported.
    contract_versions: [&'static str; CONTRACT_VERSIONS.len()],
    /// The service's address for browsers.
    #[schemars(extend("format" = "uri"))]
    public_url: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct MasterKeyView {
    state: KeyStateView,
    /// Why the service is sealed, and what to do.
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum KeyStateView {
    Open,
    Sealed,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct DatabaseView {
    #[schemars(extend("enum" = ["sqlite", "postgres"]))]
    kind: &'static str,
    /// Whether the database answers.
    ok: bool,
    /// The newest migration; null if the database does not answer.
    migration: Option<i64>,
}

/// A row that was inserted or edited by hand.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct EditedRowView {
    table: &'static str,
    /// The id of the row; the name of a sign-in link; the provider of a connection or an OAuth app.
    row: String,
}

/// A person whose `user_id` another person has too, because an earlier version accepted that.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct SharedUserIdView {
    person_id: String,
    name: String,
    email: String,
    user_id: Option<String>,
}

/// The number of plugins in each state.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(inline)]
struct PluginCountsView {
    approved: usize,
    pending: usize,
    broken: usize,
    disabled: usize,
    checking: usize,
    /// The plugins that are paused, after repeated failures or a guess at a secret.
    paused: Vec<String>,
}

/// `GET /api/admin/service`: also answers if the service is sealed or its database does not answer.
pub(crate) async fn show(State(state): State<ApiState>) -> Json<ServiceStateView> {
    let sealed = state.store.sealed_reason();
    let migration = state.store.migration().await.ok();
    Json(ServiceStateView {
        version: env!("CARGO_PKG_VERSION"),
        started_at: state.started_at.into(),
        key: MasterKeyView {
            state: if sealed.is_some() { KeyStateView::Sealed } else { KeyStateView::Open },
            reason: sealed.map(str::to_owned),
        },
        database: DatabaseView { kind: state.store.kind(), ok: migration.is_some(), migration },
        providers: count_plugins(&state),
        edited_rows: list_edited_rows(&state).await,
        shared_user_ids: list_shared_user_ids(&state).await,
        contract_versions: CONTRACT_VERSIONS,
        public_url: state.public_url.to_string(),
    })
}

pub(crate) fn describe_show() -> Operation {
    let example = json!({
        "version": "0.1.0",
        "started_at": "2026-11-24T04:23:54.172863Z",
        "key": { "state": "open", "reason": null },
        "database": { "kind": "sqlite", "ok": true, "migration": 6 },
        "providers": { "approved": 6, "pending": 1, "broken": 0, "disabled": 0, "checking": 0, "paused": ["acme-chat"] },
        "edited_rows": [{ "table": "tokens", "row": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596" }],
        "contract_versions": ["0.1.0", "0.2.0"],
        "public_url": "https://jackfield.example.com/",
    });
    Operation::new("show_service", "Service", "Shows key, database, versions and plugins")
        .description("Also answers if the service is sealed.")
        .json::<ServiceStateView>(200, "The state of the service.", example)
}

/// The maximum number of edited rows that are listed.
const MAX_EDITED_ROWS: usize = 100;

/// Lists the edited rows.
///
/// If the database does not answer, or contains a value that cannot be read, the other parts of the response must not
/// fail with it.
async fn list_edited_rows(state: &ApiState) -> Vec<EditedRowView> {
    match state.store.edited_rows().await {
        Ok(rows) => {
            let rows = rows.into_iter().take(MAX_EDITED_ROWS);
            rows.map(|EditedRow { table, row }| EditedRowView { table: table.as_str(), row }).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "rows not checked for edits");
            Vec::new()
        }
    }
}

/// The maximum number of people with a shared `user_id` that are listed.
const MAX_SHARED_USER_IDS: u32 = 100;

async fn list_shared_user_ids(state: &ApiState) -> Vec<SharedUserIdView> {
    let people = state.store.people_with_shared_user_id(MAX_SHARED_USER_IDS).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "people not checked for shared user ids");
        Vec::new()
    });
    let view = |Person { id, name, email, user_id, .. }| SharedUserIdView { person_id: id, name, email, user_id };
    people.into_iter().map(view).collect()
}

fn count_plugins(state: &ApiState) -> PluginCountsView {
    let now = state.clock.now();
    let mut counts = PluginCountsView::default();
    for entry in state.catalog.entries() {
        match entry.state {
            PluginState::Approved => counts.approved += 1,
            PluginState::Pending => counts.pending += 1,
            PluginState::Disabled => counts.disabled += 1,
            PluginState::Broken(_) => counts.broken += 1,
            PluginState::Checking(_) => counts.checking += 1,
        }
        if entry.component.as_ref().is_some_and(|component| component.breaker.pause_at(now).is_some()) {
            counts.paused.push(entry.id.clone());
        }
    }
    counts
}
