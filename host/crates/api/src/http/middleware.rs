//! Middleware for every request: an id, a log line, a check of the host name, a time limit.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, HOST, STRICT_TRANSPORT_SECURITY},
    uri::Authority,
};
use jackfield_core::{
    Error,
    metrics::{REQUEST_SECONDS, REQUESTS},
};
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use crate::{
    ApiState,
    http::errors::{self, ApiError, ResponseError},
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
    let span = tracing::info_span!("request", id = %id.0, %method, route, status = Empty);
    async {
        let started = Instant::now();
        let mut response = next.run(request).await;
        if response.status() == StatusCode::BAD_REQUEST && response.extensions().get::<ResponseError>().is_none() {
            // The router itself rejects a path that is not UTF-8.
            response = ApiError::from(Error::InvalidRequest("the path is not valid UTF-8".to_owned())).into_response();
        }
        if let Some(error) = response.extensions_mut().remove::<ResponseError>() {
            response = errors::to_response(&error, &id.0);
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

/// Rejects a request that was sent to an unknown host name.
///
/// This stops DNS rebinding: a page that points its own host name at this address could otherwise call the API from a
/// browser behind the firewall. An IP address cannot be rebound, so every IP address is accepted.
pub(crate) async fn check_host(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let is_ours = authority(request.uri(), request.headers()).is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok()
            || state.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    });
    if is_ours {
        return next.run(request).await;
    }
    ApiError::from(Error::Misdirected).into_response()
}

/// Returns the host and port that a request was sent to.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    uri.authority().cloned().or_else(|| headers.get(HOST)?.to_str().ok()?.parse().ok())
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
