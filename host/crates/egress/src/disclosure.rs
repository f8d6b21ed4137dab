//! The secrets of a call, and which responses can contain one.
//!
//! A component can have texts searched for the secrets: what it sends, and what an accomplice's server answers. Where a
//! text shows that it contains a secret, the component learns that its guess is right. Therefore a response is searched
//! only if it can echo a secret, and a secret in what the component itself sends ends the call.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jackfield_core::{Secret, manifest::Endpoint};
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
    token: Secret<String>,
    expires_at: Instant,
}

/// The secrets of one call, and the origins that may know one. The clones of its permissions share it.
pub(crate) struct Disclosure {
    state: Mutex<DisclosureState>,
}

struct DisclosureState {
    scrubber: Scrubber,
    sent_tokens: SentTokens,
    /// The hosts that a redirect led to, from a host that was sent a secret.
    relayed_to: HashSet<String>,
    /// The component's first guess at a secret.
    guess: Option<Denial>,
    has_ended: bool,
}

/// How a response can contain a secret of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EchoRisk {
    /// Its host was sent no secret, so a secret in the response would be a guess. It is not searched.
    None,
    /// Its host belongs to a site that receives a credential. Secrets are masked.
    Echo,
    /// A redirect of such a site led to its host. That host has no reason to know a secret, so one ends the call.
    Relayed,
}

/// What to do with secrets in one response.
pub(crate) enum Masking {
    /// Nothing: the response is not searched.
    Off,
    /// Mask them.
    Mask(Arc<Disclosure>),
    /// Deny the response.
    Deny(Arc<Disclosure>),
}

impl SentTokens {
    /// Adds a token that is sent now.
    pub(crate) fn add(&self, token: &str, lifetime: Option<Duration>) {
        let now = Instant::now();
        let mut tokens = self.lock();
        tokens.retain(|known| known.expires_at > now && known.token.expose() != token);
        if tokens.len() >= MAX_TOKENS {
            tokens.remove(0);
        }
        let expires_at = now + lifetime.unwrap_or(TOKEN_LIFETIME);
        tokens.push(SentToken { token: Secret::new(token.to_owned()), expires_at });
    }

    /// Returns the tokens that may still be valid and that `known` does not contain.
    fn unknown(&self, known: &Scrubber) -> Vec<Secret<String>> {
        let now = Instant::now();
        let mut tokens = self.lock();
        tokens.retain(|token| token.expires_at > now);
        let tokens = tokens.iter().map(|token| &token.token);
        tokens.filter(|token| !known.has_secret(token.expose())).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SentToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disclosure {
    pub(crate) fn new(secrets: Scrubber) -> Self {
        let state = DisclosureState {
            scrubber: secrets,
            sent_tokens: SentTokens::default(),
            relayed_to: HashSet::new(),
            guess: None,
            has_ended: false,
        };
        Self { state: Mutex::new(state) }
    }

    /// Uses the tokens of earlier calls, and adds those of this call to them.
    pub(crate) fn share_tokens(&self, tokens: SentTokens) {
        self.lock().sent_tokens = tokens;
    }

    /// Adds a token that is sent now.
    pub(crate) fn add_token(&self, token: &str, lifetime: Option<Duration>) {
        let mut state = self.lock();
        if !state.scrubber.has_secret(token) {
            state.scrubber = state.scrubber.with_secret(token);
        }
        state.sent_tokens.add(token, lifetime);
    }

    /// Returns a scrubber of all secrets that exist by now.
    pub(crate) fn scrubber(&self) -> Scrubber {
        let mut state = self.lock();
        for token in state.sent_tokens.unknown(&state.scrubber) {
            state.scrubber = state.scrubber.with_secret(token.expose());
        }
        state.scrubber.clone()
    }

    /// Returns how the response of a URL can contain a secret.
    ///
    /// `follows_secret` is whether a redirect of a host that may know a secret led there.
    pub(crate) fn echo_risk(&self, endpoints: &[Endpoint], url: &Url, follows_secret: bool) -> EchoRisk {
        let host = url.host_str().unwrap_or_default();
        let site = to_site(host);
        let receives_credential = |endpoint: &Endpoint| {
            endpoint.credential.is_some() && to_site(endpoint.host.trim_start_matches("*.")) == site
        };
        if endpoints.iter().any(receives_credential) {
            return EchoRisk::Echo;
        }
        let mut state = self.lock();
        if follows_secret {
            state.relayed_to.insert(host.to_owned());
        }
        if state.relayed_to.contains(host) { EchoRisk::Relayed } else { EchoRisk::None }
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

    /// Checks that the URL of a request contains no secret of the call, after redirects.
    ///
    /// A host whose responses are not searched may have chosen the URL. A provider that repeats it in its response would
    /// have the guess compared.
    ///
    /// # Errors
    /// Like [`require_no_secret`](Self::require_no_secret).
    pub(crate) fn require_no_secret_in_url(&self, url: &Url) -> Result<(), Denial> {
        let contains_secret = self.scrubber().contains_secret(url.as_str().as_bytes());
        self.record(
            contains_secret.then(|| "a redirect led to a URL that contains a secret of the connection".to_owned()),
        )
    }

    /// Ends the call, and returns the component's guess at a secret if it has made one.
    ///
    /// No request whose search ends later is sent. So a component that returns during a search does not learn from what
    /// is sent whether its guess was right.
    pub(crate) fn end(&self) -> Option<Denial> {
        let mut state = self.lock();
        state.has_ended = true;
        state.guess.take()
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

impl Masking {
    pub(crate) fn new(risk: EchoRisk, disclosure: &Arc<Disclosure>) -> Self {
        match risk {
            EchoRisk::None => Self::Off,
            EchoRisk::Echo => Self::Mask(Arc::clone(disclosure)),
            EchoRisk::Relayed => Self::Deny(Arc::clone(disclosure)),
        }
    }

    /// Returns a scrubber of the secrets to look for. It has none if the response is not searched.
    pub(crate) fn scrubber(&self) -> Scrubber {
        match self {
            Self::Off => Scrubber::new([]),
            Self::Mask(disclosure) | Self::Deny(disclosure) => disclosure.scrubber(),
        }
    }

    /// Checks that a response that must not contain a secret contains none.
    ///
    /// # Errors
    /// A denial by rule `secret`, or by rule `closed` if the call has ended.
    pub(crate) fn require_allowed(&self, contains_secret: bool) -> Result<(), Denial> {
        match self {
            Self::Deny(disclosure) if contains_secret => {
                let message = "the response of a host that receives no credential contains a secret of the connection";
                disclosure.record(Some(message.to_owned()))
            }
            Self::Off | Self::Mask(_) | Self::Deny(_) => Ok(()),
        }
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
        formatter.debug_tuple("Disclosure").field(&self.lock().scrubber).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tokens_of_a_connection_are_forgotten_first() {
        let tokens = SentTokens::default();
        for number in 0..20 {
            tokens.add(&format!("token-number-{number}"), None);
        }
        tokens.add("token-number-19", None);
        tokens.add("token-that-expired", Some(Duration::ZERO));
        let live: Vec<String> = tokens.unknown(&Scrubber::new([])).iter().map(|token| token.expose().clone()).collect();
        let newest: Vec<String> = (5..20).map(|number| format!("token-number-{number}")).collect();
        assert_eq!(live, newest);
    }
}
