//! Shows what a disconnect would do, before anybody requests it.

use jackfield_core::{
    Error, Level,
    manifest::{Auth, Manifest, MappingFate},
};
use jackfield_sandbox::Component;

use super::{Connections, parse_provider_id};

/// What a disconnect would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisconnectPreview {
    pub configured: bool,
    pub org_name: Option<String>,
    /// The number of mappings that would be deleted.
    pub mappings: u64,
    /// The number of mappings that would stay.
    pub mappings_kept: u64,
    /// Whether change alerts are on; `None` if the provider did not answer.
    pub alerts: Option<bool>,
    pub revocation: RevocationScope,
    /// The names of the service tokens that may use the connection.
    pub services: Vec<String>,
}

/// Where a disconnect ends a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationScope {
    /// It is revoked at the provider.
    Provider,
    /// It is only deleted here.
    Local,
}

impl Connections {
    /// Returns what a disconnect would do.
    ///
    /// The provider is asked only whether its alerts are on.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`] if there is neither a connection nor a plugin, or the database fails.
    pub async fn preview_disconnect(&self, provider: &str) -> Result<DisconnectPreview, Error> {
        let id = parse_provider_id(provider)?;
        let connection = self.store.connection(&id).await?;
        if connection.is_none() {
            self.require_provider(provider)?;
        }
        let component = self.catalog.component(provider).ok();
        let manifest = component.as_ref().map(|component| component.manifest.as_ref());
        let mapped = self.store.count_mappings(&id).await?;
        let clears_mappings =
            connection.is_some() && manifest.is_some_and(|manifest| manifest.on_disconnect == MappingFate::Clear);
        let (mappings, mappings_kept) = if clears_mappings { (mapped, 0) } else { (0, mapped) };
        let alerts = match (&component, &connection) {
            (_, None) => Some(false),
            (Some(component), Some(_)) => self.are_alerts_on(component, provider).await,
            (None, Some(_)) => None,
        };
        let now = self.clock.now();
        let services = self.store.tokens().await?.into_iter().filter(|token| {
            token.level == Level::Service
                && !token.edited
                && token.revoked_at.is_none()
                && token.expires_at.is_none_or(|end| now < end)
                && token.providers.iter().any(|named| named == provider)
        });
        Ok(DisconnectPreview {
            configured: connection.is_some(),
            org_name: connection.and_then(|connection| connection.org_name),
            mappings,
            mappings_kept,
            alerts,
            revocation: manifest.map_or(RevocationScope::Local, find_revocation_scope),
            services: services.map(|token| token.name).collect(),
        })
    }

    /// Returns whether the provider sends change alerts; `None` if it does not answer.
    async fn are_alerts_on(&self, component: &Component, provider: &str) -> Option<bool> {
        if !component.manifest.capabilities.alerts {
            return Some(false);
        }
        match self.read_alert_target(provider).await {
            Ok(target) => Some(target.is_some()),
            Err(error) => {
                tracing::debug!(provider, %error, "alert target not read");
                None
            }
        }
    }
}

/// Returns where a disconnect ends the credential of a plugin.
///
/// A plugin can revoke it if it declares a revocation endpoint for its OAuth grant, or an endpoint with `revoke` in its
/// path.
fn find_revocation_scope(manifest: &Manifest) -> RevocationScope {
    let has_revocation_url = matches!(&manifest.auth, Auth::OAuth2(grant) if grant.revocation_url.is_some());
    let revokes = || manifest.endpoints.iter().any(|endpoint| endpoint.path.to_ascii_lowercase().contains("revoke"));
    if has_revocation_url || revokes() { RevocationScope::Provider } else { RevocationScope::Local }
}
