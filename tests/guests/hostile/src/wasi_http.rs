//! Attacks through `wasi:http`: what `http.send` refuses, and what the standard has beyond it.

use wasip2::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
            OutgoingResponse, RequestOptions, Scheme,
        },
    },
    io::streams::{OutputStream, StreamError},
};

use crate::{BARE_HOST, HOST, bindings::jackfield::provider::types::Report, number, requests::pieces, text};

/// A request in the making.
struct Attempt<'a> {
    method: Method,
    scheme: Scheme,
    authority: &'a str,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl Default for Attempt<'_> {
    fn default() -> Self {
        Self { method: Method::Get, scheme: Scheme::Https, authority: HOST, path: "/ok", fields: &[], body: &[] }
    }
}

impl Attempt<'_> {
    fn made(&self) -> Result<(OutgoingRequest, OutgoingBody), String> {
        let fields = Fields::new();
        for (name, value) in self.fields {
            fields.append(name, value.as_bytes()).map_err(|error| format!("field: {error:?}"))?;
        }
        let request = OutgoingRequest::new(fields);
        let unfit = |what: &str| format!("unfit {what}");
        request.set_method(&self.method).map_err(|()| unfit("method"))?;
        request.set_scheme(Some(&self.scheme)).map_err(|()| unfit("scheme"))?;
        request.set_authority(Some(self.authority)).map_err(|()| unfit("authority"))?;
        request.set_path_with_query(Some(self.path)).map_err(|()| unfit("path"))?;
        let body = request.body().map_err(|()| unfit("body"))?;
        Ok((request, body))
    }

    fn sent(&self) -> Result<IncomingResponse, String> {
        let (request, body) = self.made()?;
        let options = (self.path == "/slow").then(|| {
            let options = RequestOptions::new();
            // A library's own time-out, far beyond the call's.
            let _taken = options.set_first_byte_timeout(Some(600_000_000_000));
            options
        });
        let answer = outgoing_handler::handle(request, options).map_err(|error| told(&error))?;
        let stream = body.write().map_err(|()| "no stream".to_owned())?;
        let written = write(&stream, self.body);
        drop(stream);
        let finished = OutgoingBody::finish(body, None);
        let answer = waited(&answer);
        match (answer, written, finished) {
            (Ok(answer), Ok(()), Ok(())) => Ok(answer),
            (Err(error), ..) => Err(error),
            (_, Err(error), _) => Err(format!("write: {error:?}")),
            (.., Err(error)) => Err(told(&error)),
        }
    }

    fn outcome(&self) -> String {
        match self.sent() {
            Ok(response) => format!("sent {}", response.status()),
            Err(error) => error,
        }
    }
}

/// Sends a GET and says what came of it.
pub(crate) fn get(authority: &str, path: &str) -> String {
    Attempt { authority, path, ..Attempt::default() }.outcome()
}

/// What a library sets by itself, which belongs to the host.
pub(crate) fn as_libraries_do() -> Vec<Report> {
    let fields = [
        ("Host", "undeclared.example.net"),
        ("Content-Length", "0"),
        ("Connection", "X-Auth-Token"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Accept-Encoding", "zstd"),
        ("User-Agent", "library/1"),
    ];
    vec![text("library", &Attempt { fields: &fields, ..Attempt::default() }.outcome())]
}

/// What no endpoint allows, and the fields that are the host's to refuse.
pub(crate) fn undeclared() -> Vec<Report> {
    const PATHS: [&str; 8] =
        ["/undeclared", "/", "/OK", "//ok", "/ok/../undeclared", "/ok/%2e%2e/undeclared", "/%6fk", "/ok%00"];
    let authorities = [
        "undeclared.example.net".to_owned(),
        format!("{HOST}:8443"),
        format!("{HOST}."),
        format!("sub.{HOST}"),
        format!("{HOST}@undeclared.example.net"),
        "127.0.0.1".to_owned(),
        "[::1]".to_owned(),
        "169.254.169.254".to_owned(),
        "localhost".to_owned(),
        String::new(),
    ];
    const FIELDS: [(&str, &str); 7] = [
        ("Authorization", "Bearer own"),
        ("X-Auth-Token", "own"),
        ("x_auth_token", "own"),
        ("Cookie", "session=own"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-Host", "undeclared.example.net"),
        ("Proxy-Authorization", "Basic b3duOm93bg=="),
    ];
    let methods = [Method::Put, Method::Connect, Method::Trace, Method::Options, Method::Other("PURGE".to_owned())];
    let mut reports = Vec::new();
    for (index, path) in PATHS.iter().enumerate() {
        reports.push(text(&format!("path_{index}"), &get(HOST, path)));
    }
    for (index, authority) in authorities.iter().enumerate() {
        reports.push(text(&format!("host_{index}"), &get(authority, "/ok")));
    }
    for (index, field) in FIELDS.iter().enumerate() {
        reports.push(text(&format!("field_{index}"), &Attempt { fields: &[*field], ..Attempt::default() }.outcome()));
    }
    for (index, method) in methods.into_iter().enumerate() {
        reports.push(text(&format!("method_{index}"), &Attempt { method, ..Attempt::default() }.outcome()));
    }
    for (name, scheme) in [("http", Scheme::Http), ("file", Scheme::Other("file".to_owned()))] {
        reports.push(text(name, &Attempt { scheme, ..Attempt::default() }.outcome()));
    }
    reports
}

/// Fields without an end.
pub(crate) fn fields() -> Vec<Report> {
    let fields = Fields::new();
    let long = vec![b'l'; 8 << 10];
    let taken = (0..1_000).take_while(|index| fields.append(&format!("x-{index}"), &long).is_ok()).count();
    vec![number("fields_kib", taken * 8)]
}

/// What the standard has beyond a plain request: large bodies, trailers, a server's side.
pub(crate) fn beyond() -> Vec<Report> {
    // A server's answer, which there is nobody to give to.
    let response = OutgoingResponse::new(Fields::new());
    let status = response.set_status_code(999).is_ok();
    vec![
        text("large_body", &post(&vec![b'b'; (1 << 20) + 1])),
        text("whole_body", &post(&vec![b'b'; 1 << 20])),
        text("trailers", &with_trailers()),
        text("server_side", &format!("{status}")),
        text("bare_host", &get(BARE_HOST, "/bare")),
    ]
}

/// Begins requests without an end and finishes none: bodies that stay open, answers that nobody reads.
pub(crate) fn unfinished(count: usize) -> Vec<Report> {
    let mut open = Vec::new();
    for _ in 0..count {
        let attempt = Attempt { method: Method::Post, path: "/echo", ..Attempt::default() };
        let Ok((request, body)) = attempt.made() else { break };
        let Ok(answer) = outgoing_handler::handle(request, None) else { break };
        let Ok(stream) = body.write() else { break };
        if stream.check_write().is_ok_and(|room| room > 0) {
            let _held = stream.write(&[b'b'; 1 << 10]);
        }
        open.push((answer, stream, body));
    }
    vec![number("open", open.len())]
}

/// Sends many requests, and says how many were answered.
pub(crate) fn flood(count: usize) -> Vec<Report> {
    let outcomes: Vec<String> = (0..count).map(|_| get(HOST, "/ok")).collect();
    let sent = outcomes.iter().filter(|outcome| outcome.starts_with("sent")).count();
    let refused: Vec<_> = outcomes.iter().filter(|outcome| !outcome.starts_with("sent")).collect();
    let mut reports = vec![number("sent", sent), number("refused", refused.len())];
    reports.extend(refused.first().map(|outcome| text("refusal", outcome)));
    reports
}

/// Reports all that the echo answered.
pub(crate) fn echo() -> Vec<Report> {
    let attempt = Attempt { method: Method::Post, path: "/echo", body: b"hello=echo", ..Attempt::default() };
    let response = match attempt.sent() {
        Ok(response) => response,
        Err(error) => return vec![text("echo", &error)],
    };
    let headers: String = response
        .headers()
        .entries()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
        .collect();
    vec![pieces("headers", &headers), pieces("body", &String::from_utf8_lossy(&read(&response)))]
}

fn post(body: &[u8]) -> String {
    Attempt { method: Method::Post, path: "/echo", body, ..Attempt::default() }.outcome()
}

fn with_trailers() -> String {
    let made = Attempt { method: Method::Post, path: "/echo", ..Attempt::default() }.made();
    let (request, body) = match made {
        Ok(made) => made,
        Err(error) => return error,
    };
    let answer = match outgoing_handler::handle(request, None) {
        Ok(answer) => answer,
        Err(error) => return told(&error),
    };
    let trailers = Fields::new();
    let _set = trailers.append("x-auth-token", b"own");
    let finished = OutgoingBody::finish(body, Some(trailers));
    match waited(&answer) {
        Ok(response) => format!("sent {}, {finished:?}", response.status()),
        Err(error) => error,
    }
}

fn waited(answer: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(error))) => Err(told(&error)),
        Some(Err(())) | None => Err("no answer".to_owned()),
    }
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes.chunks(4 << 10).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

fn read(response: &IncomingResponse) -> Vec<u8> {
    let Ok(body) = response.consume() else { return Vec::new() };
    let Ok(stream) = body.stream() else { return Vec::new() };
    let mut bytes = Vec::new();
    while let Ok(more) = stream.blocking_read(64 << 10) {
        bytes.extend(more);
    }
    bytes
}

fn told(error: &ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => "denied".to_owned(),
        error => format!("refused: {error:?}"),
    }
}
