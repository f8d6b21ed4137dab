//! Authenticates callers by session cookie. Accepts only requests of the service's own pages, and keeps sessions alive.

use std::time::Duration;

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderName, request::Parts};
use jackfield_core::{Error, Session};
use jackfield_store::SessionKey;

use super::{
    require_same_origin,
    same_origin::{Cookie, require_csrf_token, session_key_from_cookie},
};
use crate::ApiState;

/// Marks requests that an open page sends on its own; they do not keep the session alive.
const BACKGROUND: HeaderName = HeaderName::from_static("x-background");

/// Browsers reconnect to this route on their own, and cannot add a header to the request.
const EVENTS: &str = "/api/admin/events";

/// How long a request waits until its session's last use is stored.
const ACTIVITY_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the session key in the request's cookie.
pub(crate) fn session_key(state: &ApiState, headers: &HeaderMap) -> Option<SessionKey> {
    session_key_from_cookie(state.site.cookie(Cookie::Session, headers)?)
}

/// Finds the session of the request's cookie and its key; `None` if the session has ended.
pub(crate) async fn find_session(
    state: &ApiState,
    headers: &HeaderMap,
) -> Result<Option<(Session, SessionKey)>, Error> {
    let Some(key) = session_key(state, headers) else { return Ok(None) };
    Ok(state.store.find_session(&key).await?.map(|session| (session, key)))
}

/// Stores that the session was used.
///
/// A request that reads must work while the database cannot be written. The session may then end earlier.
async fn record_activity(state: &ApiState, session: &mut Session) {
    let recorded = tokio::time::timeout(ACTIVITY_TIMEOUT, state.store.record_session_activity(session)).await;
    if let Ok(Err(error)) = recorded {
        tracing::warn!(error = &error as &dyn std::error::Error, "last use of a session not stored");
    }
}

/// Authenticates a request by its cookie.
///
/// An invalid cookie is not counted as a failed attempt, because sessions end while a page is open, and nobody guesses
/// 256 bits.
pub(super) async fn authenticate(state: &ApiState, parts: &Parts) -> Result<Session, Error> {
    let headers = &parts.headers;
    let found = find_session(state, headers).await?;
    let (mut session, key) = match (found, state.site.cookie(Cookie::Session, headers)) {
        (Some(found), _) => found,
        (None, Some(_)) => return Err(Error::NotSignedIn("this session has ended; sign in again")),
        (None, None) => return Err(Error::Unauthenticated),
    };
    require_same_origin(state, parts)?;
    require_csrf_token(&parts.method, headers, &key)?;
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    if !headers.contains_key(BACKGROUND) && path != Some(EVENTS) {
        record_activity(state, &mut session).await;
    }
    Ok(session)
}
