//! Between the contract's types and ours: requests, answers, errors, and text as it may be shown.

use jackfield_core::manifest::Method;
use jackfield_egress::{Denial, Refusal, Request, Response, SendError};

use super::bindings::jackfield::provider::http;

/// Characters of a text that a guest hands on.
const TEXT: usize = 500;

/// A guest's text as it may stand in a log, an answer or on a screen: cut, without control characters.
pub(super) fn clean(text: &str, characters: usize) -> String {
    let mut cut: String = text
        .chars()
        .take(characters)
        .map(|letter| if letter.is_control() || is_bidirectional(letter) { '\u{fffd}' } else { letter })
        .collect();
    if text.len() > cut.len() && text.chars().nth(characters).is_some() {
        cut.push('…');
    }
    cut
}

/// Like [`clean`], without a copy where there is nothing to clean: most names of most pages.
pub(super) fn cleaned(text: String, characters: usize) -> String {
    if text.len() <= characters && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return text;
    }
    clean(&text, characters)
}

/// Marks that turn the direction of text, by which one name can look like another.
pub(super) fn is_bidirectional(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A guest's request as `egress` takes it, unjudged.
pub(super) fn request(request: http::Request) -> Request {
    Request {
        method: method(request.method),
        url: request.url,
        headers: request.headers.into_iter().map(|http::Header { name, value }| (name, value)).collect(),
        body: request.body,
    }
}

/// The contract's method as ours.
pub(super) fn method(method: http::Method) -> Method {
    match method {
        http::Method::Get => Method::Get,
        http::Method::Head => Method::Head,
        http::Method::Post => Method::Post,
        http::Method::Put => Method::Put,
        http::Method::Patch => Method::Patch,
        http::Method::Delete => Method::Delete,
    }
}

/// A provider's answer as a guest gets it.
pub(super) fn response(response: Response) -> http::Response {
    http::Response {
        status: response.status,
        headers: response.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect(),
        body: response.body,
    }
}

/// Why there is no answer, as a guest is told.
pub(super) fn send_error(error: SendError) -> http::Error {
    match error {
        SendError::Denied(denial) => {
            http::Error::Denied(http::Denial { rule: denial.rule.to_owned(), message: denial.message })
        }
        SendError::TimedOut => http::Error::TimedOut,
        SendError::TooLarge => http::Error::TooLarge,
        SendError::Unreachable(why) => http::Error::Unreachable(why),
        SendError::RateLimited(seconds) => http::Error::RateLimited(seconds),
        SendError::Malformed(why) => http::Error::Malformed(why),
        SendError::CredentialRefused(refusal) => http::Error::CredentialRefused(http::Refusal {
            status: refusal.status,
            error: refusal.error,
            description: refusal.description,
            date: refusal.date,
        }),
    }
}

/// The same on its way back, in a component's own error.
pub(super) fn no_answer(error: http::Error) -> SendError {
    match error {
        http::Error::Denied(denial) => {
            SendError::Denied(Denial { rule: "denied", message: clean(&denial.message, TEXT) })
        }
        http::Error::TimedOut => SendError::TimedOut,
        http::Error::TooLarge => SendError::TooLarge,
        http::Error::Unreachable(why) => SendError::Unreachable(clean(&why, TEXT)),
        http::Error::RateLimited(seconds) => SendError::RateLimited(seconds),
        http::Error::Malformed(why) => SendError::Malformed(clean(&why, TEXT)),
        http::Error::CredentialRefused(refusal) => SendError::CredentialRefused(Refusal {
            status: refusal.status,
            error: refusal.error.map(|word| clean(&word, TEXT)),
            description: refusal.description.map(|text| clean(&text, TEXT)),
            date: refusal.date.map(|text| clean(&text, TEXT)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_text_is_cut_and_cleaned() {
        assert_eq!(clean("plain", 10), "plain");
        assert_eq!(clean("a\r\n\u{1b}[31mred\u{202e}", 20), "a\u{fffd}\u{fffd}\u{fffd}[31mred\u{fffd}");
        assert_eq!(clean("ääää", 3), "äää…");
        assert_eq!(clean("äää", 3), "äää");
        assert_eq!(cleaned("Zoë".to_owned(), 500), "Zoë");
    }
}
