//! The identity provider: its description and keys, the address to send a browser to, and who a code speaks for.
//!
//! OpenID Connect Core 1.0 §3.1 and Discovery 1.0; PKCE S256 always (RFC 9700 §2.1.1). Knows no cookie and no session.

use std::{collections::HashMap, sync::Arc};

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
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use super::{
    sign_in_flow::Away,
    http_client::{Wire, WireError},
};

/// How long a description is good: a key that the provider withdrew checks nothing any more after that.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// After a description could not be had, others who come do not ask for it for so long.
const BETWEEN_FAILURES: SignedDuration = SignedDuration::from_secs(5);

/// Seconds by which the provider's clock and ours may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Codes that are exchanged at once; more can only be somebody who plays with the address.
const EXCHANGES: usize = 16;

/// Bytes of a code that are taken.
const CODE: usize = 4 << 10;

/// Characters of a subject (OpenID Connect Core 1.0 §2) or an address.
const NAME: usize = 255;

/// What a signature may be made with. None by a shared secret, and not `none`, whatever the provider's description says.
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

/// The identity provider of this service. A clone is the same.
#[derive(Clone, Debug)]
pub struct Oidc(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: SignInProvider,
    redirect: RedirectUrl,
    egress: Egress,
    clock: Clock,
    /// Locked while it is fetched, so that it is fetched once.
    held: Mutex<Held>,
    exchanges: Semaphore,
}

#[derive(Debug, Default)]
struct Held {
    description: Option<(Arc<CoreProviderMetadata>, Timestamp)>,
    failed: Option<(String, Timestamp)>,
}

/// Which description will do.
#[derive(Clone, Copy, Debug)]
enum Age {
    Fresh,
    /// One that was fetched after this one.
    After(Timestamp),
}

/// Who came back from the provider.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// The provider's own id of them, which never changes.
    pub(crate) subject: String,
    /// Their address where the provider has checked it, else the subject.
    pub(crate) name: String,
    /// None where the claim is missing or holds no level.
    pub(crate) level: Option<Level>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the person or the identity provider declined")]
    Declined,
    #[error("it took too long, ended in another browser, or was ended before")]
    Expired,
    #[error("the identity provider does not answer: {0}")]
    Unavailable(String),
    #[error("the identity provider's answer cannot be trusted: {0}")]
    Invalid(String),
    #[error("the identity provider gives this person no access level")]
    NoLevel,
}

impl Refusal {
    /// The word that the page is told.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Unavailable(_) => "unavailable",
            Self::Invalid(_) => "invalid",
            Self::NoLevel => "no_level",
        }
    }
}

/// The claims that the standard does not know.
#[derive(Debug, Deserialize, Serialize)]
struct OtherClaims(HashMap<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Given = StandardTokenResponse<Fields, CoreTokenType>;

type Described = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Given,
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
    /// Takes a provider that sends browsers back to this address. Nothing is fetched before somebody signs in.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(
        settings: SignInProvider,
        callback: &Url,
        egress: Egress,
        clock: Clock,
    ) -> Result<Self, url::ParseError> {
        let redirect = RedirectUrl::new(callback.to_string())?;
        let (held, exchanges) = (Mutex::default(), Semaphore::new(EXCHANGES));
        Ok(Self(Arc::new(Shared { settings, redirect, egress, clock, held, exchanges })))
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// The address of the provider's page, for one way there and back.
    pub(crate) async fn authorize_url(&self, away: &Away) -> Result<Url, Refusal> {
        let (description, _) = self.description(Age::Fresh).await?;
        let (state, nonce) = (away.state(), away.nonce());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(away));
        let client = self.client(&description);
        let request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            move || CsrfToken::new(state.expose().clone()),
            move || Nonce::new(nonce.expose().clone()),
        );
        let scopes = description.scopes_supported();
        let email = Scope::new("email".to_owned());
        let request =
            if scopes.is_none_or(|scopes| scopes.contains(&email)) { request.add_scope(email) } else { request };
        let (url, _, _) = request.set_pkce_challenge(challenge).url();
        // It goes into the browser: no script, no file, no plain page.
        policy::url_may_be_asked(description.authorization_endpoint().as_str())
            .map_err(|why| Refusal::Invalid(format!("its page {why}")))?;
        Ok(url)
    }

    /// Exchanges a code, and judges the token that it is given for.
    pub(crate) async fn person(&self, away: &Away, code: Secret<String>) -> Result<Person, Refusal> {
        if !(1..=CODE).contains(&code.expose().len()) {
            return Err(Refusal::Invalid("a code of such a length".to_owned()));
        }
        let busy = |_full| Refusal::Unavailable("too many come back at once".to_owned());
        let _place = self.0.exchanges.try_acquire().map_err(busy)?;
        let (description, fetched) = self.description(Age::Fresh).await?;
        let given = self.exchange(&description, away, &code).await?;
        match self.judge(&description, &given, away) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // The provider has changed its keys since.
                let (description, _) = self.description(Age::After(fetched)).await?;
                self.judge(&description, &given, away)
            }
            judged => judged,
        }
        .map_err(|error| Refusal::Invalid(error.to_string()))
    }

    async fn exchange(
        &self,
        description: &CoreProviderMetadata,
        away: &Away,
        code: &Secret<String>,
    ) -> Result<Given, Refusal> {
        let client = self.client(description);
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
            .map_err(|_| Refusal::Invalid("it has no token endpoint".to_owned()))?;
        let asked = request.set_pkce_verifier(verifier(away)).request_async(&Wire(&self.0.egress)).await;
        asked.map_err(|failure| match failure {
            RequestTokenError::Request(error) => unanswered(&error),
            RequestTokenError::ServerResponse(answer) => match answer.error() {
                // Spent, too old, or never one.
                CoreErrorResponseType::InvalidGrant => Refusal::Expired,
                other => Refusal::Invalid(format!("it does not know this service: {other}")),
            },
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Refusal::Invalid("its token endpoint's answer cannot be read".to_owned())
            }
        })
    }

    /// Signature, issuer, audience, nonce and times (Core 1.0 §3.1.3.7).
    fn judge(
        &self,
        description: &CoreProviderMetadata,
        given: &Given,
        away: &Away,
    ) -> Result<Person, ClaimsVerificationError> {
        let other = |why: &str| ClaimsVerificationError::Other(why.to_owned());
        let token = given.id_token().ok_or_else(|| other("it gave no id token"))?;
        let client = self.client(description);
        let now = self.0.clock.now();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || moment(now.saturating_sub(LEEWAY).unwrap_or(now)))
            .set_issue_time_verifier_fn(move |issued| {
                let is_early = issued > moment(now.saturating_add(LEEWAY).unwrap_or(now));
                if is_early { Err("it is not good yet".to_owned()) } else { Ok(()) }
            });
        let claims = token.claims(&verifier, &Nonce::new(away.nonce().expose().clone()))?;
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.0.settings.client_id) {
            return Err(ClaimsVerificationError::InvalidAudience("it was given to another client".to_owned()));
        }
        let subject = claims.subject().as_str();
        if !is_name(subject) {
            return Err(other("its subject is empty, too long or not plain ASCII"));
        }
        let address = claims.email().filter(|_| claims.email_verified() == Some(true)).map(|address| address.as_str());
        let level = match claims.additional_claims().0.get(&self.0.settings.level_claim) {
            Some(Value::String(word)) => Level::parse(word).filter(|level| *level != Level::Service),
            _ => None,
        };
        let name = address.filter(|address| is_name(address)).unwrap_or(subject).to_owned();
        Ok(Person { subject: subject.to_owned(), name, level })
    }

    /// The provider's description with its keys, and when it was fetched.
    async fn description(&self, age: Age) -> Result<(Arc<CoreProviderMetadata>, Timestamp), Refusal> {
        // Waits for a fetch that somebody else began.
        let mut held = self.0.held.lock().await;
        let now = self.0.clock.now();
        if let Some((description, fetched)) = &held.description {
            let will_do = match age {
                Age::Fresh => now.duration_since(*fetched).abs() < FRESH,
                Age::After(other) => *fetched > other,
            };
            if will_do {
                return Ok((Arc::clone(description), *fetched));
            }
        }
        if let Some((why, failed)) = &held.failed
            && now.duration_since(*failed).abs() < BETWEEN_FAILURES
        {
            return Err(Refusal::Unavailable(why.clone()));
        }
        let issuer =
            IssuerUrl::new(self.0.settings.issuer.clone()).map_err(|error| Refusal::Invalid(error.to_string()))?;
        let fetched = CoreProviderMetadata::discover_async(issuer, &Wire(&self.0.egress)).await;
        match fetched.map_err(|error| undescribed(&error)) {
            Ok(description) => {
                let description = Arc::new(description);
                *held = Held { description: Some((Arc::clone(&description), now)), failed: None };
                Ok((description, now))
            }
            Err(refusal) => {
                if let Refusal::Unavailable(why) = &refusal {
                    held.failed = Some((why.clone(), now));
                }
                Err(refusal)
            }
        }
    }

    fn client(&self, description: &CoreProviderMetadata) -> Described {
        let Shared { settings, redirect, .. } = &*self.0;
        let secret = ClientSecret::new(settings.client_secret.expose().clone());
        let id = ClientId::new(settings.client_id.clone());
        let by_body = description.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        Client::from_provider_metadata(description.clone(), id, Some(secret))
            .set_redirect_uri(redirect.clone())
            .set_auth_type(if by_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }
}

fn verifier(away: &Away) -> PkceCodeVerifier {
    PkceCodeVerifier::new(away.verifier().expose().clone())
}

fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn moment(time: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(time.as_second(), 0).unwrap_or_default()
}

fn unanswered(error: &WireError) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

fn undescribed(error: &DiscoveryError<WireError>) -> Refusal {
    match error {
        DiscoveryError::Request(error) => unanswered(error),
        DiscoveryError::Response(status, _, _) => Refusal::Unavailable(format!("it describes itself with {status}")),
        // Their words could repeat what was answered.
        DiscoveryError::Parse(_) => Refusal::Unavailable("its description cannot be read".to_owned()),
        DiscoveryError::Validation(_) => Refusal::Invalid("its description names another issuer".to_owned()),
        _ => Refusal::Unavailable("its description cannot be had".to_owned()),
    }
}
