//! `/signin/oidc`: to the identity provider and back, with a session or with a word why not.
//!
//! What the provider says in words is in the log alone: the page is led to by one of our own.

mod http_client;
mod identity_provider;
mod sign_in_flow;

use axum::{
    extract::State as Given,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{LOCATION, REFERRER_POLICY, SET_COOKIE},
};
use jackfield_core::{Caller, Error, Outcome, Secret};
use jackfield_store::{NewAudit, NewSession, SIGN_IN, Spends};
use serde::Deserialize;

pub use self::identity_provider::Oidc;
use self::{
    sign_in_flow::Away,
    identity_provider::{Person, Refusal},
};
use crate::{
    State,
    caller::{Arrival, Cookie, written},
    error::ApiError,
    session,
};

/// Where the provider sends the browser back to.
pub const CALLBACK: &str = "/signin/oidc/callback";

/// `GET /signin/oidc`: keeps nothing here; all that is needed on the way back is in the browser's cookie.
pub(crate) async fn begin(Given(state): Given<State>) -> Result<Response, ApiError> {
    let oidc = provider(&state)?;
    let away = Away::begin(state.clock.now()).map_err(Error::internal)?;
    match oidc.authorize_url(&away).await {
        Ok(url) => Ok(lead(url.as_str(), [state.site.set_cookie(Cookie::Away, away.written().expose())])),
        Err(refusal) => Ok(refused(&state, &refusal)),
    }
}

/// What the redirect brought. Providers add more, which is nothing to us.
#[derive(Deserialize)]
pub(crate) struct Returned {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /signin/oidc/callback`
pub(crate) async fn callback(
    Given(state): Given<State>,
    arrival: Arrival,
    headers: HeaderMap,
    query: Result<axum::extract::Query<Returned>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let oidc = provider(&state)?;
    let away = state.site.cookie(Cookie::Away, &headers).and_then(|cookie| Away::read(cookie, state.clock.now()));
    let returned = query.map(|axum::extract::Query(returned)| returned);
    let person = match (away, returned) {
        (_, Err(_)) => Err(Refusal::Invalid("a query that cannot be read".to_owned())),
        (None, Ok(_)) => Err(Refusal::Expired),
        (Some(away), Ok(returned)) => found(&oidc, &away, returned).await.map(|person| (away, person)),
    };
    let (away, person) = match person {
        Ok(found) => found,
        Err(refusal) => return Ok(refused(&state, &refusal)),
    };
    let name = format!("{}{}", Caller::OIDC, person.name);
    let identity = format!("{}{}", Caller::OIDC, person.subject);
    let Some(level) = person.level else {
        let audit = NewAudit {
            actor: arrival.actor(identity, name),
            action: SIGN_IN,
            provider: None,
            outcome: Outcome::Refused,
            detail: Some(format!("by the identity provider as {}, without an access level", person.subject)),
        };
        state.store.audit(audit).await?;
        return Ok(refused(&state, &Refusal::NoLevel));
    };
    let new = NewSession {
        identity,
        name,
        level,
        token: None,
        spends: Spends::State(away.state(), away.until()),
        replaces: None,
    };
    let how = format!("by the identity provider as {}", person.subject);
    match session::begin(&state, arrival, &headers, new, &how).await? {
        Some((_, key)) => {
            let session = state.site.set_cookie(Cookie::Session, written(&key).expose());
            // The page of the sign-in knows where one wanted to go before.
            Ok(lead("/signin", [session, state.site.unset_cookie(Cookie::Away)]))
        }
        None => Ok(refused(&state, &Refusal::Expired)),
    }
}

/// Who it is that came back.
async fn found(oidc: &Oidc, away: &Away, returned: Returned) -> Result<Person, Refusal> {
    if !returned.state.is_some_and(|state| away.is_state(&state)) {
        return Err(Refusal::Expired);
    }
    if returned.iss.is_some_and(|iss| iss != oidc.issuer()) {
        // RFC 9207 §2.4; the code is not sent anywhere.
        return Err(Refusal::Invalid("the answer of another issuer".to_owned()));
    }
    match (returned.code, returned.error.as_deref()) {
        (_, Some("server_error" | "temporarily_unavailable")) => {
            Err(Refusal::Unavailable("it says so itself".to_owned()))
        }
        (_, Some(_)) => Err(Refusal::Declined),
        (Some(code), None) => oidc.person(away, Secret::new(code)).await,
        (None, None) => Err(Refusal::Invalid("neither a code nor a refusal".to_owned())),
    }
}

fn provider(state: &State) -> Result<Oidc, Error> {
    let none = || Error::NotFound("nobody signs in through an identity provider here".to_owned());
    state.oidc.clone().ok_or_else(none)
}

fn refused(state: &State, refusal: &Refusal) -> Response {
    tracing::warn!(%refusal, "somebody was not signed in");
    lead(&format!("/signin?refused={}", refusal.word()), [state.site.unset_cookie(Cookie::Away)])
}

fn lead<const N: usize>(to: &str, cookies: [HeaderValue; N]) -> Response {
    let Ok(location) = HeaderValue::try_from(to) else {
        return ApiError::from(Error::internal("an address that no header can hold")).into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    // A code stands in the address that one comes from.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}
