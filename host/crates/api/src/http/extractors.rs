//! Extracts JSON bodies and queries within limits, and says what is wrong with those that cannot be parsed.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use futures_util::StreamExt;
use http::{header::CONTENT_TYPE, request::Parts};
use jackfield_core::{Caller, Error};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::{ApiState, http::errors::ApiError};

/// Maximum size of an ordinary body in bytes.
const MAX_BODY: usize = 1 << 20;

/// Maximum size in bytes of a body that may list all people of a company.
pub(crate) const MAX_LARGE_BODY: usize = 32 << 20;

/// Maximum number of bodies above [`MAX_BODY`] at once. Each needs several times its size in memory until its request
/// is answered.
const LARGE_BODIES_AT_ONCE: usize = 4;

/// Maximum size in bytes of a body that anybody may send, such as a token to sign in with.
pub(crate) const MAX_OPEN_BODY: usize = 4 << 10;

/// The time in which a body must arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The time in which a body that anybody may send must arrive.
const OPEN_BODY_TIME: Duration = Duration::from_secs(5);

/// Maximum length in characters of a field name in an error.
pub(crate) const MAX_SHOWN_NAME: usize = 40;

/// A JSON body of at most `MAX` bytes.
pub(crate) struct JsonBody<T, const MAX: usize = MAX_BODY>(pub(crate) T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<ApiState> for JsonBody<T, MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, ApiError> {
        if !media_type(&request).eq_ignore_ascii_case("application/json") {
            return Err(
                Error::InvalidRequest("the body must be JSON, with Content-Type: application/json".to_owned()).into()
            );
        }
        Ok(Self(parse_json(&read_body(request, MAX).await?)?))
    }
}

/// The permits for large bodies.
#[derive(Clone, Debug)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_BODIES_AT_ONCE)))
    }
}

/// Middleware that holds a permit for a body that is large, or of unknown size, until its request is answered.
///
/// Only callers whose access level was required get a permit, otherwise anybody could hold all of them.
pub(crate) async fn limit_large_bodies(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= MAX_BODY as u64);
    if is_small || request.extensions().get::<Caller>().is_none() {
        return Ok(next.run(request).await);
    }
    let _permit = state.large_bodies.0.try_acquire().map_err(|_full| Error::Overloaded {
        what: format!("{LARGE_BODIES_AT_ONCE} large request bodies are already being read"),
        retry_after: 5,
    })?;
    Ok(next.run(request).await)
}

/// Returns the media type of a request's body, without parameters.
pub(crate) fn media_type(request: &Request) -> &str {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Reads a whole body.
///
/// # Errors
/// The body is larger than `max` bytes, is cut off, or does not arrive in time. Without an authenticated caller, the
/// limits are [`MAX_OPEN_BODY`] and [`OPEN_BODY_TIME`].
pub(crate) async fn read_body(request: Request, max: usize) -> Result<Bytes, Error> {
    let is_open = request.extensions().get::<Caller>().is_none();
    let (max, time) = if is_open { (max.min(MAX_OPEN_BODY), OPEN_BODY_TIME) } else { (max, BODY_TIME) };
    if request.body().size_hint().lower() > max as u64 {
        return Err(Error::TooLarge(max));
    }
    tokio::time::timeout(time, collect(request.into_body(), max))
        .await
        .map_err(|_elapsed| Error::InvalidRequest(format!("the body did not arrive in {} s", time.as_secs())))?
}

async fn collect(body: Body, max: usize) -> Result<Bytes, Error> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "request body cannot be read");
            let why = "the body is not complete: it ended before its Content-Length, or a chunk is not valid";
            Error::InvalidRequest(why.to_owned())
        })?;
        if bytes.len() + chunk.len() > max {
            return Err(Error::TooLarge(max));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// Parses JSON.
///
/// # Errors
/// What is wrong and where, without any value of the body.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The parser's message may repeat a value, which may be a secret. Only the names of fields are taken from it.
        let message = error.to_string();
        let name_after = |start: &str| {
            let (name, _) = message.strip_prefix(start)?.split_once('`')?;
            Some(name.chars().take(MAX_SHOWN_NAME).collect::<String>())
        };
        let problem = if let Some(field) = name_after("unknown field `") {
            format!("contains the unknown field `{field}`")
        } else if let Some(field) = name_after("missing field `") {
            format!("lacks the field `{field}`")
        } else if error.is_data() {
            "does not have the shape that this route expects".to_owned()
        } else {
            "is not JSON".to_owned()
        };
        Error::InvalidRequest(format!("the body {problem} (line {}, column {})", error.line(), error.column()))
    })
}

/// The parsed query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let axum::extract::Query(query) = axum::extract::Query::try_from_uri(&parts.uri)
            .map_err(|error| Error::InvalidRequest(format!("the query is not valid: {}", error.body_text())))?;
        Ok(Self(query))
    }
}
