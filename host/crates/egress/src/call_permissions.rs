//! The endpoints and credentials of one call, and how many requests it may send.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::BoxFuture;
use jackfield_core::{
    Secret,
    manifest::{CredentialSource, Endpoint},
};

use crate::{
    call_stats::CallRecorder,
    disclosure::{Disclosure, SentTokens},
    error::{Denial, SendError},
    memory_allowance::CallMemory,
};

/// The endpoints that one call may request, and the credentials for them.
#[derive(Clone, Debug)]
pub struct CallPermissions {
    /// The name of the pool of HTTP connections.
    pub(crate) pool: String,
    /// The approved endpoints.
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// The known secrets.
    ///
    /// If neither this list nor `tokens` has an endpoint's credential, the request is sent without one.
    pub(crate) credentials: Vec<(CredentialSource, Secret<String>)>,
    /// The fields of the connection that are not secret, by name.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) budget: RequestBudget,
    /// The secrets to mask, and where they may be echoed.
    pub(crate) disclosure: Arc<Disclosure>,
    /// Provides the credentials that `credentials` does not contain.
    pub tokens: Option<Arc<dyn TokenSource>>,
    /// Counts what the call does.
    pub recorder: CallRecorder,
    /// The call's share in the memory of all calls. The sandbox sets it.
    pub memory: CallMemory,
}

/// Provides credentials that may not exist before the call, such as an access token that is minted with a key.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// Returns the token of a source, or nothing if it has none for this source.
    ///
    /// # Errors
    /// [`SendError::CredentialRefused`] with the error response of the token endpoint; the other variants if there
    /// is no response.
    fn token<'a>(&'a self, source: &'a CredentialSource) -> BoxFuture<'a, Result<Option<Secret<String>>, SendError>>;
}

impl CallPermissions {
    /// Creates permissions that mask each of `credentials` in the responses of sites that receive it.
    ///
    /// Calls with the same `pool` share HTTP connections, so its name must differ for different stored connections.
    /// `fields` are the values that are not secret, by name.
    #[must_use]
    pub fn new(
        pool: String,
        endpoints: Arc<[Endpoint]>,
        credentials: Vec<(CredentialSource, Secret<String>)>,
        fields: BTreeMap<String, String>,
        budget: RequestBudget,
    ) -> Self {
        let disclosure = Arc::new(Disclosure::new(&credentials));
        let (recorder, memory) = (CallRecorder::default(), CallMemory::default());
        Self { pool, endpoints, credentials, fields, budget, disclosure, tokens: None, recorder, memory }
    }

    /// Also masks the tokens that earlier calls of the connection sent, and adds those of this call to them.
    pub fn share_tokens(&self, tokens: SentTokens) {
        self.disclosure.share_tokens(tokens);
    }

    /// Returns whether a text contains a secret of the call, in any encoding. A request with it would count as a guess.
    #[must_use]
    pub fn contains_secret(&self, text: &str) -> bool {
        self.disclosure.scrubber().contains_secret(text.as_bytes())
    }

    /// Ends the call: no request is sent after this. Returns the component's guess at a secret if it has made one.
    ///
    /// Can be called again.
    #[must_use]
    pub fn end(&self) -> Option<Denial> {
        self.disclosure.end()
    }

    /// Returns the secret of a source, from the token source if it is not known yet.
    ///
    /// # Errors
    /// The token source fails.
    pub(crate) async fn credential(&self, source: &CredentialSource) -> Result<Option<Secret<String>>, SendError> {
        if let Some((_, secret)) = self.credentials.iter().find(|(known, _)| known == source) {
            if *source == CredentialSource::OAuthToken {
                self.disclosure.add_token(source, secret.clone(), None);
            }
            return Ok(Some(secret.clone()));
        }
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let token = tokens.token(source).await?;
        if let Some(token) = &token {
            self.disclosure.add_token(source, token.clone(), None);
        }
        Ok(token)
    }
}

/// How many more requests a call may send. Clones share one counter.
#[derive(Clone, Debug)]
pub struct RequestBudget(Arc<AtomicU32>);

impl RequestBudget {
    /// Creates a budget of `requests`; each redirect counts as a request.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self(Arc::new(AtomicU32::new(requests)))
    }

    /// Uses up one request.
    ///
    /// # Errors
    /// A denial by rule `budget` if no request is left.
    pub(crate) fn take(&self) -> Result<(), Denial> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .map(drop)
            .map_err(|_| Denial::new("budget", "this call has already sent the maximum number of requests"))
    }

    #[cfg(test)]
    pub(crate) fn remaining(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
