//! Builds and sends requests, and reads responses. The host adds the credential after a request leaves the component.

pub use crate::bindings::component::jackfield::provider::http::{
    Denial, Error, Header, Method, Refusal, Request, Response,
};

use serde::{Deserialize, Serialize};

use crate::{date, encode, json, retry, transport, types};

/// Creates a `GET` of an absolute https URL.
#[must_use]
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url)
}

/// Creates a `HEAD` of an absolute https URL.
#[must_use]
pub fn head(url: impl Into<String>) -> Request {
    Request::new(Method::Head, url)
}

/// Creates a `POST` to an absolute https URL.
#[must_use]
pub fn post(url: impl Into<String>) -> Request {
    Request::new(Method::Post, url)
}

/// Creates a `PUT` to an absolute https URL.
#[must_use]
pub fn put(url: impl Into<String>) -> Request {
    Request::new(Method::Put, url)
}

/// Creates a `PATCH` of an absolute https URL.
#[must_use]
pub fn patch(url: impl Into<String>) -> Request {
    Request::new(Method::Patch, url)
}

/// Creates a `DELETE` of an absolute https URL.
#[must_use]
pub fn delete(url: impl Into<String>) -> Request {
    Request::new(Method::Delete, url)
}

impl Request {
    /// Creates a request without header fields and without a body.
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

    /// Percent-encodes keys and values and adds them to the query.
    #[must_use]
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        for &(key, value) in pairs {
            self.url.push(if self.url.contains('?') { '&' } else { '?' });
            encode::push_pair(&mut self.url, key, value);
        }
        self
    }

    /// Sets the body to a form of percent-encoded keys and values.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.body = Some(encode::encode_pairs(pairs).into_bytes());
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Sets the body to a JSON document.
    ///
    /// # Errors
    ///
    /// `malformed` if the value cannot be written as JSON, such as a map with keys that are not strings.
    pub fn json<T: Serialize>(mut self, value: &T) -> Result<Self, types::Error> {
        self.body = Some(json::serialize(value)?);
        Ok(self.header("Content-Type", "application/json"))
    }

    /// Sends the request and waits for the whole response. Any status is a success here.
    ///
    /// # Errors
    ///
    /// The reason why there is no response.
    pub fn send(self) -> Result<Response, Error> {
        transport::send(&self)
    }
}

impl Response {
    /// Returns whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the value of the first header field with this name. Case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(header.value.trim_ascii())
    }

    /// Parses the body as JSON. Strings without escapes are borrowed from it.
    ///
    /// # Errors
    ///
    /// `malformed`, with a message that quotes nothing of the body.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, types::Error> {
        json::parse(&self.body)
    }

    /// Returns the seconds of `Retry-After`. If it is a date, they are counted from the response's own `Date`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.header("retry-after")?;
        retry::parse_seconds(value, retry::Unit::Seconds).or_else(|| retry::seconds_until(value, self.header("date")?))
    }

    /// Returns the time of the response by the provider's clock, in seconds since 1970.
    #[must_use]
    pub fn date(&self) -> Option<i64> {
        date::http_date(self.header("date")?)
    }

    /// Reads the time to wait from a header field that only this provider uses, rounded up to seconds.
    #[must_use]
    pub fn wait_from(&self, header: &str, unit: retry::Unit) -> Option<u32> {
        retry::parse_seconds(self.header(header)?, unit)
    }
}
