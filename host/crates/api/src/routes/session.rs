//! `/api/session`: who is signed in, signing in with a token or link, and signing out, here or everywhere.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::SET_COOKIE};
use jackfield_core::{
    Caller, Error, Level, Secret, Session,
    audit::{Action, Actor},
};
use jackfield_store::{NewAudit, NewSession, SessionKey, SingleUseProof};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ApiState,
    http::{
        callers::{Cookie, RequestOrigin, csrf_token, find_session, session_key, session_key_to_cookie},
        errors::ApiError,
        extractors::{JsonBody, MAX_OPEN_BODY},
    },
    operation::{DoneView, Operation, UtcTime, forbid_null},
};

const GROUP: &str = "Session";

/// Who is signed in. Fields other than `signed_in` and `oidc` are only present if somebody is.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionView {
    signed_in: bool,
    #[serde(flatten)]
    person: Option<SignedInPersonView>,
    /// Whether people can sign in through an identity provider.
    oidc: bool,
}

#[derive(Serialize, JsonSchema)]
struct SignedInPersonView {
    /// The name in the audit log.
    name: String,
    #[schemars(extend("enum" = ["member", "manager", "executive"]))]
    level: &'static str,
    /// The value of the header `X-CSRF-Token`, which every method except GET requires.
    csrf: String,
    /// When the session ends at the latest.
    expires_at: UtcTime,
    /// When the session ends without further requests.
    idle_expires_at: UtcTime,
}

impl SessionView {
    fn new(state: &ApiState, session: Option<&(Session, SessionKey)>) -> Self {
        let person = session.map(|(session, key)| SignedInPersonView {
            name: session.name.clone(),
            level: session.level.as_str(),
            csrf: csrf_token(key).expose().clone(),
            expires_at: session.ends_at.into(),
            idle_expires_at: session.idle_ends_at().into(),
        });
        Self { signed_in: person.is_some(), person, oidc: state.oidc.is_some() }
    }
}

fn session_example() -> Value {
    json!({
        "signed_in": true,
        "name": "admin",
        "level": "executive",
        "csrf": "nDSu3ZmgVVuGpZ2EhnBvDlfZGwHhFoZEYlHFMqhR1q0",
        "expires_at": "2026-11-24T16:23:54.172863Z",
        "idle_expires_at": "2026-11-24T05:23:54.172863Z",
        "oidc": false,
    })
}

/// `GET /api/session`: does not keep the session alive. Deletes a cookie without a session.
pub(crate) async fn show(State(state): State<ApiState>, headers: HeaderMap) -> Result<Response, ApiError> {
    let session = find_session(&state, &headers).await?;
    let mut response = Json(SessionView::new(&state, session.as_ref())).into_response();
    if session.is_none() && state.site.cookie(Cookie::Session, &headers).is_some() {
        response.headers_mut().append(SET_COOKIE, state.site.delete_cookie(Cookie::Session));
    }
    Ok(response)
}

pub(crate) fn describe_show() -> Operation {
    Operation::new("show_session", GROUP, "Shows who is signed in")
        .description("Does not keep an idle session alive.")
        .json::<SessionView>(200, "Who is signed in, or that nobody is.", session_example())
        .problems(&["overloaded"])
}

/// What a person signs in with: either a token or a link, and with a link perhaps their name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 2))]
pub(crate) struct SignInBody {
    /// An API token.
    #[schemars(extend("writeOnly" = true), transform = forbid_null)]
    token: Option<String>,
    /// The secret of a one-time link.
    #[schemars(extend("writeOnly" = true), transform = forbid_null)]
    link: Option<String>,
    /// Who signs in with the link. The audit log shows it before the name of the link, because several people may use
    /// links with the same name.
    #[schemars(transform = forbid_null)]
    name: Option<String>,
}

/// `POST /api/session`
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    origin: RequestOrigin,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SignInBody, MAX_OPEN_BODY>,
) -> Result<Response, ApiError> {
    let checked = match (body.token.map(Secret::new), body.link.map(Secret::new), body.name) {
        (Some(token), None, None) => check_token(&state, &token).await,
        (None, Some(link), name) => check_link(&state, &link, name.as_deref()).await,
        _ => {
            let message = "the body must contain either `token` or `link`, and `name` only with `link`";
            return Err(Error::InvalidRequest(message.to_owned()).into());
        }
    };
    let (new, method) = match checked {
        Err(error @ Error::NotSignedIn(_)) => {
            state.failed_attempts.count(origin.address)?;
            return Err(error.into());
        }
        checked => checked?,
    };
    let session = begin(&state, origin.clone(), &headers, new, &method).await?;
    let Some(session) = session else {
        state.failed_attempts.count(origin.address)?;
        return Err(INVALID_LINK.into());
    };
    let cookie = state.site.set_cookie(Cookie::Session, session_key_to_cookie(&session.1).expose());
    let mut response = Json(SessionView::new(&state, Some(&session))).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

pub(crate) fn describe_sign_in() -> Operation {
    Operation::new("sign_in", GROUP, "Signs a person in, and sets the cookie of a new session")
        .description(
            "With an API token that is not of level service, or with the part of a one-time link after `#`. Ends the \
             browser's previous session.",
        )
        .json_body::<SignInBody>(json!({ "link": "…" }))
        .json::<SessionView>(200, "Who is signed in now.", session_example())
        .problems(&["unauthenticated", "forbidden", "rate_limited", "overloaded"])
}

const INVALID_LINK: Error = Error::NotSignedIn(
    "this link was already used, or is older than 15 minutes; `jackfield signin-link` creates a new one",
);

/// Checks an API token and returns the session to create, and how the person signed in.
async fn check_token(state: &ApiState, secret: &Secret<String>) -> Result<(NewSession, String), Error> {
    let token = state.store.find_token(secret.expose()).await?;
    let token = token.ok_or(Error::NotSignedIn("this is not an API token, or it was revoked or has expired"))?;
    if token.level == Level::Service {
        return Err(Error::Forbidden("a token of level service is for programs and cannot sign in".to_owned()));
    }
    let new = NewSession {
        identity: format!("token:{}", token.id),
        name: token.name,
        level: token.level,
        token: Some(token.id),
        proof: SingleUseProof::NotNeeded,
        replaces: None,
    };
    Ok((new, "by an API token".to_owned()))
}

/// Checks a one-time link and returns the session to create, and how the person signed in.
///
/// A person's own name comes before that of the link, so that nobody can take the name of a token.
async fn check_link(
    state: &ApiState,
    secret: &Secret<String>,
    name: Option<&str>,
) -> Result<(NewSession, String), Error> {
    let link = state.store.find_signin_link(secret.expose()).await?.ok_or(INVALID_LINK)?;
    let name = match name.map(str::trim) {
        None => link.name.clone(),
        Some(own) => {
            Caller::validate_name(own).map_err(|why| Error::field("name", why))?;
            format!("{own} ({})", link.name)
        }
    };
    let new = NewSession {
        identity: format!("link:{name}"),
        name,
        level: Level::Executive,
        token: None,
        proof: SingleUseProof::SigninLink(link),
        replaces: None,
    };
    Ok((new, "by a sign-in link".to_owned()))
}

/// Creates a session that replaces the browser's previous one; `None` if its single-use proof was used meanwhile.
pub(crate) async fn begin(
    state: &ApiState,
    origin: RequestOrigin,
    headers: &HeaderMap,
    new: NewSession,
    method: &str,
) -> Result<Option<(Session, SessionKey)>, Error> {
    let previous = match session_key(state, headers) {
        Some(key) => state.store.find_session(&key).await?,
        None => None,
    };
    let audit = NewAudit::done(&origin.into_actor(new.identity.clone(), new.name.clone()), Action::SessionSignIn)
        .with_detail(format!("{method}, {}", new.level.as_str()));
    let new = NewSession { replaces: previous.map(|session| session.id), ..new };
    Ok(state.store.create_session(new, audit).await?)
}

/// `DELETE /api/session`
pub(crate) async fn sign_out(
    State(state): State<ApiState>,
    session: Session,
    actor: Actor,
) -> Result<Response, ApiError> {
    state.store.end_session(&session.id, NewAudit::done(&actor, Action::SessionSignOut)).await?;
    Ok(delete_session_cookie(&state))
}

pub(crate) fn describe_sign_out() -> Operation {
    Operation::new("sign_out", GROUP, "Signs out of this session").json::<DoneView>(
        200,
        "The session has ended.",
        json!({ "ok": true }),
    )
}

/// `DELETE /api/sessions`
pub(crate) async fn sign_out_everywhere(
    State(state): State<ApiState>,
    session: Session,
    actor: Actor,
) -> Result<Response, ApiError> {
    let audit = NewAudit::done(&actor, Action::SessionSignOutEverywhere);
    state.store.end_sessions_of(&session.identity, audit).await?;
    Ok(delete_session_cookie(&state))
}

pub(crate) fn describe_sign_out_everywhere() -> Operation {
    Operation::new("sign_out_everywhere", GROUP, "Signs out of all sessions")
        .description("Ends every session of the caller, on every host.")
        .json::<DoneView>(200, "The sessions have ended.", json!({ "ok": true }))
        .problems(&["sealed"])
}

fn delete_session_cookie(state: &ApiState) -> Response {
    ([(SET_COOKIE, state.site.delete_cookie(Cookie::Session))], Json(DoneView::OK)).into_response()
}
