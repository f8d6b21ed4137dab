//! Requests, built and sent, and what came back. The credential is added by the host and is never here.

pub use crate::bindings::component::jackfield::provider::http::{
    Denial, Error, Header, Method, Refusal, Request, Response,
};

use serde::{Deserialize, Serialize};

use crate::{date, encode, json, retry, transport, types};

/// Starts a `GET` of an absolute https URL.
#[must_use]
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url)
}

/// Starts a `HEAD` of an absolute https URL.
#[must_use]
pub fn head(url: impl Into<String>) -> Request {
    Request::new(Method::Head, url)
}

/// Starts a `POST` to an absolute https URL.
#[must_use]
pub fn post(url: impl Into<String>) -> Request {
    Request::new(Method::Post, url)
}

/// Starts a `PUT` to an absolute https URL.
#[must_use]
pub fn put(url: impl Into<String>) -> Request {
    Request::new(Method::Put, url)
}

/// Starts a `PATCH` of an absolute https URL.
#[must_use]
pub fn patch(url: impl Into<String>) -> Request {
    Request::new(Method::Patch, url)
}

/// Starts a `DELETE` of an absolute https URL.
#[must_use]
pub fn delete(url: impl Into<String>) -> Request {
    Request::new(Method::Delete, url)
}

impl Request {
    /// Starts a request without header fields and body.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Adds keys and values to the query, percent-encoded.
    #[must_use]
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        for &(key, value) in pairs {
            self.url.push(if self.url.contains('?') { '&' } else { '?' });
            encode::push_pair(&mut self.url, key, value);
        }
        self
    }

    /// Makes the body a form of keys and values, percent-encoded.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.body = Some(encode::pairs(pairs).into_bytes());
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Makes the body a JSON document.
    ///
    /// # Errors
    ///
    /// `malformed` where the value has no JSON form, such as a map with keys that are no strings.
    pub fn json<T: Serialize>(mut self, value: &T) -> Result<Self, types::Error> {
        self.body = Some(json::write(value)?);
        Ok(self.header("Content-Type", "application/json"))
    }

    /// Sends the request and waits for the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub fn send(self) -> Result<Response, Error> {
        transport::send(&self)
    }
}

impl Response {
    /// Says whether the status is one of 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Finds the first header field of a name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(header.value.trim_ascii())
    }

    /// Reads the body as JSON, borrowing its strings where they need no unescaping.
    ///
    /// # Errors
    ///
    /// `malformed`, in words that quote nothing of the body.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, types::Error> {
        json::read(&self.body)
    }

    /// Reads `Retry-After`: seconds, or a date, which is held against the answer's own `Date`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.header("retry-after")?;
        retry::seconds(value, retry::Unit::Seconds).or_else(|| retry::until(value, self.header("date")?))
    }

    /// Reads when the provider answered by its own clock, in seconds since the beginning of 1970.
    #[must_use]
    pub fn date(&self) -> Option<i64> {
        date::http_date(self.header("date")?)
    }

    /// Reads a time to wait from a header field of the provider's own, rounded up to whole seconds.
    #[must_use]
    pub fn wait_from(&self, header: &str, unit: retry::Unit) -> Option<u32> {
        retry::seconds(self.header(header)?, unit)
    }
}
