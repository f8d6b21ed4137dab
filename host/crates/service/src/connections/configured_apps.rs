//! The OAuth apps from the settings, each released only for the endpoints that it was used with or that an Executive
//! has approved.
//!
//! Whoever writes the settings knows the provider, not the plugin. So an app is bound to the endpoints of the version
//! that is approved when it is first used, and each approval by an Executive, which shows other endpoints in red, adds
//! those of the approved version. A version that was approved automatically adds none.

use std::{collections::BTreeMap, sync::Arc};

use jackfield_core::{
    Error, OAuthApp, ProviderId,
    audit::Actor,
    manifest::{Auth, Destinations, Manifest, OAuth2Grant},
};
use jackfield_sandbox::{Catalog, PluginState};
use jackfield_store::{Store, StoreError};

/// The name under which the first use of an app is recorded.
const SETTINGS: &str = "settings";

/// The OAuth apps from the settings. Clones share them.
#[derive(Clone, Debug)]
pub struct ConfiguredApps {
    store: Store,
    apps: Arc<BTreeMap<String, OAuthApp>>,
}

impl ConfiguredApps {
    /// Creates them from the settings: each app by the provider's name in a setting, such as `ACME_HR`.
    #[must_use]
    pub fn new(store: Store, apps: BTreeMap<String, OAuthApp>) -> Self {
        Self { store, apps: Arc::new(apps) }
    }

    /// Records the endpoints of every approved plugin that has an app here, unless the app was used before.
    ///
    /// A service does that at its start, so that a plugin that is approved later does not count as the first one.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub async fn record_approved(&self, catalog: &Catalog) -> Result<(), Error> {
        for entry in catalog.entries().iter().filter(|entry| entry.state == PluginState::Approved) {
            let Some(Auth::OAuth2(oauth2)) = entry.manifest().map(|manifest| &manifest.auth) else { continue };
            let (Some(app), Ok(id)) = (self.get(&entry.id), ProviderId::parse(&entry.id)) else { continue };
            self.store.record_first_use(&id, app, &oauth2.app_destinations(), &Actor::named(SETTINGS)).await?;
        }
        Ok(())
    }

    /// Permits that the app of a plugin is sent to the endpoints in its manifest, because an Executive approved it.
    ///
    /// # Errors
    /// The store is sealed, or the database fails.
    pub(crate) async fn permit(&self, manifest: &Manifest, actor: &Actor) -> Result<(), Error> {
        let (Auth::OAuth2(oauth2), Ok(id)) = (&manifest.auth, ProviderId::parse(&manifest.id)) else { return Ok(()) };
        let app = self.get(&manifest.id);
        Ok(self.store.permit_destinations(&id, app, &oauth2.app_destinations(), actor).await?)
    }

    /// Returns the app of a provider, if there is one, so that it can be sent to the endpoints of a manifest.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if it was used with other endpoints only, and no Executive has approved these.
    pub(super) async fn release(&self, provider: &str, oauth2: &OAuth2Grant) -> Result<Option<OAuthApp>, Error> {
        let Some(app) = self.get(provider) else { return Ok(None) };
        let id = super::parse_provider_id(provider)?;
        let missing = self.find_destinations(&id, app, oauth2).await?.missing(&oauth2.app_destinations());
        if missing.is_empty() {
            return Ok(Some(app.clone()));
        }
        Err(Error::Unsupported(format!(
            "the OAuth app of `{provider}` in the settings was not used with {missing} before, and the version of the \
             plugin that requests it was not approved by an Executive, so nothing was sent there. If the app may go \
             there, approve this version: `jackfield plugin approve {provider} --digest DIGEST`, or POST \
             /api/admin/providers/{provider}/approve. Otherwise roll the plugin back"
        )))
    }

    /// Returns where each app may be sent, by provider. Those that were never used are left out.
    ///
    /// An app whose record was edited by hand may be sent nowhere.
    pub(super) async fn destinations(&self) -> Result<BTreeMap<String, Destinations>, Error> {
        let mut known = BTreeMap::new();
        for (name, app) in self.apps.iter() {
            let Ok(id) = ProviderId::parse(&name.to_ascii_lowercase().replace('_', "-")) else { continue };
            let destinations = match self.store.configured_app_destinations(&id, app).await {
                Ok(Some(destinations)) => destinations,
                Err(StoreError::Edited(..)) => Destinations::default(),
                // A sealed service shows what it can.
                Ok(None) | Err(StoreError::Sealed(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            known.insert(id.to_string(), destinations);
        }
        Ok(known)
    }

    /// Returns where an app may be sent. If it was never used, that is where this manifest sends it.
    async fn find_destinations(
        &self,
        id: &ProviderId,
        app: &OAuthApp,
        oauth2: &OAuth2Grant,
    ) -> Result<Destinations, Error> {
        if let Some(known) = self.store.configured_app_destinations(id, app).await? {
            return Ok(known);
        }
        self.store.record_first_use(id, app, &oauth2.app_destinations(), &Actor::named(SETTINGS)).await?;
        // Another host may have recorded another version at the same time.
        Ok(self.store.configured_app_destinations(id, app).await?.unwrap_or_default())
    }

    fn get(&self, provider: &str) -> Option<&OAuthApp> {
        self.apps.get(&to_setting_name(provider))
    }
}

/// Returns a provider's id as in the names of settings: `acme-hr` is `ACME_HR`.
pub(super) fn to_setting_name(provider: &str) -> String {
    provider.to_ascii_uppercase().replace('-', "_")
}
