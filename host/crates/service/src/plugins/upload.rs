//! Uploads a plugin.

use std::sync::Arc;

use jackfield_core::{
    Error, ProviderId,
    audit::{Action, Actor},
};
use jackfield_sandbox::{PluginEntry, PluginState, Trust};
use jackfield_signing::Signer;
use jackfield_store::{NewAudit, NewComponent, OfferSource};

use super::Plugins;

impl Plugins {
    /// Stores a component, and remembers the status of its signature.
    ///
    /// It then waits for approval, unless it is approved automatically.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] if the signature is invalid or the component cannot be approved; [`Error::Sealed`].
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
        let component =
            sandbox.load(bytes.clone()).await.map_err(|error| Error::field("component", error.to_string()))?;
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
