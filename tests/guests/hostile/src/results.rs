//! Results that are too large, or that the contract does not allow.

use crate::{
    bindings::jackfield::provider::types::{Error, HttpError, InvalidField, Report, ReportValue, UpstreamError, User},
    text,
};

/// Creates a user with this id.
pub(crate) fn user(id: &str) -> User {
    User {
        external_id: id.to_owned(),
        name: "Hostile \u{202e}resU\u{1b}[31m <b>".to_owned(),
        email: Some("user@hostile.example.com".to_owned()),
        aliases: Vec::new(),
        active: true,
    }
}

/// Creates a user without heap memory, so that a million of them fit.
pub(crate) fn minimal_user() -> User {
    User { external_id: "1".to_owned(), name: String::new(), email: None, aliases: Vec::new(), active: true }
}

pub(crate) fn bad_report(which: &str) -> Vec<Report> {
    let report = |name: &str, value| vec![Report { name: name.to_owned(), value }];
    match which {
        "infinite" => report("bad", ReportValue::Number(f64::NEG_INFINITY)),
        "name" => report("Bad Name\n", ReportValue::Flag(true)),
        "reserved" => report("configured", ReportValue::Flag(false)),
        "twice" => [report("bad", ReportValue::Flag(true)), report("bad", ReportValue::Flag(false))].concat(),
        "control" => report("bad", ReportValue::Text("\0\u{1b}[2J\u{202e}\r\n".to_owned())),
        "texts" => report("bad", ReportValue::Texts(vec!["t".to_owned(); 65])),
        _ => report("bad", ReportValue::Number(f64::NAN)),
    }
}

pub(crate) fn long_fields(length: usize) -> Vec<Report> {
    let long = "l".repeat(length);
    vec![
        Report { name: "long".to_owned(), value: ReportValue::Text(long.clone()) },
        Report { name: long, value: ReportValue::Flag(true) },
    ]
}

pub(crate) fn many_reports(count: usize) -> Vec<Report> {
    (0..count).map(|number| text(&format!("report_{number}"), "many")).collect()
}

pub(crate) fn error(which: &str) -> Error {
    let words = "token_revoked\r\nX-Forged: 1\u{1b}[31m\u{202e}<script>".to_owned();
    match which {
        "unauthorized" => Error::Unauthorized(words),
        "forbidden" => Error::Forbidden(words),
        "rate-limited" => Error::RateLimited(Some(u32::MAX)),
        "rate-limited-without-time" => Error::RateLimited(None),
        "unsupported" => Error::Unsupported(words),
        "upstream" => Error::Upstream(UpstreamError { status: 503, message: words }),
        "impossible-status" => Error::Upstream(UpstreamError { status: u16::MAX, message: words }),
        "invalid" => Error::Invalid(InvalidField { field: "behaviour".to_owned(), message: words }),
        "invalid-unknown-field" => Error::Invalid(InvalidField { field: words.clone(), message: words }),
        "timed-out" => Error::Http(HttpError::TimedOut),
        "unreachable" => Error::Http(HttpError::Unreachable(words)),
        _ => Error::Malformed(words),
    }
}
