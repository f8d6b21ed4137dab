//! Mints access tokens at a token endpoint, with assertions that a service account's key signs (RFC 7523).

use std::{collections::BTreeMap, fmt};

use futures_util::{FutureExt, future::BoxFuture};
use jackfield_core::{
    Clock, Connection, Error, Secret,
    manifest::{CredentialSource, Method, ServiceAccountGrant},
};
use jackfield_egress::{Egress, Request, Response, Scrubber, SendError, TokenErrorResponse, TokenSource};
use jiff::SignedDuration;
use serde::Deserialize;
use tokio::time::Instant;

use super::{MintedToken, MintedTokens, TokenPurpose, service_account_key::ServiceAccountKey};
use crate::connections::{
    Connections,
    token_endpoint::{
        TOKEN_REQUEST_TIMEOUT, TokenResponseBody, compute_expiry, find_header, read_retry_after, repair_token_body,
    },
};

/// The requested lifetime in seconds: the maximum that token endpoints accept.
const LIFETIME: i64 = 3_600;

/// Seconds by which an assertion is backdated, because clocks differ a little.
const BACKDATING: i64 = 30;

/// A token that expires within this time is no longer used.
const MIN_REMAINING_LIFETIME: SignedDuration = SignedDuration::from_secs(30);

/// Maximum number of requests for one token, if the endpoint fails temporarily.
const ATTEMPTS: u32 = 2;

/// Maximum length in characters of an `error` that is shown.
const MAX_ERROR_LENGTH: usize = 100;

/// Maximum length in characters of an `error_description` that is shown.
const MAX_DESCRIPTION_LENGTH: usize = 1_024;

/// Mints the tokens of one call.
pub(in crate::connections) struct TokenMinter {
    egress: Egress,
    clock: Clock,
    provider: String,
    grant: ServiceAccountGrant,
    key: ServiceAccountKey,
    fields: BTreeMap<String, String>,
    /// `None` for a key that is only tried, because its tokens are not cached.
    cache: Option<ConnectionCache>,
}

/// The cache, and the connection whose tokens it contains.
struct ConnectionCache {
    tokens: MintedTokens,
    connection_id: String,
    generation: i64,
}

impl TokenMinter {
    /// Parses the key and checks it against the manifest.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] with the field of the key if it cannot be used.
    pub(in crate::connections) fn new(
        connections: &Connections,
        provider: &str,
        grant: &ServiceAccountGrant,
        key: &Secret<String>,
        fields: &BTreeMap<String, String>,
        connection: Option<&Connection>,
    ) -> Result<Self, Error> {
        let key = ServiceAccountKey::parse(key, grant).map_err(|message| Error::field(grant.field.clone(), message))?;
        let cache = connection.map(|connection| ConnectionCache {
            tokens: connections.minted_tokens.clone(),
            connection_id: connection.id.clone(),
            generation: connection.generation,
        });
        Ok(Self {
            egress: connections.egress.clone(),
            clock: connections.clock.clone(),
            provider: provider.to_owned(),
            grant: grant.clone(),
            key,
            fields: fields.clone(),
            cache,
        })
    }

    /// Returns the cached token, or mints one and caches it.
    async fn get_or_mint(&self, scopes: &[String], subject: Option<&str>) -> Result<Secret<String>, SendError> {
        let Some(cache) = &self.cache else {
            return self.mint(scopes, subject).await.map(|token| token.access);
        };
        let slot = cache.tokens.slot(TokenPurpose {
            connection_id: cache.connection_id.clone(),
            generation: cache.generation,
            scopes: scopes.to_vec(),
            subject: subject.map(str::to_owned),
        });
        let mut cached = slot.lock().await;
        let is_usable =
            |token: &&MintedToken| token.expires_at.duration_since(self.clock.now()) > MIN_REMAINING_LIFETIME;
        if let Some(token) = cached.as_ref().filter(is_usable) {
            return Ok(token.access.clone());
        }
        let token = self.mint(scopes, subject).await?;
        *cached = Some(token.clone());
        Ok(token.access)
    }

    async fn mint(&self, scopes: &[String], subject: Option<&str>) -> Result<MintedToken, SendError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.mint_once(scopes, subject).await {
                Err(SendError::CredentialRefused(response)) if attempts < ATTEMPTS && is_temporary(&response) => {}
                other => return other,
            }
        }
    }

    async fn mint_once(&self, scopes: &[String], subject: Option<&str>) -> Result<MintedToken, SendError> {
        let issued_at = self.clock.now().as_second() - BACKDATING;
        let assertion = self
            .key
            .sign_assertion(&self.grant.audience, scopes, subject, issued_at, issued_at + LIFETIME)
            .map_err(SendError::Malformed)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", assertion.expose())
            .finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
        let request = Request {
            method: Method::Post,
            url: self.grant.token_url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Some(body.into_bytes()),
        };
        let deadline = Instant::now() + TOKEN_REQUEST_TIMEOUT;
        let response = self.egress.fetch(&format!("mint/{}", self.provider), deadline, request, None).await?;
        if response.status == 429
            && let Some(seconds) = read_retry_after(&response.headers, self.clock.now())
        {
            return Err(SendError::RateLimited(seconds));
        }
        if response.status != 200 {
            return Err(SendError::CredentialRefused(read_error_response(&response, &assertion)));
        }
        let body: TokenResponseBody = serde_json::from_slice(&repair_token_body(response.body))
            .map_err(|_| SendError::Malformed("the token endpoint returned no token".to_owned()))?;
        let (access, seconds) = body.into_access_token();
        Ok(MintedToken { access, expires_at: compute_expiry(self.clock.now(), seconds.unwrap_or(LIFETIME)) })
    }
}

impl TokenSource for TokenMinter {
    fn token<'a>(&'a self, source: &'a CredentialSource) -> BoxFuture<'a, Result<Option<Secret<String>>, SendError>> {
        async move {
            let CredentialSource::Minted { scopes, subject_field } = source else { return Ok(None) };
            let subject = subject_field.as_ref().and_then(|field| self.fields.get(field));
            self.get_or_mint(scopes, subject.map(String::as_str)).await.map(Some)
        }
        .boxed()
    }
}

/// Returns whether another attempt can succeed.
///
/// One provider's token endpoint occasionally rejects valid signatures.
fn is_temporary(response: &TokenErrorResponse) -> bool {
    matches!(response.status, 408 | 500 | 503 | 504)
        || matches!(response.error.as_deref(), Some("internal_failure" | "server_error" | "temporarily_unavailable"))
        || response.description.as_deref() == Some("Invalid JWT Signature.")
}

/// Reads an error response of RFC 6749 §5.2 and masks an echoed assertion.
fn read_error_response(response: &Response, assertion: &Secret<String>) -> TokenErrorResponse {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        error: Option<String>,
        error_description: Option<String>,
    }
    let body = repair_token_body(response.body.clone());
    let fields: Fields = serde_json::from_slice(&body).unwrap_or_default();
    let scrubber = Scrubber::new([assertion.expose().as_str()]);
    let clean = |text: String, max_length: usize| -> String {
        let cut: String = scrubber.scrub_text(text).chars().take(max_length).collect();
        cut.replace(char::is_control, " ")
    };
    TokenErrorResponse {
        status: response.status,
        error: fields.error.map(|code| clean(code, MAX_ERROR_LENGTH)),
        description: fields.error_description.map(|text| clean(text, MAX_DESCRIPTION_LENGTH)),
        date: find_header(&response.headers, "date"),
    }
}

impl fmt::Debug for TokenMinter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenMinter({})", self.provider)
    }
}
