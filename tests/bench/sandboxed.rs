//! Slack's component in the sandbox, called as the service calls it: with policy, budget, credential and scrubbing.

use std::collections::BTreeMap;

use jackfield_core::{Secret, manifest::CredentialSource};
use jackfield_egress::{CallPermissions, Egress, EgressConfig, RequestBudget};
use jackfield_sandbox::{Cache, Call, CallError, CheckHealth, Component, Limits, ListUsers, ProviderError, Sandbox};
use jackfield_test_support::{guests, slack::CHANNEL};

use crate::slack_thread::SlackThread;

/// The component, ready to be called. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Sandboxed {
    sandbox: Sandbox,
    component: Component,
    requests: u32,
    token: String,
}

impl Sandboxed {
    /// Creates the sandbox with the service's limits and compiles the built component.
    pub(crate) async fn start(slack: &SlackThread) -> Self {
        let target = slack.url().parse().expect("the address is a URL");
        let reroutes = BTreeMap::from([("slack.com".to_owned(), target)]);
        let egress = Egress::new(EgressConfig { reroutes, ..EgressConfig::default() }).expect("an egress");
        let limits = Limits::default();
        let requests = limits.requests;
        let sandbox = Sandbox::new(limits, egress, Cache::none()).expect("a sandbox");
        let component = sandbox.load(guests::read_component("slack")).await.expect("the component loads");
        Self { sandbox, component, requests, token: slack.token.clone() }
    }

    /// Calls `health` without a channel: the component reports the missing field and sends nothing.
    pub(crate) async fn without_request(&self) {
        match self.sandbox.run(&self.component, self.call(BTreeMap::new()), CheckHealth).await {
            Err(CallError::Provider(ProviderError::Invalid(_))) => {}
            other => panic!("a refusal was expected: {other:?}"),
        }
    }

    /// Calls `health`: two requests.
    pub(crate) async fn health(&self) {
        match self.sandbox.run(&self.component, self.call(channel()), CheckHealth).await {
            Ok(facts) if !facts.is_empty() => {}
            other => panic!("a report was expected: {other:?}"),
        }
    }

    /// Lists a page of users: one request.
    pub(crate) async fn users(&self) -> usize {
        let operation = ListUsers { cursor: None, limit: 200 };
        match self.sandbox.run(&self.component, self.call(channel()), operation).await {
            Ok(page) => page.users.len(),
            other => panic!("a page was expected: {other:?}"),
        }
    }

    /// Builds what the service builds for each call, except that the service also opens the sealed secret.
    fn call(&self, fields: BTreeMap<String, String>) -> Call {
        let credentials = vec![(CredentialSource::Field("bot_token".to_owned()), Secret::new(self.token.clone()))];
        let endpoints = self.component.endpoints.clone();
        let permissions = CallPermissions::new(
            "bench".to_owned(),
            endpoints,
            credentials,
            fields.clone(),
            RequestBudget::new(self.requests),
        );
        Call { permissions, fields, account: None }
    }
}

fn channel() -> BTreeMap<String, String> {
    BTreeMap::from([("channel_id".to_owned(), CHANNEL.to_owned())])
}
