//! Callers by cookie: finds the session, lets in only what its own pages sent, and notes that its person is there.

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderName, request::Parts};
use jackfield_core::{Error, Session};
use jackfield_store::SessionKey;

use super::{
    judge_site,
    same_origin::{Cookie, judge_csrf, read_key},
};
use crate::State;

/// What an open page sends by itself says so with this header: nobody need be there.
const BACKGROUND: HeaderName = HeaderName::from_static("x-background");

/// What a browser asks for by itself, again and again, and can give no header to.
const EVENTS: &str = "/api/admin/events";

/// The key that the request's cookie holds.
pub(crate) fn key_of(state: &State, headers: &HeaderMap) -> Option<SessionKey> {
    read_key(state.site.cookie(Cookie::Session, headers)?)
}

/// The session of the request's cookie, if it lives, and its key.
pub(crate) async fn by_cookie(state: &State, headers: &HeaderMap) -> Result<Option<(Session, SessionKey)>, Error> {
    let Some(key) = key_of(state, headers) else { return Ok(None) };
    Ok(state.store.find_session(&key).await?.map(|session| (session, key)))
}

/// Lets a request by cookie in. A cookie that opens nothing is no failed try: sessions end while a page is open, and
/// nobody guesses 256 bits.
pub(crate) async fn admit(state: &State, parts: &Parts) -> Result<Session, Error> {
    let headers = &parts.headers;
    let found = by_cookie(state, headers).await?;
    let (mut session, key) = match (found, state.site.cookie(Cookie::Session, headers)) {
        (Some(found), _) => found,
        (None, Some(_)) => return Err(Error::NotSignedIn("this session has ended; sign in again")),
        (None, None) => return Err(Error::Unauthenticated),
    };
    judge_site(state, parts)?;
    judge_csrf(&parts.method, headers, &key)?;
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    if !headers.contains_key(BACKGROUND) && path != Some(EVENTS) {
        state.store.note_session(&mut session).await?;
    }
    Ok(session)
}
