//! `/api/admin/providers`: what serves, what waits and in what it differs; and what an Executive decides about it.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json as Answer,
    extract::{Path, Request, State as Given},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use jackfield_core::{
    Error,
    audit::Actor,
    manifest::{Auth, Capabilities, Field, Manifest},
};
use jackfield_sandbox::{PluginEntry, PluginState, PreviousVersion, WaitingVersion, endpoint_lines};
use jackfield_service::plugins::{is_downgrade, manifest_diff::ManifestDiff, manifest_parts};
use jackfield_signing::SignatureStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    State,
    connections::to_its_end,
    error::ApiError,
    extract::{self, Json, LARGE, media_type},
};

/// The header with a signature of the body.
const SIGNATURE: &str = "component-signature";

#[derive(Serialize)]
pub(crate) struct ListView {
    providers: Vec<ProviderView>,
    /// Why the plugins' folder is not looked at.
    folder_problem: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ProviderView {
    id: String,
    file: Option<String>,
    digest: Option<String>,
    #[serde(flatten)]
    approval: PluginState,
    #[serde(flatten)]
    asks: Option<AsksView>,
    signature: Option<SignatureView>,
    /// Until when it is left alone after it failed again and again.
    paused_until: Option<Timestamp>,
    waiting: Vec<WaitingView>,
    previous: Option<PreviousVersion>,
}

/// A version that waits, and in what it differs from the approved one.
#[derive(Serialize)]
struct WaitingView {
    file: Option<String>,
    digest: String,
    #[serde(flatten)]
    asks: AsksView,
    signature: Option<SignatureView>,
    downgrade: bool,
    changes: Option<ManifestDiff>,
}

/// What a signature came to, where keys are trusted.
#[derive(Serialize)]
struct SignatureView {
    state: &'static str,
    /// The trusted key that signed it.
    key: Option<String>,
    /// What it asks for beyond that key's grant, in words.
    beyond: Vec<String>,
}

impl From<SignatureStatus> for SignatureView {
    fn from(status: SignatureStatus) -> Self {
        let (state, key, beyond) = match status {
            SignatureStatus::WithinPermissions { key } => ("granted", Some(key), Vec::new()),
            SignatureStatus::ExceedsPermissions { key, beyond } => ("asks_more", Some(key), beyond),
            SignatureStatus::UnknownKey => ("unknown_key", None, Vec::new()),
            SignatureStatus::Invalid(why) => ("broken", None, vec![why]),
            SignatureStatus::Unsigned => ("unsigned", None, Vec::new()),
        };
        Self { state, key, beyond }
    }
}

/// What a component asks for, as an administrator approves it.
#[derive(Serialize)]
struct AsksView {
    title: String,
    version: String,
    auth: &'static str,
    grant: BTreeMap<String, String>,
    scopes: BTreeSet<String>,
    fields: Vec<Field>,
    hosts: BTreeSet<String>,
    endpoints: Vec<String>,
    credentials: BTreeMap<String, String>,
    capabilities: Capabilities,
}

/// What a decision came to.
#[derive(Serialize)]
pub(crate) struct DecidedView {
    ok: bool,
    provider: Option<ProviderView>,
}

/// `GET /api/admin/providers`
pub(crate) async fn list(Given(state): Given<State>) -> Answer<ListView> {
    let now = state.clock.now();
    let providers = state.catalog.entries().iter().map(|entry| view(entry, now)).collect();
    Answer(ListView { providers, folder_problem: state.plugins.folder_problem() })
}

/// `POST /api/admin/providers`
pub(crate) async fn add(Given(state): Given<State>, actor: Actor, request: Request) -> Result<Response, ApiError> {
    if !media_type(&request).eq_ignore_ascii_case("application/wasm") {
        return Err(Error::InvalidRequest(
            "the body must be the component's bytes, with Content-Type: application/wasm".to_owned(),
        )
        .into());
    }
    let signature = signature_of(request.headers())?;
    let bytes = extract::read(request, LARGE).await?.to_vec();
    let now = state.clock.now();
    let added = to_its_end(async move { state.plugins.add(bytes, signature.as_deref(), &actor).await }).await?;
    Ok((StatusCode::CREATED, Answer(DecidedView { ok: true, provider: Some(view(&added, now)) })).into_response())
}

/// The signature that goes along: minisign's file, its lines in base64 as one value.
fn signature_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(SIGNATURE) else { return Ok(None) };
    let text = STANDARD.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| {
        let why = "must be the text of a .minisig file in base64".to_owned();
        Error::field("signature", why).into()
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveBody {
    digest: String,
}

/// `POST /api/admin/providers/{provider}/approve`
pub(crate) async fn approve(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
    Json(body): Json<ApproveBody>,
) -> Result<Answer<DecidedView>, ApiError> {
    let now = state.clock.now();
    let approved = async move { state.plugins.approve(&provider, &body.digest, &actor).await };
    Ok(decided(Some(&*to_its_end(approved).await?), now))
}

/// `POST /api/admin/providers/{provider}/disable`
pub(crate) async fn disable(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Answer<DecidedView>, ApiError> {
    let now = state.clock.now();
    let disabled = async move { state.plugins.disable(&provider, &actor).await };
    Ok(decided(Some(&*to_its_end(disabled).await?), now))
}

/// `POST /api/admin/providers/{provider}/rollback`
pub(crate) async fn rollback(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Answer<DecidedView>, ApiError> {
    let now = state.clock.now();
    let gone_back = async move { state.plugins.rollback(&provider, &actor).await };
    Ok(decided(Some(&*to_its_end(gone_back).await?), now))
}

/// `DELETE /api/admin/providers/{provider}`
pub(crate) async fn remove(
    Given(state): Given<State>,
    Path(provider): Path<String>,
    actor: Actor,
) -> Result<Answer<DecidedView>, ApiError> {
    let now = state.clock.now();
    let removed = async move { state.plugins.remove(&provider, &actor).await };
    Ok(decided(to_its_end(removed).await?.as_deref(), now))
}

fn decided(entry: Option<&PluginEntry>, now: Timestamp) -> Answer<DecidedView> {
    Answer(DecidedView { ok: true, provider: entry.map(|entry| view(entry, now)) })
}

pub(crate) fn view(entry: &PluginEntry, now: Timestamp) -> ProviderView {
    let approved = entry.manifest().filter(|_| matches!(entry.state, PluginState::Approved | PluginState::Disabled));
    let paused = entry.component().and_then(|component| component.breaker.pause_at(now));
    ProviderView {
        id: entry.id.clone(),
        file: entry.file.clone(),
        digest: entry.digest.clone(),
        approval: entry.state.clone(),
        asks: entry.manifest().map(what_it_asks),
        signature: entry.signature.clone().map(SignatureView::from),
        paused_until: paused.map(|pause| pause.until),
        waiting: entry.waiting.iter().map(|version| waiting(version, approved)).collect(),
        previous: entry.previous.clone(),
    }
}

fn waiting(version: &WaitingVersion, approved: Option<&Manifest>) -> WaitingView {
    let manifest = &version.component.manifest;
    WaitingView {
        file: version.file.clone(),
        digest: version.component.digest.clone(),
        asks: what_it_asks(manifest),
        signature: version.signature.clone().map(SignatureView::from),
        downgrade: approved.is_some_and(|approved| is_downgrade(approved, manifest)),
        changes: approved.map(|approved| ManifestDiff::between(approved, manifest)),
    }
}

fn what_it_asks(manifest: &Manifest) -> AsksView {
    AsksView {
        title: manifest.title.clone(),
        version: manifest.version.clone(),
        auth: match manifest.auth {
            Auth::Fields => "fields",
            Auth::OAuth2(_) => "oauth2",
            Auth::ServiceAccount(_) => "service_account",
        },
        grant: manifest_parts::grant(manifest),
        scopes: manifest_parts::scopes(manifest),
        fields: manifest.fields.clone(),
        hosts: manifest_parts::hosts(manifest),
        endpoints: endpoint_lines(manifest),
        credentials: manifest_parts::credentials(manifest),
        capabilities: manifest.capabilities,
    }
}
