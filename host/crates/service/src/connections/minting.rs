//! Mints access tokens from a service account's key (RFC 7523): the key signs here and never leaves the host.
//!
//! A token is kept for exactly its life, for one connection, one set of scopes and one subject.

mod key;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use jackfield_core::{
    Clock, Connection, Error, FieldError, Secret,
    manifest::{CredentialSource, ServiceAccountGrant},
};
use jackfield_egress::{Egress, Refusal, Response, Scrubber, SendError, TokenSource};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex as Turn;

use self::key::Key;
use super::{
    Connections,
    token_endpoint::{Given, Post, end_of_life, header, send},
};

/// The life that is asked for: the most that token endpoints take.
const LIFE: i64 = 3_600;

/// By how much an assertion is dated back, against clocks that are a little apart.
const BACK: i64 = 30;

/// A token with less left than this is minted anew.
const SPENT: SignedDuration = SignedDuration::from_secs(30);

/// Tokens that are kept at most; one more makes room among those that have ended.
const KEPT: usize = 1_024;

/// The minted tokens of this process. Others mint their own: a key may have as many as it likes.
#[derive(Clone, Default)]
pub(super) struct Minted(Arc<Mutex<HashMap<Purpose, Place>>>);

/// Where one token is kept; one call at a time fills it.
type Place = Arc<Turn<Option<Token>>>;

/// What a token was minted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Purpose {
    connection: String,
    generation: i64,
    scopes: Vec<String>,
    subject: Option<String>,
}

#[derive(Clone)]
struct Token {
    access: Secret<String>,
    ends_at: Timestamp,
}

/// Mints for one call.
pub(super) struct Minter {
    egress: Egress,
    clock: Clock,
    provider: String,
    grant: ServiceAccountGrant,
    key: Key,
    fields: BTreeMap<String, String>,
    /// Where tokens are kept, under which connection; none while a key is only tried.
    kept: Option<(Minted, String, i64)>,
}

impl Minted {
    /// Forgets the tokens of a connection, and says whether there were any.
    pub(super) fn forget(&self, connection: &str) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.len();
        kept.retain(|purpose, _| purpose.connection != connection);
        kept.len() < before
    }

    /// The place of a purpose, which one call at a time fills.
    fn place(&self, purpose: Purpose) -> Place {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT && !kept.contains_key(&purpose) {
            // Places that nobody is about to fill; what is lost is minted again.
            kept.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(kept.entry(purpose).or_default())
    }
}

impl Minter {
    /// Reads the key, and holds it against what the manifest says of it.
    ///
    /// # Errors
    /// The key file is none that may be used; the error names its field.
    pub(super) fn new(
        connections: &Connections,
        provider: &str,
        grant: &ServiceAccountGrant,
        key: &Secret<String>,
        fields: &BTreeMap<String, String>,
        connection: Option<&Connection>,
    ) -> Result<Self, Error> {
        let key = Key::parse(key, grant)
            .map_err(|message| Error::InvalidFields(vec![FieldError::new(grant.field.clone(), message)]))?;
        let kept =
            connection.map(|connection| (connections.minted.clone(), connection.id.clone(), connection.generation));
        Ok(Self {
            egress: connections.egress.clone(),
            clock: connections.clock.clone(),
            provider: provider.to_owned(),
            grant: grant.clone(),
            key,
            fields: fields.clone(),
            kept,
        })
    }

    async fn mint(&self, scopes: &[String], subject: Option<&str>) -> Result<Token, SendError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.mint_once(scopes, subject).await {
                Err(SendError::CredentialRefused(refusal)) if tries < 2 && may_pass(&refusal) => {}
                other => return other,
            }
        }
    }

    async fn mint_once(&self, scopes: &[String], subject: Option<&str>) -> Result<Token, SendError> {
        let issued_at = self.clock.now().as_second() - BACK;
        let assertion = self
            .key
            .assertion(&self.grant.audience, scopes, subject, issued_at, issued_at + LIFE)
            .map_err(SendError::Malformed)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", assertion.expose())
            .finish();
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
        let post = Post {
            url: &self.grant.token_url,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: body.into_bytes(),
            credentials: Vec::new(),
        };
        let response = send(&self.egress, &format!("mint/{}", self.provider), post).await?;
        if response.status != 200 {
            return Err(SendError::CredentialRefused(refusal(&response, &assertion)));
        }
        let given: Given = serde_json::from_slice(&response.body)
            .map_err(|_| SendError::Malformed("the token endpoint's answer holds no token".to_owned()))?;
        let (access, seconds) = given.into_access();
        Ok(Token { access, ends_at: end_of_life(self.clock.now(), seconds.unwrap_or(LIFE)) })
    }
}

impl TokenSource for Minter {
    fn token<'a>(&'a self, source: &'a CredentialSource) -> BoxFuture<'a, Result<Option<Secret<String>>, SendError>> {
        async move {
            let CredentialSource::Minted { scopes, subject_field } = source else { return Ok(None) };
            let subject = subject_field.as_ref().and_then(|field| self.fields.get(field)).cloned();
            let Some((minted, connection, generation)) = &self.kept else {
                return self.mint(scopes, subject.as_deref()).await.map(|token| Some(token.access));
            };
            let purpose = Purpose {
                connection: connection.clone(),
                generation: *generation,
                scopes: scopes.clone(),
                subject: subject.clone(),
            };
            let place = minted.place(purpose);
            let mut kept = place.lock().await;
            let is_live = |token: &&Token| token.ends_at.duration_since(self.clock.now()) > SPENT;
            if let Some(token) = kept.as_ref().filter(is_live) {
                return Ok(Some(token.access.clone()));
            }
            let token = self.mint(scopes, subject.as_deref()).await?;
            *kept = Some(token.clone());
            Ok(Some(token.access))
        }
        .boxed()
    }
}

/// Whether a refusal may be gone at the next try: token endpoints fail now and then, and one has been seen to refuse
/// good signatures.
fn may_pass(refusal: &Refusal) -> bool {
    matches!(refusal.status, 408 | 500 | 503 | 504)
        || matches!(refusal.error.as_deref(), Some("internal_failure" | "server_error" | "temporarily_unavailable"))
        || refusal.description.as_deref() == Some("Invalid JWT Signature.")
}

/// Reads a refusal of RFC 6749 §5.2, without what it echoes of the assertion.
fn refusal(response: &Response, assertion: &Secret<String>) -> Refusal {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Words {
        error: Option<String>,
        error_description: Option<String>,
    }
    let words: Words = serde_json::from_slice(&response.body).unwrap_or_default();
    let scrubber = Scrubber::new([assertion.expose().as_str()]);
    let shown = |text: String, characters: usize| -> String {
        let cut: String = scrubber.scrub_text(text).chars().take(characters).collect();
        cut.replace(char::is_control, " ")
    };
    Refusal {
        status: response.status,
        error: words.error.map(|word| shown(word, 100)),
        description: words.error_description.map(|text| shown(text, 1_024)),
        date: header(&response.headers, "date"),
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Minted")
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Minter({})", self.provider)
    }
}
