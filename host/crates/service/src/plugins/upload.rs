//! Uploads a plugin.

use std::{sync::Arc, time::Duration};

use jackfield_core::{
    Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_sandbox::{Component, PluginEntry, PluginState, Sandbox, Trust};
use jackfield_signing::Signer;
use jackfield_store::{NewAudit, NewComponent, OfferSource};

use super::Plugins;

/// How long an upload waits for the check of its component.
pub const UPLOAD_TIME: Duration = Duration::from_secs(180);

/// The seconds after which an upload can be sent again if the machine was too busy.
const RETRY_AFTER: u32 = 60;

impl Plugins {
    /// Stores a component, and remembers the status of its signature.
    ///
    /// It then waits for approval, unless it is approved automatically.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] if the signature is invalid or the component cannot be approved;
    /// [`Error::Overloaded`] if the machine is too busy to check it; [`Error::Sealed`].
    pub async fn add(&self, bytes: Vec<u8>, signature: Option<&str>, actor: &Actor) -> Result<Arc<PluginEntry>, Error> {
        let (store, sandbox) = (&self.0.setup.store, &self.0.setup.sandbox);
        store.require_unsealed()?;
        // The signature is checked before the bytes are compiled, so that a component that was changed after signing is
        // never parsed.
        let signer = match &self.0.setup.trust {
            Trust::Signed { keys, .. } => keys.find_signer(&bytes, signature),
            Trust::Shipped(_) | Trust::All => Ok(Signer::Nobody),
        };
        let signer = signer.map_err(|why| Error::field("signature", why))?;
        let component = check_upload(sandbox.clone(), bytes.clone()).await?;
        let manifest = &component.manifest;
        let provider = ProviderId::parse(&manifest.id).map_err(Error::internal)?;
        let mut inputs = self.0.inputs.lock().await;
        self.refresh(&mut inputs).await?;
        if let Some(why) = component.objection()
            && !inputs.database.was_approved(&manifest.id, &component.digest)
        {
            return Err(Error::field("component", why));
        }
        let is_running = self.catalog().entry(&manifest.id).is_some_and(|entry| {
            entry.state == PluginState::Approved && entry.digest.as_ref() == Some(&component.digest)
        });
        if !is_running {
            let audit = NewAudit::done(actor, Action::ProviderAdd)
                .with_provider(&provider)
                .with_detail(format!("{} sha256 {}", manifest.version, component.digest));
            let new = NewComponent { digest: &component.digest, manifest, bytes: &bytes };
            store.offer(new, &OfferSource::Api, Some(audit)).await?;
            inputs.uploaded.insert(component.digest.clone(), signer.status(manifest));
            inputs.loaded.entry(component.digest.clone()).or_insert_with(|| Ok(component.clone()));
            self.refresh(&mut inputs).await?;
        }
        self.catalog().entry(&manifest.id).ok_or_else(|| Error::UnknownProvider(manifest.id.clone()))
    }
}

/// Loads a component. If that takes longer than a request may, it continues, so that the next upload finds the result.
async fn check_upload(sandbox: Sandbox, bytes: Vec<u8>) -> Result<Component, Error> {
    let check = tokio::spawn(async move { sandbox.load(bytes).await });
    let busy = |what: String| Error::Overloaded { what, retry_after: RETRY_AFTER };
    match tokio::time::timeout(UPLOAD_TIME, check).await {
        Ok(Ok(Ok(component))) => Ok(component),
        Ok(Ok(Err(error))) if error.is_temporary() => Err(busy(format!("the component was not checked: {error}"))),
        Ok(Ok(Err(error))) => Err(Error::field("component", error.to_string())),
        Ok(Err(panic)) => Err(Error::internal(panic)),
        Err(_elapsed) => Err(busy(
            "the machine is busy, so the check of the component is not done; it continues, and the same upload finds \
             its result"
                .to_owned(),
        )),
    }
}
