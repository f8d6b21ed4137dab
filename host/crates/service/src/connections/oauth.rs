//! Connecting by OAuth 2.0: the authorize URL, the code that comes back, the app that asks (RFC 6749, 7636, 9700).
//!
//! A flow belongs to the caller who asked for its URL, knows its provider, lives ten minutes and serves once. PKCE S256
//! and a state of 256 bits are always sent; no code, verifier or token is in a log or an answer.

use std::{collections::BTreeMap, fmt};

use jackfield_core::{
    Error, FieldError, OAuthApp, Outcome, ProviderId, Secret,
    audit::Actor,
    manifest::{Auth, OAuth2Grant},
};
use jackfield_sandbox::Component;
use jackfield_store::{Flow, FlowOutcome, NewAudit, NewFlow};
use jiff::{SignedDuration, Timestamp};
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope, basic::BasicClient};
use uuid::Uuid;

use super::{
    Connected, Connections,
    attempt::Trial,
    outcome,
    token_endpoint::{TokenEndpoint, TokenError},
};
use crate::retry::retry_overtaken;

/// How long a person has for the provider's consent page.
const FLOW_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Bytes of a code that are taken; most have some dozen, the longest seen 2 KiB.
const CODE: usize = 4 << 10;

/// Characters of a provider's own words about a refusal.
const WORDS: usize = 200;

/// Where a browser is sent to ask for a grant.
#[derive(Clone, Debug)]
pub struct Authorization {
    pub url: String,
    /// The same at a stand-in, in development.
    pub reroute_url: Option<String>,
    pub flow_id: String,
    pub expires_at: Timestamp,
}

/// What the provider's redirect brought back.
#[derive(Clone, Default)]
pub struct Returned {
    pub code: Option<Secret<String>>,
    pub state: Option<Secret<String>>,
    /// The issuer that says it sent the answer (RFC 9207).
    pub iss: Option<String>,
    /// The provider's word for a refusal, instead of a code.
    pub error: Option<String>,
    pub error_description: Option<String>,
}

/// How a flow stands, as its owner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowState {
    Pending,
    Succeeded,
    Failed(String),
    Expired,
}

impl Connections {
    /// Begins a flow and gives the URL of the provider's consent page.
    ///
    /// # Errors
    /// The provider is not connected by OAuth, has no OAuth app here, or the service is sealed.
    pub async fn auth_url(&self, provider: &str, actor: &Actor) -> Result<Authorization, Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = oauth2_of(&component)?;
        let app = self.oauth_app(provider, oauth2).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new_random_len(32);
        let redirect = RedirectUrl::new(self.redirect_uri.to_string()).map_err(Error::internal)?;
        let client = BasicClient::new(ClientId::new(app.client_id))
            .set_auth_uri(AuthUrl::new(oauth2.authorize_url.clone()).map_err(Error::internal)?)
            .set_redirect_uri(redirect);
        let mut request = client.authorize_url(|| state.clone()).set_pkce_challenge(challenge);
        for scope in &oauth2.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in &oauth2.authorize_parameters {
            request = request.add_extra_param(name, value);
        }
        let (url, state) = request.url();
        let expires_at = self.clock.now().saturating_add(FLOW_LIFE).unwrap_or(Timestamp::MAX);
        let flow_id = Uuid::new_v4().simple().to_string();
        self.store
            .begin_flow(NewFlow {
                id: flow_id.clone(),
                provider: id,
                caller: actor.id.clone(),
                state: Secret::new(state.into_secret()),
                verifier: Secret::new(verifier.into_secret()),
                redirect_uri: self.redirect_uri.to_string(),
                expires_at,
            })
            .await?;
        let reroute_url = self.egress.rerouted(&url).map(Into::into);
        Ok(Authorization { url: url.into(), reroute_url, flow_id, expires_at })
    }

    /// Ends a flow with what the provider's redirect brought: exchanges the code, tries the grant, stores it.
    ///
    /// # Errors
    /// There is no such flow of this caller, the provider refused, or the grant does not work. Whatever was stored
    /// before then still is.
    pub async fn callback(&self, provider: &str, returned: Returned, actor: &Actor) -> Result<Connected, Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = oauth2_of(&component)?;
        let flow = self.own_flow(&id, &returned, actor).await?;
        let ended = self.redeem(&id, &component, oauth2, &flow, returned, actor).await;
        let (outcome, reason) = match &ended {
            Ok(_) => (FlowOutcome::Succeeded, None),
            Err(error) => (FlowOutcome::Failed, Some(error.to_string())),
        };
        self.store.end_flow(&flow.id, outcome, reason).await?;
        if let Err(error) = &ended {
            self.audit_refusal(actor, "connection.connect", &id, error).await;
        }
        ended
    }

    /// Tells the owner of a flow how it stands.
    ///
    /// # Errors
    /// There is no such flow of this caller and provider.
    pub async fn flow_state(&self, provider: &str, flow_id: &str, actor: &Actor) -> Result<FlowState, Error> {
        self.id(provider)?;
        let flow = self.store.flow(flow_id).await?;
        let flow = flow.filter(|flow| flow.provider == provider && flow.caller == actor.id);
        let flow = flow.ok_or_else(|| Error::NotFound("there is no such flow of yours".to_owned()))?;
        let is_over = self.clock.now() >= flow.expires_at;
        Ok(match flow.outcome {
            FlowOutcome::Succeeded => FlowState::Succeeded,
            FlowOutcome::Failed => FlowState::Failed(flow.reason.unwrap_or_default()),
            FlowOutcome::Pending | FlowOutcome::Redeeming if is_over => FlowState::Expired,
            FlowOutcome::Pending | FlowOutcome::Redeeming => FlowState::Pending,
        })
    }

    /// The caller's flow that an answer belongs to: by its state, or without one the only open flow of the caller.
    async fn own_flow(&self, id: &ProviderId, returned: &Returned, actor: &Actor) -> Result<Flow, Error> {
        let none = |message: &str| Error::InvalidFields(vec![FieldError::new("state", message)]);
        let flow = match &returned.state {
            Some(state) => self.store.flow_of_state(state.expose()).await?,
            None => {
                let mut open = self.store.open_flows(id, &actor.id).await?;
                if open.len() > 1 {
                    return Err(none("is needed: you have more than one open flow with this provider"));
                }
                open.pop()
            }
        };
        let flow = flow.filter(|flow| flow.provider == id.as_str() && flow.caller == actor.id);
        let flow = flow.filter(|flow| flow.outcome == FlowOutcome::Pending && self.clock.now() < flow.expires_at);
        flow.ok_or_else(|| none("belongs to no open flow of yours with this provider; ask for a new URL"))
    }

    async fn redeem(
        &self,
        id: &ProviderId,
        component: &Component,
        oauth2: &OAuth2Grant,
        flow: &Flow,
        returned: Returned,
        actor: &Actor,
    ) -> Result<Connected, Error> {
        let wrong = |field: &str, message: &str| Error::InvalidFields(vec![FieldError::new(field, message)]);
        let verifier = self.store.take_flow(flow).await?;
        let verifier = verifier.ok_or_else(|| wrong("state", "was used a moment ago"))?;
        // A mix-up of providers shows before the code is sent anywhere (RFC 9207 §2.4).
        match (&oauth2.issuer, &returned.iss) {
            (Some(expected), Some(iss)) if iss != expected => {
                return Err(wrong("iss", "is another issuer than this provider's; the code was not sent"));
            }
            (Some(_), None) => return Err(wrong("iss", "is missing: this provider always sends it")),
            _ => {}
        }
        if let Some(error) = &returned.error {
            let words = returned.error_description.as_deref().map(|words| format!(" ({})", shown(words)));
            return Err(Error::CredentialRejected(format!("{}{}", shown(error), words.unwrap_or_default())));
        }
        let code = returned.code.filter(|code| (1..=CODE).contains(&code.expose().len()));
        let code = code.ok_or_else(|| wrong("code", "is missing, or none"))?;
        let app = self.oauth_app(id.as_str(), oauth2).await?;
        let endpoint =
            TokenEndpoint { egress: &self.egress, clock: &self.clock, provider: id.as_str(), grant: oauth2, app: &app };
        let tokens = endpoint.exchange(&code, &verifier, &flow.redirect_uri).await.map_err(refused)?;
        retry_overtaken(async || {
            let stored = self.store.connection(id).await?;
            let fields = stored.as_ref().map(|connection| connection.fields.clone()).unwrap_or_default();
            let trial = Trial { fields, secrets: BTreeMap::new(), tokens: Some(tokens.clone()) };
            self.attempt(id, component, stored.as_ref(), trial, super::Kept::Nothing, actor).await
        })
        .await
    }

    /// The OAuth app of a provider: from the settings, else as it was set through the API for this very endpoint.
    ///
    /// # Errors
    /// There is none, or it was set for another token endpoint.
    pub(super) async fn oauth_app(&self, provider: &str, oauth2: &OAuth2Grant) -> Result<OAuthApp, Error> {
        if let Some(app) = self.oauth_apps.get(&setting_name(provider)) {
            return Ok(app.clone());
        }
        match self.store.oauth_app(provider).await? {
            Some((app, token_url)) if token_url == oauth2.token_url => Ok(app),
            Some(_) => Err(Error::Unsupported(format!(
                "the OAuth app of `{provider}` was set for another token endpoint than its component now declares; \
                 set it again"
            ))),
            None => Err(Error::Unsupported(format!(
                "`{provider}` has no OAuth app here: set JACKFIELD_OAUTH_{}_CLIENT_ID, or \
                 PUT /api/admin/providers/{provider}/oauth-app",
                setting_name(provider)
            ))),
        }
    }

    /// Sets the OAuth app of a provider, sealed.
    ///
    /// # Errors
    /// The provider is not connected by OAuth, a value fails its rule, or the service is sealed.
    pub async fn set_oauth_app(&self, provider: &str, app: OAuthApp, actor: &Actor) -> Result<(), Error> {
        self.store.vault()?;
        let id = self.id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = oauth2_of(&component)?;
        let mut errors = Vec::new();
        let plain = |text: &str| (1..=500).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(&app.client_id) {
            errors.push(FieldError::new("client_id", "must be 1 to 500 visible ASCII characters"));
        }
        if app.client_secret.as_ref().is_some_and(|secret| !plain(secret.expose()) || secret.expose().len() < 8) {
            errors.push(FieldError::new("client_secret", "must be 8 to 500 visible ASCII characters"));
        }
        if !errors.is_empty() {
            return Err(Error::InvalidFields(errors));
        }
        let audit = NewAudit {
            actor: actor.clone(),
            action: "provider.oauth_app",
            provider: Some(id.clone()),
            outcome: Outcome::Done,
            detail: Some(app.client_id.clone()),
        };
        Ok(self.store.save_oauth_app(&id, &app, &oauth2.token_url, audit).await?)
    }
}

/// A provider's id as it stands in the names of settings: `acme-hr` is `ACME_HR`.
pub(super) fn setting_name(provider: &str) -> String {
    provider.to_ascii_uppercase().replace('-', "_")
}

fn oauth2_of(component: &Component) -> Result<&OAuth2Grant, Error> {
    match &component.manifest.auth {
        Auth::OAuth2(grant) => Ok(grant),
        Auth::Fields | Auth::ServiceAccount(_) => Err(Error::Unsupported(format!(
            "{} is not connected by OAuth; PUT its fields instead",
            component.manifest.title
        ))),
    }
}

/// A provider's words as they may be shown.
fn shown(words: &str) -> String {
    words.chars().take(WORDS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What a refused code means to the caller.
fn refused(error: TokenError) -> Error {
    match error {
        TokenError::Refused(refusal) if refusal.status == 429 => outcome::rate_limited(None),
        TokenError::Refused(refusal) => match refusal.error.as_deref() {
            // The code is wrong, spent or too old, or was given to another client or redirect URI.
            Some("invalid_grant") => Error::CredentialRejected(TokenError::Refused(refusal).to_string()),
            _ => Error::ProviderError(format!(
                "its token endpoint refuses this service's OAuth app: {}",
                TokenError::Refused(refusal)
            )),
        },
        TokenError::NoAnswer(error) | TokenError::NotSent(error) => error,
    }
}

impl fmt::Debug for Returned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Returned({})", if self.error.is_some() { "a refusal" } else { "a code" })
    }
}
