//! Connects a provider by OAuth 2.0, from the authorization URL to the stored grant (RFC 6749, 7636, 9700).
//!
//! A flow belongs to the caller who started it and to one provider. It is valid for ten minutes and can be used once.
//! PKCE S256 and a state of 256 bits are always sent. No log or response contains a code, a verifier or a token.

use std::{collections::BTreeMap, fmt};

use jackfield_core::{
    Error, ProviderId, Secret,
    audit::{Action, Actor},
    manifest::{BoundSecret, OAuth2Grant},
};
use jackfield_sandbox::Component;
use jackfield_store::{Expected, NewOAuthFlow, OAuthFlow, OAuthFlowOutcome, OAuthTokens};
use jiff::{SignedDuration, Timestamp};
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope, basic::BasicClient};
use uuid::Uuid;

use super::{
    ConnectResult, Connections,
    new_credential::NewCredential,
    oauth_app::require_oauth2,
    parse_provider_id,
    provider_errors::to_rate_limit_error,
    token_endpoint::{TokenEndpoint, TokenEndpointError},
};
use crate::retry::retry_overtaken;

/// How long a person has to consent at the provider.
const FLOW_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Maximum length in bytes of a code.
///
/// Most codes have a few dozen bytes; the longest known has 2 KiB.
const MAX_CODE_LENGTH: usize = 4 << 10;

/// Maximum length in characters of a provider's error text that is shown.
const MAX_ERROR_LENGTH: usize = 200;

/// A started flow, and the URL to open in a browser.
#[derive(Clone, Debug)]
pub struct StartedOAuthFlow {
    /// The URL of the provider's consent page.
    pub url: String,
    /// The same page at a local stand-in, in development.
    pub reroute_url: Option<String>,
    pub flow_id: String,
    pub expires_at: Timestamp,
}

/// The parameters of the provider's redirect back to Jackfield.
#[derive(Clone, Default)]
pub struct OAuthCallback {
    pub code: Option<Secret<String>>,
    pub state: Option<Secret<String>>,
    /// The issuer that sent the redirect (RFC 9207).
    pub iss: Option<String>,
    /// The error code, sent instead of an authorization code.
    pub error: Option<String>,
    pub error_description: Option<String>,
}

/// The state of a flow, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowState {
    Pending,
    Succeeded,
    /// Contains the reason.
    Failed(String),
    Expired,
}

impl Connections {
    /// Starts a flow, and returns the URL of the provider's consent page.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the provider is not connected by OAuth or has no OAuth app here, [`Error::Sealed`],
    /// or the database fails.
    pub async fn start_oauth_flow(&self, provider: &str, actor: &Actor) -> Result<StartedOAuthFlow, Error> {
        self.store.require_unsealed()?;
        let id = parse_provider_id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = require_oauth2(&component)?;
        let app = self.find_oauth_app(provider, oauth2).await?;
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
        let expires_at = self.clock.now().saturating_add(FLOW_LIFETIME).unwrap_or(Timestamp::MAX);
        let flow_id = Uuid::new_v4().simple().to_string();
        self.store
            .begin_flow(NewOAuthFlow {
                id: flow_id.clone(),
                provider: id,
                caller: actor.id.clone(),
                state: Secret::new(state.into_secret()),
                verifier: BoundSecret::new(Secret::new(verifier.into_secret()), oauth2.app_destinations()),
                redirect_uri: self.redirect_uri.to_string(),
                expires_at,
            })
            .await?;
        let reroute_url = self.egress.reroute_url(&url).map(Into::into);
        Ok(StartedOAuthFlow { url: url.into(), reroute_url, flow_id, expires_at })
    }

    /// Completes a flow: exchanges the code for a grant, tries the grant and stores it.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] if the caller has no such flow or a parameter is not valid,
    /// [`Error::CredentialRejected`], or the provider fails. A previously stored credential is then unchanged.
    pub async fn complete_oauth_flow(
        &self,
        provider: &str,
        callback: OAuthCallback,
        actor: &Actor,
    ) -> Result<ConnectResult, Error> {
        self.store.require_unsealed()?;
        let id = parse_provider_id(provider)?;
        let component = self.catalog.component(provider)?;
        let oauth2 = require_oauth2(&component)?;
        let flow = self.find_own_flow(&id, &callback, actor).await?;
        let connected = async {
            let tokens = self.redeem(&id, oauth2, &flow, callback).await?;
            self.connect_with_tokens(&id, &component, tokens, actor).await
        }
        .await;
        let (outcome, reason) = match &connected {
            Ok(_) => (OAuthFlowOutcome::Succeeded, None),
            Err(error) => (OAuthFlowOutcome::Failed, Some(error.to_string())),
        };
        self.store.end_flow(&flow.id, outcome, reason).await?;
        if let Err(error) = &connected {
            self.audit_refusal(actor, Action::ConnectionConnect, &id, error).await;
        }
        connected
    }

    /// Returns the state of one of the caller's flows.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no such flow with this provider.
    pub async fn read_flow_state(&self, provider: &str, flow_id: &str, actor: &Actor) -> Result<FlowState, Error> {
        parse_provider_id(provider)?;
        let flow = self.store.find_flow(flow_id).await?;
        let flow = flow.filter(|flow| flow.provider == provider && flow.caller == actor.id);
        let flow = flow.ok_or_else(|| Error::NotFound("you have no such flow with this provider".to_owned()))?;
        let is_expired = self.clock.now() >= flow.expires_at;
        Ok(match flow.outcome {
            OAuthFlowOutcome::Succeeded => FlowState::Succeeded,
            OAuthFlowOutcome::Failed => FlowState::Failed(flow.reason.unwrap_or_default()),
            OAuthFlowOutcome::Pending | OAuthFlowOutcome::Redeeming if is_expired => FlowState::Expired,
            OAuthFlowOutcome::Pending | OAuthFlowOutcome::Redeeming => FlowState::Pending,
        })
    }

    /// Finds the caller's open flow by its state.
    ///
    /// A callback without a state belongs to the only open flow of the caller.
    async fn find_own_flow(
        &self,
        id: &ProviderId,
        callback: &OAuthCallback,
        actor: &Actor,
    ) -> Result<OAuthFlow, Error> {
        let flow = match &callback.state {
            Some(state) => self.store.find_flow_by_state(state.expose()).await?,
            None => {
                let mut open = self.store.pending_flows(id, &actor.id).await?;
                if open.len() > 1 {
                    let message = "is required, because you have more than one open flow with this provider";
                    return Err(Error::field("state", message));
                }
                open.pop()
            }
        };
        flow.filter(|flow| flow.provider == id.as_str() && flow.caller == actor.id)
            .filter(|flow| flow.outcome == OAuthFlowOutcome::Pending && self.clock.now() < flow.expires_at)
            .ok_or_else(|| {
                Error::field("state", "does not belong to an open flow of yours with this provider; request a new URL")
            })
    }

    /// Uses up the flow, checks the redirect and exchanges the code for tokens.
    async fn redeem(
        &self,
        id: &ProviderId,
        oauth2: &OAuth2Grant,
        flow: &OAuthFlow,
        callback: OAuthCallback,
    ) -> Result<OAuthTokens, Error> {
        let verifier = self.store.claim_flow(flow, &oauth2.app_destinations()).await?;
        let verifier = verifier.ok_or_else(|| {
            let message = "has just been used, or the plugin's token endpoint has changed since; request a new URL";
            Error::field("state", message)
        })?;
        // The issuer is compared before the code is sent, so that a mix-up attack gets no code (RFC 9207 §2.4).
        match (&oauth2.issuer, &callback.iss) {
            (Some(expected), Some(iss)) if iss != expected => {
                return Err(Error::field("iss", "is not the issuer of this provider; the code was not sent"));
            }
            (Some(_), None) => return Err(Error::field("iss", "is missing, although this provider always sends it")),
            _ => {}
        }
        if let Some(error) = &callback.error {
            let description = callback.error_description.as_deref().map(|text| format!(" ({})", clean(text)));
            return Err(Error::CredentialRejected(format!("{}{}", clean(error), description.unwrap_or_default())));
        }
        let code = callback.code.filter(|code| (1..=MAX_CODE_LENGTH).contains(&code.expose().len()));
        let code = code.ok_or_else(|| Error::field("code", "is missing or not valid"))?;
        let app = self.find_oauth_app(id.as_str(), oauth2).await?;
        let endpoint = TokenEndpoint::new(self, id.as_str(), oauth2, &app);
        endpoint.exchange(&code, &verifier, &flow.redirect_uri).await.map_err(to_exchange_error)
    }

    async fn connect_with_tokens(
        &self,
        id: &ProviderId,
        component: &Component,
        tokens: OAuthTokens,
        actor: &Actor,
    ) -> Result<ConnectResult, Error> {
        retry_overtaken(|| async {
            let stored = self.store.connection(id).await?;
            let fields = stored.as_ref().map(|connection| connection.fields.clone()).unwrap_or_default();
            let credential = NewCredential { fields, secrets: BTreeMap::new(), tokens: Some(tokens.clone()) };
            self.try_and_store(id, component, stored.as_ref(), credential, Expected::Anything, actor).await
        })
        .await
    }
}

/// Shortens a provider's text and replaces its control characters.
fn clean(text: &str) -> String {
    text.chars().take(MAX_ERROR_LENGTH).map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Returns the error for a code that could not be exchanged.
fn to_exchange_error(error: TokenEndpointError) -> Error {
    match error {
        TokenEndpointError::Rejected(response) if response.status == 429 => to_rate_limit_error(None),
        TokenEndpointError::Rejected(response) => match response.error.as_deref() {
            // The code is wrong, used or expired, or was issued to another client or redirect URI.
            Some("invalid_grant") => Error::CredentialRejected(TokenEndpointError::Rejected(response).to_string()),
            _ => Error::ProviderError(format!(
                "its token endpoint rejects the OAuth app: {}",
                TokenEndpointError::Rejected(response)
            )),
        },
        TokenEndpointError::NoResponse(error) | TokenEndpointError::NotSent(error) => error,
    }
}

impl fmt::Debug for OAuthCallback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OAuthCallback({})", if self.error.is_some() { "an error" } else { "a code" })
    }
}
