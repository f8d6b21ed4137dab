//! Reads bodies and queries, with their bounds, and says in words what is wrong with them.

use std::time::Duration;

use axum::{
    body::{HttpBody, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
};
use http::{header::CONTENT_TYPE, request::Parts};
use serde::de::DeserializeOwned;

use super::{State, error::ApiError};
use crate::model::Error;

/// Bytes of an ordinary body.
const BODY: usize = 1 << 20;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<State> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &State) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(
                Error::InvalidRequest("the body must be JSON, with Content-Type: application/json".to_owned()).into()
            );
        }
        if request.body().size_hint().lower() > BODY as u64 {
            return Err(Error::TooLarge(BODY).into());
        }
        let bytes = tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), BODY))
            .await
            .map_err(|_elapsed| Error::InvalidRequest("the body did not arrive in time".to_owned()))?
            .map_err(|_too_large_or_cut| Error::TooLarge(BODY))?;
        // The parser's own message could repeat a value; its position can not.
        let parsed = serde_json::from_slice(&bytes).map_err(|error| {
            let what = if error.is_data() { "is not of the shape that this route takes" } else { "is not JSON" };
            Error::InvalidRequest(format!("the body {what} (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Self(parsed))
    }
}

/// The query, with unknown keys refused by the type that it is read into.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        let axum::extract::Query(query) = axum::extract::Query::try_from_uri(&parts.uri)
            .map_err(|error| Error::InvalidRequest(format!("the query can not be read: {}", error.body_text())))?;
        Ok(Self(query))
    }
}
