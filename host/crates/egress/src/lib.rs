//! The only way out of the process: one request, judged, resolved, dialled, capped and scrubbed.
//!
//! Knows reqwest and what an approved endpoint is. Knows no component, no database and no provider.

pub mod activity;
pub mod addresses;
pub mod attach;
mod body;
mod client;
mod collector;
mod connect;
mod failure;
pub mod headers;
mod hosts;
mod json;
pub mod policy;
pub mod redirect;
pub mod scrub;
mod sign;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jackfield_core::{
    Clock, Secret,
    manifest::{CredentialSource, Endpoint, Method},
};
use rustls::pki_types::CertificateDer;
use tokio::time::Instant;
use url::Url;

pub use self::{
    activity::Activity,
    addresses::Network,
    collector::Collector,
    connect::{Dialler, RealDialler, Resolver, SystemResolver},
    scrub::Scrubber,
};

/// The way out. One for each process; a clone is the same one.
#[derive(Clone)]
pub struct Egress(Arc<client::Clients>);

impl Egress {
    /// Opens the way out.
    ///
    /// # Errors
    /// When a reroute leaves this machine, or a trust anchor is not a certificate.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        Ok(Self(Arc::new(client::Clients::new(config)?)))
    }

    /// Sends one request, follows its redirects, and gives the answer with the credentials taken out.
    ///
    /// Each hop is judged anew and takes one from the grant's budget. Nothing is tried twice. It ends by `deadline`,
    /// and by [`EgressLimits::total`] when that comes first.
    ///
    /// # Errors
    /// [`SendError::Denied`] when a rule refuses the request or a hop of it; the others when there is no whole
    /// answer. No error's text holds a credential or an address.
    pub async fn send(&self, grant: &Grant, deadline: Instant, request: Request) -> Result<Response, SendError> {
        grant.activity.of_request(self.0.send(grant, deadline, request)).await
    }

    /// Sends one request of the host's own to the very URL that it names, and follows no redirect.
    ///
    /// The URL is a setting's or an approved manifest's word, so that it needs no endpoint; it is held to the same
    /// rules, addresses, caps and reroutes as a component's. `authorization` goes into that header, whole.
    ///
    /// # Errors
    /// As [`send`](Self::send); a redirect is [`SendError::Denied`].
    pub async fn fetch(
        &self,
        pool: &str,
        deadline: Instant,
        request: Request,
        authorization: Option<&Secret<String>>,
    ) -> Result<Response, SendError> {
        self.0.fetch(pool, deadline, request, authorization).await
    }

    /// Where a URL leads instead of where it says: to a stand-in, in development.
    #[must_use]
    pub fn rerouted(&self, url: &Url) -> Option<Url> {
        self.0.rerouted_url(url)
    }

    /// Drops the pooled network connections of one pool, so that nothing of an ended connection lives on.
    pub fn forget(&self, pool: &str) {
        self.0.forget(pool);
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Egress").finish_non_exhaustive()
    }
}

/// How the way out is set up. The default asks the system's resolver and reroutes nothing.
pub struct EgressConfig {
    /// Hosts whose allowed requests go to a plain loopback address instead, `*` for every other; development only.
    pub reroutes: BTreeMap<String, Url>,
    /// The operator's own blocks, refused besides every one that is not public.
    pub refused_networks: Vec<Network>,
    pub limits: EgressLimits,
    pub resolver: Arc<dyn Resolver>,
    pub dialler: Arc<dyn Dialler>,
    /// Tells the time of signatures.
    pub clock: Clock,
    /// Trust anchors besides the public ones; only tests name any.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            reroutes: BTreeMap::new(),
            refused_networks: Vec::new(),
            limits: EgressLimits::default(),
            resolver: Arc::new(SystemResolver),
            dialler: Arc::new(RealDialler),
            clock: Clock::system(),
            roots: Vec::new(),
        }
    }
}

impl fmt::Debug for EgressConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EgressConfig")
            .field("reroutes", &self.reroutes)
            .field("refused_networks", &self.refused_networks)
            .field("limits", &self.limits)
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}

/// How long and how large an answer may be.
#[derive(Clone, Debug)]
pub struct EgressLimits {
    /// Look-up, TCP and TLS together. A host that is up answers within one second from anywhere.
    pub connect: Duration,
    /// From the request to the answer's header; slow reports of large accounts take some seconds.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// The whole request with all its redirects.
    pub total: Duration,
    /// The answer's body in bytes, after decompression: what `wit/host.wit` promises to guests.
    pub body: usize,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(30),
            body: 16 * 1024 * 1024,
        }
    }
}

/// Makes credentials that are not ready when a call begins, such as access tokens that a key has to sign for.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// Gives the token of a source; none where it is not this one's to make.
    ///
    /// # Errors
    /// [`SendError::CredentialRefused`] with the token endpoint's own words; the others when it gave no answer.
    fn token<'a>(&'a self, source: &'a CredentialSource) -> BoxFuture<'a, Result<Option<Secret<String>>, SendError>>;
}

/// What one call may send, and the credentials that go along.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Names whose network connections are shared: component digest and connection.
    pub pool: String,
    /// The approved endpoints.
    pub endpoints: Arc<[Endpoint]>,
    /// The secrets that are ready; an endpoint whose credential is not among them is asked without one.
    pub credentials: Vec<(CredentialSource, Secret<String>)>,
    /// The fields that are no secret, by name.
    pub fields: BTreeMap<String, String>,
    pub budget: Budget,
    /// Takes secrets out of answers; it may know more of them than `credentials` holds.
    pub scrubber: Scrubber,
    /// Makes the credentials that are not among `credentials`.
    pub tokens: Option<Arc<dyn TokenSource>>,
    /// Counts what the call does.
    pub activity: Activity,
}

impl Grant {
    /// Makes a grant whose scrubber knows each of `credentials`.
    #[must_use]
    pub fn new(
        pool: String,
        endpoints: Arc<[Endpoint]>,
        credentials: Vec<(CredentialSource, Secret<String>)>,
        fields: BTreeMap<String, String>,
        budget: Budget,
    ) -> Self {
        let scrubber = Scrubber::new(credentials.iter().map(|(_, secret)| secret.expose().as_str()));
        Self { pool, endpoints, credentials, fields, budget, scrubber, tokens: None, activity: Activity::default() }
    }

    /// Finds the secret of a source, if it is ready.
    #[must_use]
    pub fn credential(&self, source: &CredentialSource) -> Option<&Secret<String>> {
        self.credentials.iter().find(|(held, _)| held == source).map(|(_, secret)| secret)
    }

    /// The secret of a source, made where it is not ready; none where nobody can.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn ready(&self, source: &CredentialSource) -> Result<Option<Ready>, SendError> {
        if let Some(secret) = self.credential(source) {
            return Ok(Some(Ready { secret: secret.clone(), scrubber: self.scrubber.clone() }));
        }
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let Some(secret) = tokens.token(source).await? else { return Ok(None) };
        let known = self.credentials.iter().map(|(_, known)| known).chain([&secret]);
        let scrubber = Scrubber::new(known.map(|secret| secret.expose().as_str()));
        Ok(Some(Ready { secret, scrubber }))
    }
}

/// A credential that can be attached, and what takes it out of the answer again.
#[derive(Clone, Debug)]
pub struct Ready {
    pub secret: Secret<String>,
    pub scrubber: Scrubber,
}

/// How many more requests a call may send; clones count together.
#[derive(Clone, Debug)]
pub struct Budget(Arc<AtomicU32>);

impl Budget {
    /// Makes a budget of `requests`, redirect hops included.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self(Arc::new(AtomicU32::new(requests)))
    }

    /// Tells how many requests are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes one request out.
    ///
    /// # Errors
    /// A denial by rule `budget` when none is left.
    pub fn take(&self) -> Result<(), Denial> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .map(drop)
            .map_err(|_| Denial::new("budget", "this call has sent as many requests as it may"))
    }
}

/// One request as a component hands it over, or the host itself: so its body and query are not printed.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.url.split(['?', '#']).next().unwrap_or_default();
        write!(formatter, "Request({} {place})", self.method.as_str())
    }
}

/// One answer, decoded and scrubbed; that of a token endpoint holds new secrets, so it is not printed.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Response({}, {} fields, {} bytes)", self.status, self.headers.len(), self.body.len())
    }
}

/// Why a request was not sent, or a redirect not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct Denial {
    /// The rule that refused: `url`, `path`, `endpoint`, `header`, `place`, `address`, `redirect`, `size`, `budget`.
    pub rule: &'static str,
    /// What was wrong or missing, in words that hold no secret.
    pub message: String,
}

impl Denial {
    pub(crate) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

/// What a token endpoint answered when it was asked for this call's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub error: Option<String>,
    pub description: Option<String>,
    pub date: Option<String>,
}

/// Why a request has no answer; the variants of `wit/host.wit`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Denied(#[from] Denial),
    #[error("timed out")]
    TimedOut,
    #[error("the answer is too large")]
    TooLarge,
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("held back for another {0} seconds")]
    RateLimited(u32),
    #[error("malformed answer: {0}")]
    Malformed(String),
    #[error("the token endpoint refused with status {}", .0.status)]
    CredentialRefused(Refusal),
}

impl SendError {
    /// The error's name in the contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::TimedOut => "timed-out",
            Self::TooLarge => "too-large",
            Self::Unreachable(_) => "unreachable",
            Self::RateLimited(_) => "rate-limited",
            Self::Malformed(_) => "malformed",
            Self::CredentialRefused(_) => "credential-refused",
        }
    }
}

/// Why the way out could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("reroute of {host} to {target}: only http on a loopback address with a port can be named")]
    Reroute { host: String, target: Box<Url> },
    #[error("a trust anchor is not a certificate")]
    TrustAnchor(#[source] rustls::Error),
    #[error("the TLS settings do not fit together")]
    Tls(#[source] rustls::Error),
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

/// A resolved host, as a dialler is handed it.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    pub host: &'a str,
    /// Public addresses only, at least one.
    pub addresses: &'a [IpAddr],
}
