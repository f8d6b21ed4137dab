//! The HTTP clients, one for each connection pool, and the conversion of requests to those of reqwest.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{
    HeaderValue,
    header::{ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT},
};
use jackfield_core::manifest::Method;
use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::CertificateDer};
use url::{Host, Url};

use crate::{
    config::EgressLimits,
    connect::{CheckedResolver, NetworkAccess},
    error::{Denial, EgressError, SendError},
    outgoing_request::OutgoingRequest,
    response_reader::{MAX_HEADER_BYTES, MAX_HEADER_FIELDS},
};

/// Maximum number of pools. A company has fewer stored connections, and an evicted pool only costs a new handshake.
const MAX_POOLS: usize = 256;
/// Maximum number of idle HTTP connections of a pool to one host, enough for many concurrent calls. HTTP/2 needs one.
const MAX_IDLE_CONNECTIONS: usize = 32;
/// How long an idle HTTP connection is kept: less than the minute after which many servers close it.
const IDLE_TIME: Duration = Duration::from_secs(50);
/// Maximum number of TLS sessions that a pool can resume. Pools share no sessions.
const MAX_TLS_SESSIONS: usize = 8;

const DEFAULT_USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// The clients of all pools.
pub(crate) struct HttpClients {
    tls: ClientConfig,
    resolver: CheckedResolver,
    limits: EgressLimits,
    reroutes: BTreeMap<String, Url>,
    /// The client for reroutes: the only one that uses plain HTTP, and only to loopback addresses.
    rerouted: Option<reqwest::Client>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    /// Each client, and the value of `uses` when it was last used.
    clients: HashMap<String, (reqwest::Client, u64)>,
    uses: u64,
}

impl HttpClients {
    pub(crate) fn new(
        reroutes: BTreeMap<String, Url>,
        limits: EgressLimits,
        network: NetworkAccess,
    ) -> Result<Self, EgressError> {
        for (host, target) in &reroutes {
            let is_loopback = match target.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(_)) | None => false,
            };
            if !is_loopback || target.scheme() != "http" || target.port().is_none() {
                return Err(EgressError::Reroute { host: host.clone(), target: Box::new(target.clone()) });
            }
        }
        let tls = tls_config(network.trust_anchors)?;
        let rerouted = if reroutes.is_empty() {
            None
        } else {
            let client = client_builder(&limits).tls_backend_preconfigured(tls.clone()).build();
            Some(client.map_err(EgressError::Client)?)
        };
        let resolver = CheckedResolver { names: network.names, sockets: network.sockets };
        Ok(Self { tls, resolver, limits, reroutes, rerouted, pools: Mutex::default() })
    }

    /// Converts a request to reqwest's, and returns the client that sends it.
    pub(crate) fn to_reqwest(
        &self,
        pool: &str,
        outgoing: OutgoingRequest,
    ) -> Result<(reqwest::Client, reqwest::Request), SendError> {
        let OutgoingRequest { method, url, headers, body, credential } = outgoing;
        let invalid = || Denial::new("header", "a header cannot be sent");
        let method_may_ignore_body = method == Method::Delete;
        let method = match method {
            Method::Get => http::Method::GET,
            Method::Head => http::Method::HEAD,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let (client, mut request) = match self.reroute_url(&url).zip(self.rerouted.clone()) {
            None => (self.client(pool)?, reqwest::Request::new(method, url)),
            Some((target, client)) => {
                let mut request = reqwest::Request::new(method, target);
                let host = HeaderValue::from_str(url.host_str().unwrap_or_default()).map_err(|_| invalid())?;
                request.headers_mut().insert(HOST, host);
                (client, request)
            }
        };
        let fields = request.headers_mut();
        for (name, value) in &headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            fields.append(name, HeaderValue::from_str(value.trim()).map_err(|_| invalid())?);
        }
        fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        fields.entry(USER_AGENT).or_insert(HeaderValue::from_static(DEFAULT_USER_AGENT));
        if let Some((name, value)) = credential {
            fields.insert(name, value);
        }
        if method_may_ignore_body && body.is_some() {
            // A server that ignores the body would read it as the next request on the connection.
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *request.body_mut() = body.map(Into::into);
        Ok((client, request))
    }

    /// Returns the URL that requests to `url` are rerouted to, if they are.
    pub(crate) fn reroute_url(&self, url: &Url) -> Option<Url> {
        let target = url.host_str().and_then(|host| self.find_reroute(host))?;
        let mut rerouted = target.clone();
        rerouted.set_path(&format!("{}{}", target.path().trim_end_matches('/'), url.path()));
        rerouted.set_query(url.query());
        Some(rerouted)
    }

    /// Finds the reroute of a host: its own, that of all hosts with another first label, or that of all hosts.
    fn find_reroute(&self, host: &str) -> Option<&Url> {
        let starred = host.split_once('.').and_then(|(_, rest)| self.reroutes.get(&format!("*.{rest}")));
        self.reroutes.get(host).or(starred).or_else(|| self.reroutes.get("*"))
    }

    pub(crate) fn close_pool(&self, pool: &str) {
        self.lock_pools().clients.remove(pool);
    }

    /// Returns the client of a pool. A new client evicts the one that was not used for the longest time.
    fn client(&self, pool: &str) -> Result<reqwest::Client, SendError> {
        let mut pools = self.lock_pools();
        pools.uses += 1;
        let uses = pools.uses;
        if let Some((client, last_use)) = pools.clients.get_mut(pool) {
            *last_use = uses;
            return Ok(client.clone());
        }
        let mut tls = self.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(MAX_TLS_SESSIONS);
        let client = client_builder(&self.limits)
            .https_only(true)
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(self.resolver.clone()))
            .build()
            .map_err(|_| SendError::Unreachable("cannot create the HTTP client".to_owned()))?;
        if pools.clients.len() >= MAX_POOLS {
            let oldest = pools.clients.iter().min_by_key(|(_, (_, last_use))| *last_use).map(|(pool, _)| pool.clone());
            oldest.and_then(|pool| pools.clients.remove(&pool));
        }
        pools.clients.insert(pool.to_owned(), (client.clone(), uses));
        Ok(client)
    }

    fn lock_pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a TLS configuration with the public trust anchors and `additional` ones.
pub(crate) fn tls_config(additional: Vec<CertificateDer<'static>>) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in additional {
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

/// Returns the settings that all clients share.
#[expect(clippy::disallowed_methods, reason = "all requests leave through the clients that are created here")]
pub(crate) fn client_builder(limits: &EgressLimits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Otherwise HTTPS_PROXY in the environment would send every request past the address check.
        .no_proxy()
        .connect_timeout(limits.connect)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
        .http1_max_headers(MAX_HEADER_FIELDS)
        .http2_max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
}
