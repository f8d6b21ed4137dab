//! What a component made of each case, judged and told.

use std::fmt::Write as _;

use jackfield_egress::SendError;
use jackfield_sandbox::{CallError, ConnectOutcome, ProviderError};
use serde::Serialize;

use super::case::{Case, May};

/// One case and one operation.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    case: &'static str,
    operation: &'static str,
    /// What came back.
    came: String,
    pub(super) verdict: Verdict,
    /// Why it is not simply good.
    why: Option<&'static str>,
}

/// What is to be thought of what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Good,
    /// It could be better, and harms nobody.
    Note,
    Broken,
}

/// Judges what an operation made of a case.
pub(super) fn judged(
    case: &Case,
    operation: &'static str,
    harmless: bool,
    outcome: &Result<String, CallError>,
) -> Line {
    let (verdict, why) = match (outcome, case.may) {
        (Err(CallError::Fault(_)), _) => {
            (Verdict::Broken, Some("the component failed; the API would answer `plugin_fault`"))
        }
        (Err(CallError::ProviderTimeout), _) => {
            (Verdict::Note, Some("the call waited until its whole time was over; ask fewer times"))
        }
        (Err(CallError::Overloaded), _) => (Verdict::Note, Some("it was not tried")),
        // Nothing was asked, or it is undone at a provider that makes no sense: the connection goes anyway.
        (_, _) if harmless => (Verdict::Good, None),
        (Ok(_), May::Succeed) => (Verdict::Good, None),
        (Ok(_), May::Fail | May::Wait(_)) => {
            (Verdict::Broken, Some("a success, though there was no answer to speak of"))
        }
        (Err(CallError::Provider(error)), may) => refused(error, may),
    };
    Line { case: case.name, operation, came: outcome.as_ref().map_or_else(in_a_line, String::clone), verdict, why }
}

fn refused(error: &ProviderError, may: May) -> (Verdict, Option<&'static str>) {
    let waits = match error {
        ProviderError::RateLimited(seconds) => Some(*seconds),
        ProviderError::Http(SendError::RateLimited(seconds)) => Some(Some(*seconds)),
        _ => None,
    };
    match (error, may, waits) {
        (ProviderError::Unauthorized(_), May::Fail | May::Wait(_), _) => {
            (Verdict::Broken, Some("an outage looks like a dead credential, and the connection would be lost"))
        }
        (_, May::Wait(_), None) => (Verdict::Note, Some("it could be told as `rate-limited`")),
        (_, May::Wait(Some(wanted)), Some(told)) if told != Some(wanted) => {
            (Verdict::Note, Some("the seconds to wait are lost"))
        }
        _ => (Verdict::Good, None),
    }
}

/// The walk through pages that do not end.
pub(super) fn walked(pages: usize, what: &'static str, verdict: Verdict) -> Line {
    let why = (verdict != Verdict::Good).then_some(what);
    Line {
        case: "the same page for ever",
        operation: "list-users",
        came: format!("pages: {pages}; {what}"),
        verdict,
        why,
    }
}

/// The same, ended by an error.
pub(super) fn walk_failed(error: &CallError) -> Line {
    let fault = matches!(error, CallError::Fault(_));
    let verdict = if fault { Verdict::Broken } else { Verdict::Good };
    let why = fault.then_some("the component failed; the API would answer `plugin_fault`");
    Line { case: "the same page for ever", operation: "list-users", came: in_a_line(error), verdict, why }
}

/// Describes the answer to a connect.
pub(super) fn describe_connect(outcome: &ConnectOutcome) -> String {
    match outcome {
        ConnectOutcome::Connected { .. } => "connected".to_owned(),
        ConnectOutcome::Choose(accounts) => format!("a choice of {} accounts", accounts.len()),
    }
}

fn in_a_line(error: &CallError) -> String {
    let text = match error {
        CallError::Provider(refusal) => refusal.to_string(),
        CallError::Fault(fault) => fault.clone(),
        CallError::ProviderTimeout | CallError::Overloaded => error.to_string(),
    };
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

pub(super) fn in_words(lines: &[Line], with_recordings: bool) -> String {
    let mut text = String::new();
    for line in lines {
        let mark = match line.verdict {
            Verdict::Good => "✓",
            Verdict::Note => "!",
            Verdict::Broken => "✗",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{mark} {:<28} {:<12}  {}", line.case, line.operation, line.came);
        if let Some(why) = line.why {
            let _ = writeln!(text, "  → {why}");
        }
    }
    let broken = lines.iter().filter(|line| line.verdict == Verdict::Broken).count();
    let _ = write!(text, "{} cases, {broken} broken", lines.len());
    if !with_recordings {
        text.push_str("; with --fixtures FOLDER good answers, users without email and endless pages are tried too");
    }
    text
}

pub(super) fn as_json(lines: &[Line]) -> anyhow::Result<String> {
    let broken = lines.iter().filter(|line| line.verdict == Verdict::Broken).count();
    Ok(serde_json::to_string_pretty(&serde_json::json!({ "ok": broken == 0, "cases": lines }))?)
}
