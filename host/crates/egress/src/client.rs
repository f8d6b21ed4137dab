//! Sends judged requests: one HTTP client for each pool, one hop after the other, every wait bounded.
//!
//! Follows redirects itself, for each hop is judged anew; retries nothing and keeps no cookie.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant as Stopwatch},
};

use bytes::Bytes;
use http::{
    HeaderValue,
    header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, LOCATION, USER_AGENT},
};
use jackfield_core::{Clock, Secret, manifest::Method};
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::CertificateDer};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, Span, field::Empty};
use url::{Host, Url};

use super::{
    Denial, EgressConfig, EgressError, EgressLimits, Grant, Request, Response, Scrubber, SendError,
    activity::Received,
    attach::{self, Draft},
    body::{self, FIELDS, HEAD},
    connect::CheckedNames,
    failure, headers,
    policy::{self, Allowed},
    redirect,
    sign::Moment,
};

/// The longest body of `wit/host.wit`.
const REQUEST_BODY: usize = 1024 * 1024;
/// How many pools keep their client: more than a company has connections; one more costs a new handshake.
const POOLS: usize = 256;
/// How many idle connections a pool keeps to a host: what a busy page of calls has in flight; HTTP/2 needs one.
const IDLE_CONNECTIONS: usize = 32;
/// How long an idle connection is kept: less than the minute after which many servers close it.
const IDLE_TIME: Duration = Duration::from_secs(50);
/// How many TLS sessions a pool may resume; none is shared between pools.
const SESSIONS: usize = 8;

const AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// The clients of all pools, and how they are made.
pub(super) struct Clients {
    tls: ClientConfig,
    names: Arc<CheckedNames>,
    clock: Clock,
    limits: EgressLimits,
    reroutes: BTreeMap<String, Url>,
    /// Only for reroutes: the one that speaks plain HTTP, and only to loopback addresses.
    rerouted: Option<reqwest::Client>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    clients: HashMap<String, (reqwest::Client, u64)>,
    uses: u64,
}

/// What one hop came to.
enum Hop {
    Answer(Response),
    Redirect { status: u16, location: String },
}

impl Hop {
    fn received(&self) -> Received {
        match self {
            Self::Answer(response) => Received { status: response.status, body_bytes: response.body.len() },
            Self::Redirect { status, .. } => Received { status: *status, body_bytes: 0 },
        }
    }
}

impl Clients {
    pub(super) fn new(config: EgressConfig) -> Result<Self, EgressError> {
        for (host, target) in &config.reroutes {
            let is_loopback = match target.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(_)) | None => false,
            };
            if !is_loopback || target.scheme() != "http" || target.port().is_none() {
                return Err(EgressError::Reroute { host: host.clone(), target: Box::new(target.clone()) });
            }
        }
        let tls = tls(config.roots)?;
        let rerouted = if config.reroutes.is_empty() {
            None
        } else {
            Some(
                bare_client(&config.limits)
                    .tls_backend_preconfigured(tls.clone())
                    .build()
                    .map_err(EgressError::Client)?,
            )
        };
        let names = CheckedNames {
            resolver: config.resolver,
            dialler: config.dialler,
            refused: config.refused_networks.into(),
        };
        Ok(Self {
            tls,
            names: Arc::new(names),
            clock: config.clock,
            limits: config.limits,
            reroutes: config.reroutes,
            rerouted,
            pools: Mutex::default(),
        })
    }

    pub(super) async fn send(&self, grant: &Grant, deadline: Instant, request: Request) -> Result<Response, SendError> {
        let deadline = deadline.min(Instant::now() + self.limits.total);
        let shown = grant.activity.keeps().then(|| (request.method, grant.scrubber.scrub_text(request.url.clone())));
        let answer = timeout_at(deadline, self.follow(grant, request)).await.map_err(|_| SendError::TimedOut).flatten();
        if let Err(SendError::Denied(denial)) = &answer {
            grant.activity.denied(shown, denial);
        }
        answer
    }

    pub(super) async fn fetch(
        &self,
        pool: &str,
        deadline: Instant,
        request: Request,
        authorization: Option<&Secret<String>>,
    ) -> Result<Response, SendError> {
        let Request { method, url, headers, body } = request;
        headers::check_all(&headers)?;
        policy::url_may_be_asked(&url).map_err(|why| Denial::new("url", why))?;
        let url = Url::parse(&url).map_err(|why| Denial::new("url", format!("no URL: {why}")))?;
        let credential = authorization.map(|value| {
            let mut value = HeaderValue::try_from(value.expose().as_str())
                .map_err(|_| Denial::new("header", "the credential cannot stand in a header"))?;
            value.set_sensitive(true);
            Ok::<_, Denial>((AUTHORIZATION, value))
        });
        let draft = Draft { method, url, headers, body: body.map(Bytes::from), credential: credential.transpose()? };
        let nothing = Scrubber::new([]);
        let deadline = deadline.min(Instant::now() + self.limits.total);
        match timeout_at(deadline, self.exchange(pool, &nothing, draft)).await.map_err(|_| SendError::TimedOut)?? {
            Hop::Answer(response) => Ok(response),
            Hop::Redirect { .. } => Err(Denial::new("redirect", "the host's own requests follow none").into()),
        }
    }

    pub(super) fn forget(&self, pool: &str) {
        self.pools().clients.remove(pool);
    }

    /// Goes from hop to hop until there is an answer.
    async fn follow(&self, grant: &Grant, request: Request) -> Result<Response, SendError> {
        let Request { mut method, url: mut raw, mut headers, body } = request;
        headers::check_all(&headers)?;
        if body.as_ref().is_some_and(|body| body.len() > REQUEST_BODY) {
            return Err(Denial::new("size", format!("a body has at most {REQUEST_BODY} bytes")).into());
        }
        let mut body = body.map(Bytes::from);
        let mut before: Option<Url> = None;
        let mut left_home = false;
        let mut hops = 0;
        loop {
            grant.budget.take()?;
            let Allowed { endpoint, url } = policy::judge(&grant.endpoints, method, &raw)?;
            if before.as_ref().is_some_and(|before| !redirect::same_origin(before, &url)) {
                // A stranger learns neither the credential, in this hop or a later one, nor what was said to the first.
                left_home = true;
                headers.retain(|(name, _)| {
                    let name = headers::spelling(name);
                    name == "accept" || (name == "content-type" && body.is_some())
                });
            }
            let mut scrubber = grant.scrubber.clone();
            let (url_now, headers_now) = (url.clone(), headers.clone());
            let mut draft = Draft { method, url: url_now, headers: headers_now, body: body.clone(), credential: None };
            if let Some(attachment) = &endpoint.credential {
                attach::check(&attachment.place, &draft)?;
                let ready = if left_home { None } else { grant.ready(&attachment.source).await? };
                if let Some(ready) = ready {
                    let moment = Moment { fields: &grant.fields, now: self.clock.now() };
                    let token = attach::put(&attachment.place, ready.secret.expose(), moment, &mut draft)?;
                    scrubber = match token {
                        Some(token) => ready.scrubber.and(token.expose()),
                        None => ready.scrubber,
                    };
                }
            }
            let leaving = grant.activity.leaves(method, &draft, &scrubber);
            let hop = self.exchange(&grant.pool, &scrubber, draft).await;
            leaving.answered(hop.as_ref().map(Hop::received));
            let (status, location) = match hop? {
                Hop::Answer(response) => return Ok(response),
                Hop::Redirect { status, location } => (status, location),
            };
            hops += 1;
            if hops > redirect::HOPS {
                return Err(Denial::new("redirect", format!("more than {} redirects", redirect::HOPS)).into());
            }
            if scrubber.finds_in(location.as_bytes()) {
                return Err(Denial::new("redirect", "the redirect carries the credential").into());
            }
            raw = redirect::join(&url, &location)?;
            let keeps_body;
            (method, keeps_body) = redirect::next_method(status, method);
            if !keeps_body {
                body = None;
                headers.retain(|(name, _)| !headers::spelling(name).starts_with("content-"));
            }
            before = Some(url);
        }
    }

    /// Sends one hop and takes its answer, or where it leads instead; a span of its own, which never names the path.
    async fn exchange(&self, pool: &str, scrubber: &Scrubber, draft: Draft) -> Result<Hop, SendError> {
        let host = draft.url.host_str().unwrap_or_default();
        let span = tracing::info_span!("upstream", method = draft.method.as_str(), host, status = Empty, error = Empty);
        let hop = self.hop(pool, scrubber, draft).instrument(span.clone()).await;
        if let Err(error) = &hop {
            span.record("error", error.name());
        }
        hop
    }

    async fn hop(&self, pool: &str, scrubber: &Scrubber, draft: Draft) -> Result<Hop, SendError> {
        let method = draft.method;
        let begun = Stopwatch::now();
        let host = draft.url.host_str().unwrap_or_default().to_owned();
        let path = draft.url.path().to_owned();
        let (client, request) = self.prepare(pool, draft)?;
        let answered = match timeout(self.limits.first_byte, client.execute(request)).await {
            Ok(answered) => answered.map_err(|failure| failure::told(&failure, &host)),
            Err(_) => Err(SendError::TimedOut),
        };
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer = answered.inspect_err(|error| {
            tracing::debug!(method = method.as_str(), host, path, ms, %error, "no answer");
        })?;
        let status = answer.status().as_u16();
        tracing::debug!(method = method.as_str(), host, path, status, ms, "answered");
        Span::current().record("status", i64::from(status));

        body::check_head(answer.headers())?;
        let mut locations = answer.headers().get_all(LOCATION).iter();
        if let Some(location) = locations.next().filter(|_| redirect::is_followed(status)) {
            let location = location.to_str().ok().filter(|_| locations.next().is_none());
            let location =
                location.ok_or_else(|| Denial::new("redirect", "the redirect names no one place"))?.to_owned();
            return Ok(Hop::Redirect { status, location });
        }
        body::take(answer, self.limits.idle, self.limits.body, scrubber).await.map(Hop::Answer)
    }

    /// Chooses the client and makes the request as it goes onto the wire.
    fn prepare(&self, pool: &str, draft: Draft) -> Result<(reqwest::Client, reqwest::Request), SendError> {
        let Draft { method, url, headers, body, credential } = draft;
        let unfit = |_| SendError::Denied(Denial::new("header", "the field cannot be sent"));
        let method = match method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let (client, mut request) = match self.rerouted_url(&url).zip(self.rerouted.clone()) {
            None => (self.client(pool)?, reqwest::Request::new(method, url)),
            Some((to, client)) => {
                let mut request = reqwest::Request::new(method, to);
                let host = HeaderValue::from_str(url.host_str().unwrap_or_default()).map_err(unfit)?;
                request.headers_mut().insert(HOST, host);
                (client, request)
            }
        };
        let fields = request.headers_mut();
        for (name, value) in &headers {
            let name = http::HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Denial::new("header", "the field cannot be sent"))?;
            fields.append(name, HeaderValue::from_str(value.trim()).map_err(unfit)?);
        }
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        fields.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        if let Some((name, value)) = credential {
            fields.insert(name, value);
        }
        *request.body_mut() = body.map(Into::into);
        Ok((client, request))
    }

    /// Where a URL leads instead, in development.
    pub(super) fn rerouted_url(&self, url: &Url) -> Option<Url> {
        let target = url.host_str().and_then(|host| self.reroutes.get(host).or_else(|| self.reroutes.get("*")))?;
        let mut to = target.clone();
        to.set_path(&format!("{}{}", target.path().trim_end_matches('/'), url.path()));
        to.set_query(url.query());
        Some(to)
    }

    /// Gives a pool's client; the pool that was used longest ago makes room for a new one.
    fn client(&self, pool: &str) -> Result<reqwest::Client, SendError> {
        let mut pools = self.pools();
        pools.uses += 1;
        let uses = pools.uses;
        if let Some((client, used)) = pools.clients.get_mut(pool) {
            *used = uses;
            return Ok(client.clone());
        }
        let mut tls = self.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(SESSIONS);
        let client = bare_client(&self.limits)
            .https_only(true)
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::clone(&self.names))
            .build()
            .map_err(|_| SendError::Unreachable("the HTTP client could not be made".to_owned()))?;
        if pools.clients.len() >= POOLS {
            let oldest = pools.clients.iter().min_by_key(|(_, (_, used))| *used).map(|(pool, _)| pool.clone());
            oldest.and_then(|pool| pools.clients.remove(&pool));
        }
        pools.clients.insert(pool.to_owned(), (client.clone(), uses));
        Ok(client)
    }

    fn pools(&self) -> std::sync::MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// TLS with the public trust anchors, and further ones.
pub(super) fn tls(further: Vec<CertificateDer<'static>>) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in further {
        roots.add(root).map_err(EgressError::TrustAnchor)?;
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(EgressError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// What every client has in common.
#[expect(clippy::disallowed_methods, reason = "this is the one place that requests leave through")]
pub(super) fn bare_client(limits: &EgressLimits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Without this, HTTPS_PROXY in the environment would lead every request round the address check.
        .no_proxy()
        .connect_timeout(limits.connect)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
        .http1_max_headers(FIELDS)
        .http2_max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
}
