//! A request as it is passed to `Egress`, and the response that it returns.

use std::fmt;

use http::{StatusCode, header::AUTHORIZATION};
use jackfield_core::{Secret, manifest::Method};

use crate::memory_allowance::MemoryReservation;

/// A request of a component or of the host, before any check.
///
/// `Debug` prints only the method and the URL without its query, because the rest may contain secrets.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Converts a `GET` or `POST` request of an HTTP library, and returns the value of its `Authorization` header apart.
    #[must_use]
    pub fn from_http(request: http::Request<Vec<u8>>) -> (Self, Option<Secret<String>>) {
        let (parts, body) = request.into_parts();
        let (mut headers, mut authorization) = (Vec::new(), None);
        for (name, value) in &parts.headers {
            let value = value.to_str().unwrap_or_default().to_owned();
            if name == AUTHORIZATION {
                authorization = Some(Secret::new(value));
            } else {
                headers.push((name.as_str().to_owned(), value));
            }
        }
        let is_post = parts.method == http::Method::POST;
        let request = Self {
            method: if is_post { Method::Post } else { Method::Get },
            url: parts.uri.to_string(),
            headers,
            body: is_post.then_some(body),
        };
        (request, authorization)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        write!(formatter, "Request({} {url})", self.method.as_str())
    }
}

/// A response with its body decompressed.
///
/// `Debug` prints only sizes, because the response of a token endpoint contains new secrets.
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The bytes of the body in the allowance of all calls.
    pub memory: MemoryReservation,
}

impl Response {
    /// Converts it into the response of an HTTP library, without headers.
    ///
    /// Some providers label their JSON as `text/plain`, which the libraries would reject.
    #[must_use]
    pub fn into_http(self) -> http::Response<Vec<u8>> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        response
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Response({}, {} headers, {} bytes)", self.status, self.headers.len(), self.body.len())
    }
}
