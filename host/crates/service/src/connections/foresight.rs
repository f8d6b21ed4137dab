//! What a disconnect would do, told before anybody asks for it.

use jackfield_core::{
    Error, Level,
    manifest::{Auth, Manifest, MappingFate},
};
use jackfield_sandbox::Component;

use super::Connections;

/// What a disconnect would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub configured: bool,
    pub org_name: Option<String>,
    /// Mappings that would go, and those that would stay.
    pub mappings: u64,
    pub mappings_kept: u64,
    /// Whether change alerts are on; none where the provider could not be asked.
    pub alerts: Option<bool>,
    pub revokes: Revokes,
    /// The names of the service tokens that use the connection.
    pub services: Vec<String>,
}

/// Whether the credential ends at the provider too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revokes {
    Upstream,
    /// It is only forgotten here.
    Local,
}

impl Connections {
    /// Tells what a disconnect would do. The provider is asked about its alerts alone, where it has any.
    ///
    /// # Errors
    /// There is neither such a provider nor such a connection, or the database fails.
    pub async fn foresee_disconnect(&self, provider: &str) -> Result<Foreseen, Error> {
        let id = self.id(provider)?;
        let connection = self.store.connection(&id).await?;
        if connection.is_none() {
            self.known(provider)?;
        }
        let component = self.catalog.component(provider).ok();
        let manifest = component.as_ref().map(|component| component.manifest.as_ref());
        let mapped = self.store.count_mappings(&id).await?;
        let falls =
            connection.is_some() && manifest.is_some_and(|manifest| manifest.on_disconnect == MappingFate::Clear);
        let (mappings, mappings_kept) = if falls { (mapped, 0) } else { (0, mapped) };
        let alerts = match (&component, &connection) {
            (_, None) => Some(false),
            (Some(component), Some(_)) => self.alerts_are_on(component, provider).await,
            (None, Some(_)) => None,
        };
        let now = self.clock.now();
        let tokens = self.store.tokens().await?.into_iter().filter(|token| {
            token.level == Level::Service
                && token.revoked_at.is_none()
                && token.expires_at.is_none_or(|end| now < end)
                && token.providers.iter().any(|named| named == provider)
        });
        Ok(Foreseen {
            configured: connection.is_some(),
            org_name: connection.and_then(|connection| connection.org_name),
            mappings,
            mappings_kept,
            alerts,
            revokes: manifest.map_or(Revokes::Local, revokes),
            services: tokens.map(|token| token.name).collect(),
        })
    }

    /// Whether the provider sends change alerts somewhere; none where it does not say.
    async fn alerts_are_on(&self, component: &Component, provider: &str) -> Option<bool> {
        if !component.manifest.capabilities.alerts {
            return Some(false);
        }
        match self.alert_target(provider).await {
            Ok(target) => Some(target.is_some()),
            Err(error) => {
                tracing::debug!(provider, %error, "it is not known whether alerts are on");
                None
            }
        }
    }
}

/// Whether a component can end its credential at the provider: it declares where a grant is revoked, or calls an
/// endpoint that says so itself.
fn revokes(manifest: &Manifest) -> Revokes {
    let declared = matches!(&manifest.auth, Auth::OAuth2(grant) if grant.revocation_url.is_some());
    let called = || manifest.endpoints.iter().any(|endpoint| endpoint.path.to_ascii_lowercase().contains("revoke"));
    if declared || called() { Revokes::Upstream } else { Revokes::Local }
}
