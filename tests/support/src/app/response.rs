//! The response of the service to a test's request.

use std::{fs::OpenOptions, io::Write, path::Path};

use reqwest::header::{CONTENT_TYPE, HeaderMap, SET_COOKIE};
use serde_json::Value;

/// A response, read completely.
#[derive(Clone, Debug)]
pub struct TestResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestResponse {
    pub(super) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // An event stream does not end; tests that need one read it themselves.
        let text = if kind == "text/event-stream" {
            String::new()
        } else {
            response.text().await.expect("the response is complete")
        };
        Self { status, headers, text }
    }

    /// Keeps the response for the secret scan, without its cookie, because a session's secret is meant to reach its
    /// browser.
    pub(super) fn append_to(&self, file: &Path) {
        let mut headers = self.headers.clone();
        headers.remove(SET_COOKIE);
        let mut file = OpenOptions::new().append(true).create(true).open(file).expect("the responses are kept");
        writeln!(file, "{} {:?}\n{}", self.status, headers, self.text).expect("the responses are kept");
    }

    /// Parses the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the code of a problem, or an empty string for any other response.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the body if the status is 200, and fails otherwise.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// Returns the body if it is this problem, and fails otherwise.
    #[must_use]
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        self.json()
    }
}
