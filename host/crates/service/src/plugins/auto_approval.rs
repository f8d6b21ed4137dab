//! Approves the plugins that need no decision of an Executive: those built with this program, and those that a trusted
//! key signed.

use jackfield_core::{
    Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_sandbox::{PluginEntry, PluginState, Trust};
use jackfield_signing::SignatureStatus;
use jackfield_store::{ApprovalChange, Decision, EarlierDecisions, NewAudit, Offer, StoreError};

use super::{
    Plugins, catalog_entries::is_downgrade, catalog_inputs::CatalogInputs, imitation::PluginName,
    manifest_excess::find_excess,
};

/// The actor in the audit log that approves the plugins built with this program.
const THIS_PROGRAM: &str = "this program";

impl Plugins {
    /// Returns who approves a version automatically: this program, or a key.
    ///
    /// Returns `None` if an Executive has to approve it.
    pub(super) fn auto_approver(&self, inputs: &CatalogInputs, id: &str, digest: &str) -> Option<String> {
        let shipped = match &self.0.setup.trust {
            Trust::Shipped(shipped) | Trust::Signed { shipped, .. } => shipped.get(id),
            // For development only: every plugin runs, and no approval is stored.
            Trust::All => None,
        };
        if shipped.is_some_and(|shipped| shipped == digest) {
            return Some(THIS_PROGRAM.to_owned());
        }
        let mut statuses = inputs.file_signatures(digest).chain(inputs.uploaded.get(digest));
        statuses.find_map(|status| match status {
            SignatureStatus::WithinPermissions { key } => Some(format!("the key {key}")),
            SignatureStatus::ExceedsPermissions { .. }
            | SignatureStatus::UnknownKey
            | SignatureStatus::Invalid(_)
            | SignatureStatus::Unsigned => None,
        })
    }

    /// Approves every offer that needs no Executive.
    ///
    /// Returns whether the approvals changed.
    pub(super) async fn auto_approve(&self, inputs: &CatalogInputs) -> Result<bool, Error> {
        let mut seen = inputs.database.revision;
        let mut names = inputs.database.approved_names();
        let offers = inputs.database.offers.iter();
        let mut offers: Vec<(&Offer, String)> = offers
            .filter_map(|offer| Some((offer, self.auto_approver(inputs, &offer.provider, &offer.digest)?)))
            .collect();
        // The plugins of this program come first, so that no signed plugin can imitate one of them.
        offers.sort_by_key(|(_, by)| by != THIS_PROGRAM);
        for (offer, by) in offers {
            let Ok(provider) = ProviderId::parse(&offer.provider) else { continue };
            let Some(manifest) = &offer.manifest else { continue };
            let name = PluginName { id: offer.provider.clone(), title: manifest.title.clone() };
            let is_imitation = by != THIS_PROGRAM && name.find_imitation(&names).is_some();
            if is_imitation || !may_auto_approve(inputs, offer, &by) {
                continue;
            }
            let approvals = inputs.database.approvals_of(&offer.provider);
            let mut decisions: Vec<(String, Decision)> = approvals
                .filter(|approval| approval.decision == Some(Decision::Approved))
                .map(|approval| (approval.digest.clone(), Decision::Superseded))
                .collect();
            decisions.push((offer.digest.clone(), Decision::Approved));
            let audit = NewAudit::done(&Actor::named(by), Action::ProviderApprove)
                .with_provider(&provider)
                .with_detail(format!("sha256 {}", offer.digest));
            let change = ApprovalChange { decisions, earlier: EarlierDecisions::Keep, seen_revision: seen };
            match self.0.setup.store.decide(&provider, change, audit).await {
                Ok(()) => {
                    seen += 1;
                    names.push(name);
                }
                // Another host decided first. Its decisions are read with the next revision.
                Err(StoreError::Conflict) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(seen != inputs.database.revision)
    }

    /// Approves the plugins that were built with this program, in the catalog only.
    ///
    /// A sealed service uses this, because it cannot read approvals.
    pub(super) fn approve_shipped(&self, inputs: &CatalogInputs, entries: &mut [PluginEntry]) {
        for entry in entries.iter_mut().filter(|entry| entry.state == PluginState::Pending) {
            if entry.digest.as_deref().is_some_and(|digest| self.auto_approver(inputs, &entry.id, digest).is_some()) {
                entry.state = PluginState::Approved;
            }
        }
    }
}

/// Returns whether `by` may approve an offer automatically.
///
/// It may if nobody decided otherwise and the version can run.
fn may_auto_approve(inputs: &CatalogInputs, offer: &Offer, by: &str) -> bool {
    let approvals: Vec<_> = inputs.database.approvals_of(&offer.provider).collect();
    let is_decided = approvals.iter().any(|approval| approval.digest == offer.digest);
    let is_overruled = approvals.iter().any(|approval| match approval.decision {
        Some(Decision::Approved) => approval.by != by,
        Some(Decision::Disabled) | None => true,
        Some(Decision::Superseded | Decision::Withdrawn | Decision::Removed) => false,
    });
    let component = inputs.usable_component(&offer.digest);
    let is_usable = component.is_some_and(|component| {
        offer.manifest.as_ref() == Some(component.manifest.as_ref()) && component.objections.is_empty()
    });
    if is_decided || is_overruled || !is_usable {
        return false;
    }
    let Some(running) = approvals.iter().find(|approval| approval.decision == Some(Decision::Approved)) else {
        return true;
    };
    // An old signature says nothing about flaws found since, so a key cannot approve a lower version. A key can be
    // stolen, so it cannot approve more than a person or the key did before either.
    let is_within = running
        .manifest
        .as_ref()
        .zip(offer.manifest.as_ref())
        .is_some_and(|(approved, new)| !is_downgrade(approved, new) && find_excess(approved, new).is_empty());
    by == THIS_PROGRAM || is_within
}
