//! A browser session in a test: the cookie, and what the service's pages send with it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{TestApp, TestCaller, TestResponse};
use crate::marked;

/// A session that has started.
#[derive(Clone, Debug)]
pub struct TestSession {
    /// The cookie as `name=value`.
    pub cookie: String,
    pub csrf: String,
}

impl TestSession {
    /// Reads the session from the response to a sign-in.
    ///
    /// # Panics
    /// If the response signs nobody in.
    #[must_use]
    pub fn from_response(answer: &TestResponse) -> Self {
        let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.text));
        let cookie = set.split(';').next().expect("a cookie").to_owned();
        let _noted = marked::record(cookie.split_once('=').expect("a value").1.to_owned());
        Self { cookie, csrf: answer.json()["csrf"].as_str().expect("a CSRF token").to_owned() }
    }

    /// Adds what a page of the service sends: the cookie and the CSRF token.
    pub fn add_to(&self, request: RequestBuilder) -> RequestBuilder {
        self.add_cookie_to(request).header("x-csrf-token", &self.csrf)
    }

    /// Adds only what a browser sends by itself: the cookie.
    pub fn add_cookie_to(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("cookie", &self.cookie)
    }
}

impl TestApp {
    /// Signs in with the token of one kind of caller.
    pub async fn sign_in(&self, caller: TestCaller) -> TestSession {
        let body = json!({ "token": self.token(caller).expect("a caller with a token") });
        let sign_in = self.request(None, Method::POST, "/api/session", |request| super::with_json(request, Some(body)));
        TestSession::from_response(&sign_in.await)
    }

    /// Sends a request as a page of the session would.
    pub async fn send_in(
        &self,
        session: &TestSession,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> TestResponse {
        self.request(None, method, path, |request| super::with_json(session.add_to(request), body)).await
    }
}
