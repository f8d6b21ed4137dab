//! Judges the credential of somebody who listens once more: what was good when the stream began may have ended.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    api::State,
    model::{Error, Level},
    store::TOKEN_PREFIX,
};

/// Whether the caller may still listen. Counts no failed try, and prolongs nothing.
pub(super) async fn still_calls(state: &State, credential: &HeaderMap) -> Result<bool, Error> {
    let header = credential.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let token = header.split_once(' ').map_or("", |(_, token)| token.trim());
    if !token.starts_with(TOKEN_PREFIX) {
        return Ok(true);
    }
    Ok(state.store.find_token(token).await?.is_some_and(|token| token.level == Level::Executive))
}
