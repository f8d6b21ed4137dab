//! What was tried, as a person reads it in a terminal and as JSON. The credential is masked before it comes here.

use std::{fmt::Write as _, time::Duration};

use jackfield_egress::{CallStats, ResponseSummary, TracedRequest};
use jackfield_sandbox::{ConnectOutcome, DisconnectOutcome, HealthFacts, ProviderUsers, UpstreamFate};
use serde_json::{Value, json};

use super::Failure;

/// One operation that was run.
pub(super) struct Run {
    pub(super) exchanges: Vec<TracedRequest>,
    /// The answer as JSON.
    pub(super) answer: Result<Value, Failure>,
    pub(super) tally: CallStats,
    pub(super) in_all: Duration,
}

impl Run {
    pub(super) fn in_words(&self) -> String {
        let mut text = String::new();
        for exchange in &self.exchanges {
            text.push_str(&asked(exchange));
            text.push('\n');
        }
        if let Ok(answer) = &self.answer {
            text.push_str(&format!("{answer:#}\n\n"));
        }
        let CallStats { requests, denied, sent_bytes, received_bytes, upstream, guest, memory_bytes, fuel } = self.tally;
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "time      {} in all, {} in the guest, {} upstream\nmemory    {:.1} MiB at most\nrequests  {requests}, {denied} \
             denied, {sent_bytes} bytes sent, {received_bytes} bytes received",
            ms(self.in_all),
            ms(guest),
            ms(upstream),
            memory_bytes as f64 / f64::from(1 << 20),
        );
        if let Some(fuel) = fuel {
            let _ = write!(text, "\nfuel      {fuel}, about one for each instruction of the guest");
        }
        text
    }

    pub(super) fn as_json(&self) -> Value {
        let exchanges: Vec<Value> = self
            .exchanges
            .iter()
            .map(|exchange| {
                let headers: Vec<Value> =
                    exchange.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
                let (received, error) = match &exchange.outcome {
                    Some(Ok(received)) => (Some(received), None),
                    Some(Err(error)) => (None, Some(error.to_string())),
                    None => (None, Some("the call ended first".to_owned())),
                };
                json!({
                    "method": exchange.method,
                    "url": exchange.url,
                    "headers": headers,
                    "body_bytes": exchange.body_bytes,
                    "status": received.map(|received| received.status),
                    "received_bytes": received.map(|received| received.body_bytes),
                    "error": error,
                    "ms": thousandths(exchange.time),
                })
            })
            .collect();
        json!({
            "requests": exchanges,
            "answer": self.answer.as_ref().ok(),
            "error": self.answer.as_ref().err().map(|failure| json!({ "code": failure.code, "detail": failure.words })),
            "ms": thousandths(self.in_all),
            "activity": self.tally,
        })
    }
}

/// One request and what came of it.
fn asked(exchange: &TracedRequest) -> String {
    // A request that was refused is the component's own text, and stands in a terminal.
    let mut text = format!("{} {}\n", exchange.method.as_str(), exchange.url.escape_debug());
    for (name, value) in &exchange.headers {
        let _ = writeln!(text, "  {}: {}", name.escape_debug(), value.escape_debug());
    }
    if exchange.body_bytes > 0 {
        let _ = writeln!(text, "  a body of {} bytes", exchange.body_bytes);
    }
    let outcome = match &exchange.outcome {
        Some(Ok(ResponseSummary { status, body_bytes })) => format!("{status}, {body_bytes} bytes, {}", ms(exchange.time)),
        Some(Err(error)) => format!("{}, {}", error.to_string().escape_debug(), ms(exchange.time)),
        None => "the call ended first".to_owned(),
    };
    let _ = writeln!(text, "  → {outcome}");
    text
}

pub(super) fn connect_as_json(outcome: &ConnectOutcome) -> Value {
    match outcome {
        ConnectOutcome::Connected { org_name, account, learned } => {
            json!({ "connected": { "org_name": org_name, "account": account, "learned": learned } })
        }
        ConnectOutcome::Choose(accounts) => json!({ "choose": accounts }),
    }
}

pub(super) fn disconnect_as_json(outcome: &DisconnectOutcome) -> Value {
    let upstream = match outcome.upstream {
        UpstreamFate::Revoked => "revoked",
        UpstreamFate::RevokeGrant => "the host revokes the grant",
        UpstreamFate::Kept => "kept",
    };
    json!({ "disconnected": { "upstream": upstream, "note": outcome.note } })
}

pub(super) fn health_as_json(facts: &HealthFacts) -> Value {
    json!({ "healthy": facts })
}

pub(super) fn users_as_json(page: &ProviderUsers) -> Value {
    json!({ "users": page.users, "next_cursor": page.next_cursor })
}

pub(super) fn alert_target_as_json(webhook_url: &Option<String>) -> Value {
    json!({ "webhook_url": webhook_url })
}

fn ms(time: Duration) -> String {
    format!("{} ms", thousandths(time))
}

/// Milliseconds, to the microsecond.
fn thousandths(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
