//! Sends a component's requests and follows their redirects, and sends the host's own requests.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use jackfield_core::{Clock, Secret, manifest::Endpoint};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, Span, field::Empty};
use url::Url;

use crate::{
    call_permissions::CallPermissions,
    call_stats::ResponseSummary,
    clients::HttpClients,
    config::{EgressConfig, EgressLimits},
    connect::NetworkAccess,
    disclosure::{Masking, Sources},
    error::{Denial, EgressError, SendError},
    headers,
    memory_allowance::CallMemory,
    merged_parameters,
    message::{Request, Response},
    outgoing_request::OutgoingRequest,
    placement::{self, SignedToken},
    policy,
    redirect::{Redirect, RedirectChain},
    response_reader,
    sign::SigningContext,
};

/// Sends the HTTP requests of this process.
///
/// There is one for each process; clones share their connections. Requests are never retried, and cookies are not
/// stored.
#[derive(Clone)]
pub struct Egress(Arc<EgressInner>);

struct EgressInner {
    clients: HttpClients,
    limits: EgressLimits,
    clock: Clock,
}

/// The response to one request, or the redirect to follow instead.
enum ResponseOrRedirect {
    Response(Response),
    Redirect(Redirect),
}

impl Egress {
    /// Creates the clients.
    ///
    /// # Errors
    /// The target of a reroute is not on this machine, or the HTTP client cannot be created.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        Self::with_network(config, NetworkAccess::default())
    }

    /// Creates the clients with a resolver and trust anchors for tests.
    pub(crate) fn with_network(config: EgressConfig, network: NetworkAccess) -> Result<Self, EgressError> {
        let EgressConfig { reroutes, limits, clock } = config;
        let clients = HttpClients::new(reroutes, limits.clone(), network)?;
        Ok(Self(Arc::new(EgressInner { clients, limits, clock })))
    }

    /// Sends a component's request and follows its redirects.
    ///
    /// The secrets that the site of the host receives are masked in the response. The request and each redirect must match an
    /// endpoint of `permissions` and use up one request of its budget. Gives up at `deadline` or after
    /// [`EgressLimits::total`], whichever comes first.
    ///
    /// # Errors
    /// [`SendError::Denied`] if a rule denies the request or a redirect; the other variants if there is no complete
    /// response. If the error is a [guess](SendError::as_guess), the whole call must end.
    pub async fn send(
        &self,
        permissions: &CallPermissions,
        deadline: Instant,
        request: Request,
    ) -> Result<Response, SendError> {
        let recorder = &permissions.recorder;
        let traced_url =
            recorder.is_tracing().then(|| permissions.disclosure.scrubber().scrub_text(request.url.clone()));
        let traced = traced_url.map(|url| (request.method, url));
        let send = async {
            let disclosure = &permissions.disclosure;
            disclosure.require_no_secret(&request)?;
            let mut chain = RedirectChain::start(request)?;
            let mut followed = Sources::new();
            loop {
                permissions.budget.take()?;
                let (endpoint, outgoing) = chain.next_request(&permissions.endpoints)?;
                let risk = disclosure.echo_risk(&permissions.endpoints, &outgoing.url, &followed);
                followed.extend(risk.sources().cloned());
                if !risk.is_none() {
                    disclosure.require_no_secret_in_url(&outgoing.url, &risk)?;
                }
                let masking = Masking::new(risk, disclosure);
                let with_credential = !chain.has_left_origin();
                let outgoing = self.prepare(permissions, endpoint, outgoing, with_credential).await?;
                let pending = recorder.start_request(&outgoing, &disclosure.scrubber());
                let result = self.send_once(&permissions.pool, &masking, &permissions.memory, outgoing).await;
                pending.finish(result.as_ref().map(ResponseOrRedirect::summary));
                match result? {
                    ResponseOrRedirect::Response(response) => return Ok(response),
                    ResponseOrRedirect::Redirect(redirect) => chain.follow(&redirect, &masking)?,
                }
            }
        };
        let deadline = self.limit_deadline(deadline);
        let result = recorder.time_request(timeout_at(deadline, send)).await.map_err(|_| SendError::TimedOut).flatten();
        if let Err(SendError::Denied(denial)) = &result {
            recorder.record_denial(traced, denial);
        }
        result
    }

    /// Sends one of the host's own requests, without following redirects.
    ///
    /// The URL comes from a setting or an approved manifest, so it needs no endpoint. The other rules, the limits and
    /// the reroutes are the same as in [`send`](Self::send). `authorization` is the whole value of the `Authorization`
    /// header. The response is not scrubbed.
    ///
    /// # Errors
    /// Like [`send`](Self::send). A redirect is [`SendError::Denied`].
    pub async fn fetch(
        &self,
        pool: &str,
        deadline: Instant,
        request: Request,
        authorization: Option<&Secret<String>>,
    ) -> Result<Response, SendError> {
        let Request { method, url, headers, body } = request;
        headers::validate_all(&headers)?;
        let url = policy::validate_url(&url).map_err(|why| Denial::new("url", why))?;
        let mut outgoing = OutgoingRequest { method, url, headers, body: body.map(Into::into), credential: None };
        if let Some(authorization) = authorization {
            outgoing.set_credential("authorization", authorization.expose())?;
        }
        let no_limit = CallMemory::default();
        let send = self.send_once(pool, &Masking::OFF, &no_limit, outgoing);
        match timeout_at(self.limit_deadline(deadline), send).await.map_err(|_| SendError::TimedOut)?? {
            ResponseOrRedirect::Response(response) => Ok(response),
            ResponseOrRedirect::Redirect(_) => {
                Err(Denial::new("redirect", "redirects of the host's own requests are not followed").into())
            }
        }
    }

    /// Returns the URL that requests to `url` are rerouted to, if they are.
    #[must_use]
    pub fn reroute_url(&self, url: &Url) -> Option<Url> {
        self.0.clients.reroute_url(url)
    }

    /// Closes the idle HTTP connections of a pool.
    pub fn close_pool(&self, pool: &str) {
        self.0.clients.close_pool(pool);
    }

    /// Returns the deadline, or the end of the time for one request if that is earlier.
    fn limit_deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.0.limits.total)
    }

    /// Attaches the endpoint's credential.
    ///
    /// Without `with_credential` it only checks that the request leaves the placement free.
    async fn prepare(
        &self,
        permissions: &CallPermissions,
        endpoint: &Endpoint,
        mut outgoing: OutgoingRequest,
        with_credential: bool,
    ) -> Result<OutgoingRequest, SendError> {
        merged_parameters::require_no_method_override(&outgoing)?;
        if let Some(attachment) = &endpoint.credential {
            placement::require_free(&attachment.placement, &outgoing)?;
            let credential = if with_credential { permissions.credential(&attachment.source).await? } else { None };
            if let Some(credential) = credential {
                let context = SigningContext { fields: &permissions.fields, now: self.0.clock.now() };
                let token = placement::apply(&attachment.placement, credential.expose(), context, &mut outgoing)?;
                if let Some(SignedToken { token, lifetime }) = token {
                    permissions.disclosure.add_token(&attachment.source, token, Some(lifetime));
                }
            }
        }
        Ok(outgoing)
    }

    /// Sends one request and returns its response or redirect. Its span contains the host but never the path.
    async fn send_once(
        &self,
        pool: &str,
        masking: &Masking,
        memory: &CallMemory,
        outgoing: OutgoingRequest,
    ) -> Result<ResponseOrRedirect, SendError> {
        let method = outgoing.method.as_str();
        let host = outgoing.url.host_str().unwrap_or_default().to_owned();
        let path = outgoing.url.path().to_owned();
        let span = tracing::info_span!("upstream", method, host, status = Empty, error = Empty);
        let exchange = async {
            let started = Stopwatch::now();
            let (client, request) = self.0.clients.to_reqwest(pool, outgoing)?;
            let response = match timeout(self.0.limits.first_byte, client.execute(request)).await {
                Ok(response) => response.map_err(|error| SendError::from_reqwest(&error, &host)),
                Err(_) => Err(SendError::TimedOut),
            };
            let response = response.inspect_err(|error| {
                tracing::debug!(method, host, path, ms = milliseconds(started.elapsed()), %error, "request failed");
            })?;
            let status = response.status().as_u16();
            tracing::debug!(method, host, path, status, ms = milliseconds(started.elapsed()), "response received");
            Span::current().record("status", i64::from(status));

            response_reader::check_header_size(response.headers())?;
            if let Some(redirect) = Redirect::from_reqwest(&response)? {
                return Ok(ResponseOrRedirect::Redirect(redirect));
            }
            let limits = &self.0.limits;
            let read = response_reader::read(response, limits.idle, limits.body, masking, memory);
            read.await.map(ResponseOrRedirect::Response)
        };
        let result = exchange.instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("error", error.name());
        }
        result
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Egress").finish_non_exhaustive()
    }
}

impl ResponseOrRedirect {
    fn summary(&self) -> ResponseSummary {
        match self {
            Self::Response(response) => ResponseSummary { status: response.status, body_bytes: response.body.len() },
            Self::Redirect(redirect) => ResponseSummary { status: redirect.status, body_bytes: 0 },
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
