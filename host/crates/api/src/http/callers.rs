//! Who calls: by a bearer token or the cookie of a session; and the level that the route asks for is demanded.

mod jwt;
mod jwks;
mod jwt_signatures;
mod same_origin;
mod session_cookie;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State as Given},
    middleware::Next,
    response::Response,
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION, request::Parts};
use jackfield_core::{Caller, Error, Level, Session, audit::Actor};
use jackfield_store::TOKEN_PREFIX;

pub use self::{jwt::JwtCallers, same_origin::Site};
pub(crate) use self::{
    session_cookie::{by_cookie, key_of},
    same_origin::{Cookie, csrf_of, written},
};
use crate::{
    Access, State,
    error::ApiError,
    request::{RequestId, authority},
    routes,
};

/// Failed tries that one address has at once; they come back at one in three seconds. A person who mistypes does not
/// meet it, and a guesser of 256-bit tokens loses nothing that could be won.
const FAILED_TRIES: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// How many failed tries of authentication each address has left.
#[derive(Clone)]
pub struct FailedTries(Arc<DefaultKeyedRateLimiter<IpAddr>>);

impl Default for FailedTries {
    fn default() -> Self {
        Self(Arc::new(RateLimiter::keyed(Quota::per_minute(FAILED_TRIES))))
    }
}

impl FailedTries {
    /// Counts a failed try; the error says how long to wait when there are too many.
    pub(crate) fn count(&self, address: IpAddr) -> Result<(), Error> {
        self.0.check_key(&network(address)).map_err(|early| {
            // Keys of addresses that went quiet are dropped now, when somebody makes us grow.
            self.0.retain_recent();
            let wait = early.wait_time_from(governor::clock::DefaultClock::default().now());
            Error::RateLimited {
                what: "too many failed tries from this address".to_owned(),
                retry_after: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1),
            }
        })
    }
}

impl std::fmt::Debug for FailedTries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FailedTries").field("addresses", &self.0.len()).finish()
    }
}

/// One home or office, which an IPv6 /64 is.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Lets a request pass when its route is open, or its caller has the level that it needs.
pub(crate) async fn demand_level(
    Given(state): Given<State>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let access = access(&parts);
    if access == Access::Open {
        // Nobody is signed in by another site's page either, as somebody whom that page chose.
        if !same_origin::is_safe(&parts.method) {
            judge_site(&state, &parts)?;
        }
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let caller = match parts.headers.get(AUTHORIZATION) {
        Some(header) if access != Access::SignedIn => by_bearer(&state, header, address.ip()).await?,
        _ => {
            let session = session_cookie::admit(&state, &parts).await?;
            let caller = Caller::from(&session);
            parts.extensions.insert(session);
            caller
        }
    };
    if access == Access::Executive && caller.level != Level::Executive {
        return Err(
            Error::Forbidden(format!("this needs the level executive; yours is {}", caller.level.as_str())).into()
        );
    }
    parts.extensions.insert(caller);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Refuses what a page of another site may have sent.
fn judge_site(state: &State, parts: &Parts) -> Result<(), Error> {
    state.site.judge(&parts.method, &parts.headers, authority(&parts.uri, &parts.headers).as_ref())
}

/// What each route's line says, made once: every request asks.
static ACCESS: LazyLock<HashMap<(&str, Method), Access>> =
    LazyLock::new(|| routes().into_iter().map(|route| ((route.path, route.method), route.access)).collect());

/// What a request needs: what its route's line says, and an Executive where there is no such line.
fn access(parts: &Parts) -> Access {
    let Some(path) = parts.extensions.get::<MatchedPath>() else { return Access::Executive };
    // A HEAD is answered by the GET of its path.
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
    ACCESS.get(&(path.as_str(), method)).copied().unwrap_or(Access::Executive)
}

async fn by_bearer(state: &State, header: &HeaderValue, address: IpAddr) -> Result<Caller, Error> {
    match holder(state, header).await? {
        Some(caller) => Ok(caller),
        None => {
            state.failed_tries.count(address)?;
            Err(Error::Unauthenticated)
        }
    }
}

/// Whose bearer token it is; none where it is nobody's.
async fn holder(state: &State, header: &HeaderValue) -> Result<Option<Caller>, Error> {
    let token = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (token, &state.jwt) {
        (Some(token), Some(jwt)) if !token.starts_with(TOKEN_PREFIX) => by_jwt(jwt, token).await,
        (Some(token), _) => Ok(state.store.find_token(token).await?.map(Caller::from)),
        (None, _) => Ok(None),
    }
}

/// Whether who sent these fields is an Executive still; for an answer that goes on and on. Counts no failed try, and is
/// no sign of life.
pub(crate) async fn still_calls(state: &State, headers: &HeaderMap) -> Result<bool, Error> {
    let level = match headers.get(AUTHORIZATION) {
        Some(header) => holder(state, header).await?.map(|caller| caller.level),
        None => session_cookie::by_cookie(state, headers).await?.map(|(session, _)| session.level),
    };
    Ok(level == Some(Level::Executive))
}

/// The caller of a JWT. One that could not be judged is no failed try: nobody knows yet whether it is good.
async fn by_jwt(jwt: &JwtCallers, token: &str) -> Result<Option<Caller>, Error> {
    match jwt.judge(token).await {
        Ok(caller) => Ok(Some(caller)),
        Err(jwt::Refusal::NoKeys { retry_after }) => Err(Error::Overloaded {
            what: "the identity provider's keys could not be fetched, so no JWT can be judged".to_owned(),
            retry_after,
        }),
        Err(refusal) => {
            tracing::info!(%refusal, "a JWT was refused");
            Ok(None)
        }
    }
}

/// The caller, on a route that needs one.
impl FromRequestParts<State> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().ok_or(Error::Unauthenticated)?.clone())
    }
}

/// The session, on a route that needs one.
impl FromRequestParts<State> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().ok_or(Error::Unauthenticated)?.clone())
    }
}

/// Who acts, for the audit: the caller, where from, in which request.
impl FromRequestParts<State> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().ok_or(Error::Unauthenticated)?.clone();
        Ok(Arrival::of(parts).actor(caller.id, caller.name))
    }
}

/// Where a request comes from, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) address: IpAddr,
    request_id: Option<String>,
}

impl Arrival {
    fn of(parts: &Parts) -> Self {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Self { address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), request_id }
    }

    /// Who acts, where it is not the caller that the layer found.
    pub(crate) fn actor(self, id: String, name: String) -> Actor {
        Actor { id, name, origin: Some(self.address.to_string()), request_id: self.request_id }
    }
}

impl FromRequestParts<State> for Arrival {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        Ok(Self::of(parts))
    }
}
