//! Attacks through `wasi:http`: what `http.send` denies, and features that only the standard has.

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

use crate::{
    BARE_HOST, HOST,
    bindings::jackfield::provider::types::Report,
    number,
    requests::{FILLER, backwards, report_in_pieces, reverse},
    text,
};

/// A request to send through `wasi:http`.
struct WasiRequest<'a> {
    method: Method,
    scheme: Scheme,
    authority: &'a str,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl Default for WasiRequest<'_> {
    fn default() -> Self {
        Self { method: Method::Get, scheme: Scheme::Https, authority: HOST, path: "/ok", fields: &[], body: &[] }
    }
}

impl WasiRequest<'_> {
    fn build(&self) -> Result<(OutgoingRequest, OutgoingBody), String> {
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

    fn send(&self) -> Result<IncomingResponse, String> {
        let (request, body) = self.build()?;
        let options = (self.path == "/slow").then(|| {
            let options = RequestOptions::new();
            // The timeout of a library, far longer than that of the call.
            let _accepted = options.set_first_byte_timeout(Some(600_000_000_000));
            options
        });
        let response = outgoing_handler::handle(request, options).map_err(|error| error_text(&error))?;
        let stream = body.write().map_err(|()| "no stream".to_owned())?;
        let written = write(&stream, self.body);
        drop(stream);
        let finished = OutgoingBody::finish(body, None);
        let response = wait_for(&response);
        match (response, written, finished) {
            (Ok(response), Ok(()), Ok(())) => Ok(response),
            (Err(error), ..) => Err(error),
            (_, Err(error), _) => Err(format!("write: {error:?}")),
            (.., Err(error)) => Err(error_text(&error)),
        }
    }

    fn outcome(&self) -> String {
        match self.send() {
            Ok(response) => format!("sent {}", response.status()),
            Err(error) => error,
        }
    }
}

/// Sends a GET and returns its outcome.
pub(crate) fn get(authority: &str, path: &str) -> String {
    WasiRequest { authority, path, ..WasiRequest::default() }.outcome()
}

/// Sets header fields that libraries set by themselves and that the host sets anyway.
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
    vec![text("library", &WasiRequest { fields: &fields, ..WasiRequest::default() }.outcome())]
}

/// Sends requests that no endpoint allows, and header fields that the host denies.
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
        reports.push(text(
            &format!("field_{index}"),
            &WasiRequest { fields: &[*field], ..WasiRequest::default() }.outcome(),
        ));
    }
    for (index, method) in methods.into_iter().enumerate() {
        reports.push(text(&format!("method_{index}"), &WasiRequest { method, ..WasiRequest::default() }.outcome()));
    }
    for (name, scheme) in [("http", Scheme::Http), ("file", Scheme::Other("file".to_owned()))] {
        reports.push(text(name, &WasiRequest { scheme, ..WasiRequest::default() }.outcome()));
    }
    reports
}

/// Adds header fields until that fails.
pub(crate) fn fields() -> Vec<Report> {
    let fields = Fields::new();
    let long = vec![b'l'; 8 << 10];
    let count = (0..1_000).take_while(|index| fields.append(&format!("x-{index}"), &long).is_ok()).count();
    vec![number("fields_kib", count * 8)]
}

/// Uses features that `http.send` does not have: large bodies, trailers, responses of a server.
pub(crate) fn beyond() -> Vec<Report> {
    // The response of a server, although the component does not serve requests.
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

/// Starts many requests and finishes none: bodies stay open and responses are not read.
pub(crate) fn unfinished(count: usize) -> Vec<Report> {
    let mut open = Vec::new();
    for _ in 0..count {
        let attempt = WasiRequest { method: Method::Post, path: "/echo", ..WasiRequest::default() };
        let Ok((request, body)) = attempt.build() else { break };
        let Ok(response) = outgoing_handler::handle(request, None) else { break };
        let Ok(stream) = body.write() else { break };
        if stream.check_write().is_ok_and(|bytes| bytes > 0) {
            let _written = stream.write(&[b'b'; 1 << 10]);
        }
        open.push((response, stream, body));
    }
    vec![number("open", open.len())]
}

/// Sends many requests, and reports how many were sent.
pub(crate) fn flood(count: usize) -> Vec<Report> {
    let outcomes: Vec<String> = (0..count).map(|_| get(HOST, "/ok")).collect();
    let sent = outcomes.iter().filter(|outcome| outcome.starts_with("sent")).count();
    let refused: Vec<_> = outcomes.iter().filter(|outcome| !outcome.starts_with("sent")).collect();
    let mut reports = vec![number("sent", sent), number("refused", refused.len())];
    reports.extend(refused.first().map(|outcome| text("refusal", outcome)));
    reports
}

/// Reports the whole response of the echo endpoint.
pub(crate) fn echo() -> Vec<Report> {
    let attempt = WasiRequest { method: Method::Post, path: "/echo", body: b"hello=echo", ..WasiRequest::default() };
    let response = match attempt.send() {
        Ok(response) => response,
        Err(error) => return vec![text("echo", &error)],
    };
    let headers: String = response
        .headers()
        .entries()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
        .collect();
    vec![report_in_pieces("headers", &headers), report_in_pieces("body", &String::from_utf8_lossy(&read(&response)))]
}

/// Sends a long body to the echo endpoint, and the response to the other host, backwards.
pub(crate) fn echo_backwards() -> Vec<Report> {
    let filler = "f".repeat(FILLER);
    let attempt =
        WasiRequest { method: Method::Post, path: "/echo", body: filler.as_bytes(), ..WasiRequest::default() };
    let response = match attempt.send() {
        Ok(response) => response,
        Err(error) => return vec![text("echo", &error)],
    };
    let headers: Vec<u8> = response
        .headers()
        .entries()
        .into_iter()
        .flat_map(|(name, value)| [name.into_bytes(), b": ".to_vec(), value, b"\n".to_vec()].concat())
        .collect();
    let body = read(&response);
    let collected = WasiRequest {
        method: Method::Post,
        authority: BARE_HOST,
        path: "/collect",
        body: &backwards(&headers, &body),
        ..WasiRequest::default()
    };
    vec![text("collected", &collected.outcome()), number("bytes", body.len())]
}

/// Sends a guess in a header.
pub(crate) fn guess(reversed: &str) -> Vec<Report> {
    let guess = reverse(reversed);
    let fields = [("X-Guess", guess.as_str())];
    vec![text("guess", &WasiRequest { fields: &fields, ..WasiRequest::default() }.outcome())]
}

fn post(body: &[u8]) -> String {
    WasiRequest { method: Method::Post, path: "/echo", body, ..WasiRequest::default() }.outcome()
}

fn with_trailers() -> String {
    let request = WasiRequest { method: Method::Post, path: "/echo", ..WasiRequest::default() }.build();
    let (request, body) = match request {
        Ok(parts) => parts,
        Err(error) => return error,
    };
    let response = match outgoing_handler::handle(request, None) {
        Ok(response) => response,
        Err(error) => return error_text(&error),
    };
    let trailers = Fields::new();
    let _set = trailers.append("x-auth-token", b"own");
    let finished = OutgoingBody::finish(body, Some(trailers));
    match wait_for(&response) {
        Ok(response) => format!("sent {}, {finished:?}", response.status()),
        Err(error) => error,
    }
}

fn wait_for(response: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(error))) => Err(error_text(&error)),
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

fn error_text(error: &ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => "denied".to_owned(),
        error => format!("refused: {error:?}"),
    }
}
