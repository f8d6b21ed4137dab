//! Middleware for every request: an id, a log line, checks of host name and framing, a time limit.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    body::HttpBody,
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HOST, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING},
};
use jackfield_core::{
    Error,
    metrics::{REQUEST_SECONDS, REQUESTS},
};
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use crate::{
    ApiState,
    http::{
        errors::{self, ApiError, ResponseError},
        host_names::authority,
        serving::AboveConnectionLimit,
    },
    route_table::HEALTH_CHECKS,
};

/// Tells browsers to use only HTTPS for two years, the time that browsers' preload lists require.
const HSTS: &str = "max-age=63072000";

/// The id of a request, in its response, the log and the audit log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Assigns an id, logs the request, and turns an error into a problem with the same id.
pub(crate) async fn identify(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7().simple().to_string());
    let method = request.method().clone();
    // Log the route and not the path, because a path may contain a secret that was pasted by mistake.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());
    let version = request.version();
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let client = state.trusted_proxies.client_of(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
    }
    let span = tracing::info_span!("request", id = %id.0, %method, route, status = Empty);
    async {
        let started = Instant::now();
        let mut response = next.run(request).await;
        if response.status() == StatusCode::BAD_REQUEST && response.extensions().get::<ResponseError>().is_none() {
            // The router itself rejects a path that is not UTF-8.
            response = ApiError::from(Error::InvalidRequest("the path is not valid UTF-8".to_owned())).into_response();
        }
        if let Some(error) = response.extensions_mut().remove::<ResponseError>() {
            let problem = errors::to_response(&error, &id.0);
            let allow = response.headers_mut().remove(ALLOW);
            let ends_connection = response.extensions_mut().remove::<EndsConnection>().is_some();
            response = problem;
            if let Some(allow) = allow {
                response.headers_mut().insert(ALLOW, allow);
            }
            if ends_connection && version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        record(&method, &route, &response, started);
        Span::current().record("status", i64::from(response.status().as_u16()));
        add_headers(response.headers_mut(), &id, &state);
        response
    }
    .instrument(span)
    .await
}

/// Logs and counts a request that was answered.
fn record(method: &Method, route: &str, response: &Response, started: Instant) {
    let status = response.status().as_u16();
    let labels =
        [("method", method_label(method).to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!(REQUESTS.name, &labels).increment(1);
    metrics::histogram!(REQUEST_SECONDS.name, "route" => route.to_owned()).record(started.elapsed().as_secs_f64());
    tracing::info!(status, bytes = response.body().size_hint().exact(), ms = started.elapsed().as_millis(), "answered");
}

fn add_headers(headers: &mut HeaderMap, id: &RequestId, state: &ApiState) {
    if let Ok(id) = HeaderValue::try_from(&id.0) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    if state.site.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    // Responses are about credentials and people, so caches must not store them.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Returns the metric label of a method. Unknown methods share one label, otherwise callers could create any number of
/// them.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Rejects a request that was sent to an unknown host name, or to two, or whose end is ambiguous.
///
/// A check of the host name stops DNS rebinding: a page that points its own host name at this address could otherwise
/// call the API from a browser behind the firewall. Load balancers send health checks to any host name or to none
/// (HTTP/1.0), and their answers contain no names, so they are exempt.
pub(crate) async fn check_host(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if let Err(why) = check_framing(request.headers()) {
        // What follows may be a part of this request's body.
        let mut response = ApiError::from(Error::InvalidRequest(why.to_owned())).into_response();
        response.extensions_mut().insert(EndsConnection);
        return response;
    }
    let is_ours = is_health_check(&request)
        || authority(request.uri(), request.headers()).is_some_and(|authority| state.host_names.accept(&authority));
    if is_ours { next.run(request).await } else { ApiError::from(Error::Misdirected).into_response() }
}

/// Marks a response after which the HTTP connection must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndsConnection;

/// Requires at most one `Host` (RFC 9112 §3.2), and one way to find the end of the body (RFC 9112 §6.1).
fn check_framing(headers: &HeaderMap) -> Result<(), &'static str> {
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err("the request has more than one Host field");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), None) if headers.contains_key(CONTENT_LENGTH) => {
            Err("the request has both Content-Length and Transfer-Encoding")
        }
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err("the only supported Transfer-Encoding is `chunked`"),
    }
}

/// Answers only health checks and metrics on an HTTP connection above the limit.
pub(crate) async fn keep_reserve(request: Request, next: Next) -> Response {
    if request.extensions().get::<AboveConnectionLimit>().is_none() || is_health_check(&request) {
        return next.run(request).await;
    }
    let busy = Error::Overloaded { what: "there are too many HTTP connections".to_owned(), retry_after: 5 };
    let mut response = ApiError::from(busy).into_response();
    response.extensions_mut().insert(EndsConnection);
    response
}

fn is_health_check(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    route.is_some_and(|route| HEALTH_CHECKS.contains(&route))
}

/// Returns the time limit of a route, or of a request that matches none.
pub(crate) type TimeLimit = fn(Option<&str>) -> Duration;

/// Ends a request that takes longer than its route allows.
pub(crate) async fn limit_time(State(time_limit): State<TimeLimit>, request: Request, next: Next) -> Response {
    let time = time_limit(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => ApiError::from(Error::ProviderTimeout).into_response(),
    }
}
