//! A plugin as the API lists it: its state, what its manifest requests, its signature, and the versions that wait.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::{Auth, Capabilities, Choice, Field, FieldKind, Manifest, MappingFate};
use jackfield_sandbox::{
    PluginEntry, PluginState, PreviousVersion, WaitingVersion, describe_credential, endpoint_lines, find_risks,
    to_displayable, to_displayable_text,
};
use jackfield_service::{
    connections::StoredDestinations,
    plugins::{
        is_downgrade,
        manifest_diff::{ChangedPart, ManifestDiff, PartDiff},
        manifest_parts,
        upgrade_risks::find_upgrade_risks,
    },
};
use jackfield_signing::SignatureStatus;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::risk_view::ProviderRiskView;
use crate::operation::UtcTime;

/// A provider's plugin, and everything that an Executive approves.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderView {
    /// The provider's id, or the file's name if the file is not a plugin.
    id: String,
    /// The file in the plugins folder; null if the plugin was uploaded or the file is gone.
    file: Option<String>,
    /// SHA-256 of its bytes.
    digest: Option<String>,
    /// `approved`: it may run. `pending`: it is not approved yet. `disabled`: an Executive disabled it. `broken`: see
    /// `reason`. `checking`: it is not known yet whether it can be used; Jackfield checks it by itself, see `reason`.
    state: PluginStateView,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<String>,
    #[serde(flatten)]
    manifest: Option<ManifestView>,
    /// Null if no key is trusted.
    signature: Option<ProviderSignatureView>,
    /// Until when it is paused, after repeated failures or a guess at a secret.
    paused_until: Option<UtcTime>,
    /// Other versions, which run when they are approved.
    waiting: Vec<WaitingVersionView>,
    /// The version that a rollback goes back to.
    previous: Option<PreviousVersionView>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum PluginStateView {
    Approved,
    Pending,
    Disabled,
    Broken,
    Checking,
}

/// A version that waits for approval.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WaitingVersionView {
    /// The file in the plugins folder; null if the plugin was uploaded or the file is gone.
    file: Option<String>,
    digest: String,
    #[serde(flatten)]
    manifest: ManifestView,
    /// Null if no key is trusted.
    signature: Option<ProviderSignatureView>,
    /// Why it cannot be approved; null if it can.
    objection: Option<String>,
    /// What it requests beyond the approved version, in words, if that is why the signature of a trusted key does not
    /// approve it.
    exceeds: Vec<String>,
    /// Whether its version is lower than the approved one.
    downgrade: bool,
    /// Null if no version is approved.
    changes: Option<ProviderChangesView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct PreviousVersionView {
    digest: String,
    version: String,
}

/// The status of a plugin's signature.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderSignatureView {
    /// `granted`: a trusted key signed it and permits everything that it requests. `asks_more`: it also requests what
    /// `beyond` lists. `unknown_key`: no trusted key signed it.
    state: SignatureStateView,
    /// The trusted key that signed it.
    key: Option<String>,
    /// What it requests beyond the permissions of that key, in words.
    beyond: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum SignatureStateView {
    Granted,
    AsksMore,
    UnknownKey,
    Broken,
    Unsigned,
}

/// What a plugin's manifest requests.
#[derive(Serialize, JsonSchema)]
struct ManifestView {
    /// The product's name.
    title: String,
    version: String,
    /// How people connect the provider.
    auth: AuthView,
    /// Each part of how people connect, in words.
    grant: BTreeMap<String, String>,
    /// Every scope that it requests for tokens.
    scopes: BTreeSet<String>,
    fields: Vec<ProviderFieldView>,
    /// Every host that it calls.
    hosts: BTreeSet<String>,
    /// Every endpoint that it calls.
    endpoints: Vec<String>,
    /// The credential of each endpoint, and its placement.
    credentials: BTreeMap<String, String>,
    /// The same in words: each credential by its own name, and its placement.
    placements: BTreeMap<String, String>,
    capabilities: CapabilitiesView,
    /// What a disconnect does with the mappings of people.
    on_disconnect: MappingFateView,
    /// What an Executive has to notice before the approval.
    risks: Vec<ProviderRiskView>,
    /// The stored secrets that would have to be entered again, in words, because they were not entered for all the
    /// destinations to which this version sends them. Until then, it does not get them.
    secrets_again: Vec<String>,
    /// The required fields that the stored connection does not have, in words. If this version is approved, the
    /// connection cannot be used until somebody connects again and enters them.
    missing_fields: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum MappingFateView {
    Keep,
    Clear,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum AuthView {
    Fields,
    #[serde(rename = "oauth2")]
    OAuth2,
    ServiceAccount,
}

/// One input of the connect form.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderFieldView {
    /// The key in the body of a connect.
    name: String,
    label: String,
    help: String,
    help_url: Option<String>,
    kind: FieldKindView,
    secret: bool,
    /// Whether a new connection requires it.
    required: bool,
    choices: Vec<ChoiceView>,
    /// A regular expression that the whole value must match.
    pattern: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum FieldKindView {
    Text,
    Email,
    Url,
    Json,
    Choice,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ChoiceView {
    value: String,
    label: String,
}

/// What a plugin can do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CapabilitiesView {
    users: bool,
    alerts: bool,
    accounts: bool,
}

/// The differences from the approved version.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderChangesView {
    /// Each difference as a sentence.
    words: Vec<String>,
    hosts: ProviderDifferenceView,
    endpoints: ProviderDifferenceView,
    credentials: ProviderDifferenceView,
    scopes: ProviderDifferenceView,
    grant: ProviderDifferenceView,
    fields: ProviderDifferenceView,
    capabilities: ProviderDifferenceView,
    about: ProviderDifferenceView,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderDifferenceView {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<ChangedPartView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct ChangedPartView {
    what: String,
    from: String,
    to: String,
}

impl ProviderView {
    pub(crate) fn new(entry: &PluginEntry, now: Timestamp, stored: &StoredDestinations) -> Self {
        let is_decided = matches!(entry.state, PluginState::Approved | PluginState::Disabled);
        let approved = entry.manifest().filter(|_| is_decided);
        let (state, reason) = match &entry.state {
            PluginState::Approved => (PluginStateView::Approved, None),
            PluginState::Pending => (PluginStateView::Pending, None),
            PluginState::Disabled => (PluginStateView::Disabled, None),
            PluginState::Broken(reason) => (PluginStateView::Broken, Some(reason.clone())),
            PluginState::Checking(reason) => (PluginStateView::Checking, Some(reason.clone())),
        };
        let pause = entry.component.as_ref().and_then(|component| component.breaker.pause_at(now));
        Self {
            id: entry.id.clone(),
            file: entry.file.as_deref().map(to_shown_name),
            digest: entry.digest.clone(),
            state,
            reason,
            manifest: entry.manifest().map(|manifest| ManifestView::new(manifest, stored)),
            signature: entry.signature.as_ref().map(ProviderSignatureView::from),
            paused_until: pause.map(|pause| pause.until.into()),
            waiting: entry.waiting.iter().map(|version| WaitingVersionView::new(version, approved, stored)).collect(),
            previous: entry.previous.as_ref().map(PreviousVersionView::from),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// Returns the name of a file without characters that can change how the rest of a page is shown.
///
/// Whoever writes to the plugins folder chooses the name.
fn to_shown_name(name: &str) -> String {
    to_displayable_text(name).into_owned()
}

impl WaitingVersionView {
    fn new(version: &WaitingVersion, approved: Option<&Manifest>, stored: &StoredDestinations) -> Self {
        let manifest = &*version.component.manifest;
        let mut view = ManifestView::new(manifest, stored);
        if let Some(approved) = approved {
            let of_upgrade = find_upgrade_risks(approved, manifest).into_iter().map(ProviderRiskView::from);
            view.risks.splice(0..0, of_upgrade);
        }
        Self {
            file: version.file.as_deref().map(to_shown_name),
            digest: version.component.digest.clone(),
            manifest: view,
            objection: version.objection(),
            exceeds: version.exceeds.clone(),
            signature: version.signature.as_ref().map(ProviderSignatureView::from),
            downgrade: approved.is_some_and(|approved| is_downgrade(approved, manifest)),
            changes: approved
                .map(|approved| ManifestDiff::between(&to_displayable(approved), &to_displayable(manifest)).into()),
        }
    }
}

impl From<&PreviousVersion> for PreviousVersionView {
    fn from(previous: &PreviousVersion) -> Self {
        Self { digest: previous.digest.clone(), version: previous.version.clone() }
    }
}

impl From<&SignatureStatus> for ProviderSignatureView {
    fn from(status: &SignatureStatus) -> Self {
        let (state, key, beyond) = match status {
            SignatureStatus::WithinPermissions { key } => (SignatureStateView::Granted, Some(key), Vec::new()),
            SignatureStatus::ExceedsPermissions { key, beyond } => {
                (SignatureStateView::AsksMore, Some(key), beyond.clone())
            }
            SignatureStatus::UnknownKey => (SignatureStateView::UnknownKey, None, Vec::new()),
            SignatureStatus::Invalid(reason) => (SignatureStateView::Broken, None, vec![reason.clone()]),
            SignatureStatus::Unsigned => (SignatureStateView::Unsigned, None, Vec::new()),
        };
        Self { state, key: key.cloned(), beyond }
    }
}

impl ManifestView {
    fn new(manifest: &Manifest, stored: &StoredDestinations) -> Self {
        let risks = stored.find_risk(manifest).into_iter().chain(find_risks(manifest));
        let risks = risks.map(ProviderRiskView::from).collect();
        let (secrets_again, missing_fields) = (stored.needed_again(manifest), stored.missing_fields(manifest));
        let manifest = &*to_displayable(manifest);
        let lines = endpoint_lines(manifest).into_iter().zip(&manifest.endpoints);
        let placements = lines.filter_map(|(line, endpoint)| Some((line, describe_credential(endpoint)?))).collect();
        Self {
            title: manifest.title.clone(),
            version: manifest.version.clone(),
            auth: match manifest.auth {
                Auth::Fields => AuthView::Fields,
                Auth::OAuth2(_) => AuthView::OAuth2,
                Auth::ServiceAccount(_) => AuthView::ServiceAccount,
            },
            grant: manifest_parts::grant(manifest),
            scopes: manifest_parts::scopes(manifest),
            fields: manifest.fields.iter().map(ProviderFieldView::from).collect(),
            hosts: manifest_parts::hosts(manifest),
            endpoints: endpoint_lines(manifest),
            credentials: manifest_parts::credentials(manifest),
            placements,
            capabilities: manifest.capabilities.into(),
            on_disconnect: match manifest.on_disconnect {
                MappingFate::Keep => MappingFateView::Keep,
                MappingFate::Clear => MappingFateView::Clear,
            },
            risks,
            secrets_again,
            missing_fields,
        }
    }
}

impl From<&Field> for ProviderFieldView {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            label: field.label.clone(),
            help: field.help.clone(),
            help_url: field.help_url.clone(),
            kind: match field.kind {
                FieldKind::Text => FieldKindView::Text,
                FieldKind::Email => FieldKindView::Email,
                FieldKind::Url => FieldKindView::Url,
                FieldKind::Json => FieldKindView::Json,
                FieldKind::Choice => FieldKindView::Choice,
            },
            secret: field.secret,
            required: field.required,
            choices: field.choices.iter().map(ChoiceView::from).collect(),
            pattern: field.pattern.clone(),
        }
    }
}

impl From<&Choice> for ChoiceView {
    fn from(choice: &Choice) -> Self {
        Self { value: choice.value.clone(), label: choice.label.clone() }
    }
}

impl From<Capabilities> for CapabilitiesView {
    fn from(capabilities: Capabilities) -> Self {
        let Capabilities { users, alerts, accounts } = capabilities;
        Self { users, alerts, accounts }
    }
}

impl From<ManifestDiff> for ProviderChangesView {
    fn from(diff: ManifestDiff) -> Self {
        Self {
            words: diff.words,
            hosts: diff.hosts.into(),
            endpoints: diff.endpoints.into(),
            credentials: diff.credentials.into(),
            scopes: diff.scopes.into(),
            grant: diff.grant.into(),
            fields: diff.fields.into(),
            capabilities: diff.capabilities.into(),
            about: diff.about.into(),
        }
    }
}

impl From<PartDiff> for ProviderDifferenceView {
    fn from(diff: PartDiff) -> Self {
        let changed = diff.changed.into_iter().map(ChangedPartView::from).collect();
        Self { added: diff.added, removed: diff.removed, changed }
    }
}

impl From<ChangedPart> for ChangedPartView {
    fn from(part: ChangedPart) -> Self {
        Self { what: part.what, from: part.from, to: part.to }
    }
}

#[cfg(test)]
mod tests;
