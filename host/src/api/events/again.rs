//! Judges the credential of somebody who listens once more: what was good when the stream began may have ended.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    api::{State, caller::by_cookie},
    model::{Error, Level},
    store::TOKEN_PREFIX,
};

/// Whether the caller may still listen. Counts no failed try, and prolongs nothing.
pub(super) async fn still_calls(state: &State, credential: &HeaderMap) -> Result<bool, Error> {
    let level = match credential.get(AUTHORIZATION) {
        None => by_cookie(state, credential).await?.map(|(session, _)| session.level),
        Some(header) => {
            let header = header.to_str().unwrap_or_default();
            let token = header.split_once(' ').map_or("", |(_, token)| token.trim());
            if !token.starts_with(TOKEN_PREFIX) {
                // A JWT can not be revoked here.
                return Ok(true);
            }
            state.store.find_token(token).await?.map(|token| token.level)
        }
    };
    Ok(level == Some(Level::Executive))
}
