//! `/signin/oidc`: signs people in through an OpenID Connect identity provider.
//!
//! Error texts of the provider are only logged. The sign-in page gets one of our own error codes.

mod exchange_limits;
mod http_client;
mod identity_provider;
mod sign_in_flow;

use std::net::IpAddr;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{LOCATION, REFERRER_POLICY, SET_COOKIE},
};
use jackfield_core::{Caller, Error, Secret, audit::Action};
use jackfield_store::{NewAudit, NewSession, SingleUseProof};
use serde::Deserialize;

pub use self::identity_provider::Oidc;
use self::{
    identity_provider::{IdentifiedPerson, SignInError},
    sign_in_flow::SignInFlow,
};
use super::session;
use crate::{
    ApiState,
    http::{
        callers::{Cookie, RequestOrigin, session_key_to_cookie},
        errors::ApiError,
    },
    operation::Operation,
};

const GROUP: &str = "Session";

/// Maximum length of a code in bytes.
const MAX_CODE: usize = 4 << 10;

/// The path that the identity provider redirects the browser to.
pub const CALLBACK_PATH: &str = "/signin/oidc/callback";

/// `GET /signin/oidc`: stores nothing here; the browser's cookie contains everything that the callback needs.
pub(crate) async fn begin(State(state): State<ApiState>) -> Result<Response, ApiError> {
    let oidc = require_oidc(&state)?;
    let flow = SignInFlow::begin(state.clock.now()).map_err(Error::internal)?;
    match oidc.authorize_url(&flow).await {
        Ok(url) => {
            let cookie = state.site.set_cookie(Cookie::SignInFlow, flow.to_cookie_value().expose());
            Ok(redirect(url.as_str(), [cookie]))
        }
        Err(error) => Ok(redirect_with_error(&state, &error)),
    }
}

pub(crate) fn describe_begin() -> Operation {
    Operation::new("begin_sign_in", GROUP, "Redirects the browser to the identity provider")
        .description(
            "Available if `JACKFIELD_OIDC_…` is configured. If the provider cannot be reached, redirects to \
             `/signin?refused=unavailable`.",
        )
        .redirect("The provider's page, with `state`, `nonce` and PKCE S256.")
        .problems(&["not_found"])
}

/// The parameters of the redirect. Providers add others, which are ignored.
#[derive(Deserialize)]
pub(crate) struct OidcCallbackQuery {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /signin/oidc/callback`
pub(crate) async fn finish(
    State(state): State<ApiState>,
    origin: RequestOrigin,
    headers: HeaderMap,
    query: Result<axum::extract::Query<OidcCallbackQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let oidc = require_oidc(&state)?;
    let cookie = state.site.cookie(Cookie::SignInFlow, &headers);
    let flow = cookie.and_then(|cookie| SignInFlow::from_cookie_value(cookie, state.clock.now()));
    let identified = match (flow, query) {
        (_, Err(_)) => Err(SignInError::Invalid("the query is not valid".to_owned())),
        (None, Ok(_)) => Err(SignInError::Expired),
        (Some(flow), Ok(axum::extract::Query(query))) => match parse_code(&oidc, &flow, query) {
            Ok(code) => exchange(&state, &oidc, &flow, code, origin.address).await?,
            Err(error) => Err(error),
        },
    };
    let person = match identified {
        Ok(identified) => identified,
        Err(error) => return Ok(redirect_with_error(&state, &error)),
    };
    let name = format!("{}{}", Caller::OIDC, person.name);
    let identity = format!("{}{}", Caller::OIDC, person.subject);
    let Some(level) = person.level else {
        let audit = NewAudit::refused(&origin.into_actor(identity.clone(), name), Action::SessionSignIn)
            .with_detail(format!("by the identity provider as {}, without an access level", person.subject));
        if !state.store.audit_refused_sign_in(&identity, audit).await? {
            tracing::warn!(identity, "refused sign-in was not audited, because one was audited within the last hour");
        }
        return Ok(redirect_with_error(&state, &SignInError::NoLevel));
    };
    let new = NewSession { identity, name, level, token: None, proof: SingleUseProof::NotNeeded, replaces: None };
    let method = format!("by the identity provider as {}", person.subject);
    match session::begin(&state, origin, &headers, new, &method).await? {
        Some((_, key)) => {
            let session = state.site.set_cookie(Cookie::Session, session_key_to_cookie(&key).expose());
            // The sign-in page remembers which page the person wanted to open.
            Ok(redirect("/signin", [session, state.site.delete_cookie(Cookie::SignInFlow)]))
        }
        None => Ok(redirect_with_error(&state, &SignInError::Expired)),
    }
}

pub(crate) fn describe_finish() -> Operation {
    Operation::new("end_sign_in", GROUP, "The page that the identity provider redirects to")
        .description(
            "Redirects to `/` with a session cookie, or to `/signin?refused=` with one of `declined`, `expired`, \
             `unavailable`, `invalid`, `no_level`.",
        )
        .redirect("The console, or the sign-in page with an error.")
        .problems(&["not_found", "rate_limited", "overloaded"])
}

/// Returns the code with which the provider redirected the person back.
fn parse_code(oidc: &Oidc, flow: &SignInFlow, query: OidcCallbackQuery) -> Result<Secret<String>, SignInError> {
    if !query.state.is_some_and(|state| flow.is_state(&state)) {
        return Err(SignInError::Expired);
    }
    if query.iss.is_some_and(|iss| iss != oidc.issuer()) {
        // RFC 9207 §2.4: the code must not be sent to any token endpoint.
        return Err(SignInError::Invalid("the response has another issuer".to_owned()));
    }
    match (query.code, query.error.as_deref()) {
        (_, Some("server_error" | "temporarily_unavailable")) => {
            Err(SignInError::Unavailable("it reports an internal error".to_owned()))
        }
        (_, Some(_)) => Err(SignInError::Declined),
        (Some(code), None) if (1..=MAX_CODE).contains(&code.len()) => Ok(Secret::new(code)),
        (Some(_), None) => Err(SignInError::Invalid("the code is empty or too long".to_owned())),
        (None, None) => Err(SignInError::Invalid("the response has neither a code nor an error".to_owned())),
    }
}

/// Identifies the person of a code, once for each sign-in. A code that the provider rejects counts as a failed attempt.
///
/// # Errors
/// There were too many exchanges or failed attempts, or the database does not answer.
async fn exchange(
    state: &ApiState,
    oidc: &Oidc,
    flow: &SignInFlow,
    code: Secret<String>,
    address: IpAddr,
) -> Result<Result<IdentifiedPerson, SignInError>, Error> {
    let permit = oidc.begin_exchange(address)?;
    // Used up before the exchange, so that one sign-in cannot try many codes.
    if !state.store.use_up_oidc_state(&flow.state(), flow.expires_at()).await? {
        return Ok(Err(SignInError::Expired));
    }
    let identified = oidc.identify(&permit, flow, code).await;
    if matches!(identified, Err(SignInError::Expired | SignInError::Invalid(_))) {
        state.failed_attempts.count(address)?;
    }
    Ok(identified)
}

fn require_oidc(state: &ApiState) -> Result<Oidc, Error> {
    state.oidc.clone().ok_or_else(|| Error::NotFound("no identity provider is configured for signing in".to_owned()))
}

fn redirect_with_error(state: &ApiState, error: &SignInError) -> Response {
    tracing::warn!(%error, "sign-in failed");
    redirect(&format!("/signin?refused={}", error.code()), [state.site.delete_cookie(Cookie::SignInFlow)])
}

fn redirect<const N: usize>(location: &str, cookies: [HeaderValue; N]) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return ApiError::from(Error::internal("the redirect address is not a valid header value")).into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    // The address of the callback contains a code.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}
