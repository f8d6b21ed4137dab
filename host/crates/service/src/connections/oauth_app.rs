//! Finds and stores the OAuth app with which Jackfield asks a provider for a grant.

use jackfield_core::{
    Error, FieldError, OAuthApp,
    audit::{Action, Actor},
    manifest::{Auth, OAuth2Grant},
};
use jackfield_sandbox::Component;
use jackfield_store::NewAudit;

use super::{Connections, configured_apps::to_setting_name, parse_provider_id};

/// Minimum length in characters of a client secret.
const MIN_SECRET_LENGTH: usize = 8;

impl Connections {
    /// Returns the OAuth app of a provider.
    ///
    /// An app in the settings takes precedence over one that was set through the API.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is none, or if it was set for another token endpoint than `oauth2` declares, or
    /// used with another one.
    pub(super) async fn find_oauth_app(&self, provider: &str, oauth2: &OAuth2Grant) -> Result<OAuthApp, Error> {
        if let Some(app) = self.configured_apps.release(provider, oauth2).await? {
            return Ok(app);
        }
        match self.store.oauth_app(provider).await? {
            Some(app) => app.release_for(oauth2).ok_or_else(|| {
                Error::Unsupported(format!(
                    "the OAuth app of `{provider}` was set for another token endpoint or revocation endpoint than its \
                     plugin now declares; set it again"
                ))
            }),
            None => Err(Error::Unsupported(format!(
                "`{provider}` has no OAuth app; set JACKFIELD_OAUTH_{}_CLIENT_ID, or use PUT \
                 /api/admin/providers/{provider}/oauth-app",
                to_setting_name(provider)
            ))),
        }
    }

    /// Stores the OAuth app of a provider, encrypted.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the provider is not connected by OAuth, [`Error::InvalidFields`] for a value that
    /// breaks a rule, [`Error::Sealed`], or the database fails.
    pub async fn set_oauth_app(&self, provider: &str, app: OAuthApp, actor: &Actor) -> Result<(), Error> {
        self.store.require_unsealed()?;
        let id = parse_provider_id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = require_oauth2(&component)?;
        validate(&app)?;
        let audit =
            NewAudit::done(actor, Action::ProviderOAuthApp).with_provider(&id).with_detail(app.client_id.clone());
        Ok(self.store.save_oauth_app(&id, &app, oauth2, audit).await?)
    }
}

/// Returns the OAuth grant that a plugin declares.
pub(super) fn require_oauth2(component: &Component) -> Result<&OAuth2Grant, Error> {
    match &component.manifest.auth {
        Auth::OAuth2(grant) => Ok(grant),
        Auth::Fields | Auth::ServiceAccount(_) => Err(Error::Unsupported(format!(
            "{} is not connected by OAuth; PUT its fields instead",
            component.manifest.title
        ))),
    }
}

fn validate(app: &OAuthApp) -> Result<(), Error> {
    let is_valid = |text: &str| (1..=500).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut errors = Vec::new();
    if !is_valid(&app.client_id) {
        errors.push(FieldError::new("client_id", "must be 1 to 500 visible ASCII characters"));
    }
    if let Some(secret) = app.client_secret.as_ref().map(|secret| secret.expose())
        && (!is_valid(secret) || secret.len() < MIN_SECRET_LENGTH)
    {
        errors.push(FieldError::new("client_secret", "must be 8 to 500 visible ASCII characters"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::InvalidFields(errors)) }
}
