//! `/api/admin/service`: the service itself, for whoever runs it: key, database, versions, components.

use axum::{Json as Answer, extract::State as Given};
use jackfield_sandbox::{self as sandbox, catalog};
use jiff::Timestamp;
use serde::Serialize;

use crate::State;

#[derive(Serialize)]
pub(crate) struct ServiceView {
    version: &'static str,
    started_at: Timestamp,
    key: KeyView,
    database: DatabaseView,
    providers: ProvidersView,
    contract_versions: [&'static str; 2],
    public_url: String,
}

#[derive(Serialize)]
struct KeyView {
    state: &'static str,
    /// Why it is sealed, and what to do about it.
    reason: Option<String>,
}

#[derive(Serialize)]
struct DatabaseView {
    kind: &'static str,
    ok: bool,
    /// The newest migration of its tables; none where it does not answer.
    migration: Option<i64>,
}

/// How many providers stand how, and which are left alone for a while.
#[derive(Default, Serialize)]
struct ProvidersView {
    approved: usize,
    pending: usize,
    broken: usize,
    disabled: usize,
    paused: Vec<String>,
}

/// `GET /api/admin/service`: an answer also where the service is sealed, or its database does not answer.
pub(crate) async fn show(Given(state): Given<State>) -> Answer<ServiceView> {
    let sealed = state.store.sealed_because();
    let migration = state.store.migration().await.ok();
    let now = state.clock.now();
    let mut providers = ProvidersView::default();
    for entry in state.catalog.entries() {
        match entry.state {
            catalog::State::Approved => providers.approved += 1,
            catalog::State::Pending => providers.pending += 1,
            catalog::State::Disabled => providers.disabled += 1,
            catalog::State::Broken(_) => providers.broken += 1,
        }
        if entry.component().is_some_and(|component| component.breaker.paused(now).is_some()) {
            providers.paused.push(entry.id.clone());
        }
    }
    Answer(ServiceView {
        version: env!("CARGO_PKG_VERSION"),
        started_at: state.started_at,
        key: KeyView { state: if sealed.is_some() { "sealed" } else { "open" }, reason: sealed.map(str::to_owned) },
        database: DatabaseView { kind: state.store.kind(), ok: migration.is_some(), migration },
        providers,
        contract_versions: sandbox::CONTRACT_VERSIONS,
        public_url: state.public_url.to_string(),
    })
}
