//! A tape of recorded exchanges. It compares the plugin's requests with the recorded ones and answers them in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::endpoint_match::{find_endpoint, method_name};
use crate::http::{Error, Header, Request, Response};
use crate::provider::Provider;
use crate::transport::{Transport, with_transport};
use crate::types::Manifest;

/// Recorded exchanges, in the order in which the plugin must request them.
///
/// Each exchange is an HTTP request and its response. A line that starts with `###` separates two exchanges. Only those
/// header fields of a request that are recorded are compared, but its body always is:
///
/// ```http
/// POST https://slack.com/api/conversations.info
///
/// channel=C0GENERAL
///
/// HTTP/1.1 200
/// x-oauth-scopes: channels:read
///
/// {"ok":true,"channel":{"id":"C0GENERAL","name":"general"}}
///
/// ### the next exchange
/// ```
///
/// A request that differs, or that the plugin's manifest does not allow, fails the test.
#[derive(Debug)]
pub struct Tape {
    manifest: Manifest,
    exchanges: RefCell<VecDeque<RecordedExchange>>,
    sent: RefCell<Vec<Request>>,
}

#[derive(Debug)]
struct RecordedExchange {
    request_line: String,
    headers: Vec<Header>,
    body: String,
    response: Response,
}

impl Tape {
    /// Parses the exchanges for a plugin, from `include_str!` of a fixture or from the test itself.
    ///
    /// # Panics
    ///
    /// If the text is not a tape.
    #[must_use]
    pub fn of<P: Provider>(text: &str) -> Rc<Self> {
        let mut blocks = vec![String::new()];
        for line in text.lines() {
            match blocks.last_mut() {
                Some(block) if !line.starts_with("###") => block.extend([line, "\n"]),
                _ => blocks.push(String::new()),
            }
        }
        let exchanges =
            blocks.iter().filter(|block| !block.trim().is_empty()).map(|block| parse_exchange(block)).collect();
        Rc::new(Self { manifest: P::describe(), exchanges: RefCell::new(exchanges), sent: RefCell::default() })
    }

    /// Runs a call of the plugin, and checks that it used every exchange.
    ///
    /// # Panics
    ///
    /// If a request differs from the tape or is not in the manifest, or if exchanges remain.
    pub fn play<R>(self: &Rc<Self>, call: impl FnOnce() -> R) -> R {
        let outcome = with_transport(Rc::<Self>::clone(self), call);
        let remaining: Vec<_> = self.exchanges.borrow().iter().map(|exchange| exchange.request_line.clone()).collect();
        assert!(remaining.is_empty(), "the plugin did not request {remaining:?}");
        outcome
    }

    /// Replaces the body of the last response.
    #[must_use]
    pub(super) fn with_last_body(self: Rc<Self>, body: Vec<u8>) -> Rc<Self> {
        if let Some(exchange) = self.exchanges.borrow_mut().back_mut() {
            exchange.response.body = body;
        }
        self
    }

    /// Returns the body of the last response.
    pub(super) fn last_body(&self) -> Vec<u8> {
        self.exchanges.borrow().back().map(|exchange| exchange.response.body.clone()).unwrap_or_default()
    }

    /// Returns the requests that were sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Request> {
        self.sent.borrow().clone()
    }
}

impl Transport for Tape {
    fn send(&self, request: Request) -> Result<Response, Error> {
        let line = format!("{} {}", method_name(request.method), request.url);
        if let Err(denial) = find_endpoint(&self.manifest, &request) {
            panic!("`{line}` is denied by the rule `{}`: {}", denial.rule, denial.message);
        }
        let Some(exchange) = self.exchanges.borrow_mut().pop_front() else {
            panic!("`{line}` was sent after the last exchange of the tape");
        };
        assert_eq!(line, exchange.request_line, "the plugin sent another request");
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
        assert_eq!(body, exchange.body, "the body of `{line}` differs");
        for expected in &exchange.headers {
            let actual = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(&expected.name));
            assert_eq!(
                actual.map(|header| header.value.as_str()),
                Some(expected.value.as_str()),
                "`{}`",
                expected.name
            );
        }
        self.sent.borrow_mut().push(request);
        Ok(exchange.response)
    }
}

fn parse_exchange(block: &str) -> RecordedExchange {
    let block = block.trim_start();
    let cut = block.find("\nHTTP/").unwrap_or_else(|| panic!("an exchange without a response: {block:?}"));
    let (request_line, headers, body) = split_message(&block[..cut]);
    let (status_line, response_headers, response_body) = split_message(&block[cut + 1..]);
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    RecordedExchange {
        request_line: request_line.into(),
        headers,
        body: body.into(),
        response: Response {
            status: status.unwrap_or_else(|| panic!("no status in {status_line:?}")),
            headers: response_headers,
            body: response_body.into(),
        },
    }
}

/// Splits a message into its first line, its header fields and its trimmed body.
fn split_message(text: &str) -> (&str, Vec<Header>, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not a header field: {line:?}"));
        Header { name: name.into(), value: value.trim().into() }
    });
    (first.trim(), headers.collect(), body.trim())
}
