//! Recorded exchanges: a provider's requests are compared with them and answered from them, one after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::judge::{judge, method_name};
use crate::http::{Error, Header, Request, Response};
use crate::provider::Provider;
use crate::transport::{Transport, with_transport};
use crate::types::Manifest;

/// Exchanges in the order in which a provider must ask for them.
///
/// Written as HTTP is, request and answer, exchanges parted by a line that starts with `###`. A request's header
/// fields are compared where they are written down, its body always:
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
/// ### and so on
/// ```
///
/// A request that differs, or that the provider's manifest does not allow, fails the test.
#[derive(Debug)]
pub struct Tape {
    manifest: Manifest,
    exchanges: RefCell<VecDeque<Exchange>>,
    sent: RefCell<Vec<Request>>,
}

#[derive(Debug)]
struct Exchange {
    request_line: String,
    headers: Vec<Header>,
    body: String,
    response: Response,
}

impl Tape {
    /// Reads the exchanges of a provider, from `include_str!` of a fixture or from the test itself.
    ///
    /// # Panics
    ///
    /// Where the text is no tape.
    #[must_use]
    pub fn of<P: Provider>(text: &str) -> Rc<Self> {
        let mut blocks = vec![String::new()];
        for line in text.lines() {
            match blocks.last_mut() {
                Some(block) if !line.starts_with("###") => block.extend([line, "\n"]),
                _ => blocks.push(String::new()),
            }
        }
        let exchanges = blocks.iter().filter(|block| !block.trim().is_empty()).map(|block| exchange(block)).collect();
        Rc::new(Self { manifest: P::describe(), exchanges: RefCell::new(exchanges), sent: RefCell::default() })
    }

    /// Runs a call of the provider, and checks that it used the tape up.
    ///
    /// # Panics
    ///
    /// Where a request is not the one on the tape or not in the manifest, or exchanges are left over.
    pub fn play<R>(self: &Rc<Self>, call: impl FnOnce() -> R) -> R {
        let outcome = with_transport(Rc::<Self>::clone(self), call);
        let left: Vec<_> = self.exchanges.borrow().iter().map(|exchange| exchange.request_line.clone()).collect();
        assert!(left.is_empty(), "the provider never asked for {left:?}");
        outcome
    }

    /// Gives the requests that were sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Request> {
        self.sent.borrow().clone()
    }
}

impl Transport for Tape {
    fn send(&self, request: Request) -> Result<Response, Error> {
        let line = format!("{} {}", method_name(request.method), request.url);
        if let Err(denial) = judge(&self.manifest, &request) {
            panic!("`{line}` is denied by the rule `{}`: {}", denial.rule, denial.message);
        }
        let Some(exchange) = self.exchanges.borrow_mut().pop_front() else {
            panic!("`{line}` is not on the tape, which has come to its end");
        };
        assert_eq!(line, exchange.request_line, "the provider sent another request");
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
        assert_eq!(body, exchange.body, "the body of `{line}` differs");
        for wanted in &exchange.headers {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(&wanted.name));
            assert_eq!(found.map(|header| header.value.as_str()), Some(wanted.value.as_str()), "`{}`", wanted.name);
        }
        self.sent.borrow_mut().push(request);
        Ok(exchange.response)
    }
}

fn exchange(block: &str) -> Exchange {
    let block = block.trim_start();
    let cut = block.find("\nHTTP/").unwrap_or_else(|| panic!("an exchange without an answer: {block:?}"));
    let (request_line, headers, body) = message(&block[..cut]);
    let (status_line, response_headers, response_body) = message(&block[cut + 1..]);
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    Exchange {
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

/// Takes a message apart into its first line, its header fields and its body, trimmed.
fn message(text: &str) -> (&str, Vec<Header>, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header field: {line:?}"));
        Header { name: name.into(), value: value.trim().into() }
    });
    (first.trim(), headers.collect(), body.trim())
}
