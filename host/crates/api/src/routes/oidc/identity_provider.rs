//! The identity provider: its metadata and keys, its sign-in page, and the person that a code identifies.
//!
//! OpenID Connect Core 1.0 §3.1 and Discovery 1.0, always with PKCE S256 (RFC 9700 §2.1.1). No cookies, no sessions.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use jackfield_core::{Clock, Level, Secret, session::SignInProvider};
use jackfield_egress::{Egress, policy};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId,
    ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::{
    exchange_limits::{ExchangeLimits, ExchangePermit},
    http_client::{OidcHttpClient, OidcHttpError},
    sign_in_flow::SignInFlow,
};

/// How long metadata is used at most, and so how long a withdrawn key is accepted at most.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);

/// After metadata could not be fetched, it is not fetched again for this long.
const RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// The largest difference between the provider's clock and ours.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The longest subject (OpenID Connect Core 1.0 §2) or email address, in characters.
const MAX_NAME: usize = 255;

/// The accepted signature algorithms. HMAC and `none` are rejected, whatever the provider's metadata lists.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The identity provider through which people sign in. Clones share their state.
#[derive(Clone, Debug)]
pub struct Oidc(Arc<OidcInner>);

#[derive(Debug)]
struct OidcInner {
    settings: SignInProvider,
    redirect: RedirectUrl,
    egress: Egress,
    clock: Clock,
    /// Locked during a fetch, so that concurrent sign-ins fetch once.
    metadata: Mutex<MetadataCache>,
    exchanges: ExchangeLimits,
}

#[derive(Debug, Default)]
struct MetadataCache {
    /// The metadata, and when it was fetched.
    metadata: Option<(Arc<CoreProviderMetadata>, Timestamp)>,
    /// Why the last fetch failed, and when.
    failure: Option<(String, Timestamp)>,
}

/// Which metadata is recent enough.
#[derive(Clone, Copy, Debug)]
enum Freshness {
    /// Not older than [`MAX_AGE`].
    Recent,
    /// Fetched after this time.
    After(Timestamp),
}

/// A person whom the provider identified.
#[derive(Clone, Debug)]
pub(super) struct IdentifiedPerson {
    /// The provider's id of the person, which never changes.
    pub(super) subject: String,
    /// The email address if the provider has verified it, otherwise the subject.
    pub(super) name: String,
    /// `None` if the claim is missing or is not a level.
    pub(super) level: Option<Level>,
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignInError {
    #[error("the person or the identity provider declined")]
    Declined,
    #[error("the sign-in took too long, was finished in another browser, or was already finished")]
    Expired,
    #[error("the identity provider cannot be reached: {0}")]
    Unavailable(String),
    #[error("the identity provider's response is not valid: {0}")]
    Invalid(String),
    #[error("the identity provider gives this person no access level")]
    NoLevel,
}

impl SignInError {
    /// Returns the code for the sign-in page.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Unavailable(_) => "unavailable",
            Self::Invalid(_) => "invalid",
            Self::NoLevel => "no_level",
        }
    }
}

/// Claims that are not in the standard.
#[derive(Debug, Deserialize, Serialize)]
struct OtherClaims(HashMap<String, Value>);

impl AdditionalClaims for OtherClaims {}

type OidcTokenFields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type OidcTokens = StandardTokenResponse<OidcTokenFields, CoreTokenType>;

type OidcClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    OidcTokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Oidc {
    /// Creates the client of a provider that redirects browsers to `callback`. Nothing is fetched before somebody signs
    /// in.
    ///
    /// # Errors
    /// `callback` is not a valid URL.
    pub fn new(
        settings: SignInProvider,
        callback: &Url,
        egress: Egress,
        clock: Clock,
    ) -> Result<Self, url::ParseError> {
        let redirect = RedirectUrl::new(callback.to_string())?;
        let (metadata, exchanges) = (Mutex::default(), ExchangeLimits::default());
        Ok(Self(Arc::new(OidcInner { settings, redirect, egress, clock, metadata, exchanges })))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// Begins the exchange of a code for an address.
    ///
    /// # Errors
    /// See [`ExchangeLimits::begin`].
    pub(super) fn begin_exchange(&self, address: IpAddr) -> Result<ExchangePermit<'_>, jackfield_core::Error> {
        self.0.exchanges.begin(address)
    }

    /// Returns the address of the provider's sign-in page for a flow.
    pub(super) async fn authorize_url(&self, flow: &SignInFlow) -> Result<Url, SignInError> {
        let (metadata, _) = self.metadata(Freshness::Recent).await?;
        let (state, nonce) = (flow.state(), flow.nonce());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&pkce_verifier(flow));
        let client = self.client(&metadata);
        let request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            move || CsrfToken::new(state.expose().clone()),
            move || Nonce::new(nonce.expose().clone()),
        );
        let scopes = metadata.scopes_supported();
        let email = Scope::new("email".to_owned());
        let request =
            if scopes.is_none_or(|scopes| scopes.contains(&email)) { request.add_scope(email) } else { request };
        let (url, _, _) = request.set_pkce_challenge(challenge).url();
        // A browser opens the address, so it must not be a script, a file or plain HTTP.
        policy::validate_url(metadata.authorization_endpoint().as_str())
            .map_err(|why| SignInError::Invalid(format!("its authorization endpoint {why}")))?;
        Ok(url)
    }

    /// Exchanges a code, and validates the ID token that identifies the person.
    pub(super) async fn identify(
        &self,
        _permit: &ExchangePermit<'_>,
        flow: &SignInFlow,
        code: Secret<String>,
    ) -> Result<IdentifiedPerson, SignInError> {
        let (metadata, fetched) = self.metadata(Freshness::Recent).await?;
        let tokens = self.exchange(&metadata, flow, &code).await?;
        match self.validate(&metadata, &tokens, flow) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // The provider may have changed its keys.
                let (metadata, _) = self.metadata(Freshness::After(fetched)).await?;
                self.validate(&metadata, &tokens, flow)
            }
            validated => validated,
        }
        .map_err(|error| SignInError::Invalid(error.to_string()))
    }

    async fn exchange(
        &self,
        metadata: &CoreProviderMetadata,
        flow: &SignInFlow,
        code: &Secret<String>,
    ) -> Result<OidcTokens, SignInError> {
        let client = self.client(metadata);
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
            .map_err(|_| SignInError::Invalid("it has no token endpoint".to_owned()))?;
        let response =
            request.set_pkce_verifier(pkce_verifier(flow)).request_async(&OidcHttpClient(&self.0.egress)).await;
        response.map_err(|error| match error {
            RequestTokenError::Request(error) => SignInError::from(&error),
            RequestTokenError::ServerResponse(response) => match response.error() {
                // The code was already used, is too old, or was never valid.
                CoreErrorResponseType::InvalidGrant => SignInError::Expired,
                other => SignInError::Invalid(format!("its token endpoint answers {other}")),
            },
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                SignInError::Invalid("its token endpoint's response cannot be parsed".to_owned())
            }
        })
    }

    /// Validates signature, issuer, audience, nonce and times (Core 1.0 §3.1.3.7).
    fn validate(
        &self,
        metadata: &CoreProviderMetadata,
        tokens: &OidcTokens,
        flow: &SignInFlow,
    ) -> Result<IdentifiedPerson, ClaimsVerificationError> {
        let other = |why: &str| ClaimsVerificationError::Other(why.to_owned());
        let token = tokens.id_token().ok_or_else(|| other("it returned no ID token"))?;
        let client = self.client(metadata);
        let now = self.0.clock.now();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || to_chrono(now.saturating_sub(LEEWAY).unwrap_or(now)))
            .set_issue_time_verifier_fn(move |issued| {
                let is_early = issued > to_chrono(now.saturating_add(LEEWAY).unwrap_or(now));
                if is_early { Err("it is not valid yet".to_owned()) } else { Ok(()) }
            });
        let claims = token.claims(&verifier, &Nonce::new(flow.nonce().expose().clone()))?;
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.0.settings.client_id) {
            return Err(ClaimsVerificationError::InvalidAudience("it was issued to another client".to_owned()));
        }
        let subject = claims.subject().as_str();
        if !is_valid_name(subject) {
            return Err(other("its subject is empty, too long or not plain ASCII"));
        }
        let email = claims.email().filter(|_| claims.email_verified() == Some(true)).map(|email| email.as_str());
        let level = match claims.additional_claims().0.get(&self.0.settings.level_claim) {
            Some(Value::String(word)) => Level::parse(word).filter(|level| *level != Level::Service),
            _ => None,
        };
        let name = email.filter(|email| is_valid_name(email)).unwrap_or(subject).to_owned();
        Ok(IdentifiedPerson { subject: subject.to_owned(), name, level })
    }

    /// Returns the provider's metadata with its keys, and when it was fetched.
    async fn metadata(&self, freshness: Freshness) -> Result<(Arc<CoreProviderMetadata>, Timestamp), SignInError> {
        // Waits for a fetch of another sign-in.
        let mut cache = self.0.metadata.lock().await;
        let now = self.0.clock.now();
        if let Some((metadata, fetched)) = &cache.metadata {
            let is_recent = match freshness {
                Freshness::Recent => now.duration_since(*fetched).abs() < MAX_AGE,
                Freshness::After(other) => *fetched > other,
            };
            if is_recent {
                return Ok((Arc::clone(metadata), *fetched));
            }
        }
        if let Some((why, failed)) = &cache.failure
            && now.duration_since(*failed).abs() < RETRY_INTERVAL
        {
            return Err(SignInError::Unavailable(why.clone()));
        }
        let issuer =
            IssuerUrl::new(self.0.settings.issuer.clone()).map_err(|error| SignInError::Invalid(error.to_string()))?;
        let fetched = CoreProviderMetadata::discover_async(issuer, &OidcHttpClient(&self.0.egress)).await;
        match fetched.map_err(|error| SignInError::from(&error)) {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *cache = MetadataCache { metadata: Some((Arc::clone(&metadata), now)), failure: None };
                Ok((metadata, now))
            }
            Err(error) => {
                if let SignInError::Unavailable(why) = &error {
                    cache.failure = Some((why.clone(), now));
                }
                Err(error)
            }
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> OidcClient {
        let OidcInner { settings, redirect, .. } = &*self.0;
        let secret = ClientSecret::new(settings.client_secret.expose().clone());
        let id = ClientId::new(settings.client_id.clone());
        let sends_secret_in_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        Client::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(redirect.clone())
            .set_auth_type(if sends_secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }
}

fn pkce_verifier(flow: &SignInFlow) -> PkceCodeVerifier {
    PkceCodeVerifier::new(flow.pkce_verifier().expose().clone())
}

fn is_valid_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Converts a time to the type that `openidconnect` uses.
fn to_chrono(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(time.as_second(), 0).unwrap_or_default()
}

impl From<&OidcHttpError> for SignInError {
    fn from(error: &OidcHttpError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<&DiscoveryError<OidcHttpError>> for SignInError {
    fn from(error: &DiscoveryError<OidcHttpError>) -> Self {
        match error {
            DiscoveryError::Request(error) => Self::from(error),
            DiscoveryError::Response(status, _, _) => {
                Self::Unavailable(format!("its metadata response has status {status}"))
            }
            // The messages of these errors may repeat the response.
            DiscoveryError::Parse(_) => Self::Unavailable("its metadata cannot be parsed".to_owned()),
            DiscoveryError::Validation(_) => Self::Invalid("its metadata names another issuer".to_owned()),
            _ => Self::Unavailable("its metadata cannot be fetched".to_owned()),
        }
    }
}
