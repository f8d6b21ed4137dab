//! Builds and sends requests, and reads responses. The host adds the credential after a request leaves the component.

pub use crate::bindings::component::jackfield::provider::http::{
    Denial, Error, Header, Method, Refusal, Request, Response,
};

use serde::{Deserialize, Serialize};

use crate::json_value::{JsonObject, JsonValue};
use crate::{clock, date, encode, json, repair, retry, transport, types};

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
    /// A JSON body is repaired if it is unreadable only because of one text or number, such as half an emoji.
    ///
    /// # Errors
    ///
    /// The reason why there is no response.
    pub fn send(self) -> Result<Response, Error> {
        transport::send(&self).map(repair::repair_body)
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

    /// Parses the body as JSON of which any value may have another type than expected.
    ///
    /// # Errors
    ///
    /// `malformed` if the body is not JSON, with a message that quotes nothing of it.
    pub fn value(&self) -> Result<JsonValue<'_>, types::Error> {
        json::parse(&self.body).map(JsonValue::new)
    }

    /// Parses the body as a JSON object of which any member may be missing or have another type than expected.
    ///
    /// # Errors
    ///
    /// `malformed` if the body is not a JSON object, with a message that quotes nothing of it.
    pub fn object(&self) -> Result<JsonObject<'_>, types::Error> {
        self.value()?.object().ok_or_else(|| types::Error::malformed("a JSON object was expected"))
    }

    /// Returns the seconds of `Retry-After`. A date, or a number that can only be a date, counts from the response's own
    /// `Date`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.wait_from("retry-after", retry::Unit::Seconds)
    }

    /// Returns the time of the response by the provider's clock, in seconds since 1970.
    #[must_use]
    pub fn date(&self) -> Option<i64> {
        date::http_date(self.header("date")?)
    }

    /// Reads the time to wait from a header field that only this provider uses, rounded up to seconds.
    ///
    /// A date, or a number that can only be a date, counts from the response's own `Date`.
    #[must_use]
    pub fn wait_from(&self, header: &str, unit: retry::Unit) -> Option<u32> {
        retry::parse_wait(self.header(header)?, unit, || self.date().unwrap_or_else(clock::now))
    }
}
