//! One answer of the service, as a test looks at it.

use std::{fs::OpenOptions, io::Write, path::Path};

use reqwest::header::{CONTENT_TYPE, HeaderMap, SET_COOKIE};
use serde_json::Value;

/// An answer, read whole.
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
        // A stream of events has no end; a test that reads one does so by itself.
        let text = if kind == "text/event-stream" {
            String::new()
        } else {
            response.text().await.expect("the answer is whole")
        };
        Self { status, headers, text }
    }

    /// Keeps the answer for the search afterwards, without its cookie: that is the one way by which a session's secret
    /// goes to its browser.
    pub(super) fn keep(&self, file: &Path) {
        let mut headers = self.headers.clone();
        headers.remove(SET_COOKIE);
        let mut file = OpenOptions::new().append(true).create(true).open(file).expect("the answers are kept");
        writeln!(file, "{} {:?}\n{}", self.status, headers, self.text).expect("the answers are kept");
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The stable code of a problem, empty for an answer that is none.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer, if it is a success.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The answer, if it is this problem.
    #[must_use]
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        self.json()
    }
}
