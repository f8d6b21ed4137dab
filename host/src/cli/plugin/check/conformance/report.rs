//! The results of the conformance check: rated, and printed as text or JSON.

use std::{borrow::Cow, fmt::Write as _};

use jackfield_egress::{GuestLine, SendError};
use jackfield_sandbox::{CallError, ConnectOutcome, ProviderError};
use serde::Serialize;

use super::{
    super::super::try_out::format_guest_line,
    cases::{ConformanceCase, ExpectedResult},
    failing_provider::Replays,
};

/// Maximum length in characters of an error in the report.
const MAX_ERROR: usize = 160;

/// The name of the case that [`rate_pages`] reports.
const ENDLESS_PAGES: &str = "the same page forever";

/// The result of one operation in one case.
#[derive(Debug, Serialize)]
pub(super) struct CaseResult {
    case: &'static str,
    operation: &'static str,
    /// What the operation returned, in words.
    came: String,
    #[serde(rename = "verdict")]
    pub(super) rating: Rating,
    /// The reason for a rating that is not good.
    why: Option<Cow<'static, str>>,
    /// What the component wrote to its log and its output, if it is broken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<GuestLine>,
}

impl CaseResult {
    /// Rates a case in which recorded responses are the good ones, if some are missing.
    ///
    /// Without any of them nothing was tested. A disconnect needs none, because it works whatever the provider says.
    pub(super) fn with_replays(mut self, replays: &Replays, is_optional: bool) -> Self {
        let Some(missing) = replays.missing.first().filter(|_| self.rating == Rating::Good) else { return self };
        self.rating = if replays.found > 0 || is_optional { Rating::Note } else { Rating::Broken };
        self.why = Some(Cow::from(format!(
            "no exchange is recorded for {missing}; record it, or pass the values of the recording with --field and --account"
        )));
        self
    }

    /// Adds what the component wrote, if that can explain a broken case.
    pub(super) fn with_lines(mut self, lines: Vec<GuestLine>) -> Self {
        if self.rating == Rating::Broken {
            self.log = lines;
        }
        self
    }
}

/// How well a plugin handled a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rating {
    Good,
    /// It works, but could be better.
    Note,
    Broken,
}

const FAULT: &str = "the component failed; the API would answer `plugin_fault`";

/// Rates what an operation returned.
///
/// `is_harmless` means that a wrong result has no consequences.
pub(super) fn rate(
    case: &ConformanceCase,
    operation: &'static str,
    is_harmless: bool,
    outcome: &Result<String, CallError>,
) -> CaseResult {
    let (rating, why) = match (outcome, case.expected) {
        (Err(CallError::Fault(_) | CallError::Guess(_)), _) => (Rating::Broken, Some(FAULT)),
        (Err(CallError::ProviderTimeout), _) => {
            (Rating::Note, Some("the call used up its time; send fewer requests after a failure"))
        }
        (Err(CallError::Overloaded), _) => (Rating::Note, Some("the call did not run")),
        (_, _) if is_harmless => (Rating::Good, None),
        (Ok(_), ExpectedResult::Success) => (Rating::Good, None),
        (Ok(_), ExpectedResult::Failure | ExpectedResult::RateLimit(_)) => {
            (Rating::Broken, Some("a success, although the provider sent no usable response"))
        }
        (Err(CallError::Provider(error)), expected) => rate_error(error, expected),
    };
    let (came, why) = (outcome.as_ref().map_or_else(first_line, String::clone), why.map(Cow::from));
    CaseResult { case: case.name, operation, came, rating, why, log: Vec::new() }
}

fn rate_error(error: &ProviderError, expected: ExpectedResult) -> (Rating, Option<&'static str>) {
    let wait = match error {
        ProviderError::RateLimited(seconds) => Some(*seconds),
        ProviderError::Http(SendError::RateLimited(seconds)) => Some(Some(*seconds)),
        _ => None,
    };
    match (error, expected, wait) {
        (ProviderError::Unauthorized(_), ExpectedResult::Failure | ExpectedResult::RateLimit(_), _) => {
            (Rating::Broken, Some("an outage is reported as an invalid credential, so the connection would be lost"))
        }
        (_, ExpectedResult::RateLimit(_), None) => (Rating::Note, Some("could be reported as `rate-limited`")),
        (_, ExpectedResult::RateLimit(Some(seconds)), Some(wait)) if wait != Some(seconds) => {
            (Rating::Note, Some("the seconds to wait are lost"))
        }
        _ => (Rating::Good, None),
    }
}

/// Reports how the operation handled a list of pages that never ends.
pub(super) fn rate_pages(pages: usize, what: &'static str, rating: Rating) -> CaseResult {
    let why = (rating != Rating::Good).then_some(Cow::from(what));
    let came = format!("pages: {pages}; {what}");
    CaseResult { case: ENDLESS_PAGES, operation: "list-users", came, rating, why, log: Vec::new() }
}

/// Reports that the operation ended an endless list of pages with an error.
pub(super) fn rate_pages_error(error: &CallError) -> CaseResult {
    let is_fault = matches!(error, CallError::Fault(_) | CallError::Guess(_));
    let rating = if is_fault { Rating::Broken } else { Rating::Good };
    let why = is_fault.then_some(Cow::from(FAULT));
    CaseResult { case: ENDLESS_PAGES, operation: "list-users", came: first_line(error), rating, why, log: Vec::new() }
}

/// Describes the answer to a connect.
pub(super) fn describe_connect(outcome: &ConnectOutcome) -> String {
    match outcome {
        ConnectOutcome::Connected { .. } => "connected".to_owned(),
        ConnectOutcome::Choose(accounts) => format!("a choice of {} accounts", accounts.len()),
    }
}

/// Returns the first line of an error.
fn first_line(error: &CallError) -> String {
    let text = match error {
        CallError::Provider(error) => error.to_string(),
        CallError::Fault(fault) | CallError::Guess(fault) => fault.clone(),
        CallError::ProviderTimeout | CallError::Overloaded => error.to_string(),
    };
    text.lines().next().unwrap_or_default().chars().take(MAX_ERROR).collect()
}

/// Returns the number of results that are broken.
pub(super) fn count_broken(results: &[CaseResult]) -> usize {
    results.iter().filter(|result| result.rating == Rating::Broken).count()
}

/// Formats the results for a terminal.
pub(super) fn to_text(results: &[CaseResult], has_recordings: bool) -> String {
    let mut text = String::new();
    for result in results {
        let mark = match result.rating {
            Rating::Good => "✓",
            Rating::Note => "!",
            Rating::Broken => "✗",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{mark} {:<24} {:<12}  {}", result.case, result.operation, result.came);
        if let Some(why) = &result.why {
            let _ = writeln!(text, "  → {why}");
        }
        for line in &result.log {
            let _ = writeln!(text, "    {}", format_guest_line(line));
        }
    }
    let _ = write!(text, "{} cases, {} broken", results.len(), count_broken(results));
    if !has_recordings {
        text.push_str("; pass --fixtures FOLDER to also test good responses, users without email and endless pages");
    }
    text
}

/// Formats the results as JSON.
pub(super) fn to_json(results: &[CaseResult]) -> anyhow::Result<String> {
    let is_ok = count_broken(results) == 0;
    Ok(serde_json::to_string_pretty(&serde_json::json!({ "ok": is_ok, "cases": results }))?)
}
