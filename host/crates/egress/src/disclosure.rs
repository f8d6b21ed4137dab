//! The secrets of a call, and which responses can contain one.
//!
//! A component can have texts searched for the secrets: what it sends, and what an accomplice's server answers. Where a
//! text shows that it contains a secret, the component learns that its guess is right. Therefore a response is searched
//! only for the secrets that it can echo, and a secret in what the component itself sends ends the call.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jackfield_core::{
    Secret,
    manifest::{CredentialSource, Endpoint},
};
use url::Url;

use crate::{
    error::{Denial, SECRET_RULE},
    message::Request,
    scrub::Scrubber,
};

/// How long a token counts if its lifetime is not known. Providers issue access tokens for an hour up to a day.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum number of tokens of one connection that are remembered. When there are more, the oldest is forgotten.
const MAX_TOKENS: usize = 16;

/// The tokens that were sent for one connection and may still be valid. Clones share them.
///
/// A provider can return a token in a later call, for example in a list of recent requests. Therefore each call masks
/// the tokens of earlier calls too.
#[derive(Clone, Default)]
pub struct SentTokens(Arc<Mutex<Vec<SentToken>>>);

struct SentToken {
    token: OwnedSecret,
    expires_at: Instant,
}

/// A secret, and the source of the credentials that are made from it.
#[derive(Clone)]
struct OwnedSecret {
    source: CredentialSource,
    secret: Secret<String>,
}

/// Sources of credentials, as [`to_group`] returns them.
pub(crate) type Sources = HashSet<CredentialSource>;

/// The secrets of one call, and the hosts that may know one. The clones of its permissions share it.
pub(crate) struct Disclosure {
    state: Mutex<DisclosureState>,
}

struct DisclosureState {
    secrets: Vec<OwnedSecret>,
    /// The scrubbers of `secrets` that were used: of all of them (`None`), or of those of some sources.
    scrubbers: Vec<(Option<Sources>, Scrubber)>,
    sent_tokens: SentTokens,
    /// For each host, the sources of the sites from which a redirect led there.
    relayed_to: HashMap<String, Sources>,
    /// The component's first guess at a secret.
    guess: Option<Denial>,
    has_ended: bool,
}

/// Which secrets of the call a response can contain. It is not searched for the others, because they would be guesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EchoRisk {
    /// The sources of the credentials that the site of its host receives. Their secrets are masked.
    received: Sources,
    /// The sources of the sites from which a redirect led to its host. It has no reason to know their secrets, so one of
    /// them ends the call.
    relayed: Sources,
}

/// What to do with secrets in one response.
pub(crate) struct Masking(Option<(Arc<Disclosure>, EchoRisk)>);

impl SentTokens {
    /// Adds a token that is sent now.
    fn add(&self, token: OwnedSecret, lifetime: Option<Duration>) {
        let now = Instant::now();
        let mut tokens = self.lock();
        tokens.retain(|known| known.expires_at > now && !known.token.is_same(&token));
        if tokens.len() >= MAX_TOKENS {
            tokens.remove(0);
        }
        let expires_at = now + lifetime.unwrap_or(TOKEN_LIFETIME);
        tokens.push(SentToken { token, expires_at });
    }

    /// Returns the tokens that may still be valid and that `known` does not contain.
    fn unknown(&self, known: &[OwnedSecret]) -> Vec<OwnedSecret> {
        let now = Instant::now();
        let mut tokens = self.lock();
        tokens.retain(|token| token.expires_at > now);
        let tokens = tokens.iter().map(|token| &token.token);
        tokens.filter(|token| !known.iter().any(|known| known.is_same(token))).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SentToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disclosure {
    pub(crate) fn new(secrets: &[(CredentialSource, Secret<String>)]) -> Self {
        let secrets = secrets.iter().map(|(source, secret)| OwnedSecret::new(source, secret.clone())).collect();
        let state = DisclosureState {
            secrets,
            scrubbers: Vec::new(),
            sent_tokens: SentTokens::default(),
            relayed_to: HashMap::new(),
            guess: None,
            has_ended: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// Uses the tokens of earlier calls, and adds those of this call to them.
    pub(crate) fn share_tokens(&self, tokens: SentTokens) {
        self.lock().sent_tokens = tokens;
    }

    /// Adds a token that is sent now, and was made from a secret of this source.
    pub(crate) fn add_token(&self, source: &CredentialSource, token: Secret<String>, lifetime: Option<Duration>) {
        let token = OwnedSecret::new(source, token);
        let mut state = self.lock();
        state.add_secret(&token);
        state.sent_tokens.add(token, lifetime);
    }

    /// Returns a scrubber of all secrets that exist by now.
    pub(crate) fn scrubber(&self) -> Scrubber {
        self.lock().scrubber(None)
    }

    /// Returns a scrubber of all secrets of some sources that exist by now.
    fn scrubber_of(&self, sources: &Sources) -> Scrubber {
        if sources.is_empty() { Scrubber::new([]) } else { self.lock().scrubber(Some(sources)) }
    }

    /// Returns which secrets the response of a URL can contain.
    ///
    /// `followed` are the sources of the sites whose redirects led there.
    pub(crate) fn echo_risk(&self, endpoints: &[Endpoint], url: &Url, followed: &Sources) -> EchoRisk {
        let host = url.host_str().unwrap_or_default();
        let site = to_site(host);
        let of_site = endpoints.iter().filter(|endpoint| to_site(endpoint.host.trim_start_matches("*.")) == site);
        let received: Sources =
            of_site.filter_map(|endpoint| Some(to_group(&endpoint.credential.as_ref()?.source))).collect();
        let mut state = self.lock();
        let relayed = state.relayed_to.entry(host.to_owned()).or_default();
        relayed.extend(followed.iter().cloned());
        let relayed = relayed.difference(&received).cloned().collect();
        EchoRisk { received, relayed }
    }

    /// Checks that a component's request contains no secret of the call.
    ///
    /// The component has no handle to a secret, so one in its request is a guess.
    ///
    /// # Errors
    /// A denial by rule `secret` that names the part of the request, or by rule `closed` if the call has ended.
    pub(crate) fn require_no_secret(&self, request: &Request) -> Result<(), Denial> {
        let scrubber = self.scrubber();
        let body = request.body.as_deref().unwrap_or_default();
        let headers = request.headers.iter().flat_map(|(name, value)| [name, value]);
        let parts = [("URL", request.url.as_bytes()), ("body", body)];
        // Every part is searched, so that the time does not show which one contains a secret.
        let parts = parts.into_iter().chain(headers.map(|text| ("headers", text.as_bytes())));
        let found: Vec<&str> = parts.filter(|(_, text)| scrubber.contains_secret(text)).map(|(part, _)| part).collect();
        self.record(found.first().map(|part| format!("the {part} of the request contains a secret of the connection")))
    }

    /// Checks that the URL of a request, after redirects, contains no secret that its response is searched for.
    ///
    /// A host whose responses are not searched may have chosen the URL. A provider that repeats it in its response would
    /// have the guess compared.
    ///
    /// # Errors
    /// Like [`require_no_secret`](Self::require_no_secret).
    pub(crate) fn require_no_secret_in_url(&self, url: &Url, risk: &EchoRisk) -> Result<(), Denial> {
        let scrubber = self.scrubber_of(&risk.sources().cloned().collect());
        let contains_secret = scrubber.contains_secret(url.as_str().as_bytes());
        self.record(
            contains_secret.then(|| "a redirect led to a URL that contains a secret of the connection".to_owned()),
        )
    }

    /// Ends the call, and returns the component's guess at a secret if it has made one. Can be called again.
    ///
    /// A request that is still being searched is not sent. So a component that returns during a search cannot tell from
    /// the requests that were sent whether its guess was right.
    pub(crate) fn end(&self) -> Option<Denial> {
        let mut state = self.lock();
        state.has_ended = true;
        state.guess.clone()
    }

    /// Records the guess that a search found, if it found one, unless the call has ended.
    fn record(&self, guess: Option<String>) -> Result<(), Denial> {
        let mut state = self.lock();
        if state.has_ended {
            return Err(Denial::new("closed", "the call has ended"));
        }
        let Some(message) = guess else { return Ok(()) };
        let guess = Denial::new(SECRET_RULE, message);
        state.guess.get_or_insert_with(|| guess.clone());
        Err(guess)
    }

    fn lock(&self) -> MutexGuard<'_, DisclosureState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DisclosureState {
    fn add_secret(&mut self, secret: &OwnedSecret) {
        if !self.secrets.iter().any(|known| known.is_same(secret)) {
            self.secrets.push(secret.clone());
            self.scrubbers.clear();
        }
    }

    /// Returns a scrubber of the secrets of some sources, or of all secrets.
    fn scrubber(&mut self, sources: Option<&Sources>) -> Scrubber {
        for token in self.sent_tokens.unknown(&self.secrets) {
            self.add_secret(&token);
        }
        if let Some((_, scrubber)) = self.scrubbers.iter().find(|(known, _)| known.as_ref() == sources) {
            return scrubber.clone();
        }
        let secrets = self.secrets.iter().filter(|secret| sources.is_none_or(|all| all.contains(&secret.source)));
        let scrubber = Scrubber::new(secrets.map(|secret| secret.secret.expose().as_str()));
        self.scrubbers.push((sources.cloned(), scrubber.clone()));
        scrubber
    }
}

impl EchoRisk {
    /// Returns whether the response can contain no secret.
    pub(crate) fn is_none(&self) -> bool {
        self.received.is_empty() && self.relayed.is_empty()
    }

    /// Returns the sources whose secrets the response can contain.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &CredentialSource> {
        self.received.iter().chain(&self.relayed)
    }
}

impl Masking {
    /// Searches nothing.
    pub(crate) const OFF: Self = Self(None);

    pub(crate) fn new(risk: EchoRisk, disclosure: &Arc<Disclosure>) -> Self {
        Self(Some((Arc::clone(disclosure), risk)).filter(|(_, risk)| !risk.is_none()))
    }

    /// Returns whether the response is not searched.
    pub(crate) fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Returns a scrubber of the secrets to mask.
    pub(crate) fn masked(&self) -> Scrubber {
        self.0.as_ref().map_or_else(|| Scrubber::new([]), |(disclosure, risk)| disclosure.scrubber_of(&risk.received))
    }

    /// Returns a scrubber of the secrets that the response must not contain.
    pub(crate) fn denied(&self) -> Scrubber {
        self.0.as_ref().map_or_else(|| Scrubber::new([]), |(disclosure, risk)| disclosure.scrubber_of(&risk.relayed))
    }

    /// Checks that the response contains no secret that it must not contain.
    ///
    /// # Errors
    /// A denial by rule `secret`, or by rule `closed` if the call has ended.
    pub(crate) fn require_allowed(&self, contains_denied: bool) -> Result<(), Denial> {
        match &self.0 {
            Some((disclosure, _)) if contains_denied => {
                let message = "the response of a host that does not receive a credential contains its secret";
                disclosure.record(Some(message.to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl OwnedSecret {
    fn new(source: &CredentialSource, secret: Secret<String>) -> Self {
        Self { source: to_group(source), secret }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.source == other.source && self.secret.expose() == other.secret.expose()
    }
}

/// Returns one source for all sources whose credentials are made from the same secret: the tokens of a service account.
///
/// A later version of a plugin may request tokens with other scopes, and its provider may still list the earlier ones.
fn to_group(source: &CredentialSource) -> CredentialSource {
    match source {
        CredentialSource::Minted { .. } => CredentialSource::Minted { scopes: Vec::new(), subject_field: None },
        CredentialSource::Field(_) | CredentialSource::OAuthToken => source.clone(),
    }
}

/// Returns the registrable domain of a host, whose hosts belong to one owner and may share what they know.
fn to_site(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}

impl fmt::Debug for SentTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SentTokens({})", self.lock().len())
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Disclosure({} secrets)", self.lock().secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> OwnedSecret {
        OwnedSecret::new(&CredentialSource::OAuthToken, Secret::new(text.to_owned()))
    }

    #[test]
    fn the_oldest_tokens_of_a_connection_are_forgotten_first() {
        let tokens = SentTokens::default();
        for number in 0..20 {
            tokens.add(token(&format!("token-number-{number}")), None);
        }
        tokens.add(token("token-number-19"), None);
        tokens.add(token("token-that-expired"), Some(Duration::ZERO));
        let live: Vec<String> = tokens.unknown(&[]).iter().map(|token| token.secret.expose().clone()).collect();
        let newest: Vec<String> = (5..20).map(|number| format!("token-number-{number}")).collect();
        assert_eq!(live, newest);
    }

    #[test]
    fn the_tokens_of_a_service_account_are_masked_whatever_their_scopes() {
        let minted = |scope: &str| CredentialSource::Minted { scopes: vec![scope.to_owned()], subject_field: None };
        let disclosure = Disclosure::new(&[]);
        disclosure.add_token(&minted("read"), Secret::new("ya29.earlier-token".to_owned()), None);
        let of = |source: &CredentialSource| disclosure.scrubber_of(&[to_group(source)].into());
        assert!(of(&minted("write")).contains_secret(b"ya29.earlier-token"));
        assert!(!of(&CredentialSource::OAuthToken).contains_secret(b"ya29.earlier-token"));
    }
}
