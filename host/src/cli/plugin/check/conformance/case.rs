//! The cases: what an upstream does, and what no component may make of it.

/// One case.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) does: Upstream,
    pub(super) may: May,
}

/// What an upstream does with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    /// A status, further header fields and a body.
    Answers { status: u16, fields: &'static str, body: &'static [u8] },
    /// Ten megabytes: a recorded answer in blanks, or an object with a long text.
    Huge,
    /// A recorded answer up to its middle, or an object up to there, whole as far as HTTP knows.
    CutOff,
    /// An answer whose connection breaks within.
    BreaksOff,
    /// The connection is closed instead of an answer.
    HangsUp,
    /// Nothing, for as long as anybody waits.
    Silent,
    /// What was recorded.
    Recorded,
    /// The first page that was recorded, whatever page is asked for.
    SamePage,
    /// What was recorded, without any member whose name tells of mail.
    WithoutMail,
}

impl Upstream {
    /// Whether there is nothing to do without recordings.
    pub(super) fn needs_recordings(self) -> bool {
        matches!(self, Self::Recorded | Self::WithoutMail)
    }
}

/// What a component may make of a case, besides any error that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// Nothing: it is an outage, neither a success nor a word on the credential.
    Fail,
    /// The same, and it should be told as a wish to wait; with the seconds, where they are given.
    Wait(Option<u32>),
    /// It may well succeed.
    Succeed,
}

const HTML: &[u8] = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>";

const fn answers(status: u16, fields: &'static str, body: &'static [u8]) -> Upstream {
    Upstream::Answers { status, fields, body }
}

pub(super) const CASES: [Case; 18] = [
    Case { name: "recorded answers", does: Upstream::Recorded, may: May::Succeed },
    Case { name: "users without email", does: Upstream::WithoutMail, may: May::Succeed },
    Case { name: "429 with seconds", does: answers(429, "retry-after: 7\r\n", b"{}"), may: May::Wait(Some(7)) },
    Case {
        name: "429 with a date",
        does: answers(
            429,
            "date: Sun, 06 Nov 1994 08:48:07 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            b"{}",
        ),
        may: May::Wait(None),
    },
    Case { name: "429 without a wait", does: answers(429, "", b""), may: May::Wait(None) },
    Case { name: "500 with JSON", does: answers(500, JSON, b"{\"error\":\"internal\"}"), may: May::Fail },
    Case { name: "502 with HTML", does: answers(502, "content-type: text/html\r\n", HTML), may: May::Fail },
    Case { name: "503 and nothing", does: answers(503, "", b""), may: May::Fail },
    Case { name: "HTML instead of JSON", does: answers(200, "content-type: text/html\r\n", HTML), may: May::Fail },
    Case {
        name: "JSON of another shape",
        does: answers(200, JSON, b"[1,\"two\",null,{\"three\":[[]]}]"),
        may: May::Fail,
    },
    Case { name: "JSON nested deeply", does: answers(200, JSON, DEEP), may: May::Fail },
    Case { name: "JSON that is cut off", does: Upstream::CutOff, may: May::Fail },
    Case { name: "bytes that are no text", does: answers(200, JSON, b"{\"\x00\x01\xff\xfe"), may: May::Fail },
    Case { name: "an empty body", does: answers(200, JSON, b""), may: May::Fail },
    Case { name: "ten megabytes", does: Upstream::Huge, may: May::Succeed },
    Case { name: "an answer that breaks off", does: Upstream::BreaksOff, may: May::Fail },
    Case { name: "a connection that is closed", does: Upstream::HangsUp, may: May::Fail },
    Case { name: "no answer in time", does: Upstream::Silent, may: May::Fail },
];

const JSON: &str = "content-type: application/json\r\n";

/// Deeper than any reader of JSON should follow on a stack of its own.
const DEEP: &[u8] = &[b'['; 4096];
