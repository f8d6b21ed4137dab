//! Reads bodies and queries, with their bounds, and says in words what is wrong with them.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Bytes, HttpBody, to_bytes},
    extract::{FromRequest, FromRequestParts, Request, State as Given},
    middleware::Next,
    response::Response,
};
use http::{header::CONTENT_TYPE, request::Parts};
use jackfield_core::Error;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::{State, error::ApiError};

/// Bytes of an ordinary body.
const BODY: usize = 1 << 20;

/// Bytes of a body that holds a whole company.
pub(crate) const LARGE: usize = 32 << 20;

/// Bodies above [`BODY`] that are taken in at once: each costs several times its bytes until its request is answered.
const LARGE_AT_ONCE: usize = 4;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body of at most so many bytes.
pub(crate) struct Json<T, const MOST: usize = BODY>(pub(crate) T);

impl<T: DeserializeOwned, const MOST: usize> FromRequest<State> for Json<T, MOST> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &State) -> Result<Self, ApiError> {
        if !media_type(&request).eq_ignore_ascii_case("application/json") {
            return Err(
                Error::InvalidRequest("the body must be JSON, with Content-Type: application/json".to_owned()).into()
            );
        }
        Ok(Self(parse(&read(request, MOST).await?)?))
    }
}

/// The places for large bodies.
#[derive(Clone, Debug)]
pub struct LargeBodies(Arc<Semaphore>);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

/// Keeps a place for a body that is large, or does not say how large it is, until its request is answered.
pub(crate) async fn bound_large(
    Given(state): Given<State>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let is_small = request.body().size_hint().upper().is_some_and(|bytes| bytes <= BODY as u64);
    if is_small {
        return Ok(next.run(request).await);
    }
    let _place = state.large_bodies.0.try_acquire().map_err(|_full| Error::Overloaded {
        what: format!("{LARGE_AT_ONCE} large bodies are being taken in already"),
        retry_after: 5,
    })?;
    Ok(next.run(request).await)
}

/// What a body says that it is, without its parameters.
pub(crate) fn media_type(request: &Request) -> &str {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// Reads a whole body of at most so many bytes.
pub(crate) async fn read(request: Request, most: usize) -> Result<Bytes, Error> {
    if request.body().size_hint().lower() > most as u64 {
        return Err(Error::TooLarge(most));
    }
    tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), most))
        .await
        .map_err(|_elapsed| Error::InvalidRequest("the body did not arrive in time".to_owned()))?
        .map_err(|_too_large_or_cut| Error::TooLarge(most))
}

/// Reads JSON. What is wrong with it is told without a value of it.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The parser's own message could repeat a value; its position cannot, and the name of a field may be told.
        let message = error.to_string();
        let named = |start: &str| message.strip_prefix(start).and_then(|rest: &str| rest.split_once('`'));
        let shown = |(name, _): (&str, &str)| name.chars().take(40).collect::<String>();
        let what = if let Some(field) = named("unknown field `").map(shown) {
            format!("holds `{field}`, which is not a field of it")
        } else if let Some(field) = named("missing field `").map(shown) {
            format!("lacks the field `{field}`")
        } else if error.is_data() {
            "is not of the shape that this route takes".to_owned()
        } else {
            "is not JSON".to_owned()
        };
        Error::InvalidRequest(format!("the body {what} (line {}, column {})", error.line(), error.column()))
    })
}

/// The query, with unknown keys refused by the type that it is read into.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        let axum::extract::Query(query) = axum::extract::Query::try_from_uri(&parts.uri)
            .map_err(|error| Error::InvalidRequest(format!("the query cannot be read: {}", error.body_text())))?;
        Ok(Self(query))
    }
}
