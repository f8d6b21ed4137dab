//! Runs the operations of the plugin that is tested, against the stand-in.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::{Secret, manifest::Auth};
use jackfield_egress::CallRecorder;
use jackfield_sandbox::{
    CallError, CallOperation, CheckHealth, Component, Connect, Disconnect, GetAlertTarget, Limits, ListUsers, Sandbox,
};
use jackfield_service::connections::{SubmittedValue, dry_run::DryRun};

use super::{
    cases::{Behavior, ConformanceCase},
    failing_provider::FailingProvider,
    made_up_fields::{self, MADE_UP},
    report::{self, CaseResult, Rating},
};

/// The number of pages after which a list of users counts as endless.
const MAX_PAGES: usize = 100;

/// The plugin that is tested, with the values of its connection.
pub(super) struct TestedPlugin {
    sandbox: Sandbox,
    component: Component,
    provider: FailingProvider,
    fields: BTreeMap<String, SubmittedValue>,
    account: Option<String>,
}

/// An operation that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TestedOperation {
    Connect,
    Health,
    ListUsers,
    AlertTarget,
    Disconnect,
}

impl TestedPlugin {
    /// Makes up values for the fields that are missing, and for the account.
    ///
    /// # Errors
    /// No value can be made up for a field.
    pub(super) fn new(
        sandbox: Sandbox,
        component: Component,
        provider: FailingProvider,
        fields: BTreeMap<String, SubmittedValue>,
        account: Option<String>,
    ) -> anyhow::Result<Self> {
        let fields = made_up_fields::fill_in(&component.manifest, fields)?;
        let account = component.manifest.capabilities.accounts.then(|| account.unwrap_or(MADE_UP.to_owned()));
        Ok(Self { sandbox, component, provider, fields, account })
    }

    /// Returns whether the plugin can list users.
    pub(super) fn lists_users(&self) -> bool {
        self.component.manifest.capabilities.users
    }

    /// Returns the operations that the plugin supports.
    pub(super) fn operations(&self) -> Vec<TestedOperation> {
        let users = self.lists_users().then_some(TestedOperation::ListUsers);
        let alerts = self.component.manifest.capabilities.alerts.then_some(TestedOperation::AlertTarget);
        [TestedOperation::Connect, TestedOperation::Health]
            .into_iter()
            .chain(users)
            .chain(alerts)
            .chain([TestedOperation::Disconnect])
            .collect()
    }

    /// Runs one operation while the stand-in behaves as the case says.
    pub(super) async fn test_case(
        &self,
        case: &ConformanceCase,
        operation: TestedOperation,
    ) -> anyhow::Result<CaseResult> {
        self.provider.set_behavior(case.behavior);
        let _earlier = self.provider.take_replays();
        let (outcome, recorder) = self.run(operation).await?;
        let requests = recorder.stats().requests;
        // Without a request nothing failed, and a disconnect removes the connection whatever the provider says.
        let is_harmless = requests == 0 || operation == TestedOperation::Disconnect;
        let mut result = report::rate(case, operation.name(), is_harmless, &outcome);
        if case.behavior.needs_recordings() {
            result = result.with_replays(&self.provider.take_replays(), operation == TestedOperation::Disconnect);
        }
        Ok(result.with_lines(recorder.lines()))
    }

    /// Lists users while the stand-in returns the same page again and again.
    pub(super) async fn test_endless_pages(&self) -> anyhow::Result<CaseResult> {
        self.provider.set_behavior(Behavior::ReplayFirstPage);
        let mut seen = BTreeSet::new();
        let mut cursor: Option<String> = None;
        let mut is_counting = true;
        loop {
            let (outcome, recorder) = self.call(ListUsers { cursor: cursor.clone(), limit: 100 }).await?;
            let next = match outcome {
                Ok(page) => page.next_cursor,
                Err(error) => return Ok(report::rate_pages_error(&error).with_lines(recorder.lines())),
            };
            let Some(next) = next else {
                return Ok(report::rate_pages(seen.len() + 1, "the list ends", Rating::Good));
            };
            if !seen.insert(next.clone()) {
                return Ok(report::rate_pages(seen.len(), "a cursor repeats, which ends the list", Rating::Good));
            }
            is_counting &= cursor.as_deref().is_none_or(|before| counts_up(before, &next));
            if seen.len() == MAX_PAGES {
                // With page numbers, a plugin cannot notice that the pages are the same.
                let (what, rating) = if is_counting {
                    ("the cursor counts pages, so the plugin cannot notice the repetition", Rating::Note)
                } else {
                    ("every page has a new cursor, although the provider returns the same page", Rating::Broken)
                };
                return Ok(report::rate_pages(MAX_PAGES, what, rating));
            }
            cursor = Some(next);
        }
    }

    /// Runs one operation.
    ///
    /// Returns its answer in words, and what it did.
    async fn run(&self, operation: TestedOperation) -> anyhow::Result<(Result<String, CallError>, CallRecorder)> {
        Ok(match operation {
            TestedOperation::Connect => {
                let (outcome, recorder) = self.call(Connect).await?;
                (outcome.map(|outcome| report::describe_connect(&outcome)), recorder)
            }
            TestedOperation::Health => {
                let (outcome, recorder) = self.call(CheckHealth).await?;
                (outcome.map(|_facts| "healthy".to_owned()), recorder)
            }
            TestedOperation::ListUsers => {
                let (outcome, recorder) = self.call(ListUsers { cursor: None, limit: 100 }).await?;
                (outcome.map(|page| format!("{} users", page.users.len())), recorder)
            }
            TestedOperation::AlertTarget => {
                let (outcome, recorder) = self.call(GetAlertTarget).await?;
                (outcome.map(|_url| "an alert target".to_owned()), recorder)
            }
            TestedOperation::Disconnect => {
                let (outcome, recorder) = self.call(Disconnect).await?;
                (outcome.map(|_outcome| "disconnected".to_owned()), recorder)
            }
        })
    }

    /// Runs one operation.
    ///
    /// Returns its answer, and what it did.
    async fn call<O: CallOperation>(
        &self,
        operation: O,
    ) -> anyhow::Result<(Result<O::Answer, CallError>, CallRecorder)> {
        let token = match self.component.manifest.auth {
            Auth::Fields => None,
            Auth::OAuth2(_) | Auth::ServiceAccount(_) => Some(Secret::new(MADE_UP.to_owned())),
        };
        let account = self.account.clone().filter(|_| O::NAME != Connect::NAME);
        let dry_run = DryRun { fields: self.fields.clone(), token, account, requests: Limits::default().requests };
        let recorder = CallRecorder::with_trace();
        let call = dry_run.into_call(&self.component, recorder.clone()).map_err(|error| {
            anyhow::anyhow!("a made-up field is not valid; pass another value with --field NAME=VALUE: {error}")
        })?;
        let outcome = self.sandbox.run(&self.component, call, operation).await;
        Ok((outcome, recorder))
    }
}

impl TestedOperation {
    /// Returns the name of the operation in the contract.
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Health => "health",
            Self::ListUsers => "list-users",
            Self::AlertTarget => "alert-target",
            Self::Disconnect => "disconnect",
        }
    }
}

/// Returns whether `next` is the cursor `before` with a higher number in it.
fn counts_up(before: &str, next: &str) -> bool {
    let is_digit = |character: char| character.is_ascii_digit();
    let words = |text: &str| -> Vec<String> {
        text.split(is_digit).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let numbers = |text: &str| -> Vec<u128> {
        let runs = text.split(|character: char| !is_digit(character)).filter(|run| !run.is_empty());
        runs.map(|run| run.parse().unwrap_or(u128::MAX)).collect()
    };
    words(before) == words(next) && numbers(before) < numbers(next)
}

#[cfg(test)]
mod tests {
    use super::counts_up;

    #[test]
    fn a_page_number_counts_up_and_another_cursor_does_not() {
        for (before, next, expected) in [
            ("9", "10", true),
            ("9.200", "10.200", true),
            ("a1", "b2", false),
            ("abc", "abcd", false),
            ("2", "1", false),
        ] {
            assert_eq!(counts_up(before, next), expected, "{before} {next}");
        }
    }
}
