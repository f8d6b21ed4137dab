//! A request as it is passed to `Egress`, and the response that comes back.

use std::fmt;

use jackfield_core::manifest::Method;

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

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        write!(formatter, "Request({} {url})", self.method.as_str())
    }
}

/// A response with its body decompressed.
///
/// `Debug` prints only sizes, because the response of a token endpoint contains new secrets.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Response({}, {} headers, {} bytes)", self.status, self.headers.len(), self.body.len())
    }
}
