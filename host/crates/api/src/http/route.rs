//! One route: method, path, access level, handler and description.

use axum::{
    handler::Handler,
    routing::{self, MethodRouter},
};
use http::Method;

use super::access::Access;
use crate::{ApiState, operation::Operation};

/// One route of the API.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: MethodRouter<ApiState>,
    pub(crate) describe: fn() -> Operation,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} ({:?})", self.method, self.path, self.access)
    }
}

pub(crate) fn get<T: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<T, ApiState>,
    describe: fn() -> Operation,
) -> Route {
    Route { method: Method::GET, path, access, handler: routing::get(handler), describe }
}

pub(crate) fn post<T: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<T, ApiState>,
    describe: fn() -> Operation,
) -> Route {
    Route { method: Method::POST, path, access, handler: routing::post(handler), describe }
}

pub(crate) fn put<T: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<T, ApiState>,
    describe: fn() -> Operation,
) -> Route {
    Route { method: Method::PUT, path, access, handler: routing::put(handler), describe }
}

pub(crate) fn patch<T: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<T, ApiState>,
    describe: fn() -> Operation,
) -> Route {
    Route { method: Method::PATCH, path, access, handler: routing::patch(handler), describe }
}

pub(crate) fn delete<T: 'static>(
    path: &'static str,
    access: Access,
    handler: impl Handler<T, ApiState>,
    describe: fn() -> Operation,
) -> Route {
    Route { method: Method::DELETE, path, access, handler: routing::delete(handler), describe }
}
