//! Offers the components of the plugins folder for approval, through the database.

use std::collections::BTreeSet;

use jackfield_core::Error;
use jackfield_store::{NewComponent, Offer, OfferSource};

use super::{
    Plugins,
    catalog_inputs::{CatalogInputs, FileContent, PluginFile},
};

impl Plugins {
    /// Stores an offer for each component of the folder.
    ///
    /// Ends the offers of files that are no longer in this host's folder.
    pub(super) async fn store_folder_offers(&self, inputs: &mut CatalogInputs) -> Result<(), Error> {
        let store = &self.0.setup.store;
        let offers = store.offers().await?;
        let mut present = BTreeSet::new();
        let mut without_bytes = Vec::new();
        for name in inputs.owners.values() {
            let Some(PluginFile { content: FileContent::Component { digest, bytes, .. }, .. }) =
                inputs.files.get_mut(name)
            else {
                continue;
            };
            present.insert(digest.clone());
            let bytes = bytes.take();
            if offers.iter().any(|offer| offer.digest == *digest) {
                continue;
            }
            let bytes = match bytes {
                Some(bytes) => Some(bytes),
                None => store.component_bytes(digest).await?,
            };
            match (bytes, inputs.loaded.get(digest)) {
                (Some(bytes), Some(Ok(component))) => {
                    let source = OfferSource::Folder { host: self.0.setup.host.clone(), file: name.clone() };
                    let new = NewComponent { digest, manifest: &component.manifest, bytes: &bytes };
                    store.offer(new, &source, None).await?;
                }
                _ => without_bytes.push(name.clone()),
            }
        }
        for name in without_bytes {
            // Another host ended its offer, and the bytes were deleted with it. The next scan reads the file again.
            inputs.files.remove(&name);
        }
        if self.0.only.is_some() {
            // The other files were not read, so nothing is known about their offers.
            return Ok(());
        }
        for offer in offers {
            let OfferSource::Folder { host, .. } = &offer.source else { continue };
            if *host == self.0.setup.host && !present.contains(&offer.digest) {
                store.end_offer(host, &offer.digest).await?;
            }
        }
        Ok(())
    }

    /// Returns the offers of this host's folder, which a sealed service cannot store.
    pub(super) fn folder_offers(&self, inputs: &CatalogInputs) -> Vec<Offer> {
        let files = inputs.owners.values().filter_map(|name| Some((name, inputs.files.get(name)?)));
        files
            .filter_map(|(name, file)| {
                let FileContent::Component { id, digest, .. } = &file.content else { return None };
                let manifest = inputs.usable_component(digest)?.manifest.as_ref().clone();
                let source = OfferSource::Folder { host: self.0.setup.host.clone(), file: name.clone() };
                Some(Offer { digest: digest.clone(), provider: id.clone(), source, manifest: Some(manifest) })
            })
            .collect()
    }
}
