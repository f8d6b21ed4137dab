//! Authenticates the caller of each request, by bearer token or session cookie, and requires the route's access level.

mod jwks;
mod jwt;
mod jwt_signatures;
mod same_origin;
mod session_cookie;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    Extension,
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION, request::Parts};
use jackfield_core::{Caller, Error, Level, Session, audit::Actor};
use jackfield_store::TOKEN_PREFIX;

pub use self::{jwt::JwtCallers, same_origin::Site};
pub(crate) use self::{
    same_origin::{Cookie, csrf_token, session_key_to_cookie},
    session_cookie::{find_session, session_key},
};
use crate::{
    ApiState,
    http::{
        access::{Access, AccessLevels},
        address_limiter::AddressLimiter,
        client_address::ClientAddress,
        errors::ApiError,
        host_names::authority,
        middleware::RequestId,
    },
};

/// Maximum number of failed attempts of one address; another one is allowed every three seconds. A person who mistypes
/// stays below the limit. It does not have to stop guesses, because tokens have 256 bits.
const FAILED_ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// The failed attempts to authenticate that each address has left.
#[derive(Clone, Debug)]
pub struct FailedAttempts(Arc<AddressLimiter>);

impl Default for FailedAttempts {
    fn default() -> Self {
        Self(Arc::new(AddressLimiter::per_minute(FAILED_ATTEMPTS)))
    }
}

impl FailedAttempts {
    /// Counts a failed attempt.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if there were too many.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), Error> {
        let what = "too many failed attempts from this address";
        self.0.count(address).map_err(|retry_after| Error::RateLimited { what: what.to_owned(), retry_after })
    }
}

/// Returns the network of one customer: an IPv4 address, or an IPv6 /64.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Middleware that rejects a request unless its route is open or its caller has the level that the route requires.
///
/// A sealed service also rejects every change, at any level.
pub(crate) async fn require_access(
    State((state, levels)): State<(ApiState, AccessLevels)>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let access = levels.required(route, &parts.method);
    let is_rejected_while_sealed = levels.is_rejected_while_sealed(route, &parts.method);
    if access == Access::Open {
        // Another site must not be able to sign a browser in as a person of its choice.
        if !same_origin::is_safe(&parts.method) {
            require_same_origin(&state, &parts)?;
        }
        if is_rejected_while_sealed {
            state.store.require_unsealed().map_err(Error::from)?;
        }
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let caller = match parts.headers.get(AUTHORIZATION) {
        Some(header) if access != Access::SignedIn => authenticate_bearer(&state, header, address).await?,
        _ => {
            let session = session_cookie::authenticate(&state, &parts).await?;
            let caller = Caller::from(&session);
            parts.extensions.insert(session);
            caller
        }
    };
    if access == Access::Executive && caller.level != Level::Executive {
        let level = caller.level.as_str();
        return Err(Error::Forbidden(format!("this requires the level executive; yours is {level}")).into());
    }
    if is_rejected_while_sealed {
        // While sealed, no MAC can be verified. Callers can see what is wrong, but change nothing.
        state.store.require_unsealed().map_err(Error::from)?;
    }
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Rejects a request that a page of another site may have sent.
fn require_same_origin(state: &ApiState, parts: &Parts) -> Result<(), Error> {
    state.site.require_same_origin(&parts.method, &parts.headers, authority(&parts.uri, &parts.headers).as_ref())
}

async fn authenticate_bearer(state: &ApiState, header: &HeaderValue, address: IpAddr) -> Result<Caller, Error> {
    match find_bearer(state, header).await? {
        Some(caller) => Ok(caller),
        None => {
            state.failed_attempts.count(address)?;
            Err(Error::Unauthenticated)
        }
    }
}

/// Finds the caller of a bearer token; `None` if the token is not valid.
async fn find_bearer(state: &ApiState, header: &HeaderValue) -> Result<Option<Caller>, Error> {
    let token = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (token, &state.jwt) {
        (Some(token), Some(jwt)) if !token.starts_with(TOKEN_PREFIX) => find_jwt_caller(jwt, token).await,
        (Some(token), _) => Ok(state.store.find_token(token).await?.map(Caller::from)),
        (None, _) => Ok(None),
    }
}

/// Returns whether the sender of these headers is still an Executive, for responses that do not end.
///
/// It neither counts a failed attempt nor extends a session.
pub(crate) async fn is_still_executive(state: &ApiState, headers: &HeaderMap) -> Result<bool, Error> {
    let level = match headers.get(AUTHORIZATION) {
        Some(header) => find_bearer(state, header).await?.map(|caller| caller.level),
        None => find_session(state, headers).await?.map(|(session, _)| session.level),
    };
    Ok(level == Some(Level::Executive))
}

/// Finds the caller of a JWT.
///
/// # Errors
/// The JWT cannot be checked. That does not count as a failed attempt.
async fn find_jwt_caller(jwt: &JwtCallers, token: &str) -> Result<Option<Caller>, Error> {
    match jwt.validate(token).await {
        Ok(caller) => Ok(Some(caller)),
        Err(jwt::JwtError::NoKeys { retry_after }) => Err(Error::Overloaded {
            what: "the identity provider's keys could not be fetched, so JWTs cannot be checked".to_owned(),
            retry_after,
        }),
        Err(error) => {
            tracing::info!(%error, "JWT rejected");
            Ok(None)
        }
    }
}

/// Extracts the caller that [`require_access`] found.
impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().ok_or(Error::Unauthenticated)?.clone())
    }
}

/// Extracts the session that [`require_access`] found.
impl FromRequestParts<ApiState> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().ok_or(Error::Unauthenticated)?.clone())
    }
}

/// Extracts the caller, its address and the request's id, for the audit log.
impl FromRequestParts<ApiState> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().ok_or(Error::Unauthenticated)?.clone();
        Ok(RequestOrigin::from_parts(parts).into_actor(caller.id, caller.name))
    }
}

/// The address that a request comes from, and its id.
#[derive(Clone, Debug)]
pub(crate) struct RequestOrigin {
    pub(crate) address: IpAddr,
    request_id: Option<String>,
}

impl RequestOrigin {
    fn from_parts(parts: &Parts) -> Self {
        let address = parts.extensions.get::<ClientAddress>().map(|client| client.0);
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Self { address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), request_id }
    }

    /// Makes the actor for the audit log. Somebody who is signing in is not a caller yet, so the id and the name are
    /// arguments.
    pub(crate) fn into_actor(self, id: String, name: String) -> Actor {
        Actor { id, name, origin: Some(self.address.to_string()), request_id: self.request_id }
    }
}

impl FromRequestParts<ApiState> for RequestOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        Ok(Self::from_parts(parts))
    }
}
