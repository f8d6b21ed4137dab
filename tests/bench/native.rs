//! The same provider crate compiled natively: no sandbox, policy, limits or scrubbing.
//!
//! A provider does not use `async`, so each native call in flight needs a thread, which drives its own reqwest client
//! over one kept socket.

use std::rc::Rc;

use jackfield_sdk::{
    Connection, PageRequest, Provider,
    http::{Error, Header, Method, Request, Response},
    testkit::{Transport, with_transport},
};
use jackfield_slack::Slack;
use jackfield_test_support::slack::CHANNEL;
use tokio::runtime::Runtime;

use crate::slack_thread::SlackThread;

/// The provider on one thread.
pub(crate) struct Native {
    transport: Rc<dyn Transport>,
    connection: Connection,
}

impl Native {
    pub(crate) fn start(slack: &SlackThread) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let transport = Reqwest {
            runtime,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            origin: slack.url(),
            authorization: format!("Bearer {}", slack.token),
        };
        Self { transport: Rc::new(transport), connection: Connection::of(&[("channel_id", CHANNEL)]) }
    }

    /// Calls `health`: two requests.
    pub(crate) fn health(&self) {
        let reports = with_transport(Rc::clone(&self.transport), || Slack::health(&self.connection));
        assert!(!reports.expect("the stand-in responds").is_empty());
    }

    /// Lists a page of users: one request.
    pub(crate) fn users(&self) -> usize {
        let page = PageRequest::first(200);
        let page = with_transport(Rc::clone(&self.transport), || Slack::list_users(&self.connection, &page));
        page.expect("the stand-in responds").users.len()
    }
}

struct Reqwest {
    runtime: Runtime,
    client: reqwest::Client,
    origin: String,
    authorization: String,
}

impl Transport for Reqwest {
    fn send(&self, request: Request) -> Result<Response, Error> {
        let path = request.url.strip_prefix("https://slack.com").expect("the endpoint has the provider's host");
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            other => panic!("the provider sends no {other:?}"),
        };
        let mut builder = self.client.request(method, format!("{}{path}", self.origin));
        for Header { name, value } in request.headers {
            builder = builder.header(name, value);
        }
        builder = builder.header("authorization", &self.authorization);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        self.runtime.block_on(async {
            let answer = builder.send().await.map_err(|error| Error::Unreachable(error.to_string()))?;
            let status = answer.status().as_u16();
            let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| Header {
                name: name.as_str().into(),
                value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            };
            let headers = answer.headers().iter().map(header).collect();
            let body = answer.bytes().await.map_err(|error| Error::Unreachable(error.to_string()))?;
            Ok(Response { status, headers, body: body.into() })
        })
    }
}
