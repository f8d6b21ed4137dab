//! What every request passes: an id, a log line, a check of the name it was sent to, a bound on its time.

use std::{net::IpAddr, time::Instant};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State as Given},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{CACHE_CONTROL, HOST, STRICT_TRANSPORT_SECURITY},
    uri::Authority,
};
use jackfield_core::Error;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use crate::{
    State, answer_time,
    error::{self, ApiError, Problem},
};

/// For how long a browser comes back by https alone, once it did: two years, as those who list such hosts ask for.
const BY_HTTPS: &str = "max-age=63072000";

/// The name of a request, in its answer, in the log and in the audit.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Names the request, logs it, and writes out the problem that a handler left behind, under the same name.
pub(crate) async fn identify(Given(state): Given<State>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7().simple().to_string());
    let method = request.method().clone();
    // The route and not the path: a path could hold what somebody pasted into the wrong place.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", id = %id.0, %method, route, status = Empty);
    async {
        let started = Instant::now();
        let mut response = next.run(request).await;
        if response.status() == StatusCode::BAD_REQUEST && response.extensions().get::<Problem>().is_none() {
            // The router's own refusal, of a path that is not UTF-8.
            response = ApiError::from(Error::InvalidRequest("the path cannot be read".to_owned())).into_response();
        }
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = error::write(&problem, &id.0);
        }
        let status = response.status().as_u16();
        let labels =
            [("method", method_label(&method).to_owned()), ("route", route.clone()), ("status", status.to_string())];
        metrics::counter!("jackfield_requests_total", &labels).increment(1);
        metrics::histogram!("jackfield_request_seconds", "route" => route.clone())
            .record(started.elapsed().as_secs_f64());
        tracing::info!(
            status,
            bytes = response.body().size_hint().exact(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        Span::current().record("status", i64::from(status));
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&id.0) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        if state.site.is_https() {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(BY_HTTPS));
        }
        // Answers are about credentials and people: no cache keeps them.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }
    .instrument(span)
    .await
}

/// A method as a label: whatever a caller invents is one label, or the numbers would grow with every invention.
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

/// Refuses a request that was sent to a name which is not ours: a page that rebinds its own name to this address
/// would otherwise call us from a browser behind the firewall. An address cannot be rebound, so any is taken.
pub(crate) async fn check_host(Given(state): Given<State>, request: Request, next: Next) -> Response {
    let ours = authority(request.uri(), request.headers()).is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok()
            || state.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    });
    if ours {
        return next.run(request).await;
    }
    ApiError::from(Error::Misdirected).into_response()
}

/// The host and port that a request was sent to.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    uri.authority().cloned().or_else(|| headers.get(HOST)?.to_str().ok()?.parse().ok())
}

/// Ends a request that takes longer than any part of it may.
pub(crate) async fn bound_time(request: Request, next: Next) -> Response {
    let time = answer_time(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => ApiError::from(Error::ProviderTimeout).into_response(),
    }
}
