//! A browser's session as a test holds it: the cookie that was set, and what its pages send along.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{TestApp, TestCaller, TestResponse};
use crate::marked;

/// A session that was begun.
#[derive(Clone, Debug)]
pub struct TestSession {
    /// The cookie, name and value.
    pub cookie: String,
    pub csrf: String,
}

impl TestSession {
    /// Reads what a sign-in answered.
    ///
    /// # Panics
    /// The answer signs nobody in.
    #[must_use]
    pub fn from_response(answer: &TestResponse) -> Self {
        let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.text));
        let cookie = set.split(';').next().expect("a cookie").to_owned();
        let _noted = marked::record(cookie.split_once('=').expect("a value").1.to_owned());
        Self { cookie, csrf: answer.json()["csrf"].as_str().expect("a word against forgery").to_owned() }
    }

    /// Makes a request one of the session's own pages.
    pub fn add_to(&self, request: RequestBuilder) -> RequestBuilder {
        self.add_cookie_to(request).header("x-csrf-token", &self.csrf)
    }

    /// Makes a request one that a browser sends without the page's knowing.
    pub fn add_cookie_to(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("cookie", &self.cookie)
    }
}

impl TestApp {
    /// Signs in with the token of a kind of caller.
    pub async fn sign_in(&self, caller: TestCaller) -> TestSession {
        let body = json!({ "token": self.token(caller).expect("a caller with a token") });
        let sign_in = self.request(None, Method::POST, "/api/session", |request| super::with_json(request, Some(body)));
        TestSession::from_response(&sign_in.await)
    }

    /// Sends a request of a session's own page.
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
