//! `jackfield plugin check --conformance`: every operation against everything that an upstream may do to it.
//!
//! The component runs in the real sandbox; its hosts are led to a socket on this machine, and nothing leaves it.

mod case;
mod report;
mod tape;
mod upstream;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use jackfield_api::example_of_pattern;
use jackfield_core::{
    Secret,
    manifest::{Auth, Field, FieldKind, Manifest},
};
use jackfield_egress::{CallRecorder, EgressConfig, EgressLimits};
use jackfield_sandbox::{
    CallError, CheckHealth, Component, Connect, Disconnect, GetAlertTarget, Limits, ListUsers, Operation, Sandbox,
};
use jackfield_service::connections::{SubmittedValue, dry_run::DryRun};

use self::{
    case::{CASES, Case, Upstream as Does},
    report::{Line, Verdict},
    tape::Tape,
    upstream::Upstream,
};
use super::super::{sandbox_with, say};

/// What a token and a secret without a pattern are made of. Every value is made up.
const MADE_UP: &str = "conformance-0123456789";

/// How many pages a walk is followed before it is called endless; no test needs more to tell.
const PAGES: usize = 100;

/// What is to be tried.
pub(super) struct Kit {
    pub(super) file: PathBuf,
    /// A folder of recorded exchanges, from which good answers and half good ones are made.
    pub(super) fixtures: Option<PathBuf>,
    /// Fields that are given, in place of made-up ones.
    pub(super) fields: BTreeMap<String, SubmittedValue>,
    /// The account that was chosen, where one credential opens several.
    pub(super) account: Option<String>,
    pub(super) json: bool,
}

/// Runs every case and tells whether nothing broke.
pub(super) async fn run(kit: Kit) -> anyhow::Result<bool> {
    let tape = match &kit.fixtures {
        Some(folder) => Tape::read(folder).with_context(|| folder.display().to_string())?,
        None => Tape::default(),
    };
    let upstream = Upstream::start(tape).await?;
    let sandbox = sandbox_with(way_to(&upstream), &Limits::default())?;
    let component = sandbox.load_file(&kit.file).await?;
    let account = component.manifest.capabilities.accounts.then(|| kit.account.unwrap_or(MADE_UP.to_owned()));
    let runner = Runner { account, fields: fields(&component.manifest, kit.fields)?, sandbox, component, upstream };
    let mut lines = Vec::new();
    for case in CASES.iter().filter(|case| kit.fixtures.is_some() || !case.does.needs_recordings()) {
        for operation in runner.operations() {
            lines.push(runner.try_one(case, operation).await?);
        }
    }
    if kit.fixtures.is_some() && runner.component.manifest.capabilities.users {
        lines.push(runner.walk().await?);
    }
    let broken = lines.iter().filter(|line| line.verdict == Verdict::Broken).count();
    say(&if kit.json { report::as_json(&lines)? } else { report::in_words(&lines, kit.fixtures.is_some()) });
    Ok(broken == 0)
}

/// A way out that leads every host to the upstream, with less patience than a service has.
fn way_to(upstream: &Upstream) -> EgressConfig {
    let limits = EgressLimits {
        first_byte: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        total: Duration::from_secs(10),
        ..EgressLimits::default()
    };
    EgressConfig { reroutes: [("*".to_owned(), upstream.url())].into(), limits, ..EgressConfig::default() }
}

struct Runner {
    sandbox: Sandbox,
    component: Component,
    upstream: Upstream,
    fields: BTreeMap<String, SubmittedValue>,
    account: Option<String>,
}

impl Runner {
    /// The operations that the component supports.
    fn operations(&self) -> Vec<TestedOperation> {
        let capabilities = self.component.manifest.capabilities;
        let users = capabilities.users.then_some(TestedOperation::ListUsers);
        let alerts = capabilities.alerts.then_some(TestedOperation::AlertTarget);
        [TestedOperation::Connect, TestedOperation::Health]
            .into_iter()
            .chain(users)
            .chain(alerts)
            .chain([TestedOperation::Disconnect])
            .collect()
    }

    async fn try_one(&self, case: &Case, operation: TestedOperation) -> anyhow::Result<Line> {
        self.upstream.does(case.does);
        let (outcome, requests) = self.run(operation).await?;
        let harmless = requests == 0 || operation == TestedOperation::Disconnect;
        Ok(report::judged(case, operation.name(), harmless, &outcome))
    }

    /// Runs one operation, and describes its answer.
    async fn run(&self, operation: TestedOperation) -> anyhow::Result<(Result<String, CallError>, u32)> {
        Ok(match operation {
            TestedOperation::Connect => {
                let (outcome, requests) = self.call(Connect).await?;
                (outcome.map(|outcome| report::describe_connect(&outcome)), requests)
            }
            TestedOperation::Health => {
                let (outcome, requests) = self.call(CheckHealth).await?;
                (outcome.map(|_facts| "healthy".to_owned()), requests)
            }
            TestedOperation::ListUsers => {
                let (outcome, requests) = self.call(ListUsers { cursor: None, limit: 100 }).await?;
                (outcome.map(|page| format!("{} users", page.users.len())), requests)
            }
            TestedOperation::AlertTarget => {
                let (outcome, requests) = self.call(GetAlertTarget).await?;
                (outcome.map(|_url| "a target".to_owned()), requests)
            }
            TestedOperation::Disconnect => {
                let (outcome, requests) = self.call(Disconnect).await?;
                (outcome.map(|_outcome| "disconnected".to_owned()), requests)
            }
        })
    }

    /// Follows the pages of an upstream that gives the same page for ever.
    async fn walk(&self) -> anyhow::Result<Line> {
        self.upstream.does(Does::SamePage);
        let mut seen = BTreeSet::new();
        let mut cursor: Option<String> = None;
        let mut counts = true;
        loop {
            let (outcome, _) = self.call(ListUsers { cursor: cursor.clone(), limit: 100 }).await?;
            let next = match outcome {
                Ok(page) => page.next_cursor,
                Err(error) => return Ok(report::walk_failed(&error)),
            };
            let Some(next) = next else {
                return Ok(report::walked(seen.len() + 1, "the walk ends by itself", Verdict::Good));
            };
            if !seen.insert(next.clone()) {
                return Ok(report::walked(seen.len(), "a cursor came twice, which ends the walk", Verdict::Good));
            }
            counts &= cursor.as_deref().is_none_or(|before| counts_on(before, &next));
            if seen.len() == PAGES {
                // A provider of page numbers cannot tell; anything else is the component's making.
                let (what, verdict) = if counts {
                    ("page numbers count on for as long as there is another page", Verdict::Note)
                } else {
                    ("each page names a new one for ever, though upstream gives the same", Verdict::Broken)
                };
                return Ok(report::walked(PAGES, what, verdict));
            }
            cursor = Some(next);
        }
    }

    /// Runs one operation, and gives what it came to and how many requests it sent.
    async fn call<O: Operation>(&self, operation: O) -> anyhow::Result<(Result<O::Answer, CallError>, u32)> {
        let token = match self.component.manifest.auth {
            Auth::Fields => None,
            Auth::OAuth2(_) | Auth::ServiceAccount(_) => Some(Secret::new(MADE_UP.to_owned())),
        };
        let account = self.account.clone().filter(|_| O::NAME != Connect::NAME);
        let dry_run = DryRun { fields: self.fields.clone(), token, account, requests: Limits::default().requests };
        let recorder = CallRecorder::default();
        let call = dry_run.into_call(&self.component, activity.clone()).map_err(|error| {
            anyhow::anyhow!("the made-up fields do not fit, so give them with --field NAME=VALUE: {error}")
        })?;
        let outcome = self.sandbox.run(&self.component, call, operation).await;
        Ok((outcome, recorder.stats().requests))
    }
}

/// An operation that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TestedOperation {
    Connect,
    Health,
    ListUsers,
    AlertTarget,
    Disconnect,
}

impl TestedOperation {
    /// The operation's name in a report.
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

/// Whether a cursor is the one before with a number in it that has grown.
fn counts_on(before: &str, next: &str) -> bool {
    let digits = |letter: char| letter.is_ascii_digit();
    let same_words =
        before.split(digits).filter(|word| !word.is_empty()).eq(next.split(digits).filter(|word| !word.is_empty()));
    let numbers = |text: &str| -> Vec<u128> {
        let runs = text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty());
        runs.map(|run| run.parse().unwrap_or(u128::MAX)).collect()
    };
    same_words && numbers(before) < numbers(next)
}

/// A value for every field that is needed or plain, where none was given.
fn fields(manifest: &Manifest, given: BTreeMap<String, SubmittedValue>) -> anyhow::Result<BTreeMap<String, SubmittedValue>> {
    let mut fields = given;
    for field in manifest.fields.iter().filter(|field| field.required) {
        if !fields.contains_key(&field.name) {
            let made = made_up(field)
                .with_context(|| format!("no value comes to mind for `{}`: give it with --field", field.name))?;
            fields.insert(field.name.clone(), SubmittedValue::Text(Secret::new(made)));
        }
    }
    Ok(fields)
}

fn made_up(field: &Field) -> Option<String> {
    if let Some(pattern) = &field.pattern {
        return example_of_pattern(pattern);
    }
    Some(match field.kind {
        FieldKind::Text => MADE_UP.to_owned(),
        FieldKind::Email => "conformance@acme.example".to_owned(),
        FieldKind::Url => "https://hooks.acme.example/conformance".to_owned(),
        FieldKind::Json => format!("{{\"made_up\":\"{MADE_UP}\"}}"),
        FieldKind::Choice => field.choices.first()?.value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::counts_on;

    #[test]
    fn a_page_number_counts_on_and_another_cursor_does_not() {
        for (before, next, counts) in [
            ("9", "10", true),
            ("9.200", "10.200", true),
            ("a1", "b2", false),
            ("abc", "abcd", false),
            ("2", "1", false),
        ] {
            assert_eq!(counts_on(before, next), counts, "{before} {next}");
        }
    }
}
