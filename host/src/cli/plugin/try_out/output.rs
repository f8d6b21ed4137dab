//! The output of `plugin try`, as text and as JSON. Credentials are already masked.

use std::{fmt::Write as _, time::Duration};

use jackfield_egress::{CallStats, GuestLine, LineSource, ResponseSummary, TracedRequest};
use jackfield_sandbox::{ConnectOutcome, DisconnectOutcome, HealthFacts, ProviderUsers, UpstreamFate};
use serde_json::{Value, json};

use super::TryError;

/// What is shown for a request without a response.
const CALL_ENDED: &str = "the call ended before a response";

/// One call of a function.
pub(super) struct TryReport {
    pub(super) requests: Vec<TracedRequest>,
    /// What the component wrote to its log and its output.
    pub(super) lines: Vec<GuestLine>,
    /// The answer as JSON.
    pub(super) answer: Result<Value, TryError>,
    pub(super) stats: CallStats,
    pub(super) total_time: Duration,
}

impl TryReport {
    /// Formats the report for a terminal.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (index, request) in self.requests.iter().enumerate() {
            text.push_str(&self.format_lines_after(index));
            text.push_str(&format_request(request));
            text.push('\n');
        }
        text.push_str(&self.format_lines_after(self.requests.len()));
        if let Ok(answer) = &self.answer {
            text.push_str(&format!("{answer:#}\n\n"));
        }
        let CallStats { requests, denied, sent_bytes, received_bytes, upstream, guest, memory_bytes, fuel } =
            self.stats;
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "time      {} total, {} in the guest, {} upstream\nmemory    {:.1} MiB at most\nrequests  {requests}, \
             {denied} denied, {sent_bytes} bytes sent, {received_bytes} bytes received",
            format_ms(self.total_time),
            format_ms(guest),
            format_ms(upstream),
            memory_bytes as f64 / f64::from(1 << 20),
        );
        if let Some(fuel) = fuel {
            let _ = write!(text, "\nfuel      {fuel}, about one for each instruction of the guest");
        }
        text
    }

    /// Formats what the component wrote after this number of requests.
    fn format_lines_after(&self, requests: usize) -> String {
        let lines = self.lines.iter().filter(|line| line.after_requests == requests);
        let text: String = lines.map(|line| format!("{}\n", format_guest_line(line))).collect();
        if text.is_empty() { text } else { format!("{text}\n") }
    }

    /// Formats the report as JSON.
    pub(super) fn to_json(&self) -> Value {
        let requests: Vec<Value> = self.requests.iter().map(request_to_json).collect();
        let error = self.answer.as_ref().err();
        json!({
            "requests": requests,
            "log": self.lines,
            "answer": self.answer.as_ref().ok(),
            "error": error.map(|error| json!({ "code": error.code, "detail": error.message })),
            "ms": to_ms(self.total_time),
            "activity": self.stats,
        })
    }
}

fn request_to_json(request: &TracedRequest) -> Value {
    let headers: Vec<Value> =
        request.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let (response, error) = match &request.outcome {
        Some(Ok(response)) => (Some(response), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, Some(CALL_ENDED.to_owned())),
    };
    json!({
        "method": request.method,
        "url": request.url,
        "headers": headers,
        "body_bytes": request.body_bytes,
        "status": response.map(|response| response.status),
        "received_bytes": response.map(|response| response.body_bytes),
        "error": error,
        "ms": to_ms(request.time),
    })
}

/// Formats a line of the component: where it was written, and the text.
pub(in crate::cli::plugin) fn format_guest_line(line: &GuestLine) -> String {
    let source = match line.source {
        LineSource::Debug => "debug",
        LineSource::Info => "info",
        LineSource::Warn => "warn",
        LineSource::Error => "error",
        LineSource::Stdout => "stdout",
        LineSource::Stderr => "stderr",
    };
    format!("{source:<6} | {}", line.text)
}

/// Formats one request and its response.
fn format_request(request: &TracedRequest) -> String {
    // Escaped, because a denied request is text of the component, and could control the terminal.
    let mut text = format!("{} {}\n", request.method.as_str(), request.url.escape_debug());
    for (name, value) in &request.headers {
        let _ = writeln!(text, "  {}: {}", name.escape_debug(), value.escape_debug());
    }
    if request.body_bytes > 0 {
        let _ = writeln!(text, "  {} bytes in the body", request.body_bytes);
    }
    let time = format_ms(request.time);
    let outcome = match &request.outcome {
        Some(Ok(ResponseSummary { status, body_bytes })) => format!("{status}, {body_bytes} bytes, {time}"),
        Some(Err(error)) => format!("{}, {time}", error.to_string().escape_debug()),
        None => CALL_ENDED.to_owned(),
    };
    let _ = writeln!(text, "  → {outcome}");
    text
}

pub(super) fn connect_to_json(outcome: &ConnectOutcome) -> Value {
    match outcome {
        ConnectOutcome::Connected { org_name, account, learned } => {
            json!({ "connected": { "org_name": org_name, "account": account, "learned": learned } })
        }
        ConnectOutcome::Choose(accounts) => json!({ "choose": accounts }),
    }
}

pub(super) fn disconnect_to_json(outcome: &DisconnectOutcome) -> Value {
    let upstream = match outcome.upstream {
        UpstreamFate::Revoked => "revoked",
        UpstreamFate::RevokeGrant => "the host revokes the grant",
        UpstreamFate::Kept => "kept",
    };
    json!({ "disconnected": { "upstream": upstream, "note": outcome.note } })
}

pub(super) fn health_to_json(facts: &HealthFacts) -> Value {
    json!({ "healthy": facts })
}

pub(super) fn users_to_json(page: &ProviderUsers) -> Value {
    let mut shown = json!({ "users": page.users, "next_cursor": page.next_cursor });
    if page.skipped > 0 {
        shown["skipped"] = page.skipped.into();
    }
    shown
}

pub(super) fn alert_target_to_json(webhook_url: &Option<String>) -> Value {
    json!({ "webhook_url": webhook_url })
}

fn format_ms(time: Duration) -> String {
    format!("{} ms", to_ms(time))
}

/// Returns milliseconds with three decimals.
fn to_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
