//! Releases stored secrets only for the destinations for which they were entered, and says which ones a version of a
//! plugin needs again.

use std::collections::BTreeMap;

use jackfield_core::{
    Error, Secret,
    manifest::{Auth, BoundSecret, Destinations, Manifest},
};
use jackfield_sandbox::{Risk, RiskKind};
use jackfield_store::{ListedConnection, Store, StoreError};

use super::{ConfiguredApps, Connections, missing_fields::MissingFields};

/// The destinations for which the secrets of all connections and OAuth apps were entered.
#[derive(Debug, Default)]
pub struct StoredDestinations {
    connections: BTreeMap<String, ListedConnection>,
    oauth_apps: BTreeMap<String, Destinations>,
    configured_apps: BTreeMap<String, Destinations>,
}

impl Connections {
    /// Reads for which destinations the stored secrets were entered.
    ///
    /// # Errors
    /// The database fails.
    pub async fn stored_destinations(&self) -> Result<StoredDestinations, Error> {
        StoredDestinations::read(&self.store, &self.configured_apps).await
    }
}

impl StoredDestinations {
    /// Reads for which destinations the stored secrets were entered.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read(store: &Store, configured_apps: &ConfiguredApps) -> Result<Self, Error> {
        let listed = store.connections().await?.into_iter();
        Ok(Self {
            connections: listed.map(|listed| (listed.connection.provider.to_string(), listed)).collect(),
            oauth_apps: store.oauth_app_destinations().await?,
            configured_apps: configured_apps.destinations().await?,
        })
    }

    /// Returns the risk that the OAuth app of the settings goes to other endpoints, if an Executive approves this
    /// manifest.
    #[must_use]
    pub fn find_risk(&self, manifest: &Manifest) -> Option<Risk> {
        let (Some(known), Auth::OAuth2(oauth2)) = (self.configured_apps.get(&manifest.id), &manifest.auth) else {
            return None;
        };
        let missing = known.missing(&oauth2.app_destinations());
        let what = format!(
            "the client secret of the OAuth app in the settings may be sent to {missing} if you approve this version, \
             although it was not used there before"
        );
        (!missing.is_empty()).then(|| Risk::new(RiskKind::NewTokenEndpoint, what))
    }

    /// Returns the stored secrets that have to be entered again before a plugin with this manifest gets them.
    ///
    /// Each is a sentence with the secret and its new destinations.
    #[must_use]
    pub fn needed_again(&self, manifest: &Manifest) -> Vec<String> {
        let mut needed = Vec::new();
        if let Some(listed) = self.connections.get(&manifest.id) {
            needed.extend(find_needed(manifest, listed).into_iter().map(|secret| secret.to_sentence()));
        }
        // An app in the settings takes precedence.
        let oauth_app = self.oauth_apps.get(&manifest.id).filter(|_| !self.configured_apps.contains_key(&manifest.id));
        if let (Some(entered_for), Auth::OAuth2(oauth2)) = (oauth_app, &manifest.auth) {
            let missing = entered_for.missing(&oauth2.app_destinations());
            if !missing.is_empty() {
                let secret = NeededSecret { name: "the client secret of the OAuth app".to_owned(), missing };
                needed.push(secret.to_sentence());
            }
        }
        needed
    }
}

impl StoredDestinations {
    /// Returns the required fields of a manifest that its stored connection does not have, each as a sentence.
    #[must_use]
    pub fn missing_fields(&self, manifest: &Manifest) -> Vec<String> {
        let Some(ListedConnection { connection, .. }) = self.connections.get(&manifest.id) else { return Vec::new() };
        let is_stored = |name: &str| connection.secret_fields.iter().any(|stored| stored == name);
        MissingFields::find(manifest, connection, is_stored).map_or_else(Vec::new, |missing| missing.to_sentences())
    }
}

/// A stored secret, and the destinations for which it was not entered.
struct NeededSecret {
    name: String,
    missing: Destinations,
}

impl NeededSecret {
    fn to_sentence(&self) -> String {
        format!("{} was not entered for {}", self.name, self.missing)
    }
}

/// Returns why a listed connection cannot be used with a version of its plugin, if its secrets are the reason.
pub(super) fn describe_needed(manifest: &Manifest, listed: &ListedConnection) -> Option<String> {
    let needed = find_needed(manifest, listed);
    (!needed.is_empty()).then(|| describe(manifest, &needed))
}

/// Releases the secret fields of a connection for a plugin.
///
/// # Errors
/// [`Error::SecretNeeded`] if the plugin would send one to destinations for which it was not entered.
pub(super) fn release_fields(
    manifest: &Manifest,
    secrets: &BTreeMap<String, BoundSecret>,
) -> Result<BTreeMap<String, Secret<String>>, Error> {
    let (mut released, mut needed) = (BTreeMap::new(), Vec::new());
    for (name, secret) in secrets {
        match secret.release_for(&manifest.field_destinations(name)) {
            Ok(secret) => drop(released.insert(name.clone(), secret.clone())),
            Err(missing) => needed.push(NeededSecret { name: field_name(name), missing }),
        }
    }
    if needed.is_empty() { Ok(released) } else { Err(Error::SecretNeeded(describe(manifest, &needed))) }
}

/// Returns the API error for a grant that could not be read, which names the version of the plugin.
pub(super) fn to_grant_error(manifest: &Manifest, error: StoreError) -> Error {
    match error {
        StoreError::NotEnteredFor(missing) => {
            Error::SecretNeeded(describe(manifest, &[NeededSecret { name: GRANT.to_owned(), missing }]))
        }
        other => other.into(),
    }
}

/// Returns why a stored secret cannot be kept in a connect that leaves its field out.
pub(super) fn describe_field(missing: &Destinations) -> String {
    format!("must be entered again, because the stored value was not entered for {missing}; null clears it")
}

const GRANT: &str = "the OAuth grant";

fn field_name(name: &str) -> String {
    format!("the secret `{name}`")
}

fn find_needed(manifest: &Manifest, listed: &ListedConnection) -> Vec<NeededSecret> {
    let secrets = listed.entered_for.iter().map(|(name, entered_for)| NeededSecret {
        name: field_name(name),
        missing: entered_for.missing(&manifest.field_destinations(name)),
    });
    let grant = listed.grant_entered_for.iter().map(|entered_for| NeededSecret {
        name: GRANT.to_owned(),
        missing: entered_for.missing(&manifest.grant_destinations()),
    });
    secrets.chain(grant).filter(|secret| !secret.missing.is_empty()).collect()
}

fn describe(manifest: &Manifest, needed: &[NeededSecret]) -> String {
    let sentences: Vec<String> = needed.iter().map(NeededSecret::to_sentence).collect();
    format!(
        "version {} of the plugin sends a stored secret to other destinations than before: {}; nothing was sent there. \
         Connect again if the secret may go there, or roll the plugin back",
        manifest.version,
        sentences.join("; ")
    )
}
