//! An Executive's decisions about plugins: approve, disable, roll back, remove. Each is written to the audit log.

use std::sync::Arc;

use jackfield_core::{
    Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_sandbox::{PluginEntry, PluginState, WaitingVersion};
use jackfield_store::{ApprovalChange, Decision, EarlierDecisions, NewAudit, OfferSource};

use super::{Plugins, catalog_inputs::CatalogInputs};
use crate::retry::retry_overtaken;

/// Maximum length in characters of an unknown plugin's id in an error.
const UNKNOWN_ID: usize = 40;

/// A decision to write to the database, with the detail of its audit row.
struct NewDecision {
    /// The decision about each version, by digest.
    versions: Vec<(String, Decision)>,
    earlier: EarlierDecisions,
    detail: Option<String>,
}

impl Plugins {
    /// Approves a version by its digest.
    ///
    /// The version that ran before is kept for a rollback. The OAuth app of the settings may be sent to the endpoints of
    /// the approved version from now on.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the catalog shows no version with this digest that can be approved;
    /// [`Error::UnknownProvider`]; [`Error::Sealed`].
    pub async fn approve(&self, plugin: &str, digest: &str, actor: &Actor) -> Result<Arc<PluginEntry>, Error> {
        let approved = self.decide(plugin, actor, Action::ProviderApprove, |inputs, entry| {
            let waiting = entry.waiting.iter().find(|version| version.component.digest == digest);
            if let Some(why) = waiting.and_then(WaitingVersion::objection) {
                return Err(Error::Conflict(format!("this version of `{plugin}` cannot be approved: {why}")));
            }
            let component = waiting.map(|version| &version.component).or_else(|| {
                let is_usable = !matches!(entry.state, PluginState::Broken(_) | PluginState::Checking(_));
                entry.component.as_ref().filter(|component| is_usable && component.digest == digest)
            });
            let Some(component) = component else {
                // The reason is about one version.
                let is_asked = entry.digest.as_deref().is_none_or(|known| known == digest);
                let why = match &entry.state {
                    PluginState::Broken(why) | PluginState::Checking(why) if is_asked => format!(": {why}"),
                    _ => String::new(),
                };
                return Err(Error::Conflict(format!(
                    "`{plugin}` has no version with this digest that can be approved{why}; review the plugin again"
                )));
            };
            let mut versions = decide_for_others(inputs, plugin, digest, Decision::Superseded);
            versions.push((digest.to_owned(), Decision::Approved));
            let detail = Some(format!("{} sha256 {digest}", component.manifest.version));
            Ok(Some(NewDecision { versions, earlier: EarlierDecisions::Keep, detail }))
        });
        let approved = approved.await?.ok_or_else(|| Error::UnknownProvider(plugin.to_owned()))?;
        if let Some(manifest) = approved.manifest().filter(|_| approved.digest.as_deref() == Some(digest)) {
            self.0.setup.configured_apps.permit(manifest, actor).await?;
        }
        Ok(approved)
    }

    /// Disables a plugin and keeps its connection.
    ///
    /// Approving a version enables it again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no version is approved; [`Error::UnknownProvider`]; [`Error::Sealed`].
    pub async fn disable(&self, plugin: &str, actor: &Actor) -> Result<Arc<PluginEntry>, Error> {
        self.decide(plugin, actor, Action::ProviderDisable, |inputs, entry| {
            let digest = match (&entry.state, &entry.digest) {
                (PluginState::Disabled, _) => return Ok(None),
                (PluginState::Approved, Some(digest)) => digest,
                // An approved version that is broken is disabled too, so that it does not come back by itself.
                _ => match inputs.database.latest(plugin, Decision::Approved) {
                    Some(approval) => &approval.digest,
                    None => return Err(Error::Conflict(format!("no version of `{plugin}` is approved"))),
                },
            };
            let versions = vec![(digest.clone(), Decision::Disabled)];
            Ok(Some(NewDecision {
                versions,
                earlier: EarlierDecisions::Keep,
                detail: Some(format!("sha256 {digest}")),
            }))
        })
        .await?
        .ok_or_else(|| Error::UnknownProvider(plugin.to_owned()))
    }

    /// Approves the version that was approved before.
    ///
    /// The current version waits for approval again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no version was approved before, or the bytes of those are no longer stored;
    /// [`Error::UnknownProvider`]; [`Error::Sealed`].
    pub async fn rollback(&self, plugin: &str, actor: &Actor) -> Result<Arc<PluginEntry>, Error> {
        self.decide(plugin, actor, Action::ProviderRollback, |inputs, _| {
            let Some(previous) = inputs.database.previous(plugin) else {
                return Err(Error::Conflict(format!(
                    "no version of `{plugin}` that was approved before is stored; approve a version instead"
                )));
            };
            let mut versions = decide_for_others(inputs, plugin, &previous.digest, Decision::Withdrawn);
            versions.push((previous.digest.clone(), Decision::Approved));
            let detail = Some(format!("{} sha256 {}", previous.version, previous.digest));
            Ok(Some(NewDecision { versions, earlier: EarlierDecisions::Keep, detail }))
        })
        .await?
        .ok_or_else(|| Error::UnknownProvider(plugin.to_owned()))
    }

    /// Removes a plugin's approvals and uploads, and keeps its connection.
    ///
    /// A version in a plugins folder waits for approval again, because Jackfield does not change that folder; the
    /// returned entry shows it.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`]; [`Error::Sealed`].
    pub async fn remove(&self, plugin: &str, actor: &Actor) -> Result<Option<Arc<PluginEntry>>, Error> {
        self.decide(plugin, actor, Action::ProviderRemove, |inputs, _| {
            // The versions in a folder, of this host or another, must not be approved automatically again.
            let offers = inputs.database.offers.iter().filter(|offer| offer.provider == plugin);
            let in_folder = offers.filter(|offer| offer.source != OfferSource::Api);
            let versions = in_folder.map(|offer| (offer.digest.clone(), Decision::Removed)).collect();
            Ok(Some(NewDecision { versions, earlier: EarlierDecisions::Delete, detail: None }))
        })
        .await
    }

    /// Makes a decision from up-to-date inputs, and writes it.
    ///
    /// If the inputs change meanwhile, this starts again. `decide` returns `None` if there is nothing to change. If it
    /// fails, the refusal is written to the audit log.
    async fn decide(
        &self,
        plugin: &str,
        actor: &Actor,
        action: Action,
        decide: impl Fn(&CatalogInputs, &PluginEntry) -> Result<Option<NewDecision>, Error>,
    ) -> Result<Option<Arc<PluginEntry>>, Error> {
        let store = &self.0.setup.store;
        store.require_unsealed()?;
        let unknown = || Error::UnknownProvider(plugin.chars().take(UNKNOWN_ID).collect());
        let id = ProviderId::parse(plugin).map_err(|_invalid| unknown())?;
        retry_overtaken(|| async {
            let mut inputs = self.0.inputs.lock().await;
            self.refresh(&mut inputs).await?;
            let entry = self.catalog().entry(plugin).ok_or_else(unknown)?;
            let NewDecision { versions, earlier, detail } = match decide(&inputs, &entry) {
                Ok(Some(decision)) => decision,
                Ok(None) => return Ok(Some(entry)),
                Err(error) => {
                    let audit = NewAudit::refused(actor, action).with_provider(&id);
                    store.audit(audit.with_detail(error.code().to_owned())).await?;
                    return Err(error.into());
                }
            };
            let audit = NewAudit::done(actor, action).with_provider(&id).with_detail(detail);
            let change = ApprovalChange { decisions: versions, earlier, seen_revision: inputs.database.revision };
            store.decide(&id, change, audit).await?;
            self.refresh(&mut inputs).await?;
            Ok(self.catalog().entry(plugin))
        })
        .await
    }
}

/// Returns the decision for every approved or disabled version except `digest`.
fn decide_for_others(
    inputs: &CatalogInputs,
    plugin: &str,
    digest: &str,
    decision: Decision,
) -> Vec<(String, Decision)> {
    let others = inputs.database.approvals_of(plugin).filter(|approval| approval.digest != digest);
    let others = others.filter(|approval| matches!(approval.decision, Some(Decision::Approved | Decision::Disabled)));
    others.map(|approval| (approval.digest.clone(), decision)).collect()
}
