//! `/api/admin/providers`: every component that was found, and what each asks for.

use axum::{Json as Answer, extract::State as Given};
use serde::Serialize;

use super::State;
use crate::{
    model::manifest::{Auth, Capabilities, Field, Manifest},
    sandbox::catalog::{Entry, State as Approval, endpoint_lines},
};

#[derive(Serialize)]
pub(super) struct ListView {
    providers: Vec<ProviderView>,
}

#[derive(Serialize)]
struct ProviderView {
    id: String,
    file: String,
    digest: Option<String>,
    #[serde(flatten)]
    approval: Approval,
    #[serde(flatten)]
    asks: Option<AsksView>,
}

/// What a component asks for, as an administrator approves it.
#[derive(Serialize)]
struct AsksView {
    title: String,
    version: String,
    auth: &'static str,
    fields: Vec<Field>,
    hosts: Vec<String>,
    endpoints: Vec<String>,
    capabilities: Capabilities,
}

/// `GET /api/admin/providers`
pub(super) async fn list(Given(state): Given<State>) -> Answer<ListView> {
    let providers = state.catalog.entries().iter().map(|entry| view(entry)).collect();
    Answer(ListView { providers })
}

fn view(entry: &Entry) -> ProviderView {
    ProviderView {
        id: entry.id.clone(),
        file: entry.file.clone(),
        digest: entry.digest.clone(),
        approval: entry.state.clone(),
        asks: entry.manifest().map(asks),
    }
}

fn asks(manifest: &Manifest) -> AsksView {
    let mut hosts: Vec<String> = manifest.endpoints.iter().map(|endpoint| endpoint.host.clone()).collect();
    hosts.sort();
    hosts.dedup();
    AsksView {
        title: manifest.title.clone(),
        version: manifest.version.clone(),
        auth: match manifest.auth {
            Auth::Fields => "fields",
            Auth::OAuth2(_) => "oauth2",
            Auth::ServiceAccount(_) => "service_account",
        },
        fields: manifest.fields.clone(),
        hosts,
        endpoints: endpoint_lines(manifest),
        capabilities: manifest.capabilities,
    }
}
