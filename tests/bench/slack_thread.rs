//! Slack's stand-in on its own thread, so that it is scheduled the same way for every client.

use std::{ops::Deref, sync::mpsc, thread, time::Duration};

use jackfield_test_support::{marked, slack::SlackStandIn};

/// A stand-in that runs until the program ends.
#[derive(Debug)]
pub(crate) struct SlackThread {
    slack: SlackStandIn,
    pub(crate) token: String,
}

impl SlackThread {
    /// Starts it with one token and prepared pages of 200 members.
    pub(crate) fn start() -> Self {
        let stand_in = Self::with_one_token();
        stand_in.serve_prepared_page();
        stand_in
    }

    /// Starts it with one token and this many generated members.
    pub(crate) fn with_crowd(members: usize) -> Self {
        let stand_in = Self::with_one_token();
        stand_in.serve_generated_members(members);
        stand_in
    }

    fn with_one_token() -> Self {
        let (started, when_started) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                started.send(SlackStandIn::start().await).expect("the benchmark waits");
                std::future::pending::<()>().await;
            });
        });
        let slack = when_started.recv().expect("the stand-in starts");
        let token = marked::secret("xoxb-");
        slack.add_token(&token);
        Self { slack, token }
    }

    /// Runs some work while every response is delayed.
    pub(crate) fn with_latency<R>(&self, latency: Duration, work: impl FnOnce() -> R) -> R {
        self.set_latency(latency);
        let result = work();
        self.set_latency(Duration::ZERO);
        result
    }
}

impl Deref for SlackThread {
    type Target = SlackStandIn;

    fn deref(&self) -> &SlackStandIn {
        &self.slack
    }
}
