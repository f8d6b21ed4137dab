//! The cases of the conformance check: what the provider does, and what a plugin may return.

/// One case.
pub(super) struct ConformanceCase {
    pub(super) name: &'static str,
    pub(super) behavior: Behavior,
    pub(super) expected: ExpectedResult,
}

/// What the stand-in does with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// Answers with a status, additional header fields and a body.
    Answer { status: u16, fields: &'static str, body: &'static [u8] },
    /// Answers with ten megabytes: a recorded response after white space, or an object with a long text.
    AnswerHuge,
    /// Answers with the first half of a recorded response or of an object, as a complete HTTP response.
    AnswerTruncated,
    /// Closes the socket during the body.
    BreakOff,
    /// Closes the socket without a response.
    HangUp,
    /// Sends nothing and keeps the socket open.
    StaySilent,
    /// Answers with the recorded response.
    Replay,
    /// Answers with the first recorded page, whatever page is requested.
    ReplayFirstPage,
    /// Answers with the recorded response, without members that have `mail` in their name.
    ReplayWithoutEmail,
}

/// What a plugin may return in a case.
///
/// An error that names the failure is always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedResult {
    /// Only an error, and not one that says the credential is invalid.
    Failure,
    /// The same, and preferably `rate-limited`, with these seconds if the provider sent them.
    RateLimit(Option<u32>),
    /// A success.
    Success,
}

impl Behavior {
    /// Returns whether the behavior makes sense only with recorded responses.
    pub(super) fn needs_recordings(self) -> bool {
        matches!(self, Self::Replay | Self::ReplayWithoutEmail)
    }
}

const fn case(name: &'static str, behavior: Behavior, expected: ExpectedResult) -> ConformanceCase {
    ConformanceCase { name, behavior, expected }
}

const fn answer(status: u16, fields: &'static str, body: &'static [u8]) -> Behavior {
    Behavior::Answer { status, fields, body }
}

pub(super) const CASES: [ConformanceCase; 18] = [
    case("recorded responses", Behavior::Replay, ExpectedResult::Success),
    case("users without email", Behavior::ReplayWithoutEmail, ExpectedResult::Success),
    case("429 with seconds", answer(429, "retry-after: 7\r\n", b"{}"), ExpectedResult::RateLimit(Some(7))),
    case("429 with a date", answer(429, RETRY_AT, b"{}"), ExpectedResult::RateLimit(None)),
    case("429 without retry-after", answer(429, "", b""), ExpectedResult::RateLimit(None)),
    case("500 with JSON", answer(500, JSON, b"{\"error\":\"internal\"}"), ExpectedResult::Failure),
    case("502 with HTML", answer(502, HTML, SIGN_IN_PAGE), ExpectedResult::Failure),
    case("503 without a body", answer(503, "", b""), ExpectedResult::Failure),
    case("HTML instead of JSON", answer(200, HTML, SIGN_IN_PAGE), ExpectedResult::Failure),
    case("JSON of another shape", answer(200, JSON, b"[1,\"two\",null,{\"three\":[[]]}]"), ExpectedResult::Failure),
    case("deeply nested JSON", answer(200, JSON, DEEP_JSON), ExpectedResult::Failure),
    case("truncated JSON", Behavior::AnswerTruncated, ExpectedResult::Failure),
    case("bytes that are not text", answer(200, JSON, b"{\"\x00\x01\xff\xfe"), ExpectedResult::Failure),
    case("an empty body", answer(200, JSON, b""), ExpectedResult::Failure),
    case("ten megabytes", Behavior::AnswerHuge, ExpectedResult::Success),
    case("a body that breaks off", Behavior::BreakOff, ExpectedResult::Failure),
    case("a closed connection", Behavior::HangUp, ExpectedResult::Failure),
    case("no response", Behavior::StaySilent, ExpectedResult::Failure),
];

const JSON: &str = "content-type: application/json\r\n";

const HTML: &str = "content-type: text/html\r\n";

const RETRY_AT: &str = "date: Sun, 06 Nov 1994 08:48:07 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

const SIGN_IN_PAGE: &[u8] =
    b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>";

/// Deeper than a recursive JSON parser can follow on a small stack.
const DEEP_JSON: &[u8] = &[b'['; 4096];
