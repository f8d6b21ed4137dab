//! Speaks OAuth 2.0 with one provider's endpoints, for the host itself: codes, refresh tokens, revocation.
//!
//! Every request leaves through `egress`, to the very URL that the approved manifest declares. Nothing is stored here,
//! and no error's text holds a token, a code or a secret.

mod given;

use std::{fmt, sync::Mutex};

use futures_util::future::BoxFuture;
use jackfield_core::{
    Clock, Error, OAuthApp, Secret,
    manifest::{Attachment, ClientAuthentication, CredentialSource, Endpoint, Method, OAuth2Grant, Place},
};
use jackfield_egress::{Budget, Egress, Grant, Refusal, Request, Scrubber, SendError};
use jackfield_store::Tokens;
use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl,
    StandardRevocableToken, TokenUrl,
    basic::{
        BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    },
};
use tokio::time::Instant;

pub(super) use self::given::Given;

/// The longest that an access token is believed to live; an absurd `expires_in` is no promise.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How long one exchange with a token endpoint may take.
const TIME: std::time::Duration = std::time::Duration::from_secs(20);

/// Characters of an `error_description` that are passed on.
const DESCRIPTION: usize = 300;

/// The OAuth client of one provider.
#[derive(Debug)]
pub(super) struct TokenEndpoint<'a> {
    pub(super) egress: &'a Egress,
    pub(super) clock: &'a Clock,
    pub(super) provider: &'a str,
    pub(super) grant: &'a OAuth2Grant,
    pub(super) app: &'a OAuthApp,
}

/// Why a token endpoint gave no tokens.
#[derive(Debug)]
pub(super) enum TokenError {
    /// It refused, in a definite answer of RFC 6749 §5.2 or with a status below 500.
    Refused(Refusal),
    /// There is no answer, or none that can be read: what was asked may have been done.
    NoAnswer(Error),
    /// The request was never sent.
    NotSent(Error),
}

type Client<Revocation> = oauth2::Client<
    BasicErrorResponse,
    Given,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Revocation,
    EndpointSet,
>;

impl TokenEndpoint<'_> {
    /// Exchanges an authorization code, with its PKCE verifier (RFC 7636 §4.5).
    pub(super) async fn exchange(
        &self,
        code: &Secret<String>,
        verifier: &Secret<String>,
        redirect_uri: &str,
    ) -> Result<Tokens, TokenError> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(not_sent)?;
        let wire = self.wire(&self.grant.token_url, &[code, verifier]);
        let asked = self
            .client()?
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().clone()))
            .set_redirect_uri(std::borrow::Cow::Owned(redirect))
            .request_async(&wire)
            .await;
        self.tokens(asked, &wire, None)
    }

    /// Exchanges a refresh token for a new pair; a provider that gives no new one leaves the old one good.
    pub(super) async fn refresh(&self, refresh: &Secret<String>) -> Result<Tokens, TokenError> {
        let wire = self.wire(&self.grant.token_url, &[refresh]);
        let asked = self
            .client()?
            .exchange_refresh_token(&RefreshToken::new(refresh.expose().clone()))
            .request_async(&wire)
            .await;
        self.tokens(asked, &wire, Some(refresh))
    }

    /// Revokes a grant by its refresh token, or by its access token where there is none (RFC 7009).
    pub(super) async fn revoke(&self, tokens: &Tokens) -> Result<(), TokenError> {
        let Some(url) = &self.grant.revocation_url else {
            return Err(TokenError::NotSent(Error::Unsupported("the provider has no revocation endpoint".to_owned())));
        };
        let (token, secret) = match &tokens.refresh {
            Some(refresh) => {
                (StandardRevocableToken::RefreshToken(RefreshToken::new(refresh.expose().clone())), refresh)
            }
            None => {
                let access = oauth2::AccessToken::new(tokens.access.expose().clone());
                (StandardRevocableToken::AccessToken(access), &tokens.access)
            }
        };
        let wire = self.wire(url, &[secret]);
        let asked = self
            .client()?
            .set_revocation_url(RevocationUrl::new(url.clone()).map_err(not_sent)?)
            .revoke_token(token)
            .map_err(not_sent)?
            .request_async(&wire)
            .await;
        asked.map_err(|failure| match failure {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::ServerResponse(answer) => {
                wire.refused(Some(answer.error().to_string()), answer.error_description())
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => wire.unreadable(),
        })
    }

    fn client(&self) -> Result<Client<EndpointNotSet>, TokenError> {
        let mut client = oauth2::Client::new(ClientId::new(self.app.client_id.clone()))
            .set_token_uri(TokenUrl::new(self.grant.token_url.clone()).map_err(not_sent)?)
            .set_auth_type(match self.grant.client_authentication {
                ClientAuthentication::Basic => AuthType::BasicAuth,
                ClientAuthentication::Body => AuthType::RequestBody,
            });
        if let Some(secret) = &self.app.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().clone()));
        }
        Ok(client)
    }

    fn wire<'a>(&'a self, url: &'a str, secrets: &[&Secret<String>]) -> Wire<'a> {
        let secrets = secrets.iter().copied().chain(&self.app.client_secret);
        Wire {
            egress: self.egress,
            url,
            pool: format!("oauth/{}", self.provider),
            scrubber: Scrubber::new(secrets.map(|secret| secret.expose().as_str())),
            seen: Mutex::default(),
        }
    }

    fn tokens(
        &self,
        asked: Result<Given, RequestTokenError<WireError, BasicErrorResponse>>,
        wire: &Wire<'_>,
        refresh: Option<&Secret<String>>,
    ) -> Result<Tokens, TokenError> {
        let given = asked.map_err(|failure| match failure {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::ServerResponse(answer) => {
                let word = match answer.error() {
                    BasicErrorResponseType::Extension(word) => word.clone(),
                    known => known.as_ref().to_owned(),
                };
                wire.refused(Some(word), answer.error_description())
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => wire.unreadable(),
        })?;
        Ok(given.tokens(self.clock.now(), refresh))
    }
}

/// When a token ends that was given now for so many seconds.
pub(super) fn end_of_life(now: Timestamp, seconds: i64) -> Timestamp {
    let life = SignedDuration::from_secs(seconds.max(0)).min(LONGEST_LIFE);
    now.saturating_add(life).unwrap_or(Timestamp::MAX)
}

/// Carries one exchange through `egress`, and remembers what the answer looked like.
struct Wire<'a> {
    egress: &'a Egress,
    url: &'a str,
    pool: String,
    scrubber: Scrubber,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    status: u16,
    date: Option<String>,
}

/// Why an exchange has no answer.
#[derive(Debug, thiserror::Error)]
#[error("the token endpoint did not answer")]
struct WireError(#[source] SendError);

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = WireError;
    type Future = BoxFuture<'c, Result<HttpResponse, WireError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Wire<'_> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        let (parts, body) = request.into_parts();
        let mut headers = Vec::new();
        let mut credentials = Vec::new();
        for (name, value) in &parts.headers {
            let value = value.to_str().unwrap_or_default().to_owned();
            if name == http::header::AUTHORIZATION {
                credentials.push((CredentialSource::Field("client".to_owned()), Secret::new(value)));
            } else {
                headers.push((name.as_str().to_owned(), value));
            }
        }
        let post = Post { url: self.url, headers, body, credentials };
        let response = send(self.egress, &self.pool, post).await.map_err(WireError)?;
        if let Ok(mut seen) = self.seen.lock() {
            seen.status = response.status;
            seen.date = header(&response.headers, "date");
        }
        // Without its fields: a provider that calls its JSON `text/plain` has answered all the same.
        let mut answer = HttpResponse::new(response.body);
        *answer.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        Ok(answer)
    }

    /// A refusal in RFC 6749's words.
    fn refused(&self, error: Option<String>, description: Option<&String>) -> TokenError {
        let description = description.map(|text| {
            let shown: String = self.scrubber.scrub_text(text.clone()).chars().take(DESCRIPTION).collect();
            shown.replace(char::is_control, " ")
        });
        let error = error.map(|word| self.scrubber.scrub_text(word).chars().take(100).collect());
        let (status, date) = self.seen();
        match status {
            500.. => TokenError::NoAnswer(Error::ProviderError(format!("its token endpoint failed with {status}"))),
            429 => TokenError::Refused(Refusal { status, error: None, description: None, date }),
            _ => TokenError::Refused(Refusal { status, error, description, date }),
        }
    }

    /// An answer that is none of OAuth's.
    fn unreadable(&self) -> TokenError {
        match self.seen() {
            (400..=499, _) => self.refused(None, None),
            (status, _) => TokenError::NoAnswer(Error::ProviderError(format!(
                "its token endpoint answered with {status} and nothing that can be read"
            ))),
        }
    }

    fn seen(&self) -> (u16, Option<String>) {
        self.seen.lock().map(|seen| (seen.status, seen.date.clone())).unwrap_or_default()
    }
}

/// A request of the host's own.
pub(super) struct Post<'a> {
    pub(super) url: &'a str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// What goes into `Authorization`, whole; at most one.
    pub(super) credentials: Vec<(CredentialSource, Secret<String>)>,
}

/// Sends one request of the host's own to the one URL that is declared for it; a redirect elsewhere is refused.
pub(super) async fn send(egress: &Egress, pool: &str, post: Post<'_>) -> Result<jackfield_egress::Response, SendError> {
    let url: url::Url = post.url.parse().map_err(|_| SendError::Malformed("the endpoint is not a URL".to_owned()))?;
    let place = Place::Header { name: "Authorization".to_owned(), format: "{}".to_owned() };
    let credential = post.credentials.first().map(|(source, _)| Attachment { source: source.clone(), place });
    let endpoint = Endpoint {
        method: Method::Post,
        host: url.host_str().unwrap_or_default().to_owned(),
        path: url.path().to_owned(),
        credential,
    };
    let mut grant =
        Grant::new(pool.to_owned(), vec![endpoint].into(), post.credentials, Default::default(), Budget::new(1));
    // What comes back is meant for the host: a token that looks like the client's secret must not be masked.
    grant.scrubber = Scrubber::new([]);
    let request =
        Request { method: Method::Post, url: post.url.to_owned(), headers: post.headers, body: Some(post.body) };
    egress.send(&grant, Instant::now() + TIME, request).await
}

/// The first header field of a name.
pub(super) fn header(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

impl From<WireError> for TokenError {
    fn from(WireError(error): WireError) -> Self {
        match error {
            SendError::Denied(denial) => Self::NotSent(Error::ProviderError(denial.to_string())),
            SendError::TimedOut => Self::NoAnswer(Error::ProviderTimeout),
            other => Self::NoAnswer(Error::ProviderError(format!("its token endpoint gave no answer: {other}"))),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => match (&refusal.error, &refusal.description) {
                (Some(error), Some(description)) => write!(formatter, "{error} ({description})"),
                (Some(error), None) => write!(formatter, "{error}"),
                _ => write!(formatter, "status {}", refusal.status),
            },
            Self::NoAnswer(error) | Self::NotSent(error) => write!(formatter, "{error}"),
        }
    }
}

fn not_sent(error: impl std::error::Error + Send + Sync + 'static) -> TokenError {
    TokenError::NotSent(Error::internal(error))
}
