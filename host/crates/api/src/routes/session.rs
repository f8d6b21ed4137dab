//! `/api/session`: who is signed in, signing in with a token or a link, and signing out, here or everywhere.

use axum::{
    Json as Answer,
    extract::State as Given,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::SET_COOKIE};
use jackfield_core::{Error, Level, Outcome, Secret, Session, audit::Actor};
use jackfield_store::{NewAudit, NewSession, SIGN_IN, SessionKey, Spends};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    State,
    caller::{Arrival, Cookie, by_cookie, csrf_of, key_of, written},
    error::ApiError,
    extract::Json,
};

/// Who is signed in, or nobody.
#[derive(Serialize)]
pub(crate) struct SessionView {
    signed_in: bool,
    #[serde(flatten)]
    person: Option<PersonView>,
    /// Whether one can sign in through an identity provider here.
    oidc: bool,
}

#[derive(Serialize)]
struct PersonView {
    name: String,
    level: Level,
    csrf: String,
    expires_at: Timestamp,
    idle_expires_at: Timestamp,
}

impl SessionView {
    fn of(state: &State, session: Option<&(Session, SessionKey)>) -> Self {
        let person = session.map(|(session, key)| PersonView {
            name: session.name.clone(),
            level: session.level,
            csrf: csrf_of(key).expose().clone(),
            expires_at: session.ends_at,
            idle_expires_at: session.idle_ends_at(),
        });
        Self { signed_in: person.is_some(), person, oidc: state.oidc.is_some() }
    }
}

/// `GET /api/session`: looks, and does not count as a sign of life. A cookie that opens nothing any more is taken away.
pub(crate) async fn show(Given(state): Given<State>, headers: HeaderMap) -> Result<Response, ApiError> {
    let session = by_cookie(&state, &headers).await?;
    let mut response = Answer(SessionView::of(&state, session.as_ref())).into_response();
    if session.is_none() && state.site.cookie(Cookie::Session, &headers).is_some() {
        response.headers_mut().append(SET_COOKIE, state.site.unset_cookie(Cookie::Session));
    }
    Ok(response)
}

/// What signs a person in: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInBody {
    token: Option<String>,
    link: Option<String>,
}

/// `POST /api/session`
pub(crate) async fn sign_in(
    Given(state): Given<State>,
    arrival: Arrival,
    headers: HeaderMap,
    Json(body): Json<SignInBody>,
) -> Result<Response, ApiError> {
    let judged = match (body.token.map(Secret::new), body.link.map(Secret::new)) {
        (Some(token), None) => by_token(&state, &token).await,
        (None, Some(link)) => by_link(&state, &link).await,
        _ => return Err(Error::InvalidRequest("the body needs `token` or `link`, one of the two".to_owned()).into()),
    };
    let (new, how) = match judged {
        Err(refused @ Error::NotSignedIn(_)) => {
            state.failed_tries.count(arrival.address)?;
            return Err(refused.into());
        }
        judged => judged?,
    };
    let session = begin(&state, arrival.clone(), &headers, new, &how).await?;
    let Some(session) = session else {
        state.failed_tries.count(arrival.address)?;
        return Err(SPENT.into());
    };
    let mut response = Answer(SessionView::of(&state, Some(&session))).into_response();
    response.headers_mut().append(SET_COOKIE, state.site.set_cookie(Cookie::Session, written(&session.1).expose()));
    Ok(response)
}

const SPENT: Error =
    Error::NotSignedIn("this link was used, or is older than 15 minutes; `jackfield signin-link` makes a new one");

async fn by_token(state: &State, text: &Secret<String>) -> Result<(NewSession, String), Error> {
    let token = state.store.find_token(text.expose()).await?;
    let token = token.ok_or(Error::NotSignedIn("this is not an API token, or it was revoked, or has expired"))?;
    if token.level == Level::Service {
        return Err(Error::Forbidden("a token of level service is a program's and signs nobody in".to_owned()));
    }
    let new = NewSession {
        identity: format!("token:{}", token.id),
        name: token.name,
        level: token.level,
        token: Some(token.id),
        spends: Spends::Nothing,
        replaces: None,
    };
    Ok((new, "by an API token".to_owned()))
}

async fn by_link(state: &State, text: &Secret<String>) -> Result<(NewSession, String), Error> {
    let link = state.store.find_signin_link(text.expose()).await?.ok_or(SPENT)?;
    let new = NewSession {
        identity: format!("link:{}", link.name),
        name: link.name.clone(),
        level: Level::Executive,
        token: None,
        spends: Spends::Link(link),
        replaces: None,
    };
    Ok((new, "by a sign-in link".to_owned()))
}

/// Begins a session in place of the one that the browser had; none when what it spends was spent meanwhile.
pub(crate) async fn begin(
    state: &State,
    arrival: Arrival,
    headers: &HeaderMap,
    new: NewSession,
    how: &str,
) -> Result<Option<(Session, SessionKey)>, Error> {
    let before = match key_of(state, headers) {
        Some(key) => state.store.find_session(&key).await?,
        None => None,
    };
    let audit = NewAudit {
        actor: arrival.actor(new.identity.clone(), new.name.clone()),
        action: SIGN_IN,
        provider: None,
        outcome: Outcome::Done,
        detail: Some(format!("{how}, {}", new.level.as_str())),
    };
    let new = NewSession { replaces: before.map(|session| session.id), ..new };
    Ok(state.store.begin_session(new, audit).await?)
}

/// `DELETE /api/session`
pub(crate) async fn sign_out(Given(state): Given<State>, session: Session, actor: Actor) -> Result<Response, ApiError> {
    state.store.end_session(&session.id, ended(actor, "session.sign_out")).await?;
    Ok(signed_out(&state))
}

/// `DELETE /api/sessions`: ends every session of this identity.
pub(crate) async fn sign_out_everywhere(
    Given(state): Given<State>,
    session: Session,
    actor: Actor,
) -> Result<Response, ApiError> {
    state.store.end_sessions_of(&session.identity, ended(actor, "session.sign_out_everywhere")).await?;
    Ok(signed_out(&state))
}

fn ended(actor: Actor, action: &'static str) -> NewAudit {
    NewAudit { actor, action, provider: None, outcome: Outcome::Done, detail: None }
}

fn signed_out(state: &State) -> Response {
    ([(SET_COOKIE, state.site.unset_cookie(Cookie::Session))], Answer(json!({ "ok": true }))).into_response()
}
