//! Sends OAuth 2.0 requests to a provider's token and revocation endpoints.
//!
//! Every request goes to exactly the URL that the approved manifest declares. Nothing is stored here, and no error
//! contains a token, a code or a secret.

mod body;
mod error;
mod retry_after;
mod token_response;
mod transport;

use std::{borrow::Cow, time::Duration};

use jackfield_core::{
    Clock, Error, OAuthApp, Secret,
    manifest::{ClientAuthentication, OAuth2Grant},
};
use jackfield_egress::Egress;
use jackfield_store::OAuthTokens;
use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AccessToken, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, PkceCodeVerifier,
    RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl, StandardRevocableToken, TokenUrl,
    basic::{
        BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    },
};

use self::transport::{TokenTransport, TransportError};
pub(super) use self::{
    body::repair_token_body, error::TokenEndpointError, retry_after::read_retry_after,
    token_response::TokenResponseBody,
};
use super::Connections;

/// How long one request to a token endpoint may take.
pub(super) const TOKEN_REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The upper limit of a token's lifetime, whatever the provider says.
const MAX_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 366);

/// The token endpoint of one provider, and the OAuth app that uses it.
#[derive(Debug)]
pub(super) struct TokenEndpoint<'a> {
    egress: &'a Egress,
    clock: &'a Clock,
    provider: &'a str,
    grant: &'a OAuth2Grant,
    app: &'a OAuthApp,
}

type OAuthClient = oauth2::Client<
    BasicErrorResponse,
    TokenResponseBody,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl<'a> TokenEndpoint<'a> {
    /// Creates the client of the endpoint that `grant` declares.
    pub(super) fn new(
        connections: &'a Connections,
        provider: &'a str,
        grant: &'a OAuth2Grant,
        app: &'a OAuthApp,
    ) -> Self {
        Self { egress: &connections.egress, clock: &connections.clock, provider, grant, app }
    }
}

impl TokenEndpoint<'_> {
    /// Exchanges a code and its PKCE verifier for tokens (RFC 7636 §4.5).
    pub(super) async fn exchange(
        &self,
        code: &Secret<String>,
        verifier: &Secret<String>,
        redirect_uri: &str,
    ) -> Result<OAuthTokens, TokenEndpointError> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(TokenEndpointError::not_sent)?;
        let transport = self.new_transport(&self.grant.token_url, &[code, verifier]);
        let response = self
            .new_client()?
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().clone()))
            .set_redirect_uri(Cow::Owned(redirect))
            .request_async(&transport)
            .await;
        self.read_tokens(response, &transport, None)
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// If the provider returns no new refresh token, the old one stays valid.
    pub(super) async fn refresh(&self, refresh: &Secret<String>) -> Result<OAuthTokens, TokenEndpointError> {
        let transport = self.new_transport(&self.grant.token_url, &[refresh]);
        let response = self
            .new_client()?
            .exchange_refresh_token(&RefreshToken::new(refresh.expose().clone()))
            .request_async(&transport)
            .await;
        self.read_tokens(response, &transport, Some(refresh))
    }

    /// Revokes a grant (RFC 7009).
    ///
    /// The request contains the refresh token, or the access token if there is no refresh token.
    pub(super) async fn revoke(&self, tokens: &OAuthTokens) -> Result<(), TokenEndpointError> {
        let Some(url) = &self.grant.revocation_url else {
            return Err(TokenEndpointError::NotSent(Error::Unsupported(
                "the provider has no revocation endpoint".to_owned(),
            )));
        };
        let (token, secret) = match &tokens.refresh {
            Some(refresh) => {
                (StandardRevocableToken::RefreshToken(RefreshToken::new(refresh.expose().clone())), refresh)
            }
            None => {
                let access = AccessToken::new(tokens.access.expose().clone());
                (StandardRevocableToken::AccessToken(access), &tokens.access)
            }
        };
        let transport = self.new_transport(url, &[secret]);
        let response = self
            .new_client()?
            .set_revocation_url(RevocationUrl::new(url.clone()).map_err(TokenEndpointError::not_sent)?)
            .revoke_token(token)
            .map_err(TokenEndpointError::not_sent)?
            .request_async(&transport)
            .await;
        response.map_err(|error| match error {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::ServerResponse(response) => {
                transport.to_error(Some(response.error().to_string()), response.error_description())
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => transport.to_unreadable_error(),
        })
    }

    fn new_client(&self) -> Result<OAuthClient, TokenEndpointError> {
        let mut client = oauth2::Client::new(ClientId::new(self.app.client_id.clone()))
            .set_token_uri(TokenUrl::new(self.grant.token_url.clone()).map_err(TokenEndpointError::not_sent)?)
            .set_auth_type(match self.grant.client_authentication {
                ClientAuthentication::Basic => AuthType::BasicAuth,
                ClientAuthentication::Body => AuthType::RequestBody,
            });
        if let Some(secret) = &self.app.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().clone()));
        }
        Ok(client)
    }

    /// Creates the transport of one request.
    ///
    /// `secrets` and the client secret are masked in error responses.
    fn new_transport<'a>(&'a self, url: &'a str, secrets: &[&Secret<String>]) -> TokenTransport<'a> {
        let secrets = secrets.iter().copied().chain(&self.app.client_secret);
        TokenTransport::new(self.egress, format!("oauth/{}", self.provider), url, secrets)
    }

    fn read_tokens(
        &self,
        response: Result<TokenResponseBody, RequestTokenError<TransportError, BasicErrorResponse>>,
        transport: &TokenTransport<'_>,
        old_refresh: Option<&Secret<String>>,
    ) -> Result<OAuthTokens, TokenEndpointError> {
        let body = response.map_err(|error| match error {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::ServerResponse(response) => {
                let code = match response.error() {
                    BasicErrorResponseType::Extension(code) => code.clone(),
                    known => known.as_ref().to_owned(),
                };
                transport.to_error(Some(code), response.error_description())
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => transport.to_unreadable_error(),
        })?;
        Ok(body.into_tokens(self.clock.now(), old_refresh))
    }
}

/// Returns when a token that is issued now, with a lifetime in seconds, expires.
pub(super) fn compute_expiry(now: Timestamp, seconds: i64) -> Timestamp {
    let lifetime = SignedDuration::from_secs(seconds.max(0)).min(MAX_TOKEN_LIFETIME);
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}

/// Returns the value of the first header with this name.
pub(super) fn find_header(headers: &[(String, String)], name: &str) -> Option<String> {
    headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}
