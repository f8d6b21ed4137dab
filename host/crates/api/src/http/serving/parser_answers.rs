//! Completes the answers of hyper's own parser: a problem with a request id instead of an empty body.
//!
//! hyper answers a request that it cannot parse without asking any service, and has no option for its body. It writes
//! only `connection`, `content-length: 0` and `date`; every answer of the service has `x-request-id` as well.

use http::StatusCode;
use uuid::Uuid;

use crate::http::errors::ProblemView;

/// The longest answer of hyper's parser, in bytes.
const MAX_ANSWER: usize = 512;

/// Returns what to send if these bytes end with an answer of the parser.
///
/// The HTTP connection must not have a running request. An answer of the parser is the last one of its HTTP
/// connection; the bytes before it belong to previous answers.
pub(super) fn complete(bytes: &[u8]) -> Option<Vec<u8>> {
    let (before, status) = find_answer(bytes)?;
    let id = Uuid::now_v7().simple().to_string();
    tracing::info!(id, status = status.as_u16(), "request rejected: it is not valid HTTP");
    let problem = ProblemView::of_parser(status, detail(status), &id);
    let body = serde_json::to_vec(&problem).ok()?;
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nx-request-id: {id}\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
    );
    Some([before, head.as_bytes(), &body].concat())
}

/// Splits the parser's answer from the bytes before it.
fn find_answer(bytes: &[u8]) -> Option<(&[u8], StatusCode)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = bytes.len().saturating_sub(MAX_ANSWER);
    let start = tail + bytes[tail..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let (before, answer) = bytes.split_at(start);
    let mut lines = std::str::from_utf8(answer).ok()?.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let is_empty = answer.windows(19).any(|window| window.eq_ignore_ascii_case(b"content-length: 0\r\n"));
    let is_parsers = lines.all(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        matches!(name.as_str(), "connection" | "content-length" | "date")
    });
    let is_rejected = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    (is_empty && is_parsers && is_rejected).then_some((before, status))
}

fn detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::URI_TOO_LONG => "the address of the request is too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the headers of the request are too large, or too many; at most 64 KiB and 100 fields are accepted"
        }
        _ => "the request is not valid HTTP: its request line, a header field or its framing cannot be parsed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                          date: Mon, 30 Nov 2026 16:00:00 GMT\r\n\r\n";

    #[test]
    fn an_answer_of_the_parser_becomes_a_problem_after_the_previous_answers() {
        let previous = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-request-id: 1\r\n\r\nok\n";
        for before in ["", previous] {
            let complete = complete(format!("{before}{ANSWER}").as_bytes()).expect("is completed");
            let text = String::from_utf8(complete).expect("text");
            let (head, body) = text.strip_prefix(before).expect("unchanged").split_once("\r\n\r\n").expect("a head");
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
            assert_eq!((&body["status"], &body["code"]), (&400.into(), &"invalid_request".into()));
            assert!(head.contains(&format!("x-request-id: {}", body["request_id"].as_str().expect("an id"))));
        }
    }

    #[test]
    fn other_answers_are_unchanged() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: 1\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nx",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "\r\n\r\n",
            "",
        ] {
            assert_eq!(complete(answer.as_bytes()), None, "{answer}");
        }
    }
}
